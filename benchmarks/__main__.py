"""`python -m benchmarks`: every benchmark that ends within minutes, one after the other."""

from benchmarks import intake

if __name__ == "__main__":
    intake.main()

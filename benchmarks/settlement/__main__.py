"""`python -m benchmarks.settlement`: the comparison that ends within a few minutes."""

from benchmarks.settlement import compare

if __name__ == "__main__":
    compare.main(["1000", "10000", "--efforts", "quick", "standard", "--highs-seconds", "20", "--cp-sat-seconds", "20"])

"""`python -m benchmarks`: every benchmark that ends within minutes, one after the other."""

from benchmarks import bulk, cycle_write, intake, load

if __name__ == "__main__":
    intake.main()
    load.main()
    cycle_write.main(["10000"])
    bulk.main([])

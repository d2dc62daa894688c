"""`python -m benchmarks`: every benchmark that ends within minutes, one after the other."""

from benchmarks import bulk, cycle_write, intake, load
from benchmarks.settlement import compare

if __name__ == "__main__":
    intake.main()
    load.main()
    cycle_write.main(["10000"])
    bulk.main([])
    compare.main(["1000", "--efforts", "quick", "standard", "--highs-seconds", "20", "--cp-sat-seconds", "20"])

"""Benchmarks of the settlement engine: instances shaped like real days, comparison with other methods, growth with size."""

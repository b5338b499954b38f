"""What the benchmarks compare with: the straightforward way of doing the same."""

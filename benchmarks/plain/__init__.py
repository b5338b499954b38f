"""The straightforward way, as projects of this family go it: what the benchmarks compare with."""

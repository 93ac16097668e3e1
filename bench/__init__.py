"""Side-by-side benchmarks: each runs its comparison in one go and prints ratios (docs/develop/performance.md)."""

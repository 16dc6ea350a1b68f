"""Statistics of scores and gains: kernels on frames and arrays."""

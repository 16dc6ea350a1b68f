"""Tasks and their data: registry, rows, splits, tokens, packing, batches. Free of JAX."""

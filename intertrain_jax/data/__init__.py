"""Tasks and their data: registry, sources, splits, tokens, packing, batches. Free of JAX."""

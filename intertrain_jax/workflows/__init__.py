"""The sentences of the product: do a grid, rank these, analyse this. Values in, values out."""

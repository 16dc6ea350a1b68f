"""One module per architecture: its shape, its network, and what is special about it."""

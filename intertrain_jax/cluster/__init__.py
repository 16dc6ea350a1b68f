"""Many devices, each a worker of its own: Ray starts them, one driver keeps the books."""

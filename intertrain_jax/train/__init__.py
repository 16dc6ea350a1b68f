"""One training run as pure functions: loss, optimiser, early stopping, metrics."""

"""Statistics of scores and gains, from records alone."""

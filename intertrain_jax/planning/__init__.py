"""The grid as a value: which runs an experiment has, what waits for what, and what it will cost."""

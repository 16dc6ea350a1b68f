"""A study of gains: what is analysed, its statistics, and its result."""

"""The ranking site: pages from studies and records, as values, and how they are written."""

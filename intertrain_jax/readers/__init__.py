"""Readers of the shapes of files that people have: one module for each."""

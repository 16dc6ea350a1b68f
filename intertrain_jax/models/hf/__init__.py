"""Hugging Face files and the hub: configurations, tensors, downloads, export, checks."""

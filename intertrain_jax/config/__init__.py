"""Configuration as frozen, strict dataclasses, and how models are named."""

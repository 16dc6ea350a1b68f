"""Encoders, their weights in and out of Hugging Face files, and checks of both."""

"""What cannot be right in a table of scores."""

"""Which model to choose for a target, and which run to do next: pure functions of what was measured."""

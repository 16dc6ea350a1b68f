"""Many runs in one compiled program: lanes, their refilling, their devices and their checkpoints."""

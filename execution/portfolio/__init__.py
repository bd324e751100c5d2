"""What is held, what it is worth, and where it came from."""

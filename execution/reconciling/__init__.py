"""Ours beside the platforms' own books."""

"""Recorded frames through the same detector."""

"""Moves of our own feeds as evidence: jumps, bursts of volume, books with one side."""

"""Pairs: proposed with their evidence, approved by people, suspended when a rule changes."""

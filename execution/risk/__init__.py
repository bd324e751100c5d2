"""Limits, gates and losses: what may be risked, and what has been."""

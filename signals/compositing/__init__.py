"""Composite signals: time windows, weights, confidence, opportunities."""

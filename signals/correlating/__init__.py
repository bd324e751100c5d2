"""From claims to calibrated probabilities: what stands for and against a market, and what became of what was said."""

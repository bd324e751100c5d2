"""Plans: made within the limits, worked leg by leg, ended with no lone leg forgotten."""

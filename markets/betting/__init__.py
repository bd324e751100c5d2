"""Bets: states of the world, built from the platforms' events, kept with their versions."""

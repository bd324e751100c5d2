"""How probabilities move together: correlations of log-odds changes, hedges, exposure groups."""

"""Local servers of the sources beside the prices: each speaks the true format of one that the real world has."""

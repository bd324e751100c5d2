"""What sources are worth, from what really happened: intervals, Brier scores, reliability, the scorecard."""

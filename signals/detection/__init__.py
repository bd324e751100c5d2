"""Finding covers: what bets cost on these books, and what they pay in every state."""

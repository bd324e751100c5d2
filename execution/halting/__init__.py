"""What stops trading, and what must be true before it goes on."""

"""Large transfers: Whale Alert, Etherscan, DeFi Llama, and senders of our own."""

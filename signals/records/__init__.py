"""A signal as it is written down and told: its row, its document, the stream, its end."""

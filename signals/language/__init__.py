"""What a text says: topics and entities, sentiment, how urgent it is, which markets it is about and which way."""

"""Stories: feeds, aggregators and announcements; one story counted once."""

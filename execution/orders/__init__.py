"""One order at a time: checked, sent, heard of, filled; the only road to a platform."""

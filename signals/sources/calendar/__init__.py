"""Scheduled events: read from calendars, and what they mean for trading around them."""

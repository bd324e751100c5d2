"""Whales: large transfers as several sources tell them, what they are, and what they may say about prices."""

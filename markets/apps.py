"""Platforms, markets, live books, bets and pairs, recorder, sandbox exchange."""

from django.apps import AppConfig


class MarketsConfig(AppConfig):
    """The markets app."""

    name = "markets"

    def ready(self) -> None:
        """Offer this room's checks, jobs, streams and sweeps."""
        from markets import doors

        doors.open_all()

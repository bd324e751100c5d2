"""Platforms, markets, live books, bets and pairs, recorder, sandbox exchange."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils import timezone


class MarketsConfig(AppConfig):
    """The markets app."""

    name = "markets"

    def ready(self) -> None:
        """Offer this room's checks, jobs, streams and sweeps."""
        from markets import doors

        doors.open_all()
        post_migrate.connect(_make_partitions, sender=self)


def _make_partitions(**_: Any) -> None:
    """Prices can be stored from the first second on."""
    from markets import fetching

    fetching.keep_partitions(timezone.now())

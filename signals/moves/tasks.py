"""Doors of the moves: each finds its work by itself and may run twice."""

import time

from celery import shared_task

from markets.platforms.base import PLATFORMS
from signals.moves import watching


@shared_task(name="persist.price_moves")
def watch() -> None:
    """Look at what is new in the price streams."""
    for platform in PLATFORMS:
        watching.look(platform, now_ms=time.time_ns() // 1_000_000)

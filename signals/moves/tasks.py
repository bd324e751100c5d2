"""Doors of the moves: each finds its work by itself and may run twice."""

import time
from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from markets.platforms.base import PLATFORMS
from signals.moves import storing, watching


@shared_task(name="persist.price_moves")
def watch() -> None:
    """Look at what is new in the price streams."""
    for platform in PLATFORMS:
        watching.look(platform, now_ms=time.time_ns() // 1_000_000)


@shared_task(name="persist.forget_moves")
def forget() -> None:
    """Delete the oldest moves."""
    storing.forget_before(timezone.now() - timedelta(days=settings.ARBSITE.evidence.keep_days))

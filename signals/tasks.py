"""Doors of the signals room. Each finds its work by itself and may run twice."""

import time
from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from signals import analysis, services

LATE = timedelta(seconds=3)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@shared_task(name="signals.detect")
def detect(*, window_id: str) -> None:
    """Look at the bets that a window touched."""
    services.detect(window_id, now_ms=_now_ms())


@shared_task(name="signals.decide")
def decide(*, window_id: str) -> None:
    """Judge the signals that a window touched."""
    services.decide(window_id, now_ms=_now_ms())


@shared_task(name="signals.sweep")
def sweep() -> None:
    """Judge what was forgotten, close what nobody confirms any more."""
    now = timezone.now()
    services.judge(services.unserved(now=now, older_than=LATE), now_ms=_now_ms())
    services.expire(now=now)


@shared_task(name="persist.signal_snapshots")
def store_snapshots() -> None:
    """Store the signal stream for backtests."""
    analysis.store_new("analysis")

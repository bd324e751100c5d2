"""Doors of the execution room. Each finds its work by itself and may run twice."""

import time
from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from execution import services, signal_reader
from execution.portfolio import freeing
from execution.portfolio import services as portfolio
from signals import services as signal_services

LATE = timedelta(seconds=3)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@shared_task(name="execution.execute")
def execute(*, window_id: str) -> None:
    """Act on the actionable signals of a window; the chain's last step."""
    services.execute(window_id, now_ms=_now_ms())


@shared_task(name="execution.sweep")
def sweep() -> None:
    """Act on signals that their window forgot; close the positions of settled markets, free what is money at once."""
    services.act_on(signal_services.unserved(now=timezone.now(), older_than=LATE), now_ms=_now_ms())
    portfolio.settle(now=timezone.now())
    freeing.free(now=timezone.now())


@shared_task(name="execution.read_signals")
def read_signals() -> None:
    """Read the signal stream for the group `execution`."""
    signal_reader.serve("execution", now_ms=_now_ms())


@shared_task(name="execution.mark")
def mark() -> None:
    """Write what the positions are worth now: those of this mode, and those of paper, which trades beside it."""
    for mode in sorted({portfolio.trading_mode(), portfolio.PAPER}):
        portfolio.mark(mode=mode)

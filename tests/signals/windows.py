"""Live books and the chain's first steps, for the tests of what becomes of signals."""

from datetime import timedelta
from decimal import Decimal

import pytest

from markets.platforms.base import KALSHI, POLYMARKET
from signals import catalogue, services
from signals.deciding import judging, refusing
from signals.models import Signal
from signals.times import unix_ms
from tests import factories
from tests.factories import IDS


@pytest.fixture(autouse=True)
def _fresh_process():
    """A process that has seen nothing yet."""
    catalogue.forget()
    refusing.forget()


def detect_and_judge(*window_ids, now_ms=None):
    now_ms = now_ms or factories.unix_ms()
    for window_id in window_ids:
        services.detect(window_id, now_ms=now_ms)
        judging.decide(window_id, now_ms=now_ms)


def show(at_ms, poly, kalshi, size="100", number=1, suffix=""):
    """Windows of both platforms; each book is (bid, ask) in dollars of YES."""
    found = []
    for platform, (bid, ask) in ((POLYMARKET, poly), (KALSHI, kalshi)):
        level = factories.book([(bid, size)], [(ask, size)], at_ms)
        found.append(factories.window(platform, {IDS[platform] + suffix: level}, at_ms, number))
    return found


GAP = (("0.42", "0.43"), ("0.50", "0.51"))  # YES at 0.43, NO at 0.50: seven cents before fees
HUGE = (("0.29", "0.30"), ("0.50", "0.51"))  # twenty
NONE = (("0.49", "0.50"), ("0.50", "0.51"))


def backdate(row: Signal, **ago: float) -> None:
    """Let a signal be older than it is."""
    moved = {
        "created_at": row.created_at - timedelta(**ago),
        "refreshed_at": row.refreshed_at - timedelta(**ago),
    }
    Signal.objects.filter(pk=row.pk).update(**moved)


def edge_of(row: Signal) -> Decimal:
    return Signal.objects.get(pk=row.pk).edge


__all__ = [
    "GAP",
    "HUGE",
    "NONE",
    "_fresh_process",
    "backdate",
    "detect_and_judge",
    "edge_of",
    "show",
    "unix_ms",
]

"""Scheduled events for the tests."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from signals.sources.base import Occasion
from signals.sources.calendar.effects import Bounds, Scheduled

NOW = datetime(2026, 12, 9, 18, 30, tzinfo=UTC)
FOMC = datetime(2026, 12, 9, 19, tzinfo=UTC)  # 14:00 in New York
CPI = datetime(2026, 12, 10, 13, 30, tzinfo=UTC)
BOUNDS = Bounds(timedelta(minutes=60), timedelta(minutes=5), timedelta(minutes=15), Decimal("0.01"))


def scheduled(number=1, **changes) -> Scheduled:
    """The December decision, as the Fed has it."""
    values = {
        "id": number, "source": "fed", "name": "FOMC Meeting", "topic": "fomc", "kind": "decision", "starts_at": FOMC,
        "ends_at": None, "certainty": "exact", "importance": "high",
    }  # fmt: skip
    return Scheduled(**(values | changes))


def occasion(**changes) -> Occasion:
    """The same on its way in."""
    values = {
        "source": "fed", "external_id": "fomc-meeting:2026-12", "name": "FOMC Meeting", "kind": "decision",
        "starts_at": FOMC, "time_zone": "America/New_York", "importance": "high", "about": ("fomc",),
    }  # fmt: skip
    return Occasion(**(values | changes))

"""Sides of books that are spoken for: a pair, its event's bet and a mixture of both see the very same levels.

Whoever acts on one of them has bought what all of them saw. Until that gap is gone, nobody acts on the others.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import Q

from execution.ledger import PositionKey
from execution.models import Order
from execution.plans.planning import NoPlan
from signals.findings import Finding
from signals.models import Signal

LEVELS_TAKEN = "levels_taken"


# An expired signal was not seen to end: books fell silent, and may come back as they were
EXPIRED_COUNTS = timedelta(minutes=10)


def acted_on(now: datetime) -> dict[PositionKey, str]:
    """Platform, market and outcome that were bought for signals whose gap still stands, with the signal's id."""
    # By its orders, not its figures: those are refreshed, and the best legs may be others by now
    unseen = Q(signal__status=Signal.EXPIRED, signal__closed_at__gt=now - EXPIRED_COUNTS)
    # A proposal that a person placed is no gap: what it took is gone from the books, its evidence stands for hours
    acted = Order.objects.filter(
        Q(signal__status=Signal.EXECUTED) | unseen, signal__bet__isnull=False
    ).values_list("platform", "market_id", "outcome", "signal_id")
    return {(platform, market_id, outcome): signal_id for platform, market_id, outcome, signal_id in acted}


def refusal(finding: Finding, taken: Mapping[PositionKey, str]) -> NoPlan | None:
    """Why a finding must wait for another one; None where it need not."""
    for leg in finding.legs:
        other = taken.get((leg.platform, leg.market_id, leg.outcome))
        if other is not None:
            what = f"{leg.outcome} of {leg.platform}:{leg.market_id}"
            return NoPlan(LEVELS_TAKEN, f"{what} was bought for {other}, whose gap was not seen to end")
    return None

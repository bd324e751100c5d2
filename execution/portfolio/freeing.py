"""Contracts that are money at once: YES + NO of one market, and baskets of NO in a neg-risk event.

In paper mode the ledger does it, since detection counts on it. In sandbox and live mode nothing is booked before it
happened: `execution.portfolio.actions` lists it, and reconciliation books what it finds.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from arbsite.models import INFO, Notice
from execution import ledger, publishing
from execution.models import Position
from execution.portfolio import booking, conversions, holders, holdings
from execution.portfolio.booking import Movement
from execution.portfolio.conversions import Layer
from markets.books import NO
from markets.models import Bet, BetOutcome
from markets.platforms.base import POLYMARKET

PAPER = "paper"
ZERO = Decimal(0)


def free(*, now: datetime, mode: str = PAPER) -> Decimal:
    """Convert every basket of NO that a neg-risk bet has bought, then merge what pairs up; returns the dollars freed."""
    if not Position.objects.filter(mode=mode, platform=POLYMARKET, outcome=NO, quantity__gt=0).exists():
        return ZERO
    with transaction.atomic():
        holdings.lock_ledger()
        found = baskets(mode)
        changed: dict[ledger.PositionKey, Position] = {}
        for layer in found:
            changed |= _convert(layer, mode, now)
        changed |= booking.book(merges(changed), mode=mode, now=now)
        freed = sum((layer.frees for layer in found), ZERO)
        for layer in found:
            Notice.objects.record(
                "basket_converted", ",".join(layer.markets),
                f"{layer.quantity} NO of {len(layer.markets)} markets became ${layer.frees:.2f}"
                + (f" and {layer.quantity} YES of the other {len(layer.others)}" if layer.others else ""),
                severity=INFO, at=now,
            )  # fmt: skip
    publishing.tell([], [], changed.values(), [])
    return freed


def baskets(mode: str) -> list[Layer]:
    """The conversions that free money now, by bet: only contracts that the event's own bet has bought.

    NO bought against another platform's YES stays: converted, it would be the same money in other contracts.
    """
    by_bet: dict[str, dict[str, Decimal]] = {}
    for one in holders.open_positions(mode):
        platform, market_id, outcome = one.key
        if platform == POLYMARKET and outcome == NO:
            for bet_id, contracts in one.by_bet.items():
                by_bet.setdefault(bet_id, {})[market_id] = contracts
    members = _members(list(by_bet))
    found = []
    for bet_id, of_event in sorted(members.items()):
        basket = {market: size for market, size in by_bet[bet_id].items() if market in of_event}
        found += conversions.layers(POLYMARKET, of_event, basket)
    return found


def _members(bet_ids: Sequence[str]) -> dict[str, list[str]]:
    """The markets of each neg-risk bet among these, in a fixed order."""
    rows = BetOutcome.objects.filter(bet_id__in=bet_ids, bet__kind=Bet.NEG_RISK, outcome=NO)
    found: dict[str, list[str]] = {}
    for bet_id, market_id in rows.order_by("bet_id", "market_id").values_list("bet_id", "market_id"):
        found.setdefault(bet_id, []).append(market_id)
    return found


def _convert(layer: Layer, mode: str, now: datetime) -> dict[ledger.PositionKey, Position]:
    rows = holdings.rows_of(mode, [*layer.markets, *layer.others])
    entries = conversions.entries(layer, {key: holdings.value_of(row) for key, row in rows.items()})
    number = secrets.token_hex(8)
    movements = [
        Movement(entry, trade_id=f"conversion_{number}:{place}") for place, entry in enumerate(entries)
    ]
    return booking.book(movements, mode=mode, now=now)


def merges(positions: dict[ledger.PositionKey, Position]) -> list[Movement]:
    """YES and NO of one market are a dollar at once: the platforms net or merge them."""
    values = {key: holdings.value_of(row) for key, row in positions.items()}
    movements = []
    for platform, market_id in sorted({key[:2] for key in positions}):
        quantity = ledger.mergeable(values, platform, market_id)
        if quantity > 0:
            number = secrets.token_hex(8)
            movements += [
                Movement(entry, trade_id=f"merge_{number}:{entry.outcome}")
                for entry in ledger.merge(values, platform, market_id, quantity)
            ]
    return movements

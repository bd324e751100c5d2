"""The manual scan: every active bet on the live books, now; the best of what is open, as the specification answers it.

`manage.py scan` and `POST /detect` are two doors to this.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from markets.platforms.base import PLATFORMS
from signals import catalogue, rules, services
from signals.models import Signal
from signals.records import history, storing
from signals.times import unix_ms, utc

FIRST_LEGS = 2


@dataclass(frozen=True, slots=True)
class Scan:
    """What one scan saw. `signals` are open, best expected return first."""

    bets: int
    changed: int
    signals: list[Signal]
    duration_ms: int


def run(
    *,
    clock: Callable[[], int],
    platforms: Sequence[str] = PLATFORMS,
    min_profit: Decimal | None = None,
    most: int = 50,
    within_seconds: int | None = None,
) -> Scan:
    """Scan, judge, and rank what is open on these platforms.

    `min_profit` is the least net profit over outlay shown (a fraction; None: all), `within_seconds` how recently a
    signal must have been confirmed.
    """
    began = time.perf_counter()
    changed = services.scan(clock=clock, platforms=platforms)
    rows = best(
        platforms=platforms, min_profit=min_profit, most=most, within_seconds=within_seconds, now=utc(clock())
    )
    bets = sum(all(name in platforms for name, _ in bet.markets) for bet in catalogue.current().bets.values())
    return Scan(bets, changed, rows, round((time.perf_counter() - began) * 1_000))


def best(
    *,
    platforms: Sequence[str],
    min_profit: Decimal | None,
    most: int,
    within_seconds: int | None,
    now: datetime,
) -> list[Signal]:
    """The open signals of these platforms, best expected return over outlay first."""
    rows: QuerySet[Signal] = Signal.objects.filter(status__in=Signal.OPEN).exclude(label="")
    if min_profit is not None:
        rows = rows.filter(profit_pct__gte=min_profit)
    if within_seconds is not None:
        rows = rows.filter(refreshed_at__gte=now - timedelta(seconds=within_seconds))
    allowed = set(platforms)
    found = [
        row
        for row in rows.order_by("-profit_pct")
        if all(leg["platform"] in allowed for leg in row.metadata.get("legs", []))
    ]
    return sorted(found, key=rank)[:most]


def rank(row: Signal) -> tuple[Decimal, Decimal, str]:
    """The order in which signals are shown and acted on: by the waterfall's end, in which evidence has a say, over the
    outlay; ties by profit, then by id.
    """
    cost = 1 - (row.edge or Decimal(0))
    expected = row.expected_edge if row.expected_edge is not None else Decimal(-1)
    return -(expected / cost if cost > 0 else expected), -(row.net_profit or Decimal(0)), row.id


# --- the answer


def as_json(scan: Scan, now: datetime) -> dict[str, Any]:
    """The specification's detect response (4.1.3), with more fields for each opportunity."""
    return {
        "opportunities": [opportunity(row, now) for row in scan.signals],
        "scan_duration_ms": scan.duration_ms,
        "bets": scan.bets,
        "signals_changed": scan.changed,
    }


def opportunity(row: Signal, now: datetime) -> dict[str, Any]:
    """One signal: the specification's fields first. Ratios are fractions, money dollars, times Unix ms."""
    legs = [leg_json(leg) for leg in row.metadata.get("legs", [])]
    return {
        "id": row.id,
        "market_a": short(legs[0]) if legs else None,
        "market_b": short(legs[-1]) if legs else None,
        "profit_pct": row.profit_pct,
        "confidence": row.confidence,
        "estimated_fill_time_ms": rules.fill_ms(max(FIRST_LEGS, len(legs))),
        "created_at": unix_ms(row.created_at),
        "type": row.label,
        "kind": row.kind,
        "status": row.status,
        "reasons": row.reasons,
        "bet_id": row.bet_id,
        "direction": row.direction,
        "recommended_action": row.metadata.get("recommended_action"),
        "sources": row.sources,
        "evidence": row.metadata.get("evidence", []),
        **figures(row, now),
        "legs": legs,
    }


def figures(row: Signal, now: datetime) -> dict[str, Any]:
    """Everything the waterfall of a signal says."""
    return {
        "size": row.size,
        "outlay": row.outlay,
        "net_profit": row.net_profit,
        "half_profit": row.half_profit,
        "edge": row.edge,
        "expected_edge": row.expected_edge,
        "annualised": row.annualised,
        "waterfall": waterfall(row),
        "capital": storing.capital_of(row.metadata),
        "limited_by": row.metadata.get("limited_by"),
        "seconds_alive": Decimal(history.lifetime_ms(row, now)).scaleb(-3),
        "rechecked_at": None if row.rechecked_at is None else unix_ms(row.rechecked_at),
    }


def waterfall(row: Signal) -> list[dict[str, Any]]:
    """The steps from the gross edge to the expected one, in dollars and per $1 of payoff."""
    return [
        {"step": step.name, "dollars": step.dollars, "per_dollar": round(step.per_dollar, 8)}
        for step in storing.steps_of(row.metadata)
    ]


LEG_NUMBERS = (
    "limit_price", "best_price", "best_bid", "size", "depth", "notional", "fee", "cash", "exit_fee",
)  # fmt: skip


def leg_json(stored: dict[str, Any]) -> dict[str, Any]:
    """A leg as stored, its numbers exact; `price` is the best one, `book_age_ms` of when it was found."""
    leg: dict[str, Any] = {
        name: stored[name] for name in ("platform", "market_id", "outcome", "side") if name in stored
    }
    leg["price"] = _decimal(stored.get("best_price"))
    leg |= {name: _decimal(stored.get(name)) for name in LEG_NUMBERS}
    leg |= {name: stored.get(name) for name in ("book_age_ms", "confirmed_ms")}
    return leg


def short(leg: dict[str, Any]) -> dict[str, Any]:
    """A market as the specification names it."""
    return {name: leg[name] for name in ("platform", "market_id", "outcome", "price") if name in leg}


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)

"""Findings as they lie in a signal's row, and back again. Decimals travel as text: exact, and readable in the admin."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from markets.books import Level
from markets.platforms.base import OrderCost
from signals.edge import Waterfall
from signals.findings import Finding, Leg


def as_json(finding: Finding) -> dict[str, Any]:
    """A finding as a JSON document."""
    falls = finding.waterfall
    return {
        "kind": finding.kind,
        "legs": [_leg_json(leg) for leg in finding.legs],
        "waterfall": {
            name: str(getattr(falls, name))
            for name in ("payoff", "gross", "fees", "rounding", "outlay", "net")
        },
        "days_to_cash": _text(finding.days_to_cash),
        "limited_by": finding.limited_by,
        "frees_now": finding.frees_now,
        "frees_at": finding.frees_at.isoformat() if finding.frees_at else None,
        "found_ms": finding.found_ms,
        "cautions": list(finding.cautions),
    }


def finding_of(
    bet_id: str, direction: str, size: Decimal, annualised: Decimal | None, document: dict[str, Any]
) -> Finding:
    """The finding of a stored row."""
    days, frees_at = document["days_to_cash"], document["frees_at"]
    return Finding(
        bet_id=bet_id,
        kind=document["kind"],
        direction=direction,
        legs=tuple(_leg_of(leg) for leg in document["legs"]),
        size=size,
        waterfall=Waterfall(**{name: Decimal(text) for name, text in document["waterfall"].items()}),
        days_to_cash=Decimal(days) if days is not None else None,
        annualised=annualised,
        limited_by=document["limited_by"],
        frees_now=document["frees_now"],
        frees_at=datetime.fromisoformat(frees_at) if frees_at else None,
        found_ms=document["found_ms"],
        cautions=tuple(document["cautions"]),
    )


def _leg_json(leg: Leg) -> dict[str, Any]:
    return {
        "platform": leg.platform,
        "market_id": leg.market_id,
        "outcome": leg.outcome,
        "side": leg.side,
        "size": str(leg.size),
        "limit_price": str(leg.limit_price),
        "best_price": str(leg.best_price),
        "depth": str(leg.depth),
        "notional": str(leg.cost.notional),
        "fee": str(leg.cost.fee),
        "cash": str(leg.cost.cash),
        "fills": [[str(level.price), str(level.size)] for level in leg.fills],
        "confirmed_ms": leg.confirmed_ms,
        "book_age_ms": leg.book_age_ms,
    }


def _leg_of(document: dict[str, Any]) -> Leg:
    return Leg(
        platform=document["platform"],
        market_id=document["market_id"],
        outcome=document["outcome"],
        side=document["side"],
        size=Decimal(document["size"]),
        limit_price=Decimal(document["limit_price"]),
        fills=tuple(Level(Decimal(price), Decimal(size)) for price, size in document["fills"]),
        cost=OrderCost(Decimal(document["notional"]), Decimal(document["fee"]), Decimal(document["cash"])),
        best_price=Decimal(document["best_price"]),
        depth=Decimal(document["depth"]),
        confirmed_ms=document["confirmed_ms"],
        book_age_ms=document["book_age_ms"],
    )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)

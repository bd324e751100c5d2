"""Findings as they lie in a signal's row, and back again. Decimals travel as text: exact, and readable in the admin."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from markets.books import Level
from markets.platforms.base import OrderCost
from signals.deciding.joining import NEUTRAL, Joined, Veto, Voice
from signals.edge import Expected, Waterfall
from signals.expected import Step
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
        "half_profit": _text(finding.half_profit),
    }


def expected_json(falls: Expected) -> dict[str, str]:
    """The lower half of a waterfall, in dollars, with what it was computed from."""
    return {
        name: str(getattr(falls, name))
        for name in (
            "leg_risk",
            "rule_risk",
            "capital",
            "evidence",
            "expected",
            "m0",
            "fill_rate",
            "unwind_loss",
            "days",
        )
    }


# --- reading what is stored, for people

STEPS = ("gross", "fees", "rounding", "edge", "leg_risk", "rule_risk", "capital", "evidence", "expected")
COSTS = frozenset({"fees", "rounding", "leg_risk", "rule_risk", "capital", "evidence"})


def steps_of(document: dict[str, Any]) -> list[Step]:
    """The waterfall of a stored signal from the gross edge down; empty where none was stored.

    One leg has steps of its own (`signals.compositing.opportunities`).
    """
    if "steps" in document:
        return [Step(name, Decimal(amount), Decimal(each)) for name, amount, each in document["steps"]]
    upper, lower = document.get("waterfall"), document.get("expected")
    if not upper:
        return []
    dollars = {"edge": upper["net"], **upper, **(lower or {})}
    payoff = Decimal(upper["payoff"])
    lines = [(name, Decimal(dollars[name])) for name in STEPS if name in dollars]
    signed = [(name, -value if name in COSTS else value) for name, value in lines]
    return [Step(name, value, value / payoff) for name, value in signed]


def capital_of(document: dict[str, Any]) -> dict[str, Decimal]:
    """Dollars that each platform's account needs for a stored signal."""
    needed: dict[str, Decimal] = {}
    for leg in document.get("legs", []):
        needed[leg["platform"]] = needed.get(leg["platform"], Decimal(0)) + Decimal(leg.get("cash", 0))
    return needed


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
        half_profit=_number(document.get("half_profit")),
    )


# --- what evidence did

JOINED = ("evidence", "joined")  # where it lies in a signal's document


def joined_json(joined: Joined) -> dict[str, Any]:
    """The part of a signal's document that says what evidence did; empty where there was none."""
    if joined == NEUTRAL:
        return {}
    return {
        "evidence": [
            {
                "source": voice.source, "kind": voice.kind, "item": voice.item, "market": voice.market,
                "direction": voice.direction, "note": voice.note, "effect": voice.effect,
                "probability": None if voice.probability is None else str(voice.probability),
            }
            for voice in joined.voices
        ],
        "joined": {
            **{name: str(getattr(joined, name)) for name in ("shrink", "hurdle", "enlarge", "sure")},
            "vetoes": [[veto.code, veto.sentence] for veto in joined.vetoes],
            "sources": list(joined.sources),
        },
    }  # fmt: skip


def joined_of(document: Mapping[str, Any]) -> Joined:
    """What a signal's document says evidence did; neutral where it says nothing."""
    stored = document.get("joined")
    if not stored:
        return NEUTRAL
    voices = tuple(
        Voice(**{**voice, "probability": None if voice["probability"] is None else Decimal(voice["probability"])})
        for voice in document.get("evidence", ())
    )  # fmt: skip
    return Joined(
        vetoes=tuple(Veto(code, sentence) for code, sentence in stored["vetoes"]),
        sources=tuple(stored["sources"]),
        voices=voices,
        **{name: Decimal(stored[name]) for name in ("shrink", "hurdle", "enlarge", "sure")},
    )


# --- legs


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
        "best_bid": _text(leg.best_bid),
        "exit_fee": str(leg.exit_fee),
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
        best_bid=_number(document.get("best_bid")),
        exit_fee=Decimal(document.get("exit_fee", 0)),
    )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)

"""The specification's ARBITRAGE SIGNAL document (3.4) of any signal, whatever its type."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from signals.models import Signal
from signals.records import storing
from signals.times import unix_ms

ENDED = (Signal.CLOSED, Signal.EXPIRED)


def document(signal: Signal, now: datetime) -> dict[str, Any]:
    """The ten fields of 3.4. `expected_profit` is a fraction of the outlay, `time_to_expiry` seconds.

    A proposal has one market: `market_b` is None. `metadata` has what is stored with the signal, and these on top:
    status, direction, size, money in dollars, reasons, the waterfall and the evidence.
    """
    stored = signal.metadata or {}
    one, two = markets_of(signal)
    return {
        "signal_id": signal.id,
        "type": signal.type,
        "market_a": one,
        "market_b": two,
        "expected_profit": signal.profit_pct,
        "confidence": signal.confidence,
        "sources": signal.sources,
        "recommended_action": stored.get("recommended_action", ""),
        "time_to_expiry": time_to_expiry(signal, now),
        "metadata": {
            **{name: value for name, value in stored.items() if name not in ("waterfall", "steps")},
            "status": signal.status,
            "label": signal.label,
            "kind": signal.kind,
            "bet_id": signal.bet_id,
            "direction": signal.direction,
            "size": signal.size,
            "outlay": signal.outlay,
            "net_profit": signal.net_profit,
            "edge": signal.edge,
            "expected_edge": signal.expected_edge,
            "reasons": signal.reasons,
            "created_at": unix_ms(signal.created_at),
            "refreshed_at": unix_ms(signal.refreshed_at),
            "waterfall": [
                {"step": step.name, "dollars": step.dollars, "per_dollar": round(step.per_dollar, 8)}
                for step in storing.steps_of(stored)
            ],
            "evidence": stored.get("evidence", []),
        },
    }


def markets_of(signal: Signal) -> tuple[dict[str, str] | None, dict[str, str] | None]:
    """The first and the last leg's market as the specification names them; a single leg has no second."""
    legs = [
        {"platform": leg["platform"], "market_id": leg["market_id"]}
        for leg in (signal.metadata or {}).get("legs", [])
    ]
    if not legs:
        return None, None
    return legs[0], legs[-1] if len(legs) > 1 else None


def time_to_expiry(signal: Signal, now: datetime) -> int:
    """Whole seconds until it ends by itself: when nobody confirms its prices, or a proposal's evidence is due; 0: over."""
    if signal.status in ENDED:
        return 0
    stated = (signal.metadata or {}).get("expires_ms")
    if stated is not None:
        return max(0, (int(stated) - unix_ms(now)) // 1_000)
    ends = signal.refreshed_at + timedelta(seconds=settings.ARBSITE.signals.expire_seconds)
    return max(0, int((ends - now).total_seconds()))

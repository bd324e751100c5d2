"""What everybody else hears of signals: the hash of each, the stream with its three groups, the channel."""

import json
from collections.abc import Iterable
from typing import Any

from arbsite import keys
from arbsite.connections import redis_client
from signals.models import Signal
from signals.records import document, storing
from signals.times import utc

OPENED, REFRESHED, RELEASED, CLOSED = "opened", "refreshed", "released", "closed"


def tell(
    fresh: Iterable[Signal] = (),
    renewed: Iterable[Signal] = (),
    gone: Iterable[Signal] = (),
    released: Iterable[Signal] = (),
    *,
    now_ms: int,
) -> None:
    """Write hashes and stream entries and publish them, each with its `event`; one round trip."""
    pipe = redis_client().pipeline(transaction=False)
    for event, rows in ((OPENED, fresh), (REFRESHED, renewed), (RELEASED, released), (CLOSED, gone)):
        for row in rows:
            fields = fields_of(row, now_ms)
            pipe.hset(keys.signal(row.id), mapping=fields)
            pipe.expire(keys.signal(row.id), keys.SIGNAL_TTL)
            entry = {**fields, "event": event, "at": str(now_ms)}
            pipe.xadd(keys.SIGNAL_STREAM, entry, maxlen=keys.SIGNAL_STREAM_LENGTH, approximate=True)
            pipe.publish(keys.OPPORTUNITIES, json.dumps(entry))
    if pipe.command_stack:
        pipe.execute()


def status(rows: Iterable[Signal]) -> None:
    """Write the new status into the hashes."""
    pipe = redis_client().pipeline(transaction=False)
    for row in rows:
        pipe.hset(keys.signal(row.id), "status", row.status)
        pipe.expire(keys.signal(row.id), keys.SIGNAL_TTL)
    if pipe.command_stack:
        pipe.execute()


def fields_of(row: Signal, now_ms: int) -> dict[str, str]:
    """A signal as the stream and its hash spell it: all text. `sources` are comma-separated, the expiry is seconds."""
    legs: list[dict[str, Any]] = row.metadata.get("legs", [])
    names = [f"{leg['platform']}:{leg['market_id']}" for leg in legs] or ["", ""]
    return {
        "signal_id": row.id,
        "type": row.type,
        "status": row.status,
        "profit_pct": str(row.profit_pct),
        "confidence": str(row.confidence),
        "market_a": names[0],
        "market_b": names[-1] if len(names) > 1 else "",
        "sources": ",".join(row.sources),
        "recommended_action": row.metadata.get("recommended_action", ""),
        "time_to_expiry": str(document.time_to_expiry(row, utc(now_ms))),
        "direction": row.direction,
        "size": str(row.size),
        "net_profit": str(row.net_profit),
        "edge": str(row.edge),
        "expected_edge": "" if row.expected_edge is None else str(row.expected_edge),
        "label": row.label,
        "kind": row.kind,
        "bet_id": row.bet_id or "",
        "limited_by": row.metadata.get("limited_by", ""),
        "close_reason": row.close_reason,
        "lifetime_ms": "" if row.lifetime_ms is None else str(row.lifetime_ms),
        **{step.name: str(step.dollars) for step in storing.steps_of(row.metadata) if step.name != "edge"},
    }

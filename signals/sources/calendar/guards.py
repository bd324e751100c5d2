"""Scheduled events near a market: wider hurdles before one, no trading around it, marks after it.

Written from the calendar by its task, read in one round trip by decisions; where it is missing nothing is scheduled.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from arbsite import keys
from arbsite.connections import redis_client
from markets.bets import MarketKey
from signals import unreadable
from signals.sources.calendar.effects import MARK, SUSPEND, WIDEN, Guard

__all__ = ["MARK", "SUSPEND", "WIDEN", "Guard", "of", "put", "read"]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Guard]).decode


def put(found: Mapping[MarketKey, Sequence[Guard]]) -> None:
    """Replace the guards of these markets; an empty sequence takes them away."""
    pipe = redis_client().pipeline(transaction=False)
    for (platform, market_id), rows in found.items():
        name = keys.guards(platform, market_id)
        if rows:
            pipe.set(name, _encode(list(rows)), ex=keys.GUARDS_TTL)
        else:
            pipe.delete(name)
    if pipe.command_stack:
        pipe.execute()


def read(market: MarketKey, raw: bytes | None, now_ms: int) -> tuple[Guard, ...]:
    """The guards of a value that are in force; one that cannot be read schedules nothing."""
    rows: list[Guard] = unreadable.decoded(_decode, raw, keys.guards(*market), []) if raw else []
    return tuple(row for row in rows if row.holds(now_ms))


def of(markets: Iterable[MarketKey], *, now_ms: int) -> dict[MarketKey, tuple[Guard, ...]]:
    """The guards in force for these markets; markets without any are left out."""
    wanted = list(dict.fromkeys(markets))
    if not wanted:
        return {}
    values = redis_client().mget([keys.guards(platform, market_id) for platform, market_id in wanted])
    found = {}
    for key, raw in zip(wanted, values, strict=True):
        rows = read(key, raw, now_ms)
        if rows:
            found[key] = rows
    return found

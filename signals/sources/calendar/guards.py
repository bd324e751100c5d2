"""Scheduled events near a market: wider hurdles before one, no trading around it, marks after it.

Written from the calendar by its task, read in one round trip by decisions; where it is missing nothing is scheduled.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from arbsite import keys
from arbsite.connections import redis_client
from markets.bets import MarketKey

WIDEN, SUSPEND, MARK = "widen", "suspend", "mark"


class Guard(msgspec.Struct, array_like=True, frozen=True):
    """What one event asks for between two moments (Unix ms, the second excluded). `hurdle` is dollars per $1 of payoff."""

    level: str  # widen, suspend, mark
    event_id: int
    name: str
    starts_ms: int  # of the event
    from_ms: int
    until_ms: int
    hurdle: str = "0"

    def holds(self, now_ms: int) -> bool:
        """Whether it is in force."""
        return self.from_ms <= now_ms < self.until_ms


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


def of(markets: Iterable[MarketKey], *, now_ms: int) -> dict[MarketKey, tuple[Guard, ...]]:
    """The guards in force for these markets; markets without any are left out."""
    wanted = list(dict.fromkeys(markets))
    if not wanted:
        return {}
    values = redis_client().mget([keys.guards(platform, market_id) for platform, market_id in wanted])
    found = {}
    for key, raw in zip(wanted, values, strict=True):
        rows = tuple(row for row in _decode(raw) if row.holds(now_ms)) if raw else ()
        if rows:
            found[key] = rows
    return found

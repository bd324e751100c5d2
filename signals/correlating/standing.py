"""What stands for and against a market at this moment: written by the correlator, read in one round trip by decisions.

It lies in Redis and can be rebuilt from the predictions at any time; where it is missing nothing is known: neutral.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from arbsite import keys
from arbsite.connections import redis_client
from markets.bets import MarketKey
from signals import unreadable


class Standing(msgspec.Struct, array_like=True, frozen=True):
    """One prediction that still counts. Times are Unix ms; `probability` is calibrated, at `seen_ms`.

    `lower` is the lower bound of its source's measured accuracy, None while too little is scored; `weight` its say.
    """

    source: str
    kind: str
    item: str
    direction: int  # of YES: 1, -1; 0: it will move
    strength: float
    probability: float
    base_rate: float
    weight: float
    lower: float | None
    happened_ms: int
    seen_ms: int
    due_ms: int  # after it nothing is claimed any more
    half_life_ms: int
    note: str = ""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Standing]).decode


def put(found: Mapping[MarketKey, Sequence[Standing]]) -> None:
    """Replace what stands for these markets; an empty sequence takes it away."""
    pipe = redis_client().pipeline(transaction=False)
    for (platform, market_id), rows in found.items():
        name = keys.evidence(platform, market_id)
        if rows:
            pipe.set(name, _encode(list(rows)), ex=keys.EVIDENCE_TTL)
        else:
            pipe.delete(name)
    if pipe.command_stack:
        pipe.execute()


def read(market: MarketKey, raw: bytes | None, now_ms: int) -> tuple[Standing, ...]:
    """What a value says that still stands; one that cannot be read says nothing."""
    rows: list[Standing] = unreadable.decoded(_decode, raw, keys.evidence(*market), []) if raw else []
    return tuple(row for row in rows if row.due_ms > now_ms)


def of(markets: Iterable[MarketKey], *, now_ms: int) -> dict[MarketKey, tuple[Standing, ...]]:
    """What still stands for these markets; markets without anything are left out."""
    wanted = list(dict.fromkeys(markets))
    if not wanted:
        return {}
    values = redis_client().mget([keys.evidence(platform, market_id) for platform, market_id in wanted])
    found = {}
    for key, raw in zip(wanted, values, strict=True):
        rows = read(key, raw, now_ms)
        if rows:
            found[key] = rows
    return found

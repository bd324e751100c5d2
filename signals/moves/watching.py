"""Reading our own price streams for moves: new entries only, a bounded memory a market, everything rebuilt when lost.

The reader's place and the markets' memories lie in Redis under their time to live. A lost place begins at the stream's end
and a lost memory begins anew: moves are missed then, never invented.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
from django.conf import settings

from arbsite import keys
from arbsite.connections import redis_client
from markets import live
from markets.books import BookView
from signals.moves import detecting, storing
from signals.moves.detecting import Found, Limits, State

BATCH = 20_000  # entries read at once
ROUNDS = 3  # batches a look: a reader that is further behind skips to the end
MOST_WAITING = 2_000  # markets that are looked at again without news of them
STALE_MS = 10_000  # a book that nobody vouched for so long is none
LOCK_MS = 30_000
FINEST_TICK = 1_000  # a tenth of a cent: the market's own tick decides later

# The stream as one flat list (id, event, id, event, …), as `markets.prices` reads it
_READ = """
local flat = {}
for i, entry in ipairs(redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])) do
  flat[2 * i - 1], flat[2 * i] = entry[1], entry[2][2]
end
return flat
"""
# A lock is given back only by who holds it
_UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class _Event(msgspec.Struct, gc=False):
    """What a look needs of a price event."""

    market_id: str
    best_bid: Decimal | None = None
    best_ask: Decimal | None = None
    volume_24h: Decimal | None = None


class _Place(msgspec.Struct, array_like=True):
    """Where the reader was left, and the markets that wait for a second look."""

    stream_id: str
    waiting: list[str]


@dataclass(slots=True)
class Looked:
    """What one look saw."""

    entries: int = 0
    markets: int = 0
    moves: int = 0
    claims: int = 0
    skipped: bool = False  # it was too far behind


_event = msgspec.json.Decoder(_Event).decode
_state = msgspec.msgpack.Decoder(State).decode
_place = msgspec.msgpack.Decoder(_Place).decode
_encode = msgspec.msgpack.Encoder().encode


def limits() -> Limits:
    """What counts as a move, by the settings."""
    return Limits(spreads=float(settings.ARBSITE.evidence.price_move_spreads))


def look(platform: str, *, now_ms: int) -> Looked | None:
    """Read what is new, store its moves and claim; None where another worker is at it. Safe to run twice."""
    lock, mark = keys.ring(f"moves:{platform}"), f"{now_ms}"
    if not redis_client().set(lock, mark, nx=True, px=LOCK_MS):
        return None
    try:
        return _look(platform, now_ms)
    finally:
        redis_client().eval(_UNLOCK, 1, lock, mark)


def _look(platform: str, now_ms: int) -> Looked:
    raw = redis_client().get(keys.moves_place(platform))
    place = _place(raw) if raw else _Place(_end(platform), [])
    seen = Looked()
    for _ in range(ROUNDS):
        flat = redis_client().eval(_READ, 1, keys.price_stream(platform), f"({place.stream_id}", BATCH)
        _take(platform, flat, place, seen, now_ms)
        if len(flat) < 2 * BATCH:
            return seen
    place.stream_id, seen.skipped = _end(platform), True
    redis_client().set(keys.moves_place(platform), _encode(place), ex=keys.MOVES_PLACE_TTL)
    return seen


def _end(platform: str) -> str:
    newest = redis_client().xrevrange(keys.price_stream(platform), count=1)
    return newest[0][0].decode() if newest else "0-0"


def _take(platform: str, flat: Sequence[bytes], place: _Place, seen: Looked, now_ms: int) -> None:
    """One batch: its moves are stored before its memories and the place, so that a crash repeats and loses nothing."""
    news = _by_market(flat)
    touched = list(dict.fromkeys([*news, *place.waiting]))
    states = _states(platform, touched)
    books = live.book_views((platform, market_id) for market_id in touched)
    held = limits()
    found: list[tuple[str, Found]] = []
    waiting = []
    for market_id in touched:
        state = states[market_id]
        moves, waits = _one(state, news.get(market_id, ()), books.get((platform, market_id)), now_ms, held)
        found += [(market_id, move) for move in moves]
        if waits:
            waiting.append(market_id)
    if found:
        stored, claims = storing.store(found, now_ms=now_ms)
        seen.moves += stored
        seen.claims += claims
    place.waiting = waiting[:MOST_WAITING]
    if flat:
        place.stream_id = flat[-2].decode()
    _keep(platform, states, place)
    seen.entries += len(flat) // 2
    seen.markets += len(touched)


def _by_market(flat: Sequence[bytes]) -> Mapping[str, Sequence[tuple[int, _Event]]]:
    found: dict[str, list[tuple[int, _Event]]] = defaultdict(list)
    for at in range(0, len(flat), 2):
        event = _event(flat[at + 1])
        found[event.market_id].append((int(flat[at].split(b"-", 1)[0]), event))
    return found


def _one(
    state: State, news: Iterable[tuple[int, _Event]], book: BookView | None, now_ms: int, held: Limits
) -> tuple[list[Found], bool]:
    """The moves of one market, and whether it must be looked at again without news."""
    found = []
    for ms, event in news:
        # At the time of the entry: a batch is looked at as if it had come one by one
        if detecting.add_price(state, ms, _micro(event.best_bid), _micro(event.best_ask), held):
            jump, _ = detecting.jump(state, ms, FINEST_TICK, held)
            found += [jump] if jump is not None else []
        if detecting.add_volume(state, ms, _micro(event.volume_24h), held):
            burst = detecting.burst(state, FINEST_TICK, held)
            found += [burst] if burst is not None else []
    if book is None or now_ms - book.confirmed_ms > STALE_MS:
        detecting.no_book(state)
        return found, False  # a price that nobody vouches for does not stand
    jump, waits = detecting.jump(state, now_ms, FINEST_TICK, held)
    leaning, nearly = detecting.one_sided(state, now_ms, book.bids, book.asks, held)
    found += [move for move in (jump, leaning) if move is not None]
    return found, waits or nearly


def _micro(value: Decimal | None) -> int | None:
    return None if value is None else int(value.scaleb(6))


def _states(platform: str, market_ids: Sequence[str]) -> dict[str, State]:
    if not market_ids:
        return {}
    values: list[Any] = redis_client().mget([keys.moves(platform, market_id) for market_id in market_ids])
    return {
        market_id: _state(raw) if raw else State() for market_id, raw in zip(market_ids, values, strict=True)
    }


def _keep(platform: str, states: Mapping[str, State], place: _Place) -> None:
    pipe = redis_client().pipeline(transaction=False)
    for market_id, state in states.items():
        pipe.set(keys.moves(platform, market_id), _encode(state), ex=keys.MOVES_TTL)
    pipe.set(keys.moves_place(platform), _encode(place), ex=keys.MOVES_PLACE_TTL)
    pipe.execute()

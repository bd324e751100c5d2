"""Live books and windows in Redis: what the connector writes and the chain reads.

A book is there only while it is trusted; a connector that stops vouching for its books (`cache:feed:*`) makes them
old within seconds, without touching them. A window is the list of markets that changed in it; it is in flight from
the moment it closes until the chain's last step has finished it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from arbsite import keys
from arbsite.connections import redis_client
from markets.books import Book, BookView, Ladder

MarketKey = tuple[str, str]  # platform, market id


class LiveBook(msgspec.Struct, array_like=True, frozen=True):
    """One book as it lies in Redis. Prices and sizes are integers of 1e-6, ladders best first, times Unix ms."""

    changed_ms: int
    connection: str  # which connection vouches for it
    bids: Ladder
    asks: Ladder
    last_price: int | None = None
    volume_24h: int | None = None  # contracts, 1e-6
    liquidity: int | None = None  # dollars, 1e-6


_books = msgspec.msgpack.Decoder(LiveBook)
_ids = msgspec.msgpack.Decoder(list[str])
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Change:
    """A book that changed in a window, with the figures that travel beside it."""

    market_id: str
    book: Book
    connection: str
    last_price: int | None = None
    volume_24h: int | None = None
    liquidity: int | None = None


def publish_window(
    platform: str,
    window_id: str,
    changes: Sequence[Change],
    alive: Mapping[str, int],
    *,
    at_ms: int,
    depth: int,
) -> None:
    """Write the changed books and open the window, in one round trip."""
    pipe = redis_client().pipeline(transaction=False)
    _put_books(pipe, platform, changes, depth)
    _put_alive(pipe, platform, alive)
    pipe.set(keys.window(window_id), _encode([change.market_id for change in changes]), ex=keys.WINDOW_TTL)
    pipe.zadd(keys.windows(platform), {window_id: at_ms})
    pipe.expire(keys.windows(platform), keys.WINDOW_TTL)
    pipe.execute()


def keep(platform: str, changes: Sequence[Change], alive: Mapping[str, int], *, depth: int) -> None:
    """Write books again without a window: before their time to live ends, or into an emptied Redis."""
    pipe = redis_client().pipeline(transaction=False)
    _put_books(pipe, platform, changes, depth)
    _put_alive(pipe, platform, alive)
    pipe.execute()


def vouch(platform: str, alive: Mapping[str, int]) -> None:
    """Confirm that every book of these connections is current: connection → Unix ms."""
    pipe = redis_client().pipeline(transaction=False)
    _put_alive(pipe, platform, alive)
    pipe.execute()


def forget(platform: str, market_ids: Iterable[str]) -> None:
    """Take books away: a gap or a disconnect made them worthless."""
    names = [keys.book(platform, market_id) for market_id in market_ids]
    if names:
        redis_client().delete(*names)


def silence(platform: str) -> None:
    """Withdraw the word for every connection of a platform at once."""
    redis_client().delete(keys.feed(platform))


def _put_books(pipe, platform: str, changes: Sequence[Change], depth: int) -> None:
    for change in changes:
        book = change.book
        value = LiveBook(
            book.changed_ms, change.connection, book.bid_ladder(depth), book.ask_ladder(depth),
            change.last_price, change.volume_24h, change.liquidity,
        )  # fmt: skip
        pipe.set(keys.book(platform, change.market_id), _encode(value), ex=keys.BOOK_TTL)


def _put_alive(pipe, platform: str, alive: Mapping[str, int]) -> None:
    if alive:
        pipe.hset(keys.feed(platform), mapping=dict(alive))
        pipe.expire(keys.feed(platform), keys.FEED_TTL)


# --- windows


def platform_of(window_id: str) -> str:
    """The platform a window belongs to; the id begins with it."""
    return window_id.split(":", 1)[0]


def touched(window_id: str) -> list[str]:
    """The markets that changed in a window; empty when the window is gone."""
    raw = redis_client().get(keys.window(window_id))
    return _ids.decode(raw) if raw else []


def in_flight(platform: str, *, since_ms: int) -> set[str]:
    """Windows on their way through the chain; those closed before `since_ms` count as lost: the sweep rings for them."""
    found = redis_client().zrangebyscore(keys.windows(platform), since_ms, "+inf")
    return {raw.decode() for raw in found}


def take_lost(platform: str, *, before_ms: int) -> list[str]:
    """The windows that closed before `before_ms` and were never finished; they are no longer in flight afterwards."""
    client = redis_client()
    lost = [raw.decode() for raw in client.zrangebyscore(keys.windows(platform), "-inf", f"({before_ms}")]
    # Of two sweeps only the one that removes a window rings for it
    return [window_id for window_id in lost if client.zrem(keys.windows(platform), window_id)]


def finish(window_id: str) -> None:
    """The chain's last step is done with a window."""
    redis_client().zrem(keys.windows(platform_of(window_id)), window_id)


# --- reading


def raw_books(platform: str, market_ids: Sequence[str]) -> dict[str, LiveBook]:
    """The live books of these markets as stored; missing ones are left out."""
    if not market_ids:
        return {}
    values = redis_client().mget([keys.book(platform, market_id) for market_id in market_ids])
    return {market_id: _books.decode(raw) for market_id, raw in zip(market_ids, values, strict=True) if raw}


def book_views(wanted: Iterable[MarketKey]) -> dict[MarketKey, BookView]:
    """The live books of these markets in one round trip, each with the moment its feed last vouched for it."""
    markets = list(dict.fromkeys(wanted))
    if not markets:
        return {}
    platforms = sorted({platform for platform, _ in markets})
    pipe = redis_client().pipeline(transaction=False)
    pipe.mget([keys.book(platform, market_id) for platform, market_id in markets])
    for platform in platforms:
        pipe.hgetall(keys.feed(platform))
    values, *feeds = pipe.execute()
    alive = dict(zip(platforms, feeds, strict=True))
    views = {}
    for (platform, market_id), raw in zip(markets, values, strict=True):
        if raw:
            book = _books.decode(raw)
            vouched = int(alive[platform].get(book.connection.encode(), 0))
            views[platform, market_id] = BookView(
                platform, market_id, book.bids, book.asks, book.changed_ms, max(vouched, book.changed_ms)
            )
    return views


def book_view(platform: str, market_id: str) -> BookView | None:
    """One live book, or None while the platform's feed does not vouch for one."""
    return book_views([(platform, market_id)]).get((platform, market_id))

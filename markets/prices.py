"""Prices on their way out of a window: price events in Redis at once, rows of the `prices` table a little later.

Books are held in YES terms and NO is their exact mirror, so an event and a row describe YES; NO is one minus it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec
from celery import current_app
from django.db import connection, transaction

from arbsite import keys
from arbsite.connections import redis_client
from markets import live
from markets.books import YES, dollars
from markets.live import LiveBook
from markets.models import PriceCursor
from markets.normalize import price_event
from markets.platforms.base import PLATFORMS

STORE_BATCH = 20_000  # stream entries read at once
COLUMNS = ("market_id", "outcome", "bid", "ask", "mid_price", "spread", "volume", "timestamp")

# The stream as one flat list (id, event, id, event, …): the client's own parsing of entries costs more than the rest
_READ = """
local flat = {}
for i, entry in ipairs(redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[2], 'COUNT', ARGV[3])) do
  flat[2 * i - 1], flat[2 * i] = entry[1], entry[2][2]
end
return flat
"""
Entry = tuple[bytes, bytes]  # stream id and event

NULL = "\\N"
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class StoredEvent(msgspec.Struct, gc=False):
    """What a row needs of a price event."""

    market_id: str
    outcome: str
    best_bid: Decimal | None = None
    best_ask: Decimal | None = None
    volume_24h: Decimal | None = None


_encode = msgspec.json.Encoder(decimal_format="number").encode
_stored = msgspec.json.Decoder(StoredEvent).decode

# KEYS: the stream, then one price cache a market. ARGV: channel, stream length, cache length, cache TTL, Unix ms, then
# for each market its event and its cache member.
_PUBLISH = """
for i = 2, #KEYS do
  local event, member = ARGV[2 * i + 2], ARGV[2 * i + 3]
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'event', event)
  redis.call('ZADD', KEYS[i], ARGV[5], member)
  redis.call('ZREMRANGEBYRANK', KEYS[i], 0, -1 - tonumber(ARGV[3]))
  redis.call('EXPIRE', KEYS[i], ARGV[4])
  redis.call('PUBLISH', ARGV[1], event)
end
return #KEYS - 1
"""


def normalize(window_id: str, *, now_ms: int) -> int:
    """Write the price events of a window's markets; returns how many. Safe to run twice: the newest price wins."""
    platform = live.platform_of(window_id)
    if platform not in PLATFORMS:
        return 0
    books = live.raw_books(platform, live.touched(window_id))
    if not books:
        return 0
    names = [keys.price_stream(platform)]
    values: list[Any] = [
        keys.PRICE_UPDATES, keys.PRICE_STREAM_LENGTH, keys.PRICE_LENGTH, keys.PRICE_TTL, now_ms,
    ]  # fmt: skip
    for market_id, book in books.items():
        event = event_of(platform, market_id, book)
        names.append(keys.prices(platform, market_id))
        values += [_encode(event), _encode(_cached(event))]
    redis_client().register_script(_PUBLISH)(keys=names, args=values)
    _ring(platform)
    return len(books)


def event_of(platform: str, market_id: str, book: LiveBook) -> dict[str, Any]:
    """The specification's price event of a live book, in YES terms."""
    return price_event(
        source=platform,
        market_id=market_id,
        outcome=YES,
        timestamp=book.changed_ms,
        best_bid=dollars(book.bids[0][0]) if book.bids else None,
        best_ask=dollars(book.asks[0][0]) if book.asks else None,
        last_price=_dollars(book.last_price),
        volume_24h=_dollars(book.volume_24h),
        liquidity=_dollars(book.liquidity),
    )


def _dollars(value: int | None) -> Decimal | None:
    return None if value is None else dollars(value)


def _cached(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "mid": event.get("mid_price"),
        "bid": event["best_bid"],
        "ask": event["best_ask"],
        "ts": event["timestamp"],
        "outcome": event["outcome"],
    }


def encoded(event: dict[str, Any]) -> bytes:
    """A price event as JSON, its decimals as numbers digit for digit."""
    return _encode(event)


def _ring(platform: str) -> None:
    """Ask for the rows to be written, at most once a second for each platform."""
    if redis_client().set(keys.ring(f"prices:{platform}"), 1, nx=True, px=keys.RING_TTL_MS):
        current_app.send_task("persist.prices", kwargs={"platform": platform})


# --- rows


def persist(platform: str, *, now_ms: int) -> int:
    """Store the price events of every second that is over: the last of each market and second; returns the rows.

    The cursor is written with the rows, in one transaction, so a crash anywhere repeats nothing and loses nothing.
    """
    total = 0
    # A second is over when no event of it can still arrive: stream ids are the server's own clock
    end = f"{now_ms - now_ms % 1_000 - 1}"
    while True:
        with transaction.atomic():
            cursor = _locked_cursor(platform, now_ms)
            entries = _whole_seconds(keys.price_stream(platform), f"({cursor.stream_id}", end)
            if not entries:
                return total
            rows = _last_of_each_second(entries)
            _copy(rows)
            cursor.stream_id, cursor.updated_at = entries[-1][0].decode(), _utc(now_ms)
            cursor.save()
        total += len(rows)


def _whole_seconds(stream: str, start: str, end: str) -> list[Entry]:
    """The next entries, cut where a second ends, so that no second is spread over two batches."""
    count = STORE_BATCH
    while True:
        flat = redis_client().eval(_READ, 1, stream, start, end, count)
        entries: list[Entry] = list(zip(flat[::2], flat[1::2], strict=True))
        if len(entries) < count:
            return entries
        last = _second(entries[-1])
        whole = [entry for entry in entries if _second(entry) != last]
        if whole:
            return whole
        count *= 2


def _second(entry: Entry) -> int:
    return int(entry[0].split(b"-")[0]) // 1_000


def _locked_cursor(platform: str, now_ms: int) -> PriceCursor:
    PriceCursor.objects.bulk_create(
        [PriceCursor(platform=platform, stream_id="0-0", updated_at=_utc(now_ms))], ignore_conflicts=True
    )
    return PriceCursor.objects.select_for_update().get(pk=platform)


def _last_of_each_second(entries: Sequence[Entry]) -> list[tuple[StoredEvent, int]]:
    """The last event of each market, outcome and second, with its second."""
    last: dict[tuple[str, str, int], tuple[StoredEvent, int]] = {}
    for entry in entries:
        second = _second(entry)
        event = _stored(entry[1])
        last[event.market_id, event.outcome, second] = (event, second)
    return list(last.values())


def _copy(rows: Sequence[tuple[StoredEvent, int]]) -> None:
    """COPY as text we write ourselves: adapting each value costs more than reading the stream."""
    lines = [_line(event, second) for event, second in rows]
    with connection.cursor() as cursor, cursor.copy(f"COPY prices ({', '.join(COLUMNS)}) FROM STDIN") as copy:
        copy.write("".join(lines))


def _line(event: StoredEvent, second: int) -> str:
    bid, ask = event.best_bid, event.best_ask
    both = bid is not None and ask is not None
    mid, spread = ((bid + ask) / 2, ask - bid) if both else (None, None)  # type: ignore[operator]
    values = (bid, ask, mid, spread, event.volume_24h)
    texts = "\t".join(NULL if value is None else str(value) for value in values)
    at = _moment(second)
    return f"{_plain(event.market_id)}\t{_plain(event.outcome)}\t{texts}\t{at}\n"


@lru_cache(maxsize=256)
def _moment(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()


def _plain(text: str) -> str:
    """A text without what COPY would read as its own signs."""
    return text if text.isprintable() and "\\" not in text else text.translate(ESCAPES)


def _utc(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1_000, UTC)

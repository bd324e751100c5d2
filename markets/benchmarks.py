"""What the markets room measures: frames into books, and rows into the prices table."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from django.db import connection

from arbsite import keys
from arbsite.bench import best_of
from arbsite.connections import redis_client
from arbsite.registry import Figure
from markets import clients, fetching, prices
from markets.platforms.base import KALSHI, POLYMARKET, Feed
from markets.platforms.kalshi import wire as kalshi_wire
from markets.platforms.polymarket import wire as polymarket_wire

FRAMES = 20_000
MARKETS = 20
ROWS = 50_000
BOOK_TARGET, COPY_TARGET = 3.5, 0.5


def books() -> list[Figure]:
    """frame → updated book → best prices, beside the bare decoding of the same frames into typed structs."""
    return [
        _book_figure(KALSHI, kalshi_frames(FRAMES), msgspec.json.Decoder(kalshi_wire.DeltaFrame).decode),
        _book_figure(
            POLYMARKET, polymarket_frames(FRAMES), msgspec.json.Decoder(polymarket_wire.Event).decode
        ),
    ]


def _book_figure(
    platform: str, frames: tuple[list[bytes], list[bytes]], decode: Callable[[bytes], object]
) -> Figure:
    first, changes = frames

    def bare() -> None:
        for raw in changes:
            decode(raw)

    def whole() -> None:
        feed = _fed(platform, first)
        updates = 0
        began = time.perf_counter()
        for number, raw in enumerate(changes):
            feed.receive(raw, number)
            for market_id in feed.changed:
                book = feed.books[market_id]
                updates += book.best_bid < book.best_ask
            feed.changed.clear()
            feed.trades.clear()
        spent.append(time.perf_counter() - began)
        assert updates >= len(changes) * 0.9, "the frames must really change books"

    spent: list[float] = []
    decoding = best_of(bare)
    for _ in range(5):
        whole()
    ratio = min(spent) / decoding
    return Figure(
        f"{platform}: frame to book", ratio, "ratio", f"decoding alone, {decoding / len(changes) * 1e6:.2f} µs a frame",
        f"≤ {BOOK_TARGET}", ratio <= BOOK_TARGET,
    )  # fmt: skip


def _fed(platform: str, first: list[bytes]) -> Feed:
    feed = clients.replay_feed(platform)
    feed.opened(0)
    for raw in first:
        feed.receive(raw, 0)
    return feed


def kalshi_frames(count: int, *, markets: int = MARKETS) -> tuple[list[bytes], list[bytes]]:
    """Snapshots of some markets and `count` deltas, in the platform's shape."""
    chance = random.Random(1)
    tickers = [f"KXBENCH-{number}" for number in range(markets)]
    encode = msgspec.json.encode
    first = [encode({"type": "subscribed", "id": 1, "msg": {"channel": "orderbook_delta", "sid": 1}})]
    seq = 0
    for ticker in tickers:
        seq += 1
        sides = {
            "yes_dollars_fp": [[f"0.{price:02d}00", "1000000.00"] for price in range(10, 45)],
            "no_dollars_fp": [[f"0.{price:02d}00", "1000000.00"] for price in range(10, 45)],
        }
        message = {"market_ticker": ticker, "market_id": "b", **sides}
        first.append(encode({"type": "orderbook_snapshot", "sid": 1, "seq": seq, "msg": message}))
    changes = []
    for number in range(count):
        seq += 1
        changes.append(
            encode({
                "type": "orderbook_delta", "sid": 1, "seq": seq, "sending_ts_ms": 1_790_856_000_000 + number,
                "msg": {
                    "market_ticker": chance.choice(tickers), "market_id": "9b0f6a52-7f3f-4a5c-9d3e-0c8a1f2b3c4d",
                    "price_dollars": f"0.{chance.randint(10, 44):02d}00",
                    "delta_fp": f"{chance.choice((-1, 1)) * chance.randint(1, 90)}.00",
                    "side": chance.choice(("yes", "no")), "ts": "2026-10-01T12:00:00.123456Z",
                    "ts_ms": 1_790_856_000_000 + number, "clock": 881_201 + number,
                },
            })
        )  # fmt: skip
    return first, changes


def polymarket_frames(count: int) -> tuple[list[bytes], list[bytes]]:
    """Books of some markets and `count` price changes, each naming both tokens as the platform does."""
    chance = random.Random(1)
    markets = [
        ("0x" + f"{number:064x}", str(10**70 + number), str(10**71 + number)) for number in range(MARKETS)
    ]
    encode = msgspec.json.encode
    first = []
    for market, *tokens in markets:
        levels = {
            "bids": [{"price": f"0.{price}", "size": "100"} for price in range(10, 45)],
            "asks": [{"price": f"0.{price}", "size": "100"} for price in range(90, 55, -1)],
        }
        for token in tokens:
            event = {
                "event_type": "book",
                "market": market,
                "asset_id": token,
                "timestamp": "1790856000000",
                **levels,
            }
            first.append(encode([{**event, "hash": "0" * 40}]))
    changes = []
    for number in range(count):
        market, yes, no = chance.choice(markets)
        price, size = chance.randint(10, 44), str(chance.randint(1, 9_000))
        sides = [(yes, f"0.{price}", "BUY"), (no, f"0.{100 - price}", "SELL")]
        changes.append(
            encode({
                "market": market, "event_type": "price_change", "timestamp": str(1_790_856_000_000 + number),
                "price_changes": [
                    {"asset_id": token, "price": text, "size": size, "side": side, "hash": f"{number:040x}",
                     "best_bid": "0.44", "best_ask": "0.56"}
                    for token, text, side in sides
                ],
            })
        )  # fmt: skip
    return first, changes


def storing() -> list[Figure]:
    """Rows of `prices` from the stream to the table, beside a bare COPY of the same rows."""
    fetching.keep_partitions(datetime.now(UTC))
    redis = redis_client()
    now_ms = time.time_ns() // 1_000_000
    stream = keys.price_stream(KALSHI)
    pipe = redis.pipeline(transaction=False)
    start_ms = now_ms - ROWS // 1_000 * 1_000 - 5_000
    for number in range(ROWS):
        event = {
            "market_id": f"KXBENCH-{number % 1_000}", "outcome": "YES", "best_bid": Decimal("0.45"),
            "best_ask": Decimal("0.47"), "volume_24h": Decimal(100), "timestamp": now_ms,
        }  # fmt: skip
        fields = {"event": prices.encoded(event)}
        pipe.xadd(stream, fields, id=f"{start_ms + number // 1_000 * 1_000}-{number % 1_000 + 1}")
        if number % 5_000 == 0:
            pipe.execute()
    pipe.execute()
    _bare_copy(start_ms)  # the table's pages and indexes exist now, for both
    began = time.perf_counter()
    rows = prices.persist(KALSHI, now_ms=now_ms)
    ours = rows / (time.perf_counter() - began)
    assert rows == ROWS, f"{rows} rows of {ROWS}"
    bare = _bare_copy(start_ms)
    share = ours / bare
    return [
        Figure(
            "prices stored",
            share,
            "ratio",
            f"bare COPY, {bare:,.0f} rows/s",
            f"≥ {COPY_TARGET}",
            share >= COPY_TARGET,
        )
    ]


def _bare_copy(start_ms: int) -> float:
    """The same rows, made beforehand, through psycopg's own COPY."""
    money = [Decimal(text) for text in ("0.45", "0.47", "0.46", "0.02", "100")]
    seconds = [datetime.fromtimestamp(start_ms // 1_000 + number, UTC) for number in range(ROWS // 1_000)]
    rows = [(f"KXBENCH-{number % 1_000}", "YES", *money, seconds[number // 1_000]) for number in range(ROWS)]
    columns = ", ".join(prices.COLUMNS)
    began = time.perf_counter()
    with connection.cursor() as cursor, cursor.copy(f"COPY prices ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    return ROWS / (time.perf_counter() - began)

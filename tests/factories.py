"""Markets, pairs and live books for tests, in the true shape."""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model

from execution import lifecycle
from execution.models import Order
from markets import live, store
from markets.books import Book, micro
from markets.live import Change
from markets.models import Market, Pair
from markets.pairing import pairs
from markets.platforms.base import KALSHI, OPEN, POLYMARKET, MarketInfo, OutcomeInfo, TickBand
from markets.platforms.kalshi.fees import KalshiFees
from markets.platforms.polymarket.fees import PolymarketFees

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ONE_CENT = (TickBand(Decimal(0), Decimal(1), Decimal("0.01")),)
FEES: dict[str, Any] = {
    POLYMARKET: PolymarketFees(rate=Decimal("0.05")),
    KALSHI: KalshiFees(fee_type="quadratic", multiplier=Decimal(1)),
}
IDS = {POLYMARKET: "0x" + "ab" * 32, KALSHI: "KXTEST-26DEC31-T1"}


def info(platform: str, market_id: str = "", **changes: Any) -> MarketInfo:
    """An open market that closes in ten days of the real clock."""
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=10)
    values: dict[str, Any] = {
        "platform": platform, "id": market_id or IDS[platform], "slug": "will-it-rain", "question": "Will it rain?",
        "outcome_type": "binary", "outcomes": (OutcomeInfo("YES", "Yes", "11"), OutcomeInfo("NO", "No", "22")),
        "status": OPEN, "start": None, "end": end, "settles": end, "volume": Decimal(1000), "volume_24h": Decimal(100),
        "liquidity": Decimal(5000), "ticks": ONE_CENT, "min_size": Decimal(1), "size_step": Decimal("0.01"),
        "fees": FEES[platform], "rules": "It rains.", "resolution_source": "a rain gauge", "category": "weather",
        "event_id": "EV1",
    }  # fmt: skip
    return MarketInfo(**(values | changes))


def a_pair(suffix: str = "", **changes: Any) -> Pair:
    """Two stored markets, approved by a person as the same bet."""
    infos = [info(platform, IDS[platform] + suffix, **changes) for platform in (POLYMARKET, KALSHI)]
    for one in infos:
        store.upsert([one], now=NOW)
    Market.objects.filter(id__in=[one.id for one in infos]).update(followed=True)
    pair = Pair.objects.create(polymarket_id=infos[0].id, kalshi_id=infos[1].id)
    return pairs.approve(pair, a_person(), now=NOW, settlement="clean")


def a_person() -> Any:
    """Somebody who may approve."""
    return get_user_model().objects.get_or_create(username="paula")[0]


def unix_ms() -> int:
    """The real clock: live books are confirmed by it."""
    return time.time_ns() // 1_000_000


def book(bids: list[tuple[str, str]], asks: list[tuple[str, str]], at_ms: int) -> Book:
    """A trusted book in YES terms; levels are (price, size) in dollars and contracts."""
    made = Book()
    made.replace(*([(micro(price), micro(size)) for price, size in side] for side in (bids, asks)))
    made.trusted, made.changed_ms = True, at_ms
    return made


def window(platform: str, books: dict[str, Book], at_ms: int, number: int = 1) -> str:
    """Close a window with these books, as a connector does; returns its id."""
    window_id = f"{platform}:{at_ms}:{number}"
    changes = [Change(market_id, one, f"{platform}-1") for market_id, one in books.items()]
    live.publish_window(platform, window_id, changes, {f"{platform}-1": at_ms}, at_ms=at_ms, depth=50)
    return window_id


def a_gap(at_ms: int, suffix: str = "", size: str = "100") -> tuple[str, str]:
    """Books that are 10 cents apart: YES costs 0.40 on Polymarket and is bid 0.50 on Kalshi; returns both windows."""
    cheap = book([("0.38", size)], [("0.40", size), ("0.41", size)], at_ms)
    dear = book([("0.50", size), ("0.49", size)], [("0.52", size)], at_ms)
    first = window(POLYMARKET, {IDS[POLYMARKET] + suffix: cheap}, at_ms)
    second = window(KALSHI, {IDS[KALSHI] + suffix: dear}, at_ms)
    return first, second


def an_order(order_id: str, status: str = "PLANNED", **fields: Any) -> Order:
    """An order that has moved to `status` the way orders do: the database takes new ones as PLANNED only."""
    order = Order.objects.create(
        **{"id": order_id, "client_order_id": order_id, **fields, "status": "PLANNED"}
    )
    for step in moves_to(status):
        Order.objects.filter(pk=order_id).update(status=step)
    order.refresh_from_db()
    return order


def moves_to(status: str) -> list[str]:
    """The fewest permitted moves from PLANNED."""
    ways: dict[str, list[str]] = {lifecycle.PLANNED: []}
    waiting = [lifecycle.PLANNED]
    while status not in ways:
        old = waiting.pop(0)
        for new in sorted(lifecycle.NEXT[old] - ways.keys()):
            ways[new] = [*ways[old], new]
            waiting.append(new)
    return ways[status]

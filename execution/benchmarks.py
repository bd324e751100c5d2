"""What the execution room measures: a window closed → the intent of its orders committed, through a real worker.

What the executor does from there on depends on the platforms' round trips: the benchmark `legs` measures that.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command

from arbsite import keys, pipeline
from arbsite.bench import CHANNEL, empty_chain, percentile, worker
from arbsite.connections import redis_client
from arbsite.registry import Figure
from execution.models import Plan
from markets import clients, live, store
from markets.books import Book, micro
from markets.live import Change
from markets.models import Pair
from markets.pairing import pairs
from markets.platforms.base import KALSHI, OPEN, POLYMARKET, MarketInfo, OutcomeInfo, TickBand

ROUNDS, WARM_UP = 200, 20
TARGET = 1.5
PATIENCE = 10.0
PAUSE = 0.01
LIMITS = (
    "RISK_MAX_GROUP_NOTIONAL", "RISK_MAX_PLATFORM_NOTIONAL", "RISK_MAX_TOTAL_NOTIONAL", "RISK_MAX_OPEN_ORDERS",
    "RISK_MAX_ORDERS_PER_MINUTE",
)  # fmt: skip


def chain() -> list[Figure]:
    """The four tasks with a gap to find and fill, and four empty ones, turn by turn."""
    call_command("flush", interactive=False, verbosity=0)  # other benchmarks may have traded here
    redis_client().flushdb()
    _make_pairs(ROUNDS + WARM_UP)
    listener = redis_client().pubsub(ignore_subscribe_messages=True)
    listener.subscribe(CHANNEL, keys.EXECUTION_STATUS)
    real, empty = [], []
    with _wide_limits(), worker(settings.ARBSITE.core.data_dir, processes=2):
        for number in range(ROUNDS + WARM_UP):
            _quiet(listener)
            empty.append(_timed(listener, CHANNEL, lambda number=number: empty_chain(4, str(number))))  # type: ignore[misc]
            _vouch(number)
            _quiet(listener)
            real.append(_timed(listener, keys.EXECUTION_STATUS, lambda number=number: _gap(number)))  # type: ignore[misc]
    made = Plan.objects.filter(status=Plan.PLANNED).count()
    if made != ROUNDS + WARM_UP:
        raise RuntimeError(f"{made} plans made instead of {ROUNDS + WARM_UP}: the figures would mean nothing")
    real, empty = real[WARM_UP:], empty[WARM_UP:]
    half, beside = percentile(real, 0.5), percentile(empty, 0.5)
    ratio = half / beside
    return [
        Figure("window to order intent, p50", ratio, "ratio", f"empty chain of four, {beside * 1e3:.1f} ms", f"≤ {TARGET}",
               ratio <= TARGET),
        Figure("window to order intent, p99", percentile(real, 0.99) * 1e3, "ms",
               f"empty chain {percentile(empty, 0.99) * 1e3:.1f} ms"),
    ]  # fmt: skip


@contextmanager
def _wide_limits() -> Iterator[None]:
    """For the worker's process: hundreds of plans in a few seconds are more than the limits of a day let through."""
    kept = dict(os.environ)
    os.environ.update(dict.fromkeys(LIMITS, "1000000"))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


def _timed(listener: Any, channel: str, ring: Any) -> float:
    began = time.perf_counter()
    ring()
    deadline = began + PATIENCE
    while time.perf_counter() < deadline:
        message = listener.get_message(timeout=PATIENCE)
        if message and message["channel"].decode() == channel:
            return time.perf_counter() - began
    raise RuntimeError(f"nothing was heard on {channel} for {PATIENCE} s: read bench-worker.log")


def _quiet(listener: Any) -> None:
    """Let what is still coming from the last round come."""
    time.sleep(PAUSE)
    while listener.get_message(timeout=0.002):
        pass


def _make_pairs(count: int) -> None:
    now = datetime.now(UTC)
    person = get_user_model().objects.create_user("bench")
    infos = [_info(platform, number) for number in range(count) for platform in (POLYMARKET, KALSHI)]
    store.upsert(infos, now=now)
    for number in range(count):
        pair = Pair.objects.create(polymarket_id=_id(POLYMARKET, number), kalshi_id=_id(KALSHI, number))
        pairs.approve(pair, person, now=now, settlement="clean")


def _id(platform: str, number: int) -> str:
    return f"0x{number:064x}" if platform == POLYMARKET else f"KXBENCH-{number}"


def _info(platform: str, number: int) -> MarketInfo:
    end = datetime.now(UTC) + timedelta(days=10)
    return MarketInfo(
        platform=platform, id=_id(platform, number), slug=f"bench-{number}", question=f"Bench {number}?",
        outcome_type="binary", outcomes=(OutcomeInfo("YES", "Yes", f"1{number}"), OutcomeInfo("NO", "No", f"2{number}")),
        status=OPEN, start=None, end=end, settles=end, volume=None, volume_24h=None, liquidity=None,
        ticks=(TickBand(Decimal(0), Decimal(1), Decimal("0.01")),), min_size=Decimal(1), size_step=Decimal("0.01"),
        fees=clients.standard_fees(platform), rules="It happens.", resolution_source="", category="", event_id="",
    )  # fmt: skip


def _book(bids: list[str], asks: list[str], at_ms: int) -> Book:
    book = Book()
    book.replace(*([(micro(price), micro("20")) for price in side] for side in (bids, asks)))
    book.trusted, book.changed_ms = True, at_ms
    return book


def _vouch(number: int) -> None:
    """Kalshi's side of the gap is there already, and confirmed."""
    at_ms = time.time_ns() // 1_000_000
    change = Change(_id(KALSHI, number), _book(["0.50", "0.49"], ["0.52"], at_ms), "bench")
    live.keep(KALSHI, [change], {"bench": at_ms}, depth=10)


def _gap(number: int) -> None:
    at_ms = time.time_ns() // 1_000_000
    change = Change(_id(POLYMARKET, number), _book(["0.38"], ["0.40", "0.41"], at_ms), "bench")
    window_id = f"{POLYMARKET}:{at_ms}:{number}"
    live.publish_window(POLYMARKET, window_id, [change], {"bench": at_ms}, at_ms=at_ms, depth=10)
    pipeline.on_window(window_id).apply_async()

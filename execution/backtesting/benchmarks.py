"""What a backtest costs beside a plain replay of the same frames."""

import time

import msgspec

from arbsite.registry import Figure
from execution.backtesting import assuming
from execution.backtesting.account import Account
from execution.backtesting.trader import Trader
from markets import benchmarks, bets, clients
from markets.platforms.base import KALSHI, POLYMARKET
from markets.recordings import Recorded
from signals.deciding.decision import Hurdles
from signals.replay.files import listing
from signals.replay.replaying import Replay, Setup

FRAMES = 20_000
FRAMES_A_SECOND = 70
OTHER_EVERY = 10  # frames to one of the other platform
GAP_EVERY = 200  # frames: the other platform's price falls and recovers, so that there is something to trade
TIMES = 3
TARGET = 1.5
START_MS = 1_790_856_000_000
OTHER = "0x" + "ab" * 32
PAIR = bets.pair("bench", (POLYMARKET, OTHER), (KALSHI, "KXBENCH-0"))


def backtest() -> list[Figure]:
    """Frames of twenty markets and a pair whose gap comes and goes, with a trader that listens and without one."""
    lines = _lines()
    alone, listened = [], []
    for _ in range(TIMES):
        alone.append(_run(lines, trading=False))
        listened.append(_run(lines, trading=True))
    ratio = min(listened) / min(alone)
    return [
        Figure("backtest", ratio, "ratio", f"plain replay, {min(alone) / len(lines) * 1e6:.1f} µs a frame", f"≤ {TARGET}",
               ratio <= TARGET)
    ]  # fmt: skip


def _lines() -> list[tuple[str, Recorded]]:
    first, changes = benchmarks.kalshi_frames(FRAMES)
    lines = []
    for number, raw in enumerate([*first, *changes]):
        at_ms = START_MS + number * 1_000 // FRAMES_A_SECOND
        lines.append((KALSHI, Recorded(at_ms, "kalshi", raw)))
        if number % OTHER_EVERY == 0:
            ask = "0.36" if number // GAP_EVERY % 2 else "0.60"
            lines.append((POLYMARKET, Recorded(at_ms, "polymarket", _book(ask, at_ms))))
    return lines


def _book(ask: str, at_ms: int) -> bytes:
    event = {
        "event_type": "book", "market": OTHER, "asset_id": "11", "timestamp": str(at_ms), "hash": "0" * 40,
        "bids": [{"price": "0.30", "size": "500"}], "asks": [{"price": ask, "size": "50"}],
    }  # fmt: skip
    return msgspec.json.encode([event])


def _run(lines: list[tuple[str, Recorded]], *, trading: bool) -> float:
    hurdles = Hurdles()
    setups = [
        Setup(
            name, feed=lambda name=name: clients.replay_feed(name), listing=listing, hurdles=hurdles,  # type: ignore[misc]
            bets=(PAIR,) if name == KALSHI else (),
        )
        for name in (KALSHI, POLYMARKET)
    ]  # fmt: skip
    replay = Replay(setups)
    trader = None
    if trading:
        assumed = assuming.assumptions(seed=1)
        trader = Trader(assumed, assuming.planner(hurdles), replay.listings, Account(dict(assumed.cash)))
        replay.listener = trader
    began = time.perf_counter()
    for platform, line in lines:
        replay.take(platform, line)
    result = replay.finish()
    if trader is not None:
        trader.finish()
        assert trader.attempts, "a backtest that trades nothing measures nothing"
    spent = time.perf_counter() - began
    assert result.stats.book_updates >= FRAMES, "the frames must really change books"
    return spent

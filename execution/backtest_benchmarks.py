"""What a backtest costs beside a plain replay of the same frames."""

import tempfile
import time
from pathlib import Path

from arbsite.registry import Figure
from execution.backtesting import assuming
from execution.backtesting.account import Account
from execution.backtesting.trader import Trader
from markets import benchmarks, clients, recordings
from markets.platforms.base import KALSHI
from markets.recorder import Recorder
from markets.recordings import Damage, Recorded
from signals.decision import Hurdles
from signals.replay_files import listing
from signals.replaying import Replay, Setup

FRAMES = 20_000
FRAMES_A_SECOND = 70
TIMES = 3
TARGET = 1.5


def backtest() -> list[Figure]:
    """Frames of twenty markets with a trader that listens, beside the same without one."""
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


def _lines() -> list[Recorded]:
    first, changes = benchmarks.kalshi_frames(FRAMES)
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder), KALSHI)
        for number, raw in enumerate([*first, *changes]):
            recorder.frame("bench", raw, 1_790_856_000_000 + number * 1_000 // FRAMES_A_SECOND)
        recorder.close()
        return list(recordings.read(next(Path(folder).glob("*.gz")), Damage()))


def _run(lines: list[Recorded], *, trading: bool) -> float:
    hurdles = Hurdles()
    replay = Replay(
        [Setup(KALSHI, feed=lambda: clients.replay_feed(KALSHI), listing=listing, hurdles=hurdles)]
    )
    trader = None
    if trading:
        assumed = assuming.assumptions(seed=1)
        trader = Trader(assumed, assuming.planner(hurdles), replay.listings, Account(dict(assumed.cash)))
        replay.listener = trader
    began = time.perf_counter()
    for line in lines:
        replay.take(KALSHI, line)
    result = replay.finish()
    if trader is not None:
        trader.finish()
    spent = time.perf_counter() - began
    assert result.stats.book_updates >= FRAMES, "the frames must really change books"
    return spent

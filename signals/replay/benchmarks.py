"""What the signals room measures: a replay, beside decoding the same frames alone."""

import tempfile
import time
from pathlib import Path

import msgspec

from arbsite.bench import best_of
from arbsite.registry import Figure
from markets import benchmarks, clients, recordings
from markets.platforms.base import KALSHI
from markets.platforms.kalshi import wire
from markets.recorder import Recorder
from markets.recordings import Damage
from signals.replay.files import listing
from signals.replay.replaying import Replay, Setup

FRAMES = 50_000
FRAMES_A_SECOND = 70  # as a busy fifteen-minute market sends them
TARGET = 6.0


def replay() -> list[Figure]:
    """A recording of our own through books and detection, beside decoding its frames into typed structs."""
    first, changes = benchmarks.kalshi_frames(FRAMES, markets=1)
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder), KALSHI)
        for number, raw in enumerate([*first, *changes]):
            recorder.frame("bench", raw, 1_790_856_000_000 + number * 1_000 // FRAMES_A_SECOND)
        recorder.close()
        path = next(Path(folder).glob("*.gz"))
        lines = list(recordings.read(path, Damage()))
    decode = msgspec.json.Decoder(wire.DeltaFrame).decode
    bare = best_of(lambda: [decode(raw) for raw in changes], times=3)
    spent = []
    for _ in range(3):
        setup = Setup(KALSHI, feed=lambda: clients.replay_feed(KALSHI), listing=listing)
        one = Replay([setup])
        began = time.perf_counter()
        for line in lines:
            one.take(KALSHI, line)
        result = one.finish()
        spent.append(time.perf_counter() - began)
        assert result.stats.book_updates == FRAMES + 1
    ratio = min(spent) / bare
    return [
        Figure("replay of one busy market", ratio, "ratio", f"decoding alone, {bare / FRAMES * 1e6:.2f} µs a frame",
               f"≤ {TARGET}", ratio <= TARGET)
    ]  # fmt: skip

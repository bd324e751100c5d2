"""Recorded streams of the real platform run without a malformed frame, and with the gaps their notes explain: none."""

import json
from pathlib import Path

import pytest

from markets import recordings
from markets.platforms.kalshi.stream import KalshiFeed
from tests.conftest import SHARED

WS = SHARED / "recorded" / "kalshi" / "ws"


def found(folder: str, pattern: str) -> list[Path]:
    files = sorted((WS / folder).glob(pattern)) if WS.is_dir() else []
    if not files:
        pytest.skip(f"no recordings in {WS / folder}")
    return files


def run(path: Path, *, shared_seq: bool = False) -> KalshiFeed:
    """A file through a feed, a reconnect wherever the recorder tells of one."""
    feed, damage = KalshiFeed(follow_all=True, shared_seq=shared_seq), recordings.Damage()
    feed.opened(0)
    for one in recordings.read(path, damage):
        if one.control == "ws_connected":
            feed.closed(one.at_ms)
            feed.opened(one.at_ms)
        elif not one.control:
            feed.receive(one.raw, one.at_ms)
            assert feed.stats.malformed == 0, feed.bad[0]
        feed.changed.clear()
    assert (damage.lines, damage.truncated) == (0, False)
    assert feed.stats.unknown == 0
    return feed


def test_twelve_markets_on_one_subscription_have_no_gap():
    (path,) = found("mlb12", "*.jsonl")
    feed = run(path)
    assert (feed.stats.frames, feed.stats.gaps, feed.stats.book_updates) == (269, 0, 12 + 245)
    assert len(feed.books) == 12
    assert all(book.trusted and not book.crossed for book in feed.books.values())


def test_bitcoin_markets_have_no_gap_and_no_lasting_crossing():
    totals = {"deltas and snapshots": 0, "gaps": 0, "duplicates": 0}
    for path in found("btc15m", "*.jsonl.gz"):
        feed = run(path)
        totals["deltas and snapshots"] += feed.stats.book_updates
        totals["gaps"] += feed.stats.gaps
        totals["duplicates"] += feed.duplicates
        assert not any(book.crossed for book in feed.books.values())
    assert totals == {"deltas and snapshots": 242_530 + 16, "gaps": 0, "duplicates": 0}


def test_gold_markets_lose_nothing_although_their_numbers_have_holes():
    updates = trades = early = 0
    for path in found("gold15m", "*.ndjson.gz"):
        feed = run(path, shared_seq=True)
        assert (feed.stats.gaps, feed.stats.crossed) == (0, 0)
        updates, trades, early = (
            updates + feed.stats.book_updates,
            trades + feed.stats.trades,
            early + feed.discarded,
        )
    # One window is split over two files, the second of which begins with four deltas and no snapshot
    assert (updates, trades, early) == (513_987 + 39 - 4, 17_007, 4)


def test_numbers_that_count_more_than_the_file_are_gaps_where_they_are_checked():
    path = found("gold15m", "KXGOLD15M-26AUG050800-00*.ndjson.gz")[0]
    feed = run(path)
    assert feed.stats.gaps > 0
    assert feed.stats.malformed == 0


def test_the_demo_exchange_speaks_the_same():
    (path,) = found("demo_jun2026", "*.jsonl")
    feed = KalshiFeed(follow_all=True)
    feed.opened(0)
    lines = [line for line in path.read_bytes().splitlines() if line.strip()]
    for line in lines:
        feed.receive(line, 1)
    assert (feed.stats.malformed, feed.stats.gaps, feed.stats.unknown) == (0, 0, 0)
    assert feed.stats.frames == len(lines)
    assert any(json.loads(line)["type"] == "orderbook_snapshot" for line in lines)
    assert all(book.trusted for book in feed.books.values())

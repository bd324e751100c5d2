"""Replay: recorded frames through the live code; the same input gives the same digest, always."""

import gzip
import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from markets import benchmarks
from markets.recorder import Recorder

KALSHI = "kalshi/ws"
DELTAS = {  # deltas and snapshots of each run, as the recordings' own page counts them
    "btc15m/btc15m_20260511T121730Z.jsonl.gz": 55_798 + 3,
    "btc15m/btc15m_20260514T053423Z.jsonl.gz": 60_381 + 3,
    "mlb12/ws_orderbook_stream.jsonl": 245 + 12,
}


def replay(*arguments: object) -> dict:
    out = io.StringIO()
    call_command("replay", *map(str, arguments), "--json", stdout=out, stderr=io.StringIO())
    return json.loads(out.getvalue())


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Our own recorder's file of a short Kalshi session."""
    recorder = Recorder(tmp_path, "kalshi")
    recorder.control("kalshi-1", "opened", 1_000)
    first, changes = benchmarks.kalshi_frames(500)
    for number, raw in enumerate([*first, *changes]):
        recorder.frame("kalshi-1", raw, 1_000 + number * 7)
    recorder.close()
    return next(tmp_path.glob("*.gz"))


def test_our_own_recording_is_read_back_whole(recording):
    result = replay(recording)
    assert result["frames"] == 1 + benchmarks.MARKETS + 500
    assert result["book_updates"] == benchmarks.MARKETS + 500
    assert (result["gaps"], result["malformed"]) == (0, 0)


def test_the_same_input_gives_the_same_digest(recording):
    assert replay(recording) == replay(recording)


def test_one_lost_frame_is_a_gap_and_another_digest(recording, tmp_path):
    lines = gzip.decompress(recording.read_bytes()).splitlines(keepends=True)
    shorter = tmp_path / "shorter.jsonl"
    shorter.write_bytes(b"".join(lines[:200] + lines[201:]))
    whole, cut = replay(recording), replay(shorter)
    assert cut["gaps"] == 1
    assert cut["digest"] != whole["digest"]
    assert replay(shorter, "--shared-seq")["gaps"] == 0


def test_a_truncated_file_gives_what_it_has(recording, tmp_path):
    broken = tmp_path / "broken.gz"
    broken.write_bytes(recording.read_bytes()[:-200])
    result = replay(broken)
    assert result["truncated"] is True
    assert 0 < result["frames"] < 1 + benchmarks.MARKETS + 500


def test_garbage_lines_and_frames_are_counted_and_disturb_nothing(recording, tmp_path):
    dirty = tmp_path / "dirty.jsonl"
    extra = json.dumps(
        {"recv_ms": 2_000, "conn": "kalshi-1", "frame": '{"type":"orderbook_delta","sid":'}
    ).encode()
    dirty.write_bytes(gzip.decompress(recording.read_bytes()) + b"not json\n" + extra + b"\n")
    result = replay(dirty)
    assert result["malformed"] == 2
    assert result["book_updates"] == benchmarks.MARKETS + 500


def test_what_is_no_recording_is_named(tmp_path):
    with pytest.raises(CommandError, match=r"nowhere\.gz"):
        replay(tmp_path / "nowhere.gz")
    text = tmp_path / "shopping.txt"
    text.write_text("milk\nbread\n")
    with pytest.raises(CommandError, match=r"shopping\.txt"):
        replay(text)


@pytest.mark.parametrize("name", DELTAS)
def test_contiguous_recordings_have_no_gap_and_nothing_malformed(recorded, name):
    result = replay(recorded / KALSHI / name)
    assert (result["gaps"], result["malformed"], result["book_updates"]) == (0, 0, DELTAS[name])


def test_extracts_of_a_shared_subscription_need_the_switch(recorded):
    files = sorted((recorded / KALSHI / "gold15m").glob("*.gz"))[:2]
    assert replay("--shared-seq", *files)["gaps"] == 0
    assert replay("--shared-seq", *files)["malformed"] == 0
    assert replay(*files)["gaps"] > 0


def test_the_polymarket_recordings(recorded):
    for path in sorted((recorded / "polymarket" / "ws_market").glob("*.jsonl")):
        result = replay(path)
        assert (result["gaps"], result["malformed"]) == (0, 0), path.name

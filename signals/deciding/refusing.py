"""The refusal ledger's way in: counted in this process, handed to Redis about once a second, written by `store`.

The hot path pays a dictionary look-up for each refusal and one RPUSH a second. What a killed process has not handed on
yet is lost: counts, never money. `store` runs on the queue of bulk writers.
"""

import logging
import threading
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec
from redis.exceptions import RedisError

from arbsite import bulk, keys
from arbsite.connections import redis_client
from signals.deciding.decision import REFUSED, Reason, Verdict
from signals.findings import BOOK_MISSING, EMPTY_SIDE, Finding
from signals.findings import Refusal as Why
from signals.models import Refusal
from signals.times import utc

log = logging.getLogger(__name__)

HOUR_MS = 3_600_000
PUSH_EVERY_MS = 1_000
BLOBS = 500  # taken from Redis at once
ROWS = 1_000  # written in one statement
# They say that nothing is on offer, for nearly every bet at every tick: counted for the hour, not for each bet
QUIET = frozenset({EMPTY_SIDE, BOOK_MISSING})
SENTENCE = 500

Key = tuple[str, str, str, int]  # bet, direction, code, hour (Unix ms)


class Tally(msgspec.Struct, array_like=True):
    """One reason of one direction within one hour, as far as it is counted."""

    stage: str
    count: int
    first_ms: int
    last_ms: int
    sentence: str
    signal_id: str = ""
    edge: Decimal | None = None
    profit: Decimal | None = None
    size: Decimal | None = None
    outlay: Decimal | None = None
    legs: list[tuple[str, str, str, Decimal]] = []

    def add(self, other: "Tally") -> None:
        """Take another count of the same reason in: the newest sentence, the best figures."""
        self.count += other.count
        self.first_ms = min(self.first_ms, other.first_ms)
        if other.last_ms >= self.last_ms:
            self.last_ms, self.sentence = other.last_ms, other.sentence
        if other.profit is not None and (self.profit is None or other.profit > self.profit):
            for name in ("signal_id", "edge", "profit", "size", "outlay", "legs"):
                setattr(self, name, getattr(other, name))


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[Key, Tally]]).decode
_lock = threading.Lock()
_counted: dict[Key, Tally] = {}
_pushed_ms = 0


def detected(refusals: Iterable[Why], now_ms: int) -> None:
    """Count what detection refused."""
    hour = now_ms - now_ms % HOUR_MS
    with _lock:
        for why in refusals:
            quiet = why.code in QUIET
            key = ("", "", why.code, hour) if quiet else (why.bet_id, why.direction, why.code, hour)
            old = _counted.get(key)
            if old is None:
                _counted[key] = Tally(Refusal.DETECT, 1, now_ms, now_ms, why.sentence[:SENTENCE])
            else:
                old.count += 1
                old.last_ms, old.sentence = now_ms, why.sentence[:SENTENCE]


def judged(finding: Finding, verdict: Verdict, signal_id: str, now_ms: int, stage: str) -> None:
    """Count every reason for which a finding is not acted on, with what it would have earned."""
    for reason in verdict.reasons:
        tally = Tally(
            stage, 1, now_ms, now_ms, reason.sentence[:SENTENCE], signal_id, finding.edge, finding.net_profit,
            finding.size, finding.outlay,
            [(leg.platform, leg.market_id, leg.outcome, leg.size) for leg in finding.legs],
        )  # fmt: skip
        key = (finding.bet_id, finding.direction, reason.code, now_ms - now_ms % HOUR_MS)
        with _lock:
            if key in _counted:
                _counted[key].add(tally)
            else:
                _counted[key] = tally


def left(finding: Finding, code: str, sentence: str, signal_id: str, now_ms: int) -> None:
    """Count an actionable finding that execution left alone: no plan, no room inside the limits."""
    judged(finding, Verdict(REFUSED, (Reason(code, sentence),)), signal_id, now_ms, Refusal.EXECUTE)


def push(now_ms: int, *, at_once: bool = False) -> None:
    """Hand what is counted to Redis, about once a second. What Redis does not take is lost: see above."""
    global _pushed_ms, _counted
    if not _counted or (not at_once and 0 <= now_ms - _pushed_ms < PUSH_EVERY_MS):
        return
    with _lock:
        taken, _counted = _counted, {}
        _pushed_ms = now_ms
    pipe = redis_client().pipeline(transaction=False)
    pipe.rpush(keys.REFUSALS, _encode(list(taken.items())))
    pipe.ltrim(keys.REFUSALS, -keys.REFUSALS_LENGTH, -1)
    pipe.expire(keys.REFUSALS, keys.REFUSALS_TTL)
    try:
        pipe.execute()
    except RedisError as error:  # gone, or full and refusing writes: no trade waits for counts
        log.warning("refusals not counted", extra={"count": len(taken), "error": str(error)})


def forget() -> None:
    """Drop what this process has counted (tests)."""
    global _counted, _pushed_ms
    with _lock:
        _counted, _pushed_ms = {}, 0


# --- into the table


def store() -> int:
    """Write what the processes have handed over; returns how many rows were touched.

    Taken before they are written: a crash in between loses some counts and never counts twice.
    """
    total = 0
    while blobs := redis_client().lpop(keys.REFUSALS, BLOBS):
        merged: dict[Key, Tally] = {}
        for key, tally in (item for blob in blobs for item in _decode(blob)):
            if key in merged:
                merged[key].add(tally)
            else:
                merged[key] = tally
        rows = [_row(key, tally) for key, tally in sorted(merged.items(), key=lambda item: item[0])]
        for start in range(0, len(rows), ROWS):
            bulk.insert(rows[start : start + ROWS], suffix=_CONFLICT)
        total += len(rows)
    return total


def _row(key: Key, tally: Tally) -> Refusal:
    bet_id, direction, code, hour = key
    legs: list[list[Any]] = [[*names, str(size)] for *names, size in tally.legs]
    return Refusal(
        bet_id=bet_id, direction=direction, code=code, hour=utc(hour), stage=tally.stage, count=tally.count,
        first_seen=utc(tally.first_ms), last_seen=utc(tally.last_ms), sentence=tally.sentence,
        signal_id=tally.signal_id, best_edge=tally.edge, best_profit=tally.profit, best_size=tally.size,
        orders={"outlay": str(tally.outlay), "legs": legs} if legs else {},
        fate=Refusal.OPEN if bet_id else Refusal.NONE,
    )  # fmt: skip


# Of two sentences the newer one; of two findings the one that earns more. What is seen again has no fate yet.
_BETTER = "EXCLUDED.best_profit > COALESCE(refusals.best_profit, EXCLUDED.best_profit - 1)"
_BEST = ", ".join(
    f"{name} = CASE WHEN {_BETTER} THEN EXCLUDED.{name} ELSE refusals.{name} END"
    for name in ("signal_id", "best_edge", "best_profit", "best_size", "orders")
)
_CONFLICT = f"""
ON CONFLICT (bet_id, direction, code, hour) DO UPDATE SET
  count = refusals.count + EXCLUDED.count,
  sentence = CASE WHEN EXCLUDED.last_seen >= refusals.last_seen THEN EXCLUDED.sentence ELSE refusals.sentence END,
  first_seen = LEAST(refusals.first_seen, EXCLUDED.first_seen),
  last_seen = GREATEST(refusals.last_seen, EXCLUDED.last_seen),
  fate = EXCLUDED.fate, lived_ms = NULL, {_BEST}
"""

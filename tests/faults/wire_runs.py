"""Seeded nights: a plan is traded over the wire while whatever the sandbox can do wrong goes wrong, at random.

The same seed gives the same faults. A night may also kill the process that trades; another one recovers. In the end the
faults are over, and the exchange's own books judge as in the crash table.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from markets.platforms.base import PLATFORMS, POLYMARKET
from tests.faults.crash_table import SIGKILL, _books, _judge
from tests.faults.lane import Lane

POINTS = (
    "plan:committed", "first:submitted", "first:answered", "first:recorded", "next:submitted", "next:answered",
    "next:recorded", "complete:submitted", "complete:answered", "unwind:submitted", "unwind:answered", "fills:stored",
    "cancel:marked", "cancel:answered",
)  # fmt: skip
KILLED_SHARE = 0.3


@dataclass(slots=True)
class Night:
    """What goes wrong in one run, all of it drawn from the seed."""

    seed: int
    faults: list[dict[str, Any]] = field(default_factory=list)
    point: str = ""
    first: str = POLYMARKET
    lasting: bool = False  # the faults go on while the next process recovers
    # What it showed
    killed: bool = False
    violations: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    halts: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @classmethod
    def of(cls, seed: int) -> "Night":
        """Draw it."""
        draw = random.Random(f"night-{seed}")
        faults = [_fault(draw) for _ in range(draw.randint(1, 4))]
        point = draw.choice(POINTS) if draw.random() < KILLED_SHARE else ""
        return cls(seed, faults, point, draw.choice(PLATFORMS), draw.random() < 0.3)

    def in_a_line(self) -> str:
        """What came of it."""
        how = f"killed at {self.point}, " if self.killed else ""
        return f"night {self.seed}: {how}{', '.join(self.ended) or 'no plan'}, {self.seconds:.1f} s {self.violations or ''}"

    def told(self) -> str:
        """For a person who wants to run it again."""
        lines = [f"night {self.seed}: {', '.join(self.ended)} ({', '.join(self.orders)})"]
        lines += [f"    {sentence}" for sentence in self.violations]
        lines += [f"    fault {fault}" for fault in self.faults] + [
            f"    killed at {self.point}"
        ] * self.killed
        return "\n".join(lines + [f"      {step}" for step in self.steps])


def _fault(draw: random.Random) -> dict[str, Any]:
    """One of the ways in which things go wrong. `leg` is the leg on whose platform, `at` which requests."""
    leg, count, skip = draw.randint(0, 1), draw.randint(1, 2), draw.choice((0, 0, 1))
    some = {"leg": leg, "count": count, "skip": skip}
    when = draw.choice(("before", "after"))
    choices: list[dict[str, Any]] = [
        {"kind": "drop_response", "when": when, **some},
        {"kind": "drop_response", "when": when, **some},
        {"kind": "late_accept", "ms": draw.randint(50, 900), **draw.choice(({}, {"status": 500}, {"status": 504})), **some},
        {"kind": "status", "status": draw.choice((500, 502, 503, 504)), "when": when, **some},
        {"kind": "status", "status": draw.choice((429, 425)), "retry_after": draw.choice((0, 1)), **some},
        {"kind": "status", "status": draw.choice((429, 500, 503)), "at": "", "leg": leg, "probability": 0.25, "seconds": 4},
        {"kind": "drop_response", "when": when, "at": "", "leg": leg, "probability": 0.15, "seconds": 4},
        {"kind": "drop_response", "when": when, "at": "cancel", "leg": leg, "count": 1},
        {"kind": "match_delay", "ms": draw.randint(50, 2_500), "leg": leg, "count": count},
        {"kind": "trade_fail", "fails": draw.random() < 0.6, "retries": draw.randint(0, 2), "leg": leg, "count": 1},
        {"kind": "settle_delay", "ms": draw.randint(200, 2_000), "leg": leg, "count": count},
        {"kind": "front_run", "leave_pct": draw.choice((0, 10, 50, 90)), **some},
        {"kind": "mode", "mode": draw.choice(("post_only", "cancel_only", "disabled", "restarting", "paused")),
         "leg": leg, "seconds": draw.choice((0.3, 1, 3))},
        {"kind": "latency", "ms": draw.randint(1, 150), "jitter_ms": draw.randint(0, 200), "at": "", "leg": leg,
         "seconds": 5},
        {"kind": "ws_duplicate", "leg": leg, "at": "", "probability": 0.5},
        {"kind": "ws_swap", "leg": leg, "at": "", "probability": 0.3},
        {"kind": "ws_drop", "leg": leg, "at": "", "probability": 0.2},
        {"kind": "ws_disconnect", "leg": leg, "at": "", "close_frame": draw.random() < 0.5},
        {"kind": "ws_silence", "leg": leg, "at": "", "seconds": draw.choice((0.5, 2))},
    ]  # fmt: skip
    return draw.choice(choices)


def run(lane: Lane, night: Night) -> Night:
    """Trade through it, recover, judge."""
    began, pair = time.monotonic(), lane.next_pair()
    lane.exchange.clear()
    _books(lane, pair, night.first)
    env = {"CRASH_AT": night.point} if night.point else {}
    died = lane.act("trade_on", env, pair=pair, faults=night.faults)
    night.killed = died["signal"] == SIGKILL
    if died["error"]:
        night.violations.append(f"the first process failed: {died['error']}")
    if not night.lasting:
        lane.exchange.clear()
    back = lane.act("recover", {}, pair=pair)
    if not night.lasting and (back["error"] or back["said"]):
        night.violations.append(f"the second process failed: {back}")
    lane.exchange.clear()
    if night.lasting:
        lane.act("recover", {}, pair=pair)
    _judge(lane, pair, night)
    night.seconds = time.monotonic() - began
    print(night.in_a_line(), flush=True)  # noqa: T201 - whoever waits for hundreds sees each, and a time-out hides none
    return night


def run_all(nights: Sequence[Night], beside: Sequence[Lane]) -> Counter[str]:
    """All of them, each on a lane that its place in the list says; which faults really struck, how often."""
    errors: list[BaseException] = []

    def work(lane: Lane, mine: Sequence[Night]) -> None:
        try:
            for night in mine:
                if not errors:
                    run(lane, night)
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    threads = [
        threading.Thread(target=work, args=(lane, nights[number :: len(beside)]))
        for number, lane in enumerate(beside)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    struck: Counter[str] = Counter()
    for lane in beside:
        struck.update(lane.exchange.fired())
    return struck

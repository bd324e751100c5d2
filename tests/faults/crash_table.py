"""The crash table: every place at which a process that trades can die, what befalls its requests, and how it ends.

Rows are those of `docs/crashes.md`. A case trades a gap of a pair of its own on a real exchange in a process that dies by
SIGKILL at a named place (`execution/crashpoints.py`); a second process recovers; the exchange's own books then judge.

    python -m tests.faults.crash_table [--write] [--lanes 2] [WORD ...]

runs the cases whose names hold a word (`#7` for a row), and writes docs/crashes.md with what they showed.
"""

import argparse
import queue
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from markets.platforms.base import KALSHI, PLATFORMS, POLYMARKET
from tests.faults.lane import ROOT, Lane

# What befalls an order's request
NONE, DROPPED, LOST, LATE = "none", "request dropped", "answer lost", "accepted late"
FAULTS = (NONE, DROPPED, LOST, LATE)
LATE_MS, VERY_LATE_MS = (
    500,
    1_200,
)  # less than EXECUTION_LOOK_UP_SECONDS of these processes, as 30 s are less than 35
# What becomes of the second leg
ACCEPTED, REFUSED, THIN = "accepted", "refused", "partly filled"
FOR_GOOD = "refused for good"
MORE_BEHIND = "refused, more a cent behind"
FIRST_THIN = "the first partly filled"
SIGKILL = 9

ROWS: dict[int, tuple[str, str]] = {
    0: ("before the intent is committed", "nothing; the signal may be picked again"),
    1: ("intent committed, nothing sent", "old: abandoned, its reservation free; never sent late"),
    2: ("first leg marked as sent, nothing sent", "look up with patience, then abandon; never sent again"),
    3: ("first leg accepted, no answer", "find it by its id, take it, go on to the next leg"),
    4: ("answer of the first leg read, not written", "as 3"),
    5: ("first leg partly filled", "the next leg for what filled; the rest is gone or cancelled"),
    6: ("first leg filled, the next not sent", "next leg or back, whichever loses less, within the limit"),
    7: ("next leg marked as sent", "look up, then the same order again while its price is good, else back"),
    8: ("answer of the next leg read", "take it: both legs are there"),
    9: ("next leg refused, what is alone not dealt with yet", "completed or sold back, once"),
    10: ("completing or selling back under way", "as 2 to 4; never a second one beside it"),
    11: ("cancel sent, no answer", "look up; a fill beats a cancel"),
    12: ("reservation and orders", "one transaction: both or neither, so nothing stays reserved"),
    13: ("fill stored, position not", "one transaction: told again, the same total"),
    14: ("halt set, orders open", "cancelled until the platform shows none; nothing new is sent"),
    15: ("daily loss tripped, then dead", "still halted after the start, until a person lifts it"),
    16: ("two executors take one plan", "the second gets no lock and does nothing"),
    17: ("the database is away after the platform accepted", "as 4, when it is back"),
    18: ("the clock jumps by five minutes", "no order is taken for lost, or sent for fresh, by it"),
    19: ("the signal is delivered again", "one plan"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """One case. The fault befalls an order on the platform of `leg`: the first there, or the one after `skip` others."""

    row: int
    point: str = ""  # where the process dies
    fault: str = NONE
    second: str = ACCEPTED
    first: str = POLYMARKET  # the platform of the leg that is sent first
    leg: int = 0
    skip: int = 0
    act: str = "trade"
    recover: str = "recover"
    recover_env: tuple[tuple[str, str], ...] = ()
    more: tuple[tuple[str, Any], ...] = ()  # further arguments of the act
    late_ms: int = LATE_MS

    @property
    def name(self) -> str:
        """Tells it apart from all others."""
        parts = [f"{self.row:02d}", self.point or self.act, self.fault, self.second, self.first]
        parts += [f"{key}={value}" for key, value in (*self.more, *self.recover_env)]
        return " / ".join(parts)

    def faults(self) -> list[dict[str, Any]]:
        """The faults in the exchange's words, with legs instead of platforms."""
        where = {"leg": self.leg, "skip": self.skip, "count": 1}
        befalls: dict[str, list[dict[str, Any]]] = {
            NONE: [],
            DROPPED: [{"kind": "drop_response", "when": "before", **where}],
            LOST: [{"kind": "drop_response", "when": "after", **where}],
            LATE: [{"kind": "late_accept", "ms": self.late_ms, **where}],
        }
        second: dict[str, list[dict[str, Any]]] = {
            ACCEPTED: [],
            REFUSED: [{"kind": "front_run", "leave_pct": 0, "leg": 1, "count": 1}],
            THIN: [{"kind": "front_run", "leave_pct": 40, "leg": 1, "count": 1}],
            FIRST_THIN: [{"kind": "front_run", "leave_pct": 40, "leg": 0, "count": 1}],
            MORE_BEHIND: [
                {"kind": "behind", "leg": 1},
                {"kind": "front_run", "leave_pct": 0, "leg": 1, "count": 1},
            ],
            FOR_GOOD: [{"kind": "refuse", "leg": 1}],
        }
        return befalls[self.fault] + second[self.second]


@dataclass(slots=True)
class Result:
    """What a case showed."""

    case: Case
    killed: bool = False
    violations: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)  # the plans' states
    orders: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    halts: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def outcome(self) -> str:
        """In one word."""
        return ", ".join(self.ended) or "no plan"


def cases() -> list[Case]:
    """All of them, the most telling first."""
    made: list[Case] = [Case(0, "plan:before_commit"), Case(0, "plan:before_commit", first=KALSHI)]
    made += [Case(1, "plan:committed", first=first) for first in PLATFORMS]
    for first in PLATFORMS:
        for second in (ACCEPTED, REFUSED):
            made.append(Case(2, "first:submitted", second=second, first=first))
            for fault in FAULTS:
                row = 4 if fault == NONE else 3
                made.append(Case(row, "first:answered", fault, second, first))
                made.append(Case(6 if fault == NONE else 3, "first:recorded", fault, second, first))
                made.append(Case(7, "next:submitted", fault, second, first, leg=1))
                made.append(Case(8, "next:answered", fault, second, first, leg=1))
                made.append(Case(9 if second == REFUSED else 8, "next:recorded", fault, second, first, leg=1))
        for fault in FAULTS:
            for point in ("first:answered", "first:recorded", "next:answered"):
                made.append(Case(5, point, fault, FIRST_THIN, first, leg=int(point.startswith("next"))))
            made.append(Case(5, "next:recorded", fault, THIN, first, leg=1))
            for point in ("submitted", "answered", "recorded"):
                made.append(Case(10, f"complete:{point}", fault, MORE_BEHIND, first, leg=1, skip=1))
                made.append(Case(10, f"unwind:{point}", fault, FOR_GOOD, first, leg=0, skip=1))
        made += [
            Case(13, f"fills:stored{pass_}", fault, first=first)
            for pass_ in ("", "@2")
            for fault in (NONE, LOST)
        ]
    made += [Case(12, "plan:before_commit", recover="recover_unreserved", first=first) for first in PLATFORMS]
    return made + special()


def special() -> list[Case]:
    """Cases that are no plain plan."""
    made = []
    for first in PLATFORMS:
        made += [
            Case(11, point, fault, first=first, act="cancel", more=(("platform", first), ("filled", filled)))
            for point in ("cancel:marked", "cancel:answered")
            for fault in (NONE, DROPPED, LOST)
            for filled in (False, True)
        ]  # fmt: skip
        made += [
            Case(14, "halt:set", first=first, act="halt", recover="recover_halted"),
            Case(15, "loss:tripped", first=first, act="lose", recover="recover_halted"),
        ]
        made += [
            Case(16, point, fault, first=first, act="two")
            for point in ("first:answered", "next:submitted") for fault in (NONE, LOST)
        ]  # fmt: skip
        made += [
            Case(17, "", fault, first=first, act="without_database", more=(("place", place),))
            for place in ("first:answered", "next:answered") for fault in (NONE, LOST)
        ]  # fmt: skip
        made += [
            Case(18, point, first=first, recover_env=(("CLOCK_SKEW", skew),))
            for point in ("first:recorded", "next:submitted", "next:answered") for skew in ("300", "-300")
        ]  # fmt: skip
        made += [
            Case(19, point, first=first, act="replayed", recover="recover_replayed")
            for point in ("plan:committed", "first:recorded")
        ]
    return made


def chosen(case: Case, word: str) -> bool:
    """Whether a word means this case: a part of its name, or `#3` for a row."""
    return case.row == int(word[1:]) if word.startswith("#") else word in case.name


def short() -> list[Case]:
    """Those that run in every check: every point, fault and second leg, with the first leg on either platform."""
    return [
        case for case in cases() if case.first == POLYMARKET or (case.fault == NONE and case.act != "cancel")
    ]


def telling(fault: str) -> list[Case]:
    """A few that a careless executor fails: answers that are lost, or orders that are taken late, but not too late."""
    return [
        replace(case, late_ms=VERY_LATE_MS) for case in cases()
        if case.fault == fault and case.second in (ACCEPTED, REFUSED) and case.act == "trade"
        and case.point in ("first:recorded", "next:recorded")
    ]  # fmt: skip


# --- running


def run(lane: Lane, case: Case, mutant: str = "") -> Result:
    """One case on a lane: trade and die, recover, judge."""
    began, result = time.monotonic(), Result(case)
    pair = lane.next_pair()
    lane.exchange.clear()
    _books(lane, pair, case.first)
    act = {"pair": pair, "faults": case.faults(), "mutant": mutant, **dict(case.more)}
    env = {"CRASH_AT": case.point} if case.point else {}
    if case.act == "two":
        both = lane.at_once(
            {"do": "trade", "with": act, "env": env},
            {"do": "second_executor", "with": {"pair": pair}, "env": env},
        )
        # Whoever holds the plan dies; the other one takes it up where that one stopped
        died = next((one for one in both if one["signal"]), both[0])
        result.violations += [f"an executor failed: {one['error']}" for one in both if one["error"]]
    else:
        died = lane.act(case.act, env, **act)
    result.killed = died["signal"] == SIGKILL
    if case.point and not result.killed:
        result.violations.append(f"it never came to {case.point}: {died['error'] or died['said']}")
    elif died["error"]:
        result.violations.append(f"the first process failed: {died['error']}")
    back = lane.act(case.recover, dict(case.recover_env), pair=pair, mutant=mutant)
    if back["error"] or back["signal"]:
        result.violations.append(f"the second process failed: {back}")
    elif back["said"] and not case.recover_env:  # with a wrong clock nobody is let in, which is right
        result.violations += [str(sentence) for sentence in back["said"]]
    lane.exchange.clear()
    _judge(lane, pair, result, lift=bool(case.recover_env))
    result.seconds = time.monotonic() - began
    return result


def _judge(lane: Lane, pair: dict[str, Any], result: Any, lift: bool = False) -> None:
    """`lift`: a person has looked and lifts the halts before the next minutes."""
    after = lane.act("settle", {}, pair=pair, lift=lift)
    if after["error"]:
        result.violations.append(f"settling failed: {after['error']}")
    told = lane.said("look", pair=pair, before=lane.differences)
    result.violations += told["violations"]
    result.ended, result.orders, result.steps, result.halts = (
        told["plans"],
        told["orders"],
        told["steps"],
        told["halts"],
    )
    lane.differences = told["differences"]


def _books(lane: Lane, pair: dict[str, Any], first: str) -> None:
    """A gap of eight cents for forty contracts; the leg on `first` is the thinner one, so it goes first."""
    lane.exchange.gap(pair["id"], cents=8, size=40, cheap=POLYMARKET, ask="0.40")
    if first == KALSHI:
        body = {
            "market": pair["polymarket"],
            "side": "SELL",
            "outcome": "YES",
            "price": "0.40",
            "size": "20",
            "tif": "GTC",
        }
        lane.exchange.control("POST", "order", body)


def run_all(chosen: Sequence[Case], beside: Sequence[Lane], mutant: str = "") -> list[Result]:
    """All these cases, so many beside each other as there are lanes; in the order given."""
    waiting: queue.SimpleQueue[tuple[int, Case]] = queue.SimpleQueue()
    for numbered in enumerate(chosen):
        waiting.put(numbered)
    found: dict[int, Result] = {}
    errors: list[BaseException] = []

    def work(lane: Lane) -> None:
        try:
            while not errors:
                number, case = waiting.get_nowait()
                found[number] = run(lane, case, mutant)
        except queue.Empty:
            return
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(lane,)) for lane in beside]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [found[number] for number in sorted(found)]


# --- the document


@dataclass(frozen=True, slots=True)
class Shown:
    """What a case showed, as one line of the page keeps it."""

    row: int
    place: str
    fault: str
    second: str
    first: str
    killed: str
    ended: str
    violations: str

    @property
    def case(self) -> tuple[int, str, str, str, str]:
        """Which case it is."""
        return self.row, self.place, self.fault, self.second, self.first

    def line(self) -> str:
        """As it lies in the page."""
        cells = (*map(str, self.case), self.killed, self.ended, self.violations)
        return f"| {' | '.join(cells)} |"


def shown(case: Case, result: Result | None = None) -> Shown:
    """A case, and what it showed."""
    extra = " ".join(f"{key}={value}" for key, value in (*case.more, *case.recover_env) if key != "platform")
    place = f"`{case.point or case.act}` {extra}".strip()
    told = ("", "", "")
    if result is not None:
        told = "yes" if result.killed else "no", result.outcome, str(len(result.violations))
    return Shown(case.row, place, case.fault, case.second, case.first, *told)


def read(page: str) -> list[Shown]:
    """The lines of cases in a page."""
    found = []
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 8 and cells[0].strip().isdecimal() and cells[5] in ("yes", "no"):
            found.append(Shown(int(cells[0]), *cells[1:]))
    return found


def document(results: Sequence[Result], before: str = "") -> str:
    """The page: these results, and for cases that were not run what the page said before."""
    known = {one.case: one for one in read(before)}
    known |= {one.case: one for one in (shown(result.case, result) for result in results)}
    order = [shown(case).case for case in cases()]
    all_shown = [known[case] for case in order if case in known]
    killed = sum(one.killed == "yes" for one in all_shown)
    lines = [INTRO.replace("CASES", str(len(all_shown))).replace("KILLED", str(killed))]
    lines += [
        "| # | The process dies | Recovery must | Cases | SIGKILLs | Ended | Violations |",
        "|" + "---|" * 7,
    ]
    for row, (where, must) in ROWS.items():
        mine = [one for one in all_shown if one.row == row]
        ends = Counter(one.ended for one in mine)
        told = ", ".join(f"{count} {name}" for name, count in sorted(ends.items()))
        kills, bad = sum(one.killed == "yes" for one in mine), sum(one.violations != "0" for one in mine)
        lines.append(f"| {row} | {where} | {must} | {len(mine)} | {kills} | {told} | {bad} |")
    lines += ["", "## Every case", ""]
    lines.append(
        "| # | Dies at | Befalls the request | Second leg | First leg on | Killed | Ended | Violations |"
    )
    lines.append("|" + "---|" * 8)
    return "\n".join([*lines, *(one.line() for one in all_shown)]) + "\n"


INTRO = f"""# Crashes

What a process that trades leaves behind when it dies, and how the next one finds its way. Written by
`python -m tests.faults.crash_table --write`; `tests/faults/test_crash_table.py` runs the cases and holds this page to them.

Every case trades a gap of eight cents on a pair of its own, against the sandbox exchange over the wire, in a process that
really dies by SIGKILL at a named place (`CRASH_AT`, `execution/crashpoints.py`). What befalls a request: nothing, it is
lost before it is served, its answer is lost, or it is accepted {LATE_MS} ms after the client saw an error. A second process
reconciles, works what is left and ends. Then the exchange's own books (`GET /control/accounts`) are held against ours: no
order accepted twice, none that we do not know, the same fills to the fee, the same positions, cash equal to the cent, every
plan at an end with its reasons written down, no leg alone beyond the loss limit.

CASES cases, KILLED real SIGKILLs. `make test` runs those whose first leg is on Polymarket and the plain ones of Kalshi,
`make check-long` all. Two deliberate mistakes must be found by the same checks (`tests/faults/mutants.py`): a look-up that
gives up at once, and a blind retry under a new id.

Beside the table, `tests/faults/test_random_faults.py` has the pure core survive random faults on simulated platforms
(250 runs of 50 steps, 2,000 in `make check-long`), and `tests/faults/test_wire_runs.py` draws nights from seeds and trades
through them over the wire, by the whole executor with its private feeds (40, and 500 in `make check-long`).

The 500 nights were seen on 27 November 2026, in several runs: 375 ended FILLED, 39 UNWOUND, 86 ABANDONED; 90
processes were killed, each of 14 kinds of faults struck, and the exchange's books never differed from ours nor was a
leg left alone. The two cores were shared with a load of 30 to 50: a night took 38 s there (median; 6 s when it was
quieter), 2.2 s of them processor time, a block of a hundred 22 minutes with its start. 37 nights failed at first by
limits of the tests alone, and passed with longer ones: for 36 an executor took more than 20 s to start, for one the
recovery more than 30 s.
"""


def main() -> None:
    """Run and, where asked, write the page. Needs DATABASE_URL and REDIS_URL, or starts its own servers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--lanes", type=int, default=2)
    given = parser.parse_args()
    import pytest

    # The databases are made by pytest-django: the table is run by the test that holds it
    words = " or ".join(given.words)
    import os

    os.environ |= {"CRASH_TABLE_WRITE": "1" if given.write else "", "CRASH_TABLE_WORDS": words}
    os.environ["CRASH_TABLE_LANES"] = str(given.lanes)
    sys.exit(
        pytest.main(
            [
                "-q",
                "-n",
                "0",
                "-s",
                str(ROOT / "tests/faults/test_crash_table.py"),
                "-k",
                "whole_table",
                "-m",
                "long",
            ]
        )
    )


if __name__ == "__main__":
    main()

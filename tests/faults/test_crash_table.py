"""The crash table against real processes that really die; see crash_table.py for what a case is."""

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.faults import crash_table as table
from tests.faults import mutants
from tests.faults.crash_table import ROOT, Case, Result
from tests.faults.lane import lanes

PAGE = ROOT / "docs" / "crashes.md"
LANES, LEAST_CASES, LEAST_KILLS = 3, 150, 100
SPARE_PAIRS = 8
MUTANT_LANES, A_FEW = 1, 2  # cases that must find a mutant
CASH = "cash on"  # may be what the case before left behind, put right only now

pytestmark = [pytest.mark.timeout(3600), pytest.mark.django_db(transaction=True)]


def run(tmp: Path, chosen: list[Case], count: int, mutant: str = "") -> list[Result]:
    with lanes(count, tmp, len(chosen) + SPARE_PAIRS) as all_lanes:
        results = table.run_all(chosen, all_lanes, mutant)
        spent = sum((lane.spent for lane in all_lanes), Counter())
    print(f"\n{len(results)} cases, CPU seconds: { ({act: round(cpu, 1) for act, cpu in spent.items()}) }")  # noqa: T201 - figures for whoever runs it
    return results


def told(results: list[Result]) -> str:
    bad = [one for one in results if one.violations]
    return "\n".join(
        f"{one.case.name} ({one.outcome}; {', '.join(one.orders)})\n    "
        + "\n    ".join([*one.violations, *(f"      {step}" for step in one.steps)])
        for one in bad
    )


def test_no_order_is_sent_twice_and_none_is_lost(tmp_path):
    results = run(tmp_path, table.short(), LANES)
    assert not any(one.violations for one in results), told(results)
    assert len(results) >= LEAST_CASES and sum(one.killed for one in results) >= LEAST_KILLS


@pytest.mark.parametrize(("mutant", "fault"), [(mutants.GIVES_UP, table.LATE), (mutants.BLIND, table.LOST)])
def test_a_mutant_is_caught(tmp_path, mutant, fault):
    results = run(tmp_path, table.telling(fault), MUTANT_LANES, mutant)
    print(told(results))  # noqa: T201 - for whoever wants to see how
    caught = [one for one in results if any(not what.startswith(CASH) for what in one.violations)]
    assert len(caught) >= A_FEW, f"{mutant} went through nearly all of these cases"


@pytest.mark.long
def test_the_whole_table(tmp_path):
    words = [word for word in os.environ.get("CRASH_TABLE_WORDS", "").split(" or ") if word]
    chosen = [case for case in table.cases() if not words or any(table.chosen(case, word) for word in words)]
    results = run(tmp_path, chosen, int(os.environ.get("CRASH_TABLE_LANES", LANES)))
    for one in results:
        print(f"{one.seconds:5.1f} s  {'killed' if one.killed else '      '}  {one.case.name}: {one.outcome}")  # noqa: T201 - figures for whoever runs it
        if os.environ.get("CRASH_TABLE_STEPS"):
            print("        " + "\n        ".join([*one.orders, *one.steps]))  # noqa: T201 - figures for whoever runs it
    if os.environ.get("CRASH_TABLE_WRITE"):
        PAGE.write_text(table.document(results, PAGE.read_text() if PAGE.exists() else ""))
    assert not any(one.violations for one in results), told(results)


def test_the_page_tells_of_every_case():
    told = table.read(PAGE.read_text())
    assert sorted(one.case for one in told) == sorted(table.shown(case).case for case in table.cases())
    assert {one.row for one in told} == set(table.ROWS)
    assert {one.violations for one in told} == {"0"}
    assert len(told) >= LEAST_CASES and sum(one.killed == "yes" for one in told) >= LEAST_KILLS

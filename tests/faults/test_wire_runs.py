"""Seeded nights over the wire: forty in every check, five hundred in `make check-long`.

`NIGHTS_FROM=123 NIGHTS=1 pytest -m long tests/faults/test_wire_runs.py` plays one again.
"""

import os
from collections import Counter

import pytest

from tests.faults import wire_runs
from tests.faults.lane import lanes
from tests.faults.wire_runs import Night

LANES, MORE_LANES = 2, 3  # a night mostly waits; each executor has up to 18 connections of the 100 there are
SPARE_PAIRS = 4
BLOCK = 100  # nights that share their lanes: enough for every kind of fault and every end of a plan
FIRST, COUNT = int(os.environ.get("NIGHTS_FROM", "0")), int(os.environ.get("NIGHTS", "500"))
BLOCKS = [range(first, min(first + BLOCK, FIRST + COUNT)) for first in range(FIRST, FIRST + COUNT, BLOCK)]

pytestmark = [pytest.mark.timeout(1800), pytest.mark.django_db(transaction=True)]


def run(tmp_path, seeds, count):
    nights = [Night.of(seed) for seed in seeds]
    with lanes(min(count, len(nights)), tmp_path, len(nights) // count + 1 + SPARE_PAIRS) as beside:
        struck = wire_runs.run_all(nights, beside)
        spent = sum((lane.spent for lane in beside), Counter())
    ends = Counter(", ".join(night.ended) or "no plan" for night in nights)
    print(f"\n{len(nights)} nights, {sum(n.killed for n in nights)} killed, {dict(struck)}: {dict(ends)}")  # noqa: T201 - figures for whoever runs it
    print(f"CPU seconds: { ({act: round(cpu, 1) for act, cpu in spent.items()}) }")  # noqa: T201 - figures for whoever runs it
    return [night for night in nights if night.violations], struck, ends


def test_forty_nights(tmp_path):
    bad, struck, ends = run(tmp_path, range(40), LANES)
    assert not bad, "\n".join(night.told() for night in bad)
    assert len(struck) >= 8 and ends.get("FILLED") and len(ends) > 1, (struck, ends)


@pytest.mark.long
@pytest.mark.parametrize("seeds", BLOCKS, ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")
def test_five_hundred_nights(tmp_path, seeds):
    bad, struck, ends = run(tmp_path, seeds, MORE_LANES)
    assert not bad, "\n".join(night.told() for night in bad)
    if len(seeds) == BLOCK:
        assert len(struck) >= 12 and {"FILLED", "UNWOUND", "ABANDONED"} <= ends.keys(), (struck, ends)

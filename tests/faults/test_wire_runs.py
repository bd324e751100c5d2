"""Seeded nights over the wire: forty in every check, five hundred in `make check-long`."""

import os
from collections import Counter

import pytest

from tests.faults import wire_runs
from tests.faults.lane import lanes
from tests.faults.wire_runs import Night

LANES, SPARE_PAIRS = 2, 8
ENOUGH = 100  # nights, in which every kind of fault strikes and plans end in every way

pytestmark = [pytest.mark.timeout(1800), pytest.mark.django_db(transaction=True)]


def run(tmp_path, seeds):
    nights = [Night.of(seed) for seed in seeds]
    with lanes(LANES, tmp_path, len(nights) + SPARE_PAIRS) as beside:
        done, struck = wire_runs.run_all(nights, beside)
        spent = sum((lane.spent for lane in beside), Counter())
    ends = Counter(", ".join(night.ended) or "no plan" for night in done)
    print(f"\n{len(done)} nights, {sum(n.killed for n in done)} killed, {dict(struck)}: {dict(ends)}")  # noqa: T201 - figures for whoever runs it
    print(f"CPU seconds: { ({act: round(cpu, 1) for act, cpu in spent.items()}) }")  # noqa: T201 - figures for whoever runs it
    return [night for night in done if night.violations], struck, ends


def test_forty_nights(tmp_path):
    bad, struck, ends = run(tmp_path, range(40))
    assert not bad, "\n".join(night.told() for night in bad)
    assert len(struck) >= 8 and ends.get("FILLED") and len(ends) > 1, (struck, ends)


@pytest.mark.long
def test_five_hundred_nights(tmp_path):
    begin, count = int(os.environ.get("NIGHTS_FROM", "0")), int(os.environ.get("NIGHTS", "500"))
    bad, struck, ends = run(tmp_path, range(begin, begin + count))
    assert not bad, "\n".join(night.told() for night in bad)
    if count >= ENOUGH:
        assert len(struck) >= 12 and {"FILLED", "UNWOUND", "ABANDONED"} <= ends.keys(), (struck, ends)

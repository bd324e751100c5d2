"""Kelly's criterion: the published table, and that nothing staked otherwise grows faster."""

from decimal import Decimal as D
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals import kelly

# The table of f* = 1 - m0/e: rows are edges, columns m0 of 0.1, 0.5, 1 and 2 per cent
TABLE = {
    "0.01": [".90", ".50", "0", "0"],
    "0.02": [".95", ".75", ".50", "0"],
    "0.03": [".97", ".83", ".67", ".33"],
    "0.05": [".98", ".90", ".80", ".60"],
}


@pytest.mark.parametrize("edge", TABLE)
def test_the_table(edge):
    found = [round(kelly.pair(D(edge), D(m0)), 2) for m0 in ("0.001", "0.005", "0.01", "0.02")]
    assert found == [D(value) for value in TABLE[edge]]


@given(st.integers(1, 500), st.integers(1, 400))
def test_a_pair_is_the_classical_bet(edge, m0):
    e, m = D(edge) / 1000, D(m0) / 1000
    cost = 1 - e
    assert kelly.pair(e, m) == pytest.approx(kelly.classical(1 - m, cost), abs=D("1e-20"))


@given(st.integers(5, 300), st.integers(1, 290))
def test_no_other_stake_grows_faster(edge, m0):
    e, m = edge / 1000, m0 / 1000
    best = float(kelly.pair(D(edge) / 1000, D(m0) / 1000))

    def growth(stake: float) -> float:
        return (1 - m) * log(1 + stake * e / (1 - e)) + m * log(1 - stake)

    others = [step / 100 for step in range(100)]
    assert all(growth(best) >= growth(other) - 1e-12 for other in others)


@pytest.mark.parametrize(
    ("probability", "cost", "found"),
    [
        ("0.6", "0.5", "0.2"), ("0.5", "0.5", "0"), ("0.4", "0.5", "0"), ("1", "0.9", "1"), ("0.6", "0", "0"),
        ("0.6", "1", "0"),
    ],
)  # fmt: skip
def test_one_leg_with_a_chance(probability, cost, found):
    assert kelly.classical(D(probability), D(cost)) == D(found)


def test_nothing_to_gain_is_nothing_to_stake():
    assert kelly.pair(D(0), D(0)) == kelly.pair(D("-0.1"), D(0)) == kelly.pair(D("0.02"), D("0.02")) == 0
    assert kelly.pair(D("0.02"), D(0)) == 1


def test_a_stake_is_a_part_less_what_stands_beside_it():
    assert kelly.stake(D("0.8"), D("0.25"), D(1000)) == 200
    assert kelly.stake(D("0.8"), D("0.25"), D(1000), D(150)) == 50
    assert kelly.stake(D("0.8"), D("0.25"), D(1000), D(300)) == 0
    assert kelly.stake(D("0.8"), D("0.25"), D(-5)) == 0

"""What recent prices say: against straightforward calculators, and never from too little."""

from dataclasses import replace
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.deciding import doubts
from signals.deciding.doubts import Evidence, Point
from tests.signals.deciding.test_decision import finding, with_bids
from tests.signals.values import NOW, A, B

mids = st.lists(
    st.tuples(st.integers(0, 50), st.integers(1, 99)),
    min_size=1,
    max_size=30,
    unique_by=lambda point: point[0],
).map(lambda points: [Point(NOW + at * 100, D(mid) / 100) for at, mid in sorted(points)])


def slow(track, at_ms):
    return [point.mid for point in track if point.at_ms <= at_ms][-1]


@given(mids, mids)
def test_samples_hold_both_prices_of_every_moment(a, b):
    found = doubts.samples(finding(), Evidence({A: a, B: b}))
    start = max(a[0].at_ms, b[0].at_ms)
    moments = sorted({point.at_ms for point in (*a, *b) if point.at_ms >= start})
    assert found == [(at, (slow(a, at), slow(b, at))) for at in moments]


def naive_ranks(values):
    return [
        sum(other < value for other in values) * 2 + sum(other == value for other in values) + 1
        for value in values
    ]


@given(st.lists(st.integers(1, 9).map(D), max_size=20))
def test_ranks_are_counted_right(values):
    assert doubts._ranks(values) == naive_ranks(values)


@given(st.lists(st.integers(1, 99), min_size=12, max_size=40))
def test_prices_that_rise_and_fall_together_correlate_fully(cents):
    a = [Point(NOW + at, D(cent) / 100) for at, cent in enumerate(cents)]
    taken = doubts.samples(finding(), Evidence({A: a, B: a}))
    found = doubts.together(finding(), taken)
    if max(cents) - min(cents) < 5:
        assert found is None, "a market that stands still says nothing"
    else:
        assert round(found, 12) == 1
        mirror = [Point(point.at_ms, 1 - point.mid) for point in a]
        taken = doubts.samples(finding(), Evidence({A: a, B: mirror}))
        assert round(doubts.together(finding(), taken), 12) == -1


def test_too_few_prices_say_nothing():
    one = finding()
    few = [Point(NOW + at, D("0.5")) for at in range(4)]
    taken = doubts.samples(one, Evidence({A: few, B: few}))
    assert doubts.drift(one, taken, NOW, 60_000) is None and doubts.together(one, taken) is None
    assert doubts.samples(one, Evidence()) == [] and doubts.one_sided(one, Evidence(), NOW, 1, D(0)) == ""


@pytest.mark.parametrize(("a", "b", "gap"), [("0.40", "0.48", "0.1"), ("0.42", "0.50", "0.08")])
def test_the_gap_of_the_mids(a, b, gap):
    assert doubts.gap_of_mids(with_bids(finding(), a, b)) == D(gap)


def test_a_leg_without_a_bid_is_taken_at_its_ask():
    one = finding()
    nobody = replace(one, legs=tuple(replace(leg, best_bid=None) for leg in one.legs))
    assert doubts.gap_of_mids(nobody) == D("0.08") <= doubts.gap_of_mids(one)
    assert doubts.across(one)

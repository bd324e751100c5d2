"""Intervals hold their level, and dependence widens them."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from signals.scoring import intervals

SHARES = (0.05, 0.2, 0.5, 0.77, 0.95)


def test_wilson_is_the_textbook_one():
    # Newcombe 1998, table I: 81 of 263 and 0 of 20 at 95 %
    assert intervals.wilson(81, 263, 0.95) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert intervals.wilson(0, 20, 0.95) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_newcombes_difference_is_the_published_one():
    # Newcombe 1998, table II, method 10: 56/70 − 48/80 at 95 %
    assert intervals.difference((56, 70), (48, 80), 0.95) == pytest.approx((0.0524, 0.3339), abs=5e-5)


@pytest.mark.parametrize("truth", SHARES)
@pytest.mark.parametrize("level", [0.9, 0.99])
def test_wilson_contains_the_truth_at_its_level(truth, level):
    total = 200
    inside = sum(
        binom.pmf(hits, total, truth)
        for hits in range(total + 1)
        if intervals.wilson(hits, total, level)[0] <= truth <= intervals.wilson(hits, total, level)[1]
    )
    assert level - 0.02 <= inside <= level + 0.03


@given(st.integers(1, 10_000), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.99, 0.999]))
def test_an_interval_holds_its_share_and_lies_between_0_and_1(total, share, level):
    hits = round(share * total)
    low, high = intervals.wilson(hits, total, level)
    assert 0 <= low <= hits / total + 1e-12 and hits / total - 1e-12 <= high <= 1


@given(st.integers(0, 300), st.integers(1, 300), st.integers(0, 300), st.integers(1, 300))
def test_a_difference_turns_its_sign_with_its_sides(a, n, b, m):
    one, two = (min(a, n), n), (min(b, m), m)
    low, high = intervals.difference(one, two, 0.99)
    assert intervals.difference(two, one, 0.99) == pytest.approx((-high, -low), abs=1e-9)


def test_where_the_difference_is_proven_the_share_s_own_interval_excludes_the_base_rate():
    for hits in range(101):
        low, _ = intervals.difference((hits, 100), (30, 100), 0.99)
        if low > 0:
            assert intervals.wilson(hits, 100, 0.99)[0] > 0.30


def test_of_nothing_everything_is_possible():
    assert intervals.wilson(0, 0, 0.99) == (0.0, 1.0)
    assert intervals.difference((0, 0), (1, 2), 0.99) == (-1.0, 1.0)


@pytest.mark.parametrize("level", [0, 1, -1, 99])
def test_a_level_that_is_none_is_refused(level):
    with pytest.raises(ValueError, match="between 0 and 1"):
        intervals.wilson(1, 2, level)


def test_more_hits_than_tries_are_refused():
    with pytest.raises(ValueError, match="is no share"):
        intervals.wilson(3, 2, 0.9)


def test_ten_markets_of_one_story_count_once():
    draw = random.Random(1)
    stories = [(story, draw.random() < 0.4) for story in range(300)]
    copied = [(story, right) for story, right in stories for _ in range(10)]
    assert intervals.design_effect(copied) == pytest.approx(10, rel=0.02)
    assert intervals.design_effect(stories) == pytest.approx(1, abs=0.01)


def test_independent_results_in_clusters_cost_little():
    draw = random.Random(2)
    effect = intervals.design_effect((number // 10, draw.random() < 0.4) for number in range(5_000))
    assert 1 <= effect < 1.25


def test_results_that_are_all_alike_are_worth_their_clusters():
    assert intervals.design_effect([("a", True)] * 6 + [("b", True)] * 6) == 6
    assert intervals.design_effect([]) == 1

"""Calibration rises, is shrunk where little is known, and is fitted on what it is given alone."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from signals.correlating import calibrating
from signals.correlating.calibrating import Sample

VALUES = st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 50)), min_size=1, max_size=40)


def sample(**changes):
    values = {
        "strength": 0.5, "delay_ms": 0, "horizon_ms": 3_600_000, "half_life_ms": 1_800_000, "hit": True,
        "base_hit": False, "lag_ms": 600_000, "cluster": "a",
    }  # fmt: skip
    return Sample(**(values | changes))


@given(VALUES)
def test_pooled_values_rise_and_are_the_library_s(pairs):
    values, weights = [one for one, _ in pairs], [heavy for _, heavy in pairs]
    found = calibrating.pooled(values, weights)
    assert found == sorted(found)
    theirs = IsotonicRegression().fit_transform(range(len(values)), values, sample_weight=weights)
    assert found == pytest.approx(list(theirs), abs=1e-6)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=300), st.floats(0.05, 0.95))
def test_a_curve_rises_and_says_probabilities(results, prior):
    curve = calibrating.calibrated(results, prior)
    assert len(curve) <= calibrating.BINS + 1
    assert [p for _, p in curve] == sorted(p for _, p in curve)
    for strength in (0, 0.2, 0.5, 1):
        assert 0 <= calibrating.read(curve, strength) <= 1


def test_a_curve_finds_the_truth_behind_strengths():
    draw = random.Random(4)
    strengths = [draw.random() for _ in range(4_000)]
    curve = calibrating.calibrated([(one, draw.random() < 0.2 + 0.5 * one) for one in strengths], 0.2)
    for strength in (0.1, 0.5, 0.9):
        assert calibrating.read(curve, strength) == pytest.approx(0.2 + 0.5 * strength, abs=0.05)


def test_few_results_stay_near_the_base_rate():
    curve = calibrating.calibrated([(0.9, True)] * 10, 0.2)
    assert 0.2 < calibrating.read(curve, 0.9) < 0.65


def test_an_empty_curve_says_nothing():
    with pytest.raises(ValueError, match="says nothing"):
        calibrating.read([], 0.5)


def test_lively_markets_without_a_control_give_no_say():
    """Right as often as the controls where there are some; 60 % right on new markets that have none."""
    old = [sample(hit=n % 5 == 0, base_hit=n % 5 == 1, cluster=str(n)) for n in range(200)]
    new = [sample(hit=n % 5 < 3, base_hit=None, cluster=str(n)) for n in range(1_000, 1_150)]
    found = calibrating.fit(old + new, level=0.99, fewest=100)
    assert found.weight == 0 and found.base_rate == pytest.approx(0.2) and found.hits == 130
    told = [sample(hit=n % 5 < 3, base_hit=n % 5 == 1, cluster=str(n)) for n in range(200)]
    assert calibrating.fit(told, level=0.99, fewest=100).weight > 0.5


def test_below_ten_results_nothing_is_fitted():
    assert calibrating.fit([sample()] * 9, level=0.99, fewest=100) is None


def test_below_the_fewest_there_is_a_curve_but_no_say():
    found = calibrating.fit([sample(cluster=str(n)) for n in range(50)], level=0.99, fewest=100)
    assert found is not None and found.curve and found.weight == 0 and found.lower is None


def test_a_source_that_is_right_more_often_than_its_control_has_a_say():
    draw = random.Random(5)
    samples = [
        sample(hit=draw.random() < 0.6, base_hit=draw.random() < 0.2, cluster=str(n)) for n in range(400)
    ]
    found = calibrating.fit(samples, level=0.99, fewest=100)
    assert found is not None and found.lower is not None and found.upper is not None
    assert (
        found.weight > 0.5
        and found.lower < 0.6 < found.upper
        and found.base_rate == pytest.approx(0.2, abs=0.06)
    )


def test_one_story_about_hundred_markets_has_no_say():
    samples = [sample(hit=n < 300, base_hit=n >= 380, cluster=str(n // 100)) for n in range(400)]
    found = calibrating.fit(samples, level=0.99, fewest=100)
    assert found is not None and found.weight == 0


def test_the_half_life_is_where_the_moves_happen():
    quick = [sample(lag_ms=400_000) for _ in range(500)]
    assert calibrating.fitted_half_life(quick) == pytest.approx(400_000, rel=0.2)
    assert calibrating.fitted_half_life([sample(hit=False, lag_ms=None)] * 50) == 1_800_000
    # Never less than a tenth of the horizon, nor more than the whole
    assert calibrating.fitted_half_life([sample(lag_ms=1)] * 5_000) == 360_000
    assert calibrating.fitted_half_life([sample(half_life_ms=9_000_000, lag_ms=None)] * 50) == 3_600_000


def test_a_late_word_is_a_weaker_one():
    assert calibrating.at_sight(0.8, 600, 600) == pytest.approx(0.4)
    assert calibrating.at_sight(0.8, 0, 600) == 0.8

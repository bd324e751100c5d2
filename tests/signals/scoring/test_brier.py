"""The Brier score, its parts, and calibration."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.scoring import brier

FORECASTS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=200)


def test_a_coin_scores_a_quarter_and_a_prophet_nothing():
    assert brier.score([(0.5, True), (0.5, False)]) == 0.25
    assert brier.score([(1.0, True), (0.0, False)]) == 0


def test_no_forecasts_have_no_score():
    with pytest.raises(ValueError, match="no forecasts"):
        brier.score([])


@given(FORECASTS, st.integers(1, 20))
def test_the_parts_add_up(forecasts, count):
    parts = brier.decompose(forecasts, count)
    whole = parts.reliability - parts.resolution + parts.uncertainty + parts.within
    assert whole == pytest.approx(brier.score(forecasts), abs=1e-9)
    assert parts.reliability >= 0 and parts.resolution >= 0 and 0 <= parts.uncertainty <= 0.25


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.4, 0.8]), st.booleans()), min_size=1, max_size=100))
def test_nothing_hides_in_a_bin_of_equal_forecasts(forecasts):
    # Each distinct forecast in a bin of its own: Murphy's three parts are the whole
    parts = brier.decompose(forecasts, len(forecasts))
    assert parts.within == pytest.approx(0, abs=1e-9)


@given(FORECASTS)
def test_bins_lose_no_forecast_and_rise(forecasts):
    found = brier.bins(forecasts)
    assert sum(one.count for one in found) == len(forecasts)
    assert [one.said for one in found] == sorted(one.said for one in found)


def test_what_comes_true_as_often_as_said_has_no_error_but_chance():
    draw = random.Random(3)
    forecasts = [(said, draw.random() < said) for said in (draw.random() for _ in range(20_000))]
    found = brier.bins(forecasts)
    assert brier.calibration_error(found) < 0.01
    assert brier.calibration_error(found) < 3 * brier.chance_error(found)


def test_overconfidence_is_the_distance():
    found = brier.bins([(0.9, number < 60) for number in range(100)])
    assert brier.calibration_error(found) == pytest.approx(0.3)

"""Repeated flows: the Poisson tail, and what is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from signals.correlating import patterns, windows

HOUR = patterns.HOUR_MS
NOW = 500 * HOUR


@given(st.integers(0, 80), st.floats(0, 60))
def test_the_tail_is_the_library_s(count, expected):
    assert patterns.tail(count, expected) == pytest.approx(poisson.sf(count - 1, expected), abs=1e-9)


def test_nobody_expects_less_than_nothing():
    with pytest.raises(ValueError, match="nobody expects"):
        patterns.tail(1, -1)


def test_three_within_an_hour_of_a_quiet_day_repeat():
    found = patterns.found([NOW - 50 * 60_000, NOW - 60_000, NOW])
    assert found is not None and found.count == 3 and found.chance < 1e-4
    assert found.began_ms == NOW - 50 * 60_000 and found.last_ms == NOW


def test_two_do_not():
    assert patterns.found([NOW - 60_000, NOW]) is None


def test_what_is_usual_is_none():
    usual = [NOW - number * HOUR // 3 for number in range(1, 69)]  # three an hour
    assert patterns.found([*usual, NOW]) is None
    burst = [NOW - number * 60_000 for number in range(12)]
    assert patterns.found([*usual, *burst]) is not None


@given(
    st.lists(st.integers(0, 24 * HOUR), max_size=30),
    st.lists(st.integers(24 * HOUR + 1, 400 * HOUR), max_size=30),
)
def test_what_is_older_than_a_day_changes_nothing(ages, older):
    times = [NOW - age for age in ages] + [NOW]
    assert patterns.found(times) == patterns.found(times + [NOW - age for age in older])


def test_windows_are_measured():
    assert windows.measured([]) is None
    found = windows.measured(range(100))
    assert found is not None and (found.p10_ms, found.p50_ms, found.p90_ms, found.moves) == (10, 50, 90, 100)

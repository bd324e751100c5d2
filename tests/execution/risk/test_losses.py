"""Losses: which lines they cross, on which day, and what deposits have to do with it (nothing)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.risk.losses import Lines, Point, crossed, loss, midnight, opening, position_level

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LINES = Lines(D("0.05"), D("0.10"), D("0.20"))


def at(hours: int, equity, moved=0) -> Point:
    return Point(NOW + timedelta(hours=hours), D(equity), D(moved))


def codes(day, rolling, peak, now, lines=LINES) -> list[str]:
    return [one.code for one in crossed(day, rolling, D(peak), now, lines)]


@pytest.mark.parametrize(
    ("equity", "found"),
    [
        (1000, []),
        ("950.01", []),
        (950, ["daily_loss"]),
        (900, ["daily_loss_cancel", "daily_loss"]),
        (800, ["daily_loss_cancel", "daily_loss", "drawdown"]),
    ],
)
def test_the_lines_of_a_day(equity, found):
    assert codes(at(-5, 1000), None, 1000, at(0, equity)) == found
    assert codes(None, at(-24, 1000), 1000, at(0, equity)) == found


def test_only_the_grave_one_cancels():
    by_code = {one.code: one for one in crossed(at(-5, 1000), None, D(1000), at(0, 800), LINES)}
    assert {code: one.cancel for code, one in by_code.items()} == {
        "daily_loss_cancel": True, "daily_loss": False, "drawdown": False,
    }  # fmt: skip
    assert "$200.00" in by_code["daily_loss"].sentence and "$1000.00" in by_code["daily_loss"].sentence


def test_deposits_and_withdrawals_are_neither_won_nor_lost():
    start = at(-5, 1000, 1000)
    assert loss(start, at(0, 500, 500)) == 0  # taken out
    assert loss(start, at(0, 1500, 2000)) == 500  # paid in, and lost
    assert codes(start, start, 0, at(0, 500, 500)) == []
    assert codes(start, start, 0, at(0, 1940, 2000)) == ["daily_loss"]


def test_on_the_first_day_the_bankroll_is_what_was_paid_in():
    before = at(-1, 0)  # a look before the platforms were asked for the first time
    assert codes(before, before, 0, at(0, 19_971, 20_000)) == []
    assert codes(before, before, 0, at(0, 19_000, 20_000)) == ["daily_loss"]


def test_drawdown_is_from_the_highest_whatever_the_day():
    today = at(-5, 800)
    assert codes(today, today, 1000, at(0, 800)) == ["drawdown"]
    assert codes(today, today, 999, at(0, 800)) == []


def test_a_day_begins_at_midnight_where_the_operator_is():
    zone = ZoneInfo("America/New_York")
    early = datetime(2026, 11, 24, 3, tzinfo=UTC)  # ten in the evening before
    assert midnight(early, zone) == datetime(2026, 11, 23, 5, tzinfo=UTC)
    assert midnight(NOW, zone) == datetime(2026, 11, 24, 5, tzinfo=UTC)
    after_the_clocks_went_back = datetime(2026, 11, 1, 20, tzinfo=UTC)
    assert midnight(after_the_clocks_went_back, zone) == datetime(2026, 11, 1, 4, tzinfo=UTC)


def test_a_period_is_measured_from_the_last_point_before_it():
    points = [at(-30, 1), at(-20, 2), at(-10, 3)]
    assert opening(points, NOW - timedelta(hours=15)) == points[1]
    assert opening(points, NOW - timedelta(hours=20)) == points[1]
    assert opening(points, NOW - timedelta(hours=40)) == points[0]
    assert opening([], NOW) is None


def test_nothing_left_is_a_whole_loss():
    assert codes(at(-5, 0), None, 0, at(0, -1)) == ["daily_loss_cancel", "daily_loss", "drawdown"]
    assert codes(at(-5, 0), None, 0, at(0, 0)) == []


@given(st.integers(1, 10_000), st.integers(0, 20_000), st.integers(-5_000, 5_000))
def test_the_line_is_the_line(start, equity, moved):
    found = codes(at(-5, start), None, start, at(0, equity + moved, moved), Lines(D("0.05"), None, None))
    assert (found == ["daily_loss"]) == ((start - equity) * 20 >= start and equity < start)


def test_levels_of_a_position():
    assert [position_level(D(100), D(worth), D("0.05")) for worth in (101, 100, "95.01", 95, 90, 80, 60, 0)] == [
        0, 0, 0, 1, 2, 3, 4, 5,
    ]  # fmt: skip
    assert position_level(D(0), D(0), D("0.05")) == 0

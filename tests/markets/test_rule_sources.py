"""Groups of bets by what decides them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from markets.rule_sources import LONGEST, groups, plain
from tests import factories

ONE = replace(
    factories.info("kalshi"),
    event_id="EV",
    settles=datetime(2026, 12, 31, 23, tzinfo=UTC),
    resolution_source="A B",
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://www.NOAA.gov/data/", "noaa.gov/data"), ("  AP;  Reuters ", "ap; reuters"),
        ("http://x.y", "x.y"), ("", ""),
    ],
)  # fmt: skip
def test_sources_that_are_the_same_look_the_same(text, found):
    assert plain(text) == found


def test_long_sources_stay_apart_and_fit():
    one, two = plain("a" * 200), plain("a" * 199 + "b")
    assert one != two and len(one) == len(two) == LONGEST


def test_a_market_is_in_the_group_of_its_event_and_of_its_source_that_day():
    assert groups(ONE) == ("event:kalshi:EV", "source:a b@2026-12-31")
    assert groups(replace(ONE, event_id="")) == ("source:a b@2026-12-31",)
    assert groups(replace(ONE, settles=None)) == ("event:kalshi:EV",)
    assert groups(replace(ONE, resolution_source=" ", event_id="")) == ()

"""Sources by name: makers read the settings each time, and two packages may use one name."""

import pytest

from signals.sources import registry
from signals.sources.base import CALENDAR, NEWS
from tests.signals.sources.local import known, spec


def test_a_name_that_is_taken_gets_its_kind_in_front():
    feed, dates = spec(name="fed", kind=NEWS), spec(name="fed", kind=CALENDAR)
    with known():
        registry.add("news", lambda: [feed])
        registry.add("calendar", lambda: [dates])
        found = registry.all_specs()
        assert list(found) == ["fed", "calendar-fed"]
        assert found["fed"] is feed
        assert (found["calendar-fed"].name, found["calendar-fed"].kind) == ("calendar-fed", CALENDAR)
        assert found["calendar-fed"].poll is dates.poll


def test_makers_are_asked_each_time_and_a_package_has_one():
    names = ["a"]
    with known():
        registry.add("news", lambda: [spec(name="old")])
        registry.add("news", lambda: [spec(name=name) for name in names])
        assert list(registry.all_specs()) == ["a"]
        names.append("b")
        assert list(registry.all_specs()) == ["a", "b"]


def test_an_unknown_name_lists_those_there_are():
    with known(), pytest.raises(registry.UnknownSource, match="there are: none"):
        registry.spec("x")
    with (
        known(spec(name="b"), spec(name="a")),
        pytest.raises(registry.UnknownSource, match="there are: a, b"),
    ):
        registry.spec("x")

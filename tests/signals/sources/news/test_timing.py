"""What a time is worth."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.sources.base import Item
from signals.sources.news.timing import Limits, judge

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LIMITS = Limits(timedelta(minutes=15), timedelta(seconds=300))


def item(age, exact=True):
    published = None if age is None else NOW - timedelta(seconds=age)
    return Item("coindesk", "1", "Rates are held", NOW, published_at=published, exact=exact)


@pytest.mark.parametrize(
    ("age", "exact", "delayed", "followed", "fresh", "lie"),
    [
        (60, True, False, False, True, False),
        (900, True, False, False, True, False),
        (901, True, False, True, False, False),
        (60, True, True, True, False, False),
        (-300, True, False, False, True, False),
        (-301, True, False, True, False, True),
        (-301, False, False, True, False, False),
        (None, False, False, True, True, False),
        (None, False, False, False, False, False),
        (None, False, True, True, False, False),
    ],
)
def test_what_is_fresh_and_what_is_a_lie(age, exact, delayed, followed, fresh, lie):
    found = judge(item(age, exact), LIMITS, delayed=delayed, followed=followed)
    assert (found.fresh, found.lie) == (fresh, lie)
    assert not (found.lie and found.fresh) and (found.published_at is None) == (age is None or age < -300)


@given(st.integers(-10_000, 1_000_000), st.booleans(), st.booleans())
def test_nothing_happened_after_it_was_seen(age, exact, followed):
    one = item(age, exact)
    assert judge(one, LIMITS, delayed=False, followed=followed).at(one) <= NOW

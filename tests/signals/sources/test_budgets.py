"""Quotas hold over processes and months, and nothing is asked that cannot be counted."""

import multiprocessing
import random

import pytest
from redis.backoff import NoBackoff
from redis.retry import Retry

from arbsite.connections import redis_client
from signals.sources import budgets
from signals.sources.base import Budget, LimitReached, Unavailable
from tests.signals.sources.local import spec

MONTH = 30 * 86_400
START = MONTH * 600.0  # where a window of the clock would begin
pytestmark = pytest.mark.usefixtures("redis")


@pytest.fixture
def clock(monkeypatch):
    """A time of our own."""
    at = [START]
    monkeypatch.setattr(budgets.time, "time", lambda: at[0])
    return at


def test_a_budget_is_used_up_and_comes_back_call_by_call(clock):
    source = spec(budgets=(Budget(3, 60),))
    for at in (0, 10, 20):
        clock[0] = START + at
        budgets.take(source, "all")
    clock[0] = START + 24
    with pytest.raises(LimitReached, match="3 calls in 60 s are used up") as caught:
        budgets.take(source, "all")
    assert caught.value.retry_after == pytest.approx(61 - 24)  # the first one's second has to be a minute old
    clock[0] += caught.value.retry_after - 0.1
    with pytest.raises(LimitReached):
        budgets.take(source, "all")
    clock[0] += 0.1
    budgets.take(source, "all")
    with pytest.raises(LimitReached) as caught:
        budgets.take(source, "all")
    assert caught.value.retry_after == pytest.approx(10) and budgets.used(source) == [(source.budgets[0], 3)]


def test_no_span_holds_more_calls_than_the_plan_allows_wherever_it_begins(clock):
    """A window of the clock lets twice as many through around its end."""
    source, calls, seconds = spec(budgets=(Budget(5, 60),)), 5, 60
    allowed, draw = [], random.Random(7)
    for _ in range(1_500):
        clock[0] += draw.choice((0, 0.3, 1, 7))
        try:
            budgets.take(source, "all")
        except LimitReached:
            continue
        allowed.append(clock[0])
    assert all(later - first > seconds for first, later in zip(allowed, allowed[calls:], strict=False))
    # And a busy source is held back by no more than a sixtieth of the span
    assert len(allowed) >= calls * int((clock[0] - START) / (seconds * 61 / 60 + 7))


def test_a_burst_around_the_turn_of_a_minute_is_one_burst(clock):
    source = spec(budgets=(Budget(10, 60),))
    clock[0] = START + 59.5
    for _ in range(10):
        budgets.take(source, "all")
    clock[0] = START + 60.5
    with pytest.raises(LimitReached):
        budgets.take(source, "all")


def test_a_limit_that_was_lowered_waits_for_as_many_calls_as_it_must(clock):
    for at in (0, 10, 20):
        clock[0] = START + at
        budgets.take(spec(budgets=(Budget(3, 60),)), "all")
    with pytest.raises(LimitReached) as caught:
        budgets.take(spec(budgets=(Budget(1, 60),)), "all")
    assert caught.value.retry_after == pytest.approx(61)  # until the last of the three is a minute old


def test_every_budget_that_applies_is_asked_and_none_is_charged_for_a_refusal(clock):
    source = spec(budgets=(Budget(2, 1), Budget(5, MONTH), Budget(1, 60, "rare")))
    budgets.take(source, "rare")
    with pytest.raises(LimitReached, match="1 calls in 60 s"):
        budgets.take(source, "rare")
    assert [used for _, used in budgets.used(source)] == [1, 1, 1]
    budgets.take(source, "other")
    with pytest.raises(LimitReached, match="2 calls in 1 s"):
        budgets.take(source, "other")
    assert [used for _, used in budgets.used(source)] == [2, 2, 1]


def test_a_monthly_budget_lives_through_its_month_and_no_longer(clock):
    source = spec(budgets=(Budget(100, MONTH),))
    for _ in range(100):
        budgets.take(source, "all")
    clock[0] += MONTH * 61 / 60 - 1
    with pytest.raises(LimitReached):
        budgets.take(source, "all")
    clock[0] += 1
    budgets.take(source, "all")
    assert budgets.used(source) == [(source.budgets[0], 1)]
    (key,) = redis_client().keys("ratelimit:made:*")
    assert redis_client().hlen(key) == 1 and MONTH < redis_client().ttl(key) <= MONTH * 62 / 60


def test_a_count_never_lacks_an_end(clock):
    source = spec(budgets=(Budget(5, 60),))
    budgets.take(source, "all")
    (key,) = redis_client().keys("ratelimit:made:*")
    first = redis_client().ttl(key)
    budgets.take(source, "all")
    assert 0 < redis_client().ttl(key) <= first


def test_sources_do_not_share_a_budget_and_one_without_any_is_free(clock):
    budgets.take(spec(budgets=(Budget(1, 60),)), "all")
    budgets.take(spec(name="other", budgets=(Budget(1, 60),)), "all")
    for _ in range(5):
        budgets.take(spec(name="free", budgets=()), "all")
    assert budgets.used(spec(name="free", budgets=())) == []


def _grab(_: int) -> int:
    source, taken = spec(budgets=(Budget(25, MONTH),)), 0
    for _ in range(20):
        try:
            budgets.take(source, "all")
        except LimitReached:
            continue
        taken += 1
    return taken


def test_processes_share_a_budget():
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert sum(pool.map(_grab, range(4))) == 25


def test_without_redis_nothing_is_asked(monkeypatch):
    import redis as library

    gone = library.Redis(port=1, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr(budgets, "redis_client", lambda: gone)
    with pytest.raises(Unavailable, match="Redis is away"):
        budgets.take(spec(), "all")

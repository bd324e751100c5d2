"""Results of markets that have ended: asked for, since no stream tells of what is followed no more."""

from datetime import timedelta

import pytest

from markets import clients, services
from markets.models import Bet, Market
from markets.platforms.base import CLOSED, DETERMINED, KALSHI, SETTLED
from tests import factories
from tests.factories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

END = NOW - timedelta(seconds=8)


class Rest:
    """A platform that counts how often it is asked for a market."""

    def __init__(self, **changes):
        self.changes, self.asked = changes, []

    def market(self, market_id):
        self.asked.append(market_id)
        return factories.info(KALSHI, market_id, **self.changes)


@pytest.fixture
def ended():
    pair = factories.a_pair()
    assert Bet.objects.exists()
    Market.objects.update(followed=False)
    Market.objects.filter(platform=KALSHI).update(
        status=DETERMINED, end_date=END, refreshed_at=NOW - timedelta(seconds=5)
    )
    return pair.kalshi_id


def test_the_result_of_a_market_that_nobody_follows_any_more_is_asked_for(ended, monkeypatch):
    rest = Rest(status=SETTLED, result="YES")
    monkeypatch.setattr(clients, "rest", lambda _: rest)
    assert services.watch_ended(KALSHI, now=NOW) == 1
    assert Market.objects.get(pk=ended).status == SETTLED
    assert services.watch_ended(KALSHI, now=NOW + timedelta(days=1)) == 0 and rest.asked == [ended]


@pytest.mark.parametrize(
    ("since_end", "since_read", "asked"),
    [(8, 4, 0), (8, 5, 1), (800, 99, 0), (800, 100, 1), (-1, 100, 0)],
)
def test_it_is_asked_for_more_seldom_the_longer_it_takes(ended, monkeypatch, since_end, since_read, asked):
    rest = Rest(status=CLOSED)
    monkeypatch.setattr(clients, "rest", lambda _: rest)
    Market.objects.filter(pk=ended).update(
        end_date=NOW - timedelta(seconds=since_end), refreshed_at=NOW - timedelta(seconds=since_read)
    )
    assert services.watch_ended(KALSHI, now=NOW) == asked == len(rest.asked)

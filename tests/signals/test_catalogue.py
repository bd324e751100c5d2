"""A process's copy of the bets is right whatever time a change carries: a long job may stamp it with when it began."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from markets import bets, catalogue_version, clients, services, store
from markets.betting import store as bet_store
from markets.models import Bet, Market
from markets.platforms.base import KALSHI, POLYMARKET
from signals import catalogue
from tests import factories
from tests.factories import IDS

pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO = timedelta(minutes=20)


@pytest.fixture(autouse=True)
def _fresh_process():
    catalogue.forget()


def test_a_bet_leaves_at_once_though_its_change_carries_an_old_time(redis):
    pair = factories.a_pair()
    Bet.objects.update(updated_at=timezone.now())
    assert pair.bet_id in catalogue.current().bets
    with transaction.atomic():
        bet_store.leave([pair.bet_id], Bet.SUSPENDED, "its rules changed", now=timezone.now() - LONG_AGO)
    assert pair.bet_id not in catalogue.current().bets


def test_a_bet_on_markets_known_for_long_comes_with_their_listings(redis):
    factories.a_pair()
    Market.objects.update(updated_at=timezone.now())
    catalogue.current()
    old = timezone.now() - LONG_AGO
    store.upsert([factories.info(POLYMARKET, "0xold"), factories.info(KALSHI, "KXOLD")], now=old)
    bet_store.add_new([bets.pair("late", (POLYMARKET, "0xold"), (KALSHI, "KXOLD"))], now=old)
    catalogue_version.changed()
    known = catalogue.current()
    assert "late" in known.bets and {(POLYMARKET, "0xold"), (KALSHI, "KXOLD")} <= known.listings.keys()


def test_discovery_stamps_what_it_writes_with_when_it_writes(redis, monkeypatch):
    class Rest:
        def markets(self, *, closing_before, limit):
            yield factories.info(POLYMARKET)
            ticks.append(600.0)
            yield factories.info(POLYMARKET, IDS[POLYMARKET][:-2] + "cd")

    ticks = [0.0]
    monkeypatch.setattr("markets.services.time.monotonic", lambda: ticks[-1])
    monkeypatch.setattr(clients, "rest", lambda platform: Rest())
    began = datetime(2026, 11, 24, 12, tzinfo=UTC)
    services.discover(POLYMARKET, now=began, batch=1)
    times = sorted(Market.objects.values_list("updated_at", flat=True))
    assert times[-1] == began + timedelta(seconds=600)

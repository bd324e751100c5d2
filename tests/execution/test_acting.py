"""What stands between an actionable signal and an order, when things change while it waits."""

import time
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisGone

from arbsite import keys
from execution import services
from execution.halting import pauses
from execution.models import Order, Plan, PlanStep
from execution.plans import overlaps
from execution.portfolio import holdings
from markets.models import Bet
from markets.platforms.base import KALSHI, POLYMARKET
from markets.platforms.trading import PlatformState
from signals import catalogue
from signals import services as detection
from signals.models import Signal
from tests import factories
from tests.execution.a_plan import tune
from tests.factories import IDS
from tests.signals.standings import said, stand
from tests.signals.windows import *  # noqa: F403
from tests.signals.windows import GAP, detect_and_judge, show

pytestmark = pytest.mark.django_db(transaction=True)


def an_actionable_signal() -> Signal:
    factories.a_pair()
    detect_and_judge(*show(factories.unix_ms(), *GAP))
    row = Signal.objects.get()
    assert row.status == Signal.ACTIONABLE
    return row


def test_a_suspended_bet_is_not_traded_though_nobody_heard_of_it(redis):
    row = an_actionable_signal()
    # As when Redis cannot be reached at that moment: the word in it stays, and so does every process's copy
    Bet.objects.filter(pk=row.bet_id).update(status=Bet.SUSPENDED)
    assert row.bet_id in catalogue.current().bets
    assert services.act_on([row.id], now_ms=factories.unix_ms()) == 0
    row.refresh_from_db()
    assert (row.status, row.reasons[0]["code"]) == (Signal.REFUSED, "bet_suspended")
    assert not Plan.objects.exists()


def test_books_age_while_somebody_else_holds_the_ledger(redis, monkeypatch):
    row = an_actionable_signal()
    lock = holdings.lock_ledger

    def wait():
        lock()
        late = SimpleNamespace(monotonic=lambda: time.monotonic() + 31)
        monkeypatch.setattr("execution.services.time", late)

    monkeypatch.setattr("execution.services.holdings.lock_ledger", wait)
    assert services.act_on([row.id], now_ms=factories.unix_ms()) == 0
    row.refresh_from_db()
    assert (row.status, row.reasons[0]["code"]) == (Signal.REFUSED, "book_stale")


def test_what_was_bought_is_spoken_for_whatever_its_signal_says_by_now(redis):
    row = an_actionable_signal()
    assert services.act_on([row.id], now_ms=factories.unix_ms()) == 1
    Signal.objects.update(metadata={"legs": []})  # refreshed: the best legs are others now
    assert overlaps.acted_on(timezone.now()) == {
        (POLYMARKET, IDS[POLYMARKET], "YES"): row.id,
        (KALSHI, IDS[KALSHI], "NO"): row.id,
    }


def test_a_book_that_is_silent_for_a_moment_does_not_have_its_levels_bought_again(redis, monkeypatch):
    tune(monkeypatch, "signals", max_book_age_seconds=Decimal(2))
    factories.a_pair()
    for number, at_ms in enumerate(factories.unix_ms() + after for after in (0, 3_000, 6_000)):
        windows = show(at_ms, *GAP, number=number)
        detect_and_judge(*windows, now_ms=at_ms)
        services.act_on(Signal.objects.values_list("id", flat=True), now_ms=at_ms)
        detection.detect(windows[0], now_ms=at_ms + 2_500)  # nobody has confirmed its books since
    assert Signal.objects.get().status == Signal.EXECUTED and Plan.objects.count() == 1


def test_what_fell_silent_for_long_is_not_bought_again_when_it_comes_back(redis):
    row = an_actionable_signal()
    assert services.act_on([row.id], now_ms=factories.unix_ms()) == 1
    Signal.objects.update(status=Signal.EXPIRED, closed_at=timezone.now())  # nobody saw the gap end
    detect_and_judge(*show(factories.unix_ms(), *GAP, number=2))
    again = Signal.objects.exclude(pk=row.pk).get()
    assert again.status == Signal.ACTIONABLE
    assert services.act_on([again.id], now_ms=factories.unix_ms()) == 0
    again.refresh_from_db()
    assert again.reasons[0]["code"] == "levels_taken"
    Signal.objects.filter(pk=row.pk).update(closed_at=timezone.now() - 2 * overlaps.EXPIRED_COUNTS)
    assert overlaps.acted_on(timezone.now()) == {}


def test_a_proposal_that_a_person_placed_speaks_for_no_levels(redis):
    row = an_actionable_signal()
    proposed = Signal.objects.create(
        id="sig_by_hand", type="news", kind="proposal", status=Signal.EXECUTED, direction=f"{POLYMARKET}:YES",
        market_a=IDS[POLYMARKET],
    )  # fmt: skip
    Order.objects.create(
        id="by_hand", signal=proposed, role=Order.MANUAL, platform=POLYMARKET, market_id=IDS[POLYMARKET], outcome="YES",
        side="BUY", quantity=10, price=Decimal("0.42"), order_type="LIMIT", status="PLANNED", mode="paper",
        client_order_id="by_hand",
    )  # fmt: skip
    assert overlaps.acted_on(timezone.now()) == {}
    assert services.act_on([row.id], now_ms=factories.unix_ms()) == 1


@pytest.mark.parametrize("away", ["bearing", "tracks"])
def test_what_bears_on_a_signal_cannot_be_read_so_nothing_is_planned(redis, monkeypatch, away):
    row = an_actionable_signal()
    stand(said(probability=0.65))  # with a direction, so that prices are asked for, too

    class Away:
        def __getattr__(self, name):
            raise RedisGone("away")

    with monkeypatch.context() as patch, pytest.raises(RedisGone):
        patch.setattr(f"signals.deciding.{away}.redis_client", Away)
        services.act_on([row.id], now_ms=factories.unix_ms())
    row.refresh_from_db()
    assert row.status == Signal.ACTIONABLE and not Plan.objects.exists()
    assert services.act_on([row.id], now_ms=factories.unix_ms()) == 1  # back again


def test_nothing_is_planned_while_one_of_the_platforms_pauses(redis):
    row = an_actionable_signal()
    now = timezone.now()
    said = PlatformState(False, True, "Kalshi has paused trading.", now + timedelta(minutes=5))
    pauses.note(KALSHI, said, now)
    assert services.act_on([row.id], now_ms=factories.unix_ms()) == 0
    row.refresh_from_db()
    assert (row.status, row.reasons[0]["code"]) == (Signal.REFUSED, pauses.PAUSED)
    assert row.reasons[0]["sentence"] == "Kalshi has paused trading."
    pauses.note(KALSHI, PlatformState(True, True), now)
    assert pauses.blocking(KALSHI) is None


def test_a_pause_that_is_not_confirmed_is_forgotten(redis):
    now = timezone.now()
    pauses.note(POLYMARKET, PlatformState(False, True, "post-only", now + timedelta(hours=9)), now)
    assert 0 < redis.ttl(keys.paused(POLYMARKET)) <= 60
    pauses.note(POLYMARKET, PlatformState(False, True, "", now + timedelta(seconds=3)), now)
    assert redis.ttl(keys.paused(POLYMARKET)) <= 3 and pauses.blocking(POLYMARKET).sentence


@pytest.mark.parametrize("better", ["", "-2"])
def test_the_best_signal_is_planned_first(redis, better):
    """What it buys and spends is not there for the next."""
    for suffix in ("", "-2"):
        factories.a_pair(suffix=suffix)
        book = ("0.40", "0.41") if suffix == better else GAP[0]
        detect_and_judge(*show(factories.unix_ms(), book, GAP[1], suffix=suffix))
    best, other = Signal.objects.order_by("-expected_edge")
    assert services.act_on([other.id, best.id], now_ms=factories.unix_ms()) == 2
    steps = PlanStep.objects.filter(what="planned", plan__shadow_of=None).order_by("id")
    assert list(steps.values_list("plan__signal_id", flat=True)) == [best.id, other.id]

"""A signal is opened once, refreshed in place, and ends with its reason and its age; everybody hears of it."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from arbsite import keys
from markets.models import Bet
from markets.platforms.base import KALSHI
from signals import catalogue, services
from signals.deciding.decision import BetRisk
from signals.models import Signal, SignalSnapshot
from signals.records import analysis, closing, history
from tests import factories
from tests.factories import IDS
from tests.signals.windows import *  # noqa: F403
from tests.signals.windows import GAP, NONE, backdate, detect_and_judge, show

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_signal_carries_its_whole_waterfall(redis):
    factories.a_pair()
    detect_and_judge(*show(factories.unix_ms(), *GAP))
    row = Signal.objects.get()
    assert (row.status, row.kind, row.label, row.type) == ("ACTIONABLE", "pair", "arbitrage", "arbitrage")
    lower = row.metadata["expected"]
    hurdle = sum(Decimal(lower[name]) for name in ("leg_risk", "rule_risk", "capital"))
    assert Decimal(lower["leg_risk"]) > 0 and Decimal(lower["capital"]) > 0
    assert Decimal(lower["expected"]) == Decimal(row.metadata["waterfall"]["net"]) - hurdle
    assert row.expected_edge < row.edge
    entry = redis.xrange(keys.SIGNAL_STREAM)[0][1]
    assert {
        b"gross",
        b"fees",
        b"rounding",
        b"leg_risk",
        b"rule_risk",
        b"capital",
        b"expected",
    } <= entry.keys()


def test_every_step_of_its_life_is_heard(redis):
    factories.a_pair()
    listener = redis.pubsub()
    listener.subscribe(keys.OPPORTUNITIES)
    at_ms = factories.unix_ms()
    detect_and_judge(*show(at_ms, *GAP))
    detect_and_judge(*show(at_ms + 1, ("0.42", "0.44"), GAP[1], number=2))
    detect_and_judge(*show(at_ms + 2, *NONE, number=3))
    row = Signal.objects.get()
    heard = []
    while message := listener.get_message(timeout=0.5):
        if message["type"] == "message":
            event = json.loads(message["data"])
            if event["signal_id"] == row.id:
                heard.append(event["event"])
    assert (heard[0], heard[-1]) == ("opened", "closed") and set(heard[1:-1]) == {"refreshed"}


def test_an_end_has_its_reason_and_the_age_of_the_signal(redis):
    factories.a_pair()
    at_ms = factories.unix_ms()
    detect_and_judge(*show(at_ms, *GAP))
    backdate(Signal.objects.get(), seconds=90)
    detect_and_judge(*show(at_ms + 1, *NONE, number=2))
    row = Signal.objects.get()
    assert (row.status, row.close_reason) == (Signal.CLOSED, "gap_gone")
    assert 90_000 <= row.lifetime_ms < 95_000


def test_the_refusal_that_takes_its_place_is_the_reason(redis):
    factories.a_pair()
    at_ms = factories.unix_ms()
    detect_and_judge(*show(at_ms, *GAP))
    empty = factories.window(KALSHI, {IDS[KALSHI]: factories.book([], [("0.51", "100")], at_ms)}, at_ms, 2)
    detect_and_judge(empty)
    assert Signal.objects.get().close_reason == "empty_side"


def test_what_nobody_confirms_expires_at_the_age_it_was_last_seen(redis):
    factories.a_pair()
    detect_and_judge(*show(factories.unix_ms(), *GAP))
    row = Signal.objects.get()
    Signal.objects.filter(pk=row.pk).update(created_at=row.created_at - timedelta(seconds=5))
    assert closing.expire(now=timezone.now()) == 0
    assert closing.expire(now=timezone.now() + timedelta(seconds=31)) == 1
    row.refresh_from_db()
    assert (row.status, row.close_reason) == (Signal.EXPIRED, "unconfirmed")
    assert 5_000 <= row.lifetime_ms < 8_000


def test_a_suspended_bet_takes_its_signals_along(redis):
    factories.a_pair()
    detect_and_judge(*show(factories.unix_ms(), *GAP))
    assert closing.close_suspended(now=timezone.now()) == 0
    Bet.objects.update(status=Bet.SUSPENDED)
    assert closing.close_suspended(now=timezone.now()) == 1
    row = Signal.objects.get()
    assert (row.status, row.close_reason) == (Signal.CLOSED, "bet_suspended") and row.lifetime_ms is not None
    assert closing.close_suspended(now=timezone.now()) == 0


@pytest.mark.parametrize("settlement", ["correlated", "timing"])
def test_what_does_not_settle_cleanly_is_a_spread_and_never_actionable(redis, monkeypatch, settlement):
    monkeypatch.setattr("signals.catalogue.risk_of", lambda row: BetRisk(settlement=settlement))
    factories.a_pair()
    detect_and_judge(*show(factories.unix_ms(), *GAP))
    row = Signal.objects.get()
    assert (row.type, row.label, row.status) == ("composite", "spread", Signal.REFUSED)
    assert "not_clean" in [reason["code"] for reason in row.reasons]


def test_a_window_costs_the_same_statements_for_one_signal_and_for_many(redis, django_assert_max_num_queries):
    at_ms = factories.unix_ms()
    for number in range(15):
        factories.a_pair(suffix=str(number))
        show(at_ms, *GAP, suffix=str(number))
    catalogue.current()  # a worker reads it once, not for each window
    changes = {
        IDS[KALSHI] + str(n): factories.book([("0.50", "100")], [("0.51", "100")], at_ms) for n in range(15)
    }
    window = factories.window(KALSHI, changes, at_ms, 9)
    with django_assert_max_num_queries(10):  # with the transactions' own words
        services.detect(window, now_ms=at_ms)
    with django_assert_max_num_queries(6):
        services.decide(window, now_ms=at_ms)
    assert Signal.objects.filter(status=Signal.ACTIONABLE).count() == 15


# --- queries


def test_how_long_gaps_live_is_a_query(db):
    now = timezone.now()
    for number in range(1, 101):
        Signal.objects.create(
            id=f"s{number}", type="arbitrage", label="arbitrage", kind="pair" if number <= 90 else "yes_no",
            status=Signal.CLOSED, lifetime_ms=number * 10, closed_at=now, edge=Decimal("0.05"), direction=str(number),
        )  # fmt: skip
    (pairs, own) = history.lifetimes(by=["kind"])
    assert (pairs["kind"], pairs["signals"], pairs["p50_ms"], pairs["longest_ms"]) == ("pair", 90, 455, 900)
    assert (own["kind"], own["signals"], own["p10_ms"]) == ("yes_no", 10, 919)
    (day,) = history.lifetimes(by=["day"], since=now - timedelta(days=1))
    assert (day["day"], day["signals"], day["p99_ms"]) == (now.date().isoformat(), 100, 990)
    assert history.lifetimes(since=now + timedelta(days=1)) == []
    with pytest.raises(ValueError, match="moon"):
        history.lifetimes(by=["moon"])


def test_size_and_edge_over_time_are_kept(redis):
    factories.a_pair()
    at_ms = factories.unix_ms()
    detect_and_judge(*show(at_ms, *GAP))
    detect_and_judge(*show(at_ms + 1, ("0.42", "0.44"), GAP[1], number=2))
    detect_and_judge(*show(at_ms + 2, *NONE, number=3))
    analysis.store_new("test")
    row = Signal.objects.get()
    points = history.series(row.id)
    assert [points[0].event, points[-1].event] == ["opened", "closed"]
    assert points[0].edge > points[1].edge > 0 and all(point.size > 0 for point in points)
    assert SignalSnapshot.objects.exclude(expected_edge=None).count() == len(points)

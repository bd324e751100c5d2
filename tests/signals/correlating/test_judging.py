"""Judging stored predictions by stored prices."""

from datetime import timedelta
from decimal import Decimal

import pytest

from arbsite.models import Heartbeat
from markets import partitions
from markets.models import Market
from signals.correlating import current, judging
from signals.correlating.current import Span
from signals.models import Prediction
from tests.signals.correlating.stored import HOUR, NOW, market, prediction, price

pytestmark = pytest.mark.django_db
DUE = NOW + HOUR + timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _a_market(db):
    market()


def a_quiet_day():
    """A price every half hour of the day before, and one that moves after NOW."""
    for half_hours in range(-50, 0):
        price("KXRAIN-1", half_hours * 30, "0.50", "0.52")
    price("KXRAIN-1", 10, "0.60", "0.62")


def test_a_claim_that_is_due_is_judged_once():
    a_quiet_day()
    one = prediction()
    assert judging.judge_due(now=NOW + HOUR) == 0  # the last prices may not be stored yet
    assert judging.judge_due(now=DUE) == 1
    one.refresh_from_db()
    assert one.outcome == "HIT" and one.moved_first == "item" and one.lag_ms == one.lead_ms == 600_000
    assert one.mid == Decimal("0.51") and one.peak_move == Decimal("0.10") and one.end_mid == Decimal("0.61")
    assert one.base_hit is False and one.judged_at == DUE and one.lasted_ms == 3_000_000
    # 100 contracts of Kalshi: 1.7472 and 1.68 dollars of fees
    assert one.profit == Decimal("0.08") - Decimal("0.034272")
    assert judging.judge_due(now=DUE) == 0


def test_what_does_not_come_true_is_wrong_and_costs_the_spread():
    price("KXRAIN-1", -10, "0.50", "0.52")
    one = prediction()
    judging.judge_due(now=DUE)
    one.refresh_from_db()
    assert one.outcome == "MISS" and one.moved_first == "none" and one.profit < Decimal("-0.02")


def test_the_control_sees_what_the_market_does_anyway():
    for number, minutes in enumerate(range(-1_500, 1, 7)):
        price("KXRAIN-1", minutes, *(("0.40", "0.41") if number % 2 else ("0.60", "0.61")))
    for direction in (1, -1, 0):
        prediction(f"news:{direction}", direction=direction)
    judging.judge_due(now=DUE)
    # It swings by 20 cents every seven minutes: whatever is claimed is right without a reason
    assert list(Prediction.objects.values_list("base_hit", flat=True)) in ([True, True, True], [True, False, True],
                                                                           [False, True, True])  # fmt: skip
    assert Prediction.objects.get(direction=0).base_hit is True


def test_without_a_price_in_the_day_before_the_control_is_the_window_just_before():
    price("KXRAIN-1", -61, "0.50", "0.52")
    price("KXRAIN-1", -30, "0.60", "0.62")
    one = prediction()
    judging.judge_due(now=DUE)
    one.refresh_from_db()
    assert one.base_hit is True


@pytest.mark.parametrize(
    ("prices", "status", "why"),
    [
        ([], "OPEN", "no_price"),
        ([(-1, "0.50", None)], "OPEN", "spread_unknown"),
        ([(-1, "0.991", "0.995")], "OPEN", "no_room"),
        ([(-1, "0.50", "0.52")], "PAUSED", "market_paused"),
        ([(-1, "0.50", "0.52")], "SETTLED", "market_closed"),
    ],
)
def test_what_cannot_be_judged_is_void(prices, status, why):
    for one in prices:
        price("KXRAIN-1", *one)
    Market.objects.update(status=status)
    prediction()
    judging.judge_due(now=DUE)
    row = Prediction.objects.get()
    assert (row.outcome, row.why_void, row.profit, row.base_hit) == ("VOID", why, None, None)


@pytest.mark.parametrize("fees", [None, {"fee_type": "quadratic"}, {"fee_type": "flat", "multiplier": "1"}])
def test_unknown_fees_have_no_profit(fees):
    a_quiet_day()
    Market.objects.update(fees=fees)
    prediction()
    judging.judge_due(now=DUE)
    assert Prediction.objects.get().outcome == "HIT" and Prediction.objects.get().profit is None


def alive(*hours, healthy=True):
    """The connector's heartbeats of these hours after NOW."""
    Heartbeat.objects.bulk_create(
        Heartbeat(
            component="stream-kalshi", minute=NOW + timedelta(minutes=60 * hour + minute), healthy=healthy
        )
        for hour in hours
        for minute in range(60)
    )


def only():
    return Prediction.objects.values_list("outcome", "why_void", "base_hit").get()


def test_a_gap_in_the_prices_is_no_quiet_market():
    a_quiet_day()
    alive(-30)
    prediction()
    judging.judge_due(now=DUE)
    assert only() == ("VOID", "no_feed", None)


def test_a_connector_that_was_not_well_had_a_gap():
    a_quiet_day()
    alive(-30)
    alive(0, healthy=False)
    prediction()
    judging.judge_due(now=DUE)
    assert only() == ("VOID", "no_feed", None)


def test_a_control_in_a_gap_is_none():
    price("KXRAIN-1", -60 * 28, "0.50", "0.52")
    price("KXRAIN-1", -61, "0.50", "0.52")
    price("KXRAIN-1", -30, "0.60", "0.62")
    alive(-40, -1, 0)  # nothing was heard the day before: the control is the hour before
    prediction()
    judging.judge_due(now=DUE)
    assert only() == ("MISS", "", True)
    Prediction.objects.all().delete()
    Heartbeat.objects.filter(minute__gte=NOW - HOUR, minute__lt=NOW).delete()
    prediction()
    judging.judge_due(now=DUE)
    assert only() == ("MISS", "", None)


def test_prices_that_no_connector_brought_are_prices_too():
    a_quiet_day()
    alive(1)
    prediction()
    judging.judge_due(now=DUE)
    assert only()[0] == "HIT"


def test_prices_of_other_markets_and_other_times_change_nothing():
    a_quiet_day()
    prediction()
    market("KXSNOW-1")
    price("KXSNOW-1", 5, "0.10", "0.11")
    price("KXRAIN-1", 61, "0.01", "0.02")
    price("KXRAIN-1", -60 * 24 * 3, "0.90", "0.91")
    judging.judge_due(now=DUE)
    assert Prediction.objects.get().peak_move == Decimal("0.10")


def test_a_batch_costs_the_same_whatever_its_size(django_assert_num_queries):
    a_quiet_day()
    prediction()
    with django_assert_num_queries(6):  # savepoint, rows, prices, feeds, update, release
        judging.judge_due(now=DUE)
    for number in range(2, 60):
        prediction(f"news:{number}")
    with django_assert_num_queries(6):
        assert judging.judge_due(now=DUE) == 58


def test_it_goes_on_until_nothing_is_due(monkeypatch):
    monkeypatch.setattr(judging, "BATCH", 4)
    for number in range(10):
        prediction(f"news:{number}")
    assert judging.judge_due(now=DUE, batches=2) == 8
    assert judging.judge_due(now=DUE) == 2


def test_a_window_has_the_price_that_held_when_it_began_and_no_more_points_than_steps():
    partitions.ensure((NOW - timedelta(days=1)).date(), 2)
    for second in range(600):
        price("KXRAIN-1", second / 60, "0.50", str(0.52 + second / 10_000))
    span = Span("KXRAIN-1", NOW + timedelta(seconds=100), NOW + timedelta(seconds=500))
    (path,) = current.paths([span])
    assert path.points[0].ask == 530_000 and path.points[-1].ask == 570_000
    assert len(path.points) == 401
    assert current.paths([]) == []


def test_prices_that_come_faster_than_the_steps_are_one(monkeypatch):
    monkeypatch.setattr(current, "POINTS", 10)
    for second in range(100):
        price("KXRAIN-1", second / 60, "0.50", str(0.52 + second / 10_000))
    (path,) = current.paths([Span("KXRAIN-1", NOW, NOW + timedelta(seconds=100))])
    assert 10 <= len(path.points) <= 12 and path.points[-1].ask == 529_900


def test_only_the_market_s_own_rows_are_read():
    """However much is stored: the index by market and time, in one partition after the other."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        columns = [[0], ["KXRAIN-1"], [NOW], [DUE], [1.0], timedelta(days=1)]
        cursor.execute("EXPLAIN " + current._WINDOWS, columns)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "market_id" in plan and "Index" in plan and "Seq Scan" not in plan

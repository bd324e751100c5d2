"""Orders by hand: checked like all others, written down whatever becomes of them."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from arbsite.models import Notice
from execution.by_hand import asking, manual
from execution.by_hand.asking import Refused
from execution.by_hand.manual import OrderAsked
from execution.halting import halts, live_checks
from execution.ledger import Entry
from execution.models import Order, Plan, PlanStep
from execution.portfolio import booking, holdings
from execution.portfolio.booking import Movement
from markets import store
from markets.models import Market
from markets.platforms.base import CLOSED, KALSHI, POLYMARKET
from signals.models import Signal
from tests import factories
from tests.arbsite.callers import user
from tests.factories import IDS
from tests.signals.windows import *  # noqa: F403

pytestmark = pytest.mark.django_db(transaction=True)
TRADE = "execution.can_trade"
BUY = OrderAsked(KALSHI, IDS[KALSHI], "YES", "BUY", Decimal(10), Decimal("0.52"))


@pytest.fixture
def person(redis):
    """Somebody who may trade, two markets, and live books: YES 0.50 bid, 0.52 asked for 100, 0.53 for 100 more."""
    for platform in (KALSHI, POLYMARKET):
        store.upsert([factories.info(platform)], now=timezone.now())
        at_ms = factories.unix_ms()
        book = factories.book([("0.50", "100"), ("0.49", "100")], [("0.52", "100"), ("0.53", "100")], at_ms)
        factories.window(platform, {IDS[platform]: book}, at_ms)
    return user("tina", TRADE)


def refused(asked, person, **more):
    """The refusal, whose row is there and says the same."""
    with pytest.raises(Refused) as error:
        manual.submit(asked, person, timezone.now(), **more)
    order = Order.objects.get(pk=error.value.order_id)
    assert (order.status, order.error_code, order.error_message) == (
        "REJECTED",
        error.value.code,
        error.value.sentence,
    )
    plan = order.plan
    assert (plan.kind, plan.status, plan.requested_by) == ("MANUAL", "ABANDONED", "tina")
    assert plan.reason.startswith(error.value.code) and plan.finished_at
    assert not order.sent_at and order.role == "MANUAL"
    return error.value.code


def test_an_order_that_passes_is_an_intent_that_the_executor_finds(person, redis):
    answer = manual.submit(replace(BUY, amount=Decimal(150), price=Decimal("0.53")), person, timezone.now())
    order = Order.objects.get(pk=answer["order_id"])
    assert (order.status, order.role, order.order_type, order.mode) == ("PLANNED", "MANUAL", "LIMIT", "paper")
    assert (order.quantity, order.price) == (
        Decimal(150),
        Decimal("0.53"),
    ) and order.client_order_id == order.id
    assert (order.plan.kind, order.plan.status, order.plan.requested_by) == ("MANUAL", "PLANNED", "tina")
    assert order.plan.legs[0]["market_id"] == IDS[KALSHI] and order.plan.legs[0]["size"] == "150"
    # 100 at 0.52 and 50 at 0.53
    assert (answer["estimated_total"], answer["estimated_fill_price"]) == (
        Decimal("78.5"),
        Decimal("0.523333"),
    )
    assert answer["status"] == "PLANNED" and answer["limit_price"] == Decimal("0.53")
    assert abs(answer["submitted_at"] - factories.unix_ms()) < 60_000
    assert redis.hget(f"order:{order.id}", "status") == b"PLANNED"
    assert list(order.plan.steps.values_list("what", flat=True)) == ["asked", "planned"]
    assert Notice.objects.get(kind="order_asked").subject == order.id


def test_what_an_intent_may_cost_is_reserved_at_once(person):
    before = holdings.held("paper", manual.catalogue.current())
    manual.submit(BUY, person, timezone.now())
    after = holdings.held("paper", manual.catalogue.current())
    assert after.by_platform[KALSHI] - before.by_platform.get(KALSHI, 0) == Decimal("5.2")
    assert before.cash[KALSHI] - after.cash[KALSHI] >= Decimal("5.2") and after.open_orders == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"market_id": "KXNOTHING"}, "market_unknown"),
        ({"platform": POLYMARKET}, "market_unknown"),  # Kalshi's market on Polymarket
        ({"price": Decimal("0.525")}, "off_tick"),
        ({"price": Decimal("0")}, "bad_price"),
        ({"price": Decimal("1.5")}, "bad_price"),
        ({"price": Decimal("0.5200000001")}, "off_tick"),
        ({"amount": Decimal("0.5")}, "below_minimum"),
        ({"amount": Decimal("10.005")}, "off_step"),
        ({"amount": Decimal(0)}, "bad_size"),
        ({"amount": Decimal(-3)}, "bad_size"),
        ({"time_in_force": "WHENEVER"}, "bad_time_in_force"),
        ({"time_in_force": "GTD"}, "bad_expiry"),
        ({"post_only": True}, "bad_time_in_force"),
        ({"amount": Decimal(30_000)}, "no_balance"),
        ({"side": "SELL", "price": Decimal("0.50")}, "not_held"),
        ({"amount": Decimal(600)}, "max_order_notional"),
        ({"price": Decimal("0.60")}, "price_collar"),
        ({"price": Decimal("0.53"), "max_slippage_pct": Decimal("0.01")}, "max_slippage"),
        ({"signal_id": "sig_none"}, "signal_unknown"),
        ({"order_type": "MARKET", "price": None}, "bad_price"),  # no slippage given
        ({"order_type": "MARKET", "price": None, "max_slippage_pct": Decimal("0.1"), "time_in_force": "GTC"},
         "bad_time_in_force"),
        ({"amount": Decimal(10) ** 14}, "no_balance"),
    ],
)  # fmt: skip
def test_what_must_not_leave_is_refused_by_name_and_leaves_a_row(person, changes, code):
    assert refused(replace(BUY, **changes), person) == code


def test_a_closed_market(person):
    Market.objects.filter(pk=IDS[KALSHI]).update(status=CLOSED)
    assert refused(BUY, person) == "market_closed"


def test_a_halted_market(person):
    halts.trip("manual", "a drill", by="paula", now=timezone.now(), platform=KALSHI)
    assert refused(BUY, person) == "halted"
    other = replace(BUY, platform=POLYMARKET, market_id=IDS[POLYMARKET])
    assert manual.submit(other, person, timezone.now())["status"] == "PLANNED"


def test_a_mode_that_is_not_ready(person, monkeypatch):
    monkeypatch.setattr(live_checks, "problems", lambda now: ["no_signer: nobody answers"])
    assert refused(BUY, person) == "not_ready"


def test_without_the_permission_nothing_is_written_but_that_it_was_tried(person):
    stranger = user("tom")
    with pytest.raises(Refused) as error:
        manual.submit(BUY, stranger, timezone.now())
    assert (error.value.code, error.value.status) == ("permission_missing", 403)
    assert not Order.objects.exists() and Notice.objects.get(kind="trade_refused").subject == "tom"


def test_a_permission_taken_away_counts_at_once(person):
    assert person.has_perm(TRADE)  # and remembers it
    person.__class__.objects.get(pk=person.pk).user_permissions.clear()
    with pytest.raises(Refused, match="can_trade"):
        manual.submit(BUY, person, timezone.now())


@pytest.mark.parametrize(
    ("side", "outcome", "slippage", "limit"),
    [
        ("BUY", "YES", "0.02", "0.53"),  # 0.5304
        ("BUY", "NO", "0.03", "0.51"),  # 0.50 × 1.03 = 0.515
        ("SELL", "YES", "0.03", "0.49"),  # 0.485: not below 0.49
        ("SELL", "NO", "0.03", "0.47"),  # 0.48 × 0.97 = 0.4656
    ],
)
def test_a_market_order_is_a_limit_order_on_the_grid_no_worse_than_granted(
    person, side, outcome, slippage, limit
):
    own(outcome, "50")
    asked = replace(
        BUY, side=side, outcome=outcome, order_type="MARKET", price=None, max_slippage_pct=Decimal(slippage)
    )
    answer = manual.submit(asked, person, timezone.now())
    order = Order.objects.get(pk=answer["order_id"])
    assert (order.price, order.order_type) == (Decimal(limit), "MARKET")


def test_a_market_order_needs_a_live_price(person, redis):
    redis.delete(f"cache:book:{KALSHI}:{IDS[KALSHI]}")
    market = replace(BUY, order_type="MARKET", price=None, max_slippage_pct=Decimal("0.01"))
    assert refused(market, person) == "no_live_price"
    assert refused(replace(BUY, max_slippage_pct=Decimal("0.01")), person) == "no_live_price"


def test_a_price_that_nobody_has_confirmed_lately_is_none(person):
    late = timezone.now() + timedelta(minutes=1)
    with pytest.raises(Refused) as error:
        manual.submit(replace(BUY, max_slippage_pct=Decimal("0.01")), person, late)
    assert error.value.code == "no_live_price"


def test_an_order_that_rests_is_expected_to_fill_at_its_limit(person):
    answer = manual.submit(replace(BUY, price=Decimal("0.50"), time_in_force="GTC"), person, timezone.now())
    assert (answer["estimated_fill_price"], answer["estimated_total"]) == (Decimal("0.5"), Decimal("5"))
    assert Order.objects.get().time_in_force == "GOOD_TILL_CANCELLED"
    none = manual.submit(replace(BUY, price=Decimal("0.50")), person, timezone.now())
    assert (none["estimated_fill_price"], none["estimated_total"]) == (None, 0)


def own(outcome, quantity):
    entry = Entry(KALSHI, IDS[KALSHI], outcome, "BUY", Decimal(quantity), Decimal("0.4"), Decimal(0))
    booking.book([Movement(entry, trade_id=f"t-{outcome}-{quantity}")], mode="paper", now=timezone.now())


def test_what_is_being_sold_is_not_sold_twice(person):
    own("YES", "15")
    sale = replace(BUY, side="SELL", price=Decimal("0.50"), time_in_force="GTC")
    assert manual.submit(sale, person, timezone.now())["status"] == "PLANNED"
    assert refused(sale, person) == "not_held"
    assert manual.submit(replace(sale, amount=Decimal(5)), person, timezone.now())["status"] == "PLANNED"


# --- a request that is repeated


def test_the_same_request_again_is_the_same_order(person):
    first = manual.submit(BUY, person, timezone.now(), key="k1")
    again = manual.submit(replace(BUY, price=Decimal("0.520")), person, timezone.now(), key="k1")
    assert again == first and Order.objects.count() == 1
    assert manual.submit(BUY, person, timezone.now(), key="k2")["order_id"] != first["order_id"]
    assert manual.submit(BUY, person, timezone.now())["order_id"] != first["order_id"]


def test_a_key_that_stood_for_something_else_is_refused(person):
    manual.submit(BUY, person, timezone.now(), key="k1")
    with pytest.raises(Refused) as error:
        manual.submit(replace(BUY, amount=Decimal(11)), person, timezone.now(), key="k1")
    assert (error.value.code, error.value.status) == ("idempotency_key_reused", 409)
    assert Order.objects.count() == 1


def test_a_refusal_is_repeated_too_though_it_would_pass_by_now(person):
    halts.trip("manual", "a drill", by="paula", now=timezone.now())
    code = refused(BUY, person, key="k1")
    halts.standing()[0].__class__.objects.update(lifted_at=timezone.now())
    assert refused(BUY, person, key="k1") == code == "halted" and Order.objects.count() == 1


def test_another_persons_key_is_another_key(person):
    manual.submit(BUY, person, timezone.now(), key="k1")
    manual.submit(BUY, user("tom", TRADE), timezone.now(), key="k1")
    assert Order.objects.count() == 2


def test_the_same_request_at_the_same_moment_makes_one_order(person):
    answers, start = [], threading.Barrier(4)

    def ask():
        start.wait()
        try:
            answers.append(manual.submit(BUY, person, timezone.now(), key="k1")["order_id"])
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(answers) == 4 and len(set(answers)) == 1 and Order.objects.count() == 1


# --- signals


def a_signal(**changes):
    values = {"id": "sig_1", "type": "arbitrage", "status": Signal.ACTIONABLE, "refreshed_at": timezone.now()}
    return Signal.objects.create(**values | changes)


def by_signal(**changes):
    return replace(BUY, signal_id="sig_1", **changes)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"status": Signal.EXPIRED}, "signal_expired"),
        ({"refreshed_at": datetime(2026, 1, 1, tzinfo=UTC)}, "signal_expired"),  # nobody has swept yet
        ({"status": Signal.CLOSED}, "signal_closed"),
        (
            {"status": Signal.QUARANTINED, "reasons": [{"code": "x", "sentence": "too good"}]},
            "signal_quarantined",
        ),
    ],
)
def test_a_signal_that_is_over_or_doubted_is_not_traded(person, changes, code):
    a_signal(**changes)
    assert refused(by_signal(), person) == code


def test_a_signal_that_the_system_has_executed_is_not_traded_again(person):
    Plan.objects.create(id="plan_1", signal=a_signal(status=Signal.EXECUTED))
    assert refused(by_signal(), person) == "signal_executed"


def test_each_leg_of_a_signal_is_traded_by_hand_once_and_the_pipeline_keeps_off(person):
    a_signal()
    assert manual.submit(by_signal(), person, timezone.now())["status"] == "PLANNED"
    assert Signal.objects.get().status == Signal.EXECUTED
    assert refused(by_signal(), person) == "signal_executed"
    other = by_signal(platform=POLYMARKET, market_id=IDS[POLYMARKET], outcome="NO", price=Decimal("0.50"))
    assert manual.submit(other, person, timezone.now())["status"] == "PLANNED"
    assert set(Order.objects.filter(status="PLANNED").values_list("signal_id", flat=True)) == {"sig_1"}


# --- cancelling


def an_order(status, **changes):
    plan = Plan.objects.create(id="plan_9", kind="MANUAL")
    order = Order.objects.create(
        id="ord_9", plan=plan, platform=KALSHI, market_id=IDS[KALSHI], outcome="YES", side="BUY", quantity=5,
        price=Decimal("0.5"), status="PLANNED", client_order_id="c9", **changes,
    )  # fmt: skip
    path = {
        "OPEN": ["SUBMITTED"],
        "UNKNOWN": ["SUBMITTED"],
        "FILLED": ["SUBMITTED"],
        "CANCELLING": ["SUBMITTED", "OPEN"],
    }
    for state in [*path.get(status, []), *([status] if status != "PLANNED" else [])]:
        Order.objects.filter(pk="ord_9").update(status=state)
    return order


@pytest.mark.parametrize(
    ("status", "became"), [("PLANNED", "ABANDONED"), ("OPEN", "CANCELLING"), ("CANCELLING", "CANCELLING")]
)
def test_an_order_is_cancelled(person, status, became):
    an_order(status)
    assert manual.cancel("ord_9", person, timezone.now()) == {"order_id": "ord_9", "status": became}
    assert Order.objects.get().status == became
    assert "tina" in PlanStep.objects.get(what="cancel_asked").sentence


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("FILLED", "order_done"),
        ("REJECTED", "order_done"),
        ("SUBMITTED", "order_in_flight"),
        ("UNKNOWN", "order_in_flight"),
    ],
)
def test_what_cannot_be_cancelled_is_said_so(person, status, code):
    an_order(status)
    with pytest.raises(Refused) as error:
        manual.cancel("ord_9", person, timezone.now())
    assert error.value.code == code and Order.objects.get().status == status


def test_an_order_that_is_none(person):
    with pytest.raises(Refused) as error:
        manual.cancel("ord_0", person, timezone.now())
    assert (error.value.code, error.value.status) == ("order_unknown", 404)


def test_only_who_may_trade_cancels(person):
    an_order("OPEN")
    with pytest.raises(Refused) as error:
        manual.cancel("ord_9", user("tom"), timezone.now())
    assert error.value.code == "permission_missing" and Order.objects.get().status == "OPEN"


def test_codes_do_not_meet(person):
    assert len(set(asking.CODES)) == len(asking.CODES)

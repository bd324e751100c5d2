"""Whole stories in sandbox mode: real adapters, a signer, an exchange on the wire; its own books judge."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from execution import services
from execution.halting import clearing, halts
from execution.models import CashMovement, Fill, Halt, Order, Plan, Position, Settling
from execution.orders import catching_up, ordering
from execution.orders.trading import trading
from execution.plans import working
from execution.reconciling import reconcile
from markets import services as markets
from markets.models import Market
from markets.platforms.base import KALSHI, PLATFORMS, POLYMARKET
from tests import exchange as ex
from tests.faults import judge

MODE = "sandbox"
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


@pytest.fixture
def exchange(settings, monkeypatch, tmp_path, redis):
    with ex.trading_here(settings, monkeypatch, tmp_path / "keys", pairs=3) as made:
        for platform in PLATFORMS:
            assert reconcile.run(platform, "START", now=timezone.now()).passed
        yield made


@pytest.fixture
def pair(exchange):
    one = exchange.pairs()[0]
    exchange.gap(one["id"], cents=8, size=40)
    return one


def act(pair) -> Plan:
    signal = ex.found(ex.show(pair))
    assert signal
    services.act_on([signal], now_ms=ex.unix_ms())
    return Plan.objects.get(signal_id=signal)


def full(exchange, minutes: int = 0) -> None:
    """What the next minutes bring."""
    exchange.settled_books()
    catching_up.fills(MODE, timezone.now())
    for platform in PLATFORMS:
        reconcile.run(platform, "FULL", now=timezone.now() + timedelta(minutes=minutes))


def wrong(exchange, pair) -> list[str]:
    return judge.violations(exchange.settled_books(), pair, {})


def cash(exchange) -> Decimal:
    books = exchange.settled_books()
    return sum(
        (Decimal(one) for platform in PLATFORMS for one in books[platform]["cash"].values()), Decimal(0)
    )


def test_a_gap_is_traded_settles_and_pays_what_was_promised(exchange, pair):
    before = cash(exchange)
    with ex.shown(pair):
        plan = act(pair)
        working.work_all()
    plan.refresh_from_db()
    assert plan.status == Plan.FILLED, list(plan.steps.values_list("sentence", flat=True))
    full(exchange)
    assert wrong(exchange, pair) == []
    assert set(Settling.objects.values_list("status", flat=True)) == {"CONFIRMED"}
    legs = {row.platform: row for row in Order.objects.all()}
    assert legs[KALSHI].filled_qty == legs[POLYMARKET].filled_qty == plan.size

    # Both platforms find that it was YES, and pay
    for platform in PLATFORMS:
        exchange.market(platform, pair[platform], "close")
        exchange.market(platform, pair[platform], "determine", result="YES")
        exchange.market(platform, pair[platform], "settle")
        markets.refresh(platform, [pair[platform]], now=timezone.now())
    assert set(
        Market.objects.filter(id__in=[pair[p] for p in PLATFORMS]).values_list("status", flat=True)
    ) == {"SETTLED"}
    for platform in PLATFORMS:
        reconcile.run(platform, "FULL", now=timezone.now())
    assert not Position.objects.filter(mode=MODE, quantity__gt=0).exists()
    assert all(abs(Decimal(left)) < Decimal("0.01") for left in judge.differences(exchange.books()).values())
    assert abs(cash(exchange) - before - plan.expected_profit) < Decimal("0.01")


def test_the_bad_night(exchange, pair):
    """The first leg fills and its answer is lost; the second is refused for good; what is alone is sold back."""
    before = cash(exchange)
    with ex.shown(pair):
        plan = act(pair)
        first, second = (leg["platform"] for leg in plan.legs)
        exchange.fault(kind="drop_response", when="after", platform=first, endpoint=ex.ORDERS[first], count=1)
        exchange.fault(**ex.REFUSED[second], platform=second, endpoint=ex.ORDERS[second])
        working.work_all()
    exchange.clear()
    plan.refresh_from_db()
    assert plan.status == Plan.UNWOUND, list(plan.steps.values_list("sentence", flat=True))
    full(exchange)
    assert wrong(exchange, pair) == []
    assert not Position.objects.filter(mode=MODE, quantity__gt=0).exists()
    assert 0 < before - cash(exchange) <= plan.loss_limit


def test_a_halt_in_the_middle_stops_the_second_leg_until_a_person_resumes(exchange, pair):
    with ex.shown(pair):
        plan = act(pair)
        first = Order.objects.get(plan=plan, leg=0)
        worker = working._Worker(plan)
        while Order.objects.get(pk=first.pk).status == "PLANNED":
            worker.do(working.saga.next_step(worker.load(), working.patience_of_settings()))
        halts.halt("somebody is not sure", by="paula", now=timezone.now())
        working.work_all(seconds=2)
        books = exchange.books()
        assert sum(len(books[platform]["orders"]) for platform in PLATFORMS) == 1, (
            "only the first leg was sent"
        )
        assert clearing.enforce(timezone.now()) == 0
        plan.refresh_from_db()
        assert plan.status in (Plan.EXECUTING, Plan.PARTIAL)
        Halt.objects.update(lifted_at=timezone.now(), lifted_by="paula")
        working.pick_up_remainders(timezone.now())
        working.work_all()
    plan.refresh_from_db()
    assert plan.status in (Plan.FILLED, Plan.UNWOUND)
    full(exchange)
    assert wrong(exchange, pair) == []


def test_what_other_hands_did_is_found_and_booked(exchange, pair):
    """A trade on the platform's web site, a deposit and a withdrawal become rows of their own kind.

    All of it may happen in the second in which our books begin: Polymarket tells whole seconds.
    """
    for platform in PLATFORMS:
        order = exchange.control(
            "POST", "hand",
            {"market": pair[platform], "side": "BUY", "outcome": "YES", "price": "0.60", "size": "10"},
        )  # fmt: skip
        assert order["filled"] == "10"
    exchange.control("POST", "cash", {"platform": KALSHI, "amount": "250"})
    exchange.control("POST", "cash", {"platform": POLYMARKET, "amount": "-120.5"})
    for minutes in (
        0,
        5,
        10,
        15,
        20,
    ):  # what no list explains is believed only when it has been seen for some minutes
        full(exchange, minutes)
    books = exchange.settled_books()
    held = {
        (row.platform, row.outcome): row.quantity
        for row in Position.objects.filter(mode=MODE, quantity__gt=0)
    }
    assert held == {(platform, "YES"): 10 for platform in PLATFORMS}
    assert {row.kind for row in Fill.objects.all()} == {Fill.HAND}
    moved = {(row.platform, row.amount) for row in CashMovement.objects.exclude(kind=CashMovement.OPENING)}
    assert (KALSHI, Decimal(250)) in moved and (POLYMARKET, Decimal("-120.5")) in moved
    assert all(abs(Decimal(left)) < Decimal("0.01") for left in judge.differences(books).values())


def test_the_same_order_sent_again_is_refused_by_both_platforms(exchange, pair):
    """What keeps a late arrival from becoming a second fill: the same request gives the same order."""
    with ex.shown(pair):
        plan = act(pair)
        working.work_all()
    for order in Order.objects.filter(plan=plan):
        info = working._Worker(plan)
        info.load()
        trade = trading(order.platform, MODE)
        again = trade.submit(trade.prepare(ordering.request_of(order, info.info(order))))
        assert getattr(again, "code", "") == "duplicate", again
    assert wrong(exchange, pair) == []

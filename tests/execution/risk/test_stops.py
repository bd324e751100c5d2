"""Stop-losses: once, never more than is held, never on an old price."""

import json
from decimal import Decimal as D

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError
from django.utils import timezone

from arbsite.models import ApiKey, Notice
from execution.halting import halts
from execution.ledger import BUY, SELL, Entry
from execution.models import CashMovement, Fill, Order, Plan, Settling, StopLoss
from execution.portfolio import booking
from execution.portfolio.booking import Movement
from execution.risk import stops
from markets import store
from markets.books import YES
from markets.models import Market
from markets.platforms.base import KALSHI
from tests import factories
from tests.factories import IDS

pytestmark = pytest.mark.django_db
MODE, MARKET = "sandbox", IDS[KALSHI]


@pytest.fixture(autouse=True)
def _position(redis):
    now = timezone.now()
    store.upsert([factories.info(KALSHI)], now=now)
    booking.move_cash(MODE, KALSHI, D(1000), CashMovement.DEPOSIT, "d", now=now)
    booking.book([Movement(Entry(KALSHI, MARKET, YES, BUY, D(100), D("0.50")), "t")], mode=MODE, now=now)


@pytest.fixture
def trader(db):
    person = factories.a_person()
    person.user_permissions.add(Permission.objects.get(codename="can_trade"))
    return type(person).objects.get(pk=person.pk)


def bids(price: str) -> None:
    at_ms = factories.unix_ms()
    factories.window(KALSHI, {MARKET: factories.book([(price, "1000")], [("0.99", "1")], at_ms)}, at_ms)


def stop(trader, **more) -> StopLoss:
    given = {"market_id": MARKET, "outcome": YES, "trigger_price": D("0.40"), "limit_price": D("0.35")} | more
    return stops.place(MODE, **given, person=trader, now=timezone.now())


def look() -> list[Plan]:
    return stops.look(MODE, timezone.now())


def test_it_triggers_once_at_its_price(trader):
    row = stop(trader)
    bids("0.41")
    assert look() == []
    bids("0.40")
    (plan,) = look()
    row.refresh_from_db()
    assert (row.status, row.plan_id, plan.kind, plan.status) == ("ACTIVE", plan.id, "STOP", "PLANNED")
    assert row.triggered_at is not None
    order = Order.objects.get()
    assert (order.role, order.side, order.status, order.quantity) == ("STOP", "SELL", "PLANNED", 100)
    assert order.price == D("0.35")
    bids("0.36")
    later = timezone.now() + timezone.timedelta(seconds=1)
    assert look() == stops.look(MODE, later) == [] and Order.objects.count() == 1  # its order is at work
    assert Notice.objects.filter(kind="stop_triggered").count() == 1


def test_two_that_look_at_once_make_one_order(trader, monkeypatch):
    row = stop(trader)
    bids("0.40")
    assert len(look()) == 1
    assert (
        stops._sell(row.pk, D("0.40"), timezone.now()) is None
    )  # it had read the stop before the other one sold
    assert Order.objects.count() == 1
    # And if it did not see the other one's plan, the database does not take a second one
    unseen = stops._Sales(0, D(0), False, None)
    monkeypatch.setattr(stops, "_sales", lambda row: unseen)
    bids("0.40")
    Order.objects.update(quantity=D(10))  # something is left to offer
    with pytest.raises(IntegrityError, match="request_key"):
        stops._sell(row.pk, D("0.40"), timezone.now())


def test_never_more_than_is_held_and_not_offered_already(trader):
    stop(trader, quantity=D(80))
    stop(trader)  # everything
    bids("0.39")
    assert len(look()) == 2
    assert sorted(Order.objects.values_list("quantity", flat=True)) == [20, 80]


def test_what_has_not_settled_yet_is_not_sold(trader):
    """The platform would refuse it; and if its trade failed, another plan's contracts would be gone."""
    fill = Fill.objects.earliest("id")
    Settling.objects.create(fill=fill, trade_id="t", status="MATCHED")
    stop(trader)
    bids("0.39")
    assert look() == [] and StopLoss.objects.get().status == "ACTIVE"
    Settling.objects.update(status="CONFIRMED")
    bids("0.39")
    assert len(look()) == 1


def test_what_another_order_offers_is_waited_for_and_nothing_left_is_told(trader):
    first, second = stop(trader), stop(trader)
    bids("0.39")
    (plan,) = look()
    assert StopLoss.objects.filter(status="ACTIVE").count() == 2
    ended(plan, D(100))
    bids("0.39")
    assert look() == []
    assert Notice.objects.get(kind="stop_done").subject == str(first.pk)
    failed = Notice.objects.get(kind="stop_failed")
    assert (failed.subject, failed.severity) == (str(second.pk), "HIGH")
    assert not StopLoss.objects.filter(status="ACTIVE").exists()


def ended(plan, sold, *, ago=0):
    """The executor has worked a stop's plan: so much was sold, and it ended `ago` seconds ago."""
    now = timezone.now()
    order = Order.objects.get(plan=plan)
    Plan.objects.filter(pk=plan.pk).update(status="EXECUTING")
    Order.objects.filter(pk=order.pk).update(status="SUBMITTED")
    if sold:
        entry = Entry(KALSHI, MARKET, YES, SELL, D(sold), order.price)
        booking.book([Movement(entry, f"t_{order.id}", order.id)], mode=MODE, now=now)
    status = "FILLED" if sold == order.quantity else "CANCELLED"
    Order.objects.filter(pk=order.pk).update(status=status, matched_qty=sold, filled_qty=sold)
    at = now - timezone.timedelta(seconds=ago)
    Plan.objects.filter(pk=plan.pk).update(
        status="FILLED" if status == "FILLED" else "PARTIAL" if sold else "ABANDONED", finished_at=at
    )


def test_what_an_order_did_not_sell_is_sold_by_the_next_one_while_the_trigger_holds(trader):
    row = stop(trader, quantity=D(80))
    bids("0.40")
    (plan,) = look()
    ended(plan, D(30))
    bids("0.39")
    assert look() == []  # not at once
    Plan.objects.filter(pk=plan.pk).update(finished_at=timezone.now() - stops.EVERY)
    bids("0.41")
    assert look() == []  # the trigger does not hold
    bids("0.39")
    (again,) = look()
    assert Order.objects.get(plan=again).quantity == 50  # of 80, though 70 are held
    ended(again, D(50))
    bids("0.45")
    assert look() == []
    row.refresh_from_db()
    assert (row.status, row.plan_id) == ("TRIGGERED", again.id)
    assert Notice.objects.filter(kind="stop_triggered").count() == 1
    assert "80 were sold" in Notice.objects.get(kind="stop_done").message


def test_sales_in_vain_come_ever_more_seldom(trader):
    stop(trader)
    bids("0.40")
    (plan,) = look()
    ended(plan, D(0), ago=stops.EVERY.seconds + 1)
    bids("0.40")
    assert look() == []
    Plan.objects.filter(pk=plan.pk).update(finished_at=timezone.now() - 2 * stops.EVERY)
    (again,) = look()
    ended(again, D(0), ago=2 * stops.EVERY.seconds + 1)
    bids("0.40")
    assert look() == []
    Plan.objects.filter(pk=again.pk).update(finished_at=timezone.now() - 4 * stops.EVERY)
    assert len(look()) == 1
    assert Order.objects.count() == 3


def test_below_its_limit_nothing_is_sent_until_the_bid_is_back(trader):
    stop(trader)
    bids("0.34")
    assert look() == look() == [] and not Order.objects.exists()
    told = Notice.objects.get(kind="stop_waits")
    assert (told.severity, told.data["code"]) == ("HIGH", "below_limit")
    bids("0.35")
    assert len(look()) == 1


def test_crumbs_that_the_market_does_not_take_end_it(trader):
    Market.objects.update(min_size=D(5))
    row = stop(trader)
    bids("0.40")
    (plan,) = look()
    ended(plan, D(97))
    assert look() == []
    row.refresh_from_db()
    assert row.status == "TRIGGERED" and "3 are fewer" in Notice.objects.get(kind="stop_done").message


def test_a_sale_that_has_not_settled_is_neither_done_nor_repeated(trader):
    row = stop(trader)
    bids("0.40")
    (plan,) = look()
    ended(plan, D(100), ago=60)
    settling = Settling.objects.create(
        fill=Fill.objects.get(order__plan=plan), trade_id="t", status="MATCHED"
    )
    bids("0.40")
    assert look() == [] and StopLoss.objects.get(pk=row.pk).status == "ACTIVE"
    Settling.objects.filter(pk=settling.pk).update(status="CONFIRMED")
    assert look() == [] and StopLoss.objects.get(pk=row.pk).status == "TRIGGERED"


def test_a_stop_that_sells_is_taken_back(trader):
    row = stop(trader)
    bids("0.40")
    (plan,) = look()
    ended(plan, D(30), ago=60)
    assert stops.cancel(row.pk, person=trader, now=timezone.now())
    bids("0.40")
    assert look() == []


def test_the_sale_stays_inside_the_price_collar(trader):
    stop(trader, limit_price=D("0.01"))
    bids("0.40")
    look()
    assert Order.objects.get().price == D("0.35")


def test_an_old_book_triggers_nothing(trader):
    stop(trader)
    bids("0.38")
    assert stops.look(MODE, timezone.now() + timezone.timedelta(minutes=1)) == []


def test_while_trading_is_halted_it_waits(trader):
    stop(trader)
    bids("0.38")
    halt = halts.trip("manual", "a test", by="paula", now=timezone.now())
    assert look() == []
    halt.lifted_at = timezone.now()
    halt.save()
    assert len(look()) == 1


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"market_id": "NOBODY"}, "no market"),
        ({"outcome": "NO"}, "is held"),
        ({"quantity": D(0)}, "above 0"),
        ({"limit_price": D("0.41")}, "at most the trigger"),
        ({"limit_price": D("0.355")}, "off the grid"),
        ({"trigger_price": D(1)}, "between 0 and 1"),
    ],
)
def test_what_no_stop_can_be(trader, more, words):
    with pytest.raises(stops.WrongStop, match=words):
        stop(trader, **more)


def test_only_who_may_trade(db):
    with pytest.raises(stops.WrongStop, match="permission"):
        stop(factories.a_person())


def test_over_the_api(trader, client, settings):
    settings.ARBSITE.trading = settings.ARBSITE.trading.model_copy(update={"mode": MODE})
    headers = {"X-Clawdbot-Key": ApiKey.issue(trader, "k", ["read", "trade"], now=timezone.now())[1]}
    trader.user_permissions.add(Permission.objects.get(codename="view_stoploss"))

    def post(address, **body):
        return client.post(
            f"/api/v1/{address}", json.dumps(body), content_type="application/json", headers=headers
        )

    try:
        made = post("stops", market_id=MARKET, outcome=YES, trigger_price=0.4, limit_price=0.35)
        assert made.status_code == 201, made.content
        number = made.json()["id"]
        assert [
            row["id"] for row in client.get("/api/v1/stops?status=ACTIVE", headers=headers).json()["results"]
        ] == [number]
        assert (
            post("stops", market_id="NO", outcome=YES, trigger_price=0.4, limit_price=0.35).json()["code"]
            == "wrong_stop"
        )
        assert post(f"stops/{number}/cancel").json()["status"] == "CANCELLED"
        assert post(f"stops/{number}/cancel").status_code == 409
        assert post("stops/99999999/cancel").status_code == 404
    finally:
        settings.ARBSITE.trading = settings.ARBSITE.trading.model_copy(update={"mode": "paper"})


@pytest.mark.parametrize("address", ["stops", "stops/1/cancel"])
def test_who_may_not_trade_leaves_a_notice_over_the_api(client, address):
    headers = {
        "X-Clawdbot-Key": ApiKey.issue(factories.a_person(), "k", ["read", "trade"], now=timezone.now())[1]
    }
    assert client.get("/api/v1/stops", headers=headers).status_code == 403
    assert not Notice.objects.filter(kind="trade_refused").exists()  # only looked
    assert client.post(f"/api/v1/{address}", headers=headers).status_code == 403
    assert Notice.objects.filter(kind="trade_refused").count() == 1

"""Stop-losses: once, never more than is held, never on an old price."""

import json
from decimal import Decimal as D

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from arbsite.models import ApiKey, Notice
from execution.halting import halts
from execution.ledger import BUY, Entry
from execution.models import CashMovement, Order, Plan, StopLoss
from execution.portfolio import booking
from execution.portfolio.booking import Movement
from execution.risk import stops
from markets import store
from markets.books import YES
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
    assert (row.status, row.plan_id, plan.kind, plan.status) == ("TRIGGERED", plan.id, "STOP", "PLANNED")
    order = Order.objects.get()
    assert (order.role, order.side, order.status, order.quantity) == ("STOP", "SELL", "PLANNED", 100)
    assert order.price == D("0.35")
    bids("0.30")
    assert look() == [] and Order.objects.count() == 1
    assert Notice.objects.filter(kind="stop_triggered").count() == 1


def test_two_that_look_at_once_make_one_order(trader):
    row = stop(trader)
    bids("0.40")
    stale = StopLoss.objects.select_related("market").get(pk=row.pk)  # read before the other one triggered
    assert len(look()) == 1
    assert stops._trigger(stale, D("0.40"), timezone.now()) is None
    assert Order.objects.count() == 1


def test_never_more_than_is_held_and_not_offered_already(trader):
    stop(trader, quantity=D(80))
    stop(trader)  # everything
    bids("0.39")
    assert len(look()) == 2
    assert sorted(Order.objects.values_list("quantity", flat=True)) == [20, 80]


def test_nothing_left_to_sell_is_told(trader):
    stop(trader)
    stop(trader)
    bids("0.39")
    assert len(look()) == 1
    assert Notice.objects.get(kind="stop_failed").severity == "HIGH"
    assert not StopLoss.objects.filter(status="ACTIVE").exists()


def test_the_sale_stays_inside_the_price_collar(trader):
    stop(trader, limit_price=D("0.01"))
    bids("0.40")
    look()
    assert Order.objects.get().price == D("0.35")


def test_an_old_book_triggers_nothing(trader):
    stop(trader)
    bids("0.30")
    assert stops.look(MODE, timezone.now() + timezone.timedelta(seconds=3)) == []


def test_while_trading_is_halted_it_waits(trader):
    stop(trader)
    bids("0.30")
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

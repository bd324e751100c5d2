"""Offers to leave early on the real database: opened, refreshed, gone, taken once."""

from decimal import Decimal as D

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from arbsite.models import Notice
from execution.halting import halts
from execution.limits import Refusal
from execution.models import ExitOffer, Order, Plan, Position, Settling
from execution.orders import trading
from execution.plans import exits, working
from execution.portfolio import services as portfolio
from markets.models import Market
from markets.platforms.base import KALSHI, POLYMARKET
from signals import catalogue
from tests import factories
from tests.arbsite.callers import key, reader, user
from tests.execution.a_plan import QUICK, tune
from tests.execution.ledgers import a_pair, an_order, trade
from tests.execution.venue import Venue

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fresh_catalogue():
    catalogue.forget()


@pytest.fixture
def pair(redis):
    """A hundred YES on Polymarket and as many NO on Kalshi; both markets settle in ten days of the real clock."""
    bet = a_pair()
    Market.objects.update(settles_at=factories.info(KALSHI).settles)
    trade("PM-1", "YES", "BUY", 100, "0.40", bet=bet)
    trade("KX-1", "NO", "BUY", 100, "0.45", bet=bet)
    return bet


def show(yes_bid, no_bid, size="100"):
    """Books in which YES is bid on Polymarket and NO on Kalshi (told as an ask for YES)."""
    at_ms = factories.unix_ms()
    factories.window(POLYMARKET, {"PM-1": factories.book([(yes_bid, size)], [("0.99", "1")], at_ms)}, at_ms)
    asks = [(str(1 - D(no_bid)), size)]
    factories.window(KALSHI, {"KX-1": factories.book([("0.01", "1")], asks, at_ms)}, at_ms)


def look():
    return exits.look("paper", timezone.now())


def test_an_offer_opens_once_is_refreshed_and_goes_when_waiting_pays_more(pair):
    show("0.60", "0.46")
    (offer,) = look()
    assert (offer.size, offer.bet_id, offer.status) == (100, pair.id, ExitOffer.OPEN)
    assert offer.proceeds == D("103.061200") and 98 < offer.worth < 100
    show("0.61", "0.46")
    (again,) = look()
    assert again.id == offer.id and again.proceeds > offer.proceeds
    assert Notice.objects.filter(kind="exit_offered").count() == 1
    show("0.50", "0.46")
    assert look() == []
    offer.refresh_from_db()
    assert offer.status == ExitOffer.GONE and Notice.objects.filter(kind="exit_gone").exists()


def test_taking_an_offer_makes_a_plan_and_rings(pair, redis):
    show("0.60", "0.46")
    (offer,) = look()
    plan = exits.take(offer.id, "paula", timezone.now())
    assert isinstance(plan, Plan)
    assert (plan.kind, plan.status, plan.requested_by, plan.bet_id) == (
        Plan.EXIT,
        "PLANNED",
        "paula",
        pair.id,
    )
    assert plan.expected_profit == offer.proceeds - offer.worth
    orders = list(plan.orders.order_by("leg"))
    assert {(one.role, one.side, one.status, one.quantity) for one in orders} == {
        ("EXIT", "SELL", "PLANNED", D(100))
    }
    assert {one.price for one in orders} == {D("0.60"), D("0.46")}
    assert [leg["platform"] for leg in plan.legs] == [one.platform for one in orders]
    assert redis.lrange("cache:ring:trade", 0, -1) == [plan.id.encode()]
    offer.refresh_from_db()
    assert (offer.status, offer.plan_id) == (ExitOffer.TAKEN, plan.id)
    again = exits.take(offer.id, "paula", timezone.now())
    assert isinstance(again, Refusal) and again.code == exits.NOT_OPEN
    assert look() == [] and Plan.objects.filter(kind=Plan.EXIT).count() == 1  # its orders are at work


@pytest.mark.parametrize("halted", [True, False])
def test_what_forbids_an_exit_leaves_the_offer_open_or_ends_it(pair, halted):
    show("0.60", "0.46")
    (offer,) = look()
    if halted:
        halts.trip("manual", "no more", by="paula", now=timezone.now(), platform=KALSHI)
    else:
        show("0.40", "0.46")
    refused = exits.take(offer.id, "paula", timezone.now())
    assert isinstance(refused, Refusal) and refused.code == ("halted" if halted else "not_worth_leaving")
    told = Notice.objects.get(kind="exit_refused")
    assert (told.subject, told.data["code"]) == (offer.id, refused.code) and "paula" in told.message
    offer.refresh_from_db()
    assert offer.status == (ExitOffer.OPEN if halted else ExitOffer.GONE)
    assert not Order.objects.filter(role=Order.EXIT).exists()


def test_a_mode_that_is_not_ready_takes_no_exit(pair, monkeypatch):
    show("0.60", "0.46")
    (offer,) = look()
    monkeypatch.setattr(exits.live_checks, "problems", lambda now: ["no signer"])
    refused = exits.take(offer.id, "paula", timezone.now())
    assert isinstance(refused, Refusal) and (refused.code, refused.sentence) == ("not_ready", "no signer")
    assert not Plan.objects.filter(kind=Plan.EXIT).exists()
    assert Notice.objects.get(kind="exit_refused").data["code"] == "not_ready"


def test_a_bet_that_somebody_is_at_work_on_is_not_offered(pair):
    an_order(pair, "KX-1", outcome="NO", status="PLANNED")
    show("0.60", "0.46")
    assert look() == []


def test_contracts_that_are_not_settled_yet_are_not_ours_to_sell(pair):
    fill = trade("PM-1", "YES", "BUY", 50, "0.40", bet=pair, mode="paper")
    Settling.objects.create(fill=fill, trade_id="t", status="MATCHED")
    trade("KX-1", "NO", "BUY", 50, "0.45", bet=pair)
    show("0.60", "0.46", "500")
    (offer,) = look()
    assert offer.size == 100


def test_legs_that_serve_another_bet_are_not_sold(pair):
    other = a_pair("pair:2", "PM-1", "KX-2")
    trade("PM-1", "YES", "BUY", 30, "0.40", bet=other)
    show("0.60", "0.46", "500")
    (offer,) = look()
    assert (offer.bet_id, offer.size) == (pair.id, 100)


def test_the_system_takes_by_itself_where_it_may(pair, settings, monkeypatch):
    show("0.60", "0.46")
    allowed = settings.ARBSITE.execution.model_copy(update={"auto_exit": True})
    monkeypatch.setattr(settings.ARBSITE, "execution", allowed)
    exits.refresh("paper", timezone.now())
    assert not Plan.objects.filter(kind=Plan.EXIT).exists()
    look()
    assert Plan.objects.get(kind=Plan.EXIT).requested_by == exits.SYSTEM


# --- over the API and by hand


def test_offers_are_listed_and_taken_over_the_api(pair, client):
    show("0.60", "0.46")
    (offer,) = look()
    listed = client.get("/api/v1/exits?status=OPEN", headers=reader("execution.view_position")).json()[
        "results"
    ]
    assert [(one["id"], one["bet_id"]) for one in listed] == [(offer.id, pair.id)]
    trader = key(user("trader", "execution.can_trade"), "trade")
    taken = client.post(f"/api/v1/exits/{offer.id}/take", headers=trader)
    assert taken.status_code == 202 and taken.json()["plan_id"] == Plan.objects.get(kind=Plan.EXIT).id
    again = client.post(f"/api/v1/exits/{offer.id}/take", headers=trader)
    assert (again.status_code, again.json()["code"]) == (409, "offer_not_open")
    missing = client.post("/api/v1/exits/nothing/take", headers=trader)
    assert (missing.status_code, missing.json()["code"]) == (404, "offer_unknown")


@pytest.mark.parametrize(
    ("permissions", "scopes"),
    [((), ("trade",)), (("execution.can_trade",), ("read",)), (("execution.view_position",), ("trade",))],
)  # fmt: skip
def test_nobody_takes_an_offer_without_scope_and_permission(pair, client, permissions, scopes):
    show("0.60", "0.46")
    (offer,) = look()
    answer = client.post(
        f"/api/v1/exits/{offer.id}/take", headers=key(user("somebody", *permissions), *scopes)
    )
    assert answer.status_code == 403 and not Plan.objects.filter(kind=Plan.EXIT).exists()
    assert Notice.objects.get(kind="trade_refused").subject == "somebody"


def test_the_command_lists_and_takes(pair, capsys):
    show("0.60", "0.46")
    call_command("exits")
    assert "1 offers are open in paper mode" in capsys.readouterr().out
    offer = ExitOffer.objects.get()
    with pytest.raises(CommandError, match=r"execution\.can_trade"):
        call_command("exits", "--take", offer.id, "--user", "nobody")
    assert Notice.objects.get(kind="trade_refused").subject == "nobody"
    user("trader", "execution.can_trade")
    call_command("exits", "--take", offer.id, "--user", "trader")
    assert (
        "is planned" in capsys.readouterr().out and Plan.objects.get(kind=Plan.EXIT).requested_by == "trader"
    )
    with pytest.raises(CommandError, match="offer_not_open"):
        call_command("exits", "--take", offer.id, "--user", "trader")


def test_the_executor_sells_what_was_taken(pair, monkeypatch, settings):
    quick = settings.ARBSITE.trading.model_copy(
        update={"paper_polymarket_ms": 0, "paper_kalshi_ms": 0, "paper_fill_rates": "0:1"}
    )
    monkeypatch.setattr(settings.ARBSITE, "trading", quick)
    show("0.60", "0.46")
    (offer,) = look()
    plan = exits.take(offer.id, "paula", timezone.now())
    assert isinstance(plan, Plan)
    working.work(plan.id)
    plan.refresh_from_db()
    assert plan.status == Plan.FILLED
    assert not Position.objects.filter(quantity__gt=0).exists()
    found = portfolio.summary(now=timezone.now())
    # 103.0612 less 85
    assert found["realized_pnl"] == D("18.06") and found["exact"] and found["differences"] == []


@pytest.fixture
def exchanges(redis, monkeypatch):
    """The same pair on two platforms in memory."""
    tune(monkeypatch, "execution", **QUICK)
    tune(monkeypatch, "trading", mode="sandbox", shadow=False)
    bet = a_pair()
    Market.objects.update(settles_at=factories.info(KALSHI).settles)
    trade("PM-1", "YES", "BUY", 100, "0.40", bet=bet, mode="sandbox")
    trade("KX-1", "NO", "BUY", 100, "0.45", bet=bet, mode="sandbox")
    monkeypatch.setattr(exits.live_checks, "problems", lambda now: [])
    made = {platform: Venue(platform) for platform in (POLYMARKET, KALSHI)}
    with trading.use(made):
        yield made


@pytest.mark.parametrize("sold", [D(0), D("37.5"), D(100)])
def test_the_second_sale_is_cut_to_what_the_first_one_sold(exchanges, sold):
    show("0.60", "0.46")
    (offer,) = exits.look("sandbox", timezone.now())
    plan = exits.take(offer.id, "paula", timezone.now())
    assert isinstance(plan, Plan)
    first, second = [leg["platform"] for leg in plan.legs]
    exchanges[first].offers.append(sold)
    working.work(plan.id)
    plan.refresh_from_db()
    assert [request.size for request in exchanges[second].sent] == ([sold] if sold else [])
    assert plan.status == (Plan.FILLED if sold else Plan.ABANDONED)
    assert {row.quantity for row in Position.objects.filter(mode="sandbox")} == {100 - sold}
    assert not Order.objects.filter(plan=plan, role__in=(Order.COMPLETE, Order.UNWIND)).exists()

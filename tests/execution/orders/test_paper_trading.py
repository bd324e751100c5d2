"""Paper as a platform: late, from the book of then, not always, and with a memory."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from django.utils import timezone

from execution.models import Fill, Order, Plan
from execution.orders.paper_trading import PaperTrading
from execution.plans import shadows, working
from markets.models import Market
from markets.platforms.base import KALSHI, POLYMARKET
from markets.platforms.trading import Accepted, Declined, OrderRef, OrderRequest
from signals.models import Signal
from tests import factories
from tests.execution.a_plan import *  # noqa: F403
from tests.execution.a_plan import a_plan, show, tune
from tests.factories import IDS

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.fixture
def market(transactional_db, redis):
    factories.a_pair()
    show("100")


def request(name="c1", size="40", price="0.45", platform=POLYMARKET, **more):
    values = OrderRequest(name, AT, IDS[platform], "YES", "BUY", D(size), D(price))
    return replace(values, **more)


def submit(one, platform=POLYMARKET):
    paper = PaperTrading(platform)
    return paper.submit(paper.prepare(one))


def ref(name="c1", platform=POLYMARKET):
    return OrderRef(name, f"paper_{name}", IDS[platform])


def test_it_fills_from_the_live_book_and_remembers(market):
    answer = submit(request())
    assert isinstance(answer, Accepted) and (answer.status, answer.matched) == ("FILLED", 40)
    paper = PaperTrading(POLYMARKET)
    assert paper.find(ref()).matched == 40
    (fill,) = paper.fills([ref()])
    assert (fill.price, fill.size, fill.platform_order_id) == (D("0.43"), 40, answer.platform_order_id)
    assert fill.fee == (D("0.05") * 40 * D("0.43") * D("0.57")).quantize(D("0.00001"))
    assert paper.find(ref("c2")) is None and paper.fills([ref("c2")]) == []


def test_it_meets_the_book_of_then(market, monkeypatch):
    tune(monkeypatch, "trading", paper_polymarket_ms=30)
    pause = time.sleep
    monkeypatch.setattr(
        "execution.orders.paper_trading.time.sleep", lambda s: (pause(s), show(poly=("0.58", "0.60")))
    )
    answer = submit(request())
    assert (answer.status, answer.matched) == ("CANCELLED", 0)


def test_what_was_taken_lately_is_not_there_again(market):
    assert submit(request("c1", "70")).matched == 70
    assert submit(request("c2", "70")).matched == 30
    assert submit(request("c3", "70")).matched == 0


def test_a_second_sending_of_the_same_order_is_a_duplicate(market):
    submit(request())
    assert submit(request()) == Declined("duplicate", "this paper order was sent before")


def test_the_larger_the_edge_the_likelier_the_book_moved_away(market, monkeypatch):
    tune(monkeypatch, "trading", paper_fill_rates="0:0.9,0.2:0.3")
    rates = {}
    for edge in ("0.01", "0.25"):
        names = [f"{edge}-{number}" for number in range(120)]
        one = [submit(request(name, "0.5", facts={"edge": edge})).matched > 0 for name in names]
        rates[edge] = sum(one) / len(one)
    assert 0.8 < rates["0.01"] <= 1 and 0.15 < rates["0.25"] < 0.45


def test_the_same_order_always_fares_the_same(market, monkeypatch, redis):
    from arbsite import keys

    tune(monkeypatch, "trading", paper_fill_rates="0:0.5")
    seen = set()
    for _ in range(3):
        seen.add(
            tuple(submit(request(f"n{number}", "0.5", facts={"edge": "0.1"})).matched for number in range(20))
        )
        redis.delete(*(keys.paper_order(POLYMARKET, f"n{number}") for number in range(20)))
    assert len(seen) == 1 and len(set(seen.pop())) == 2


def test_by_cash_it_buys_what_the_dollars_buy(market):
    answer = submit(request(cash=D("18.00")))
    assert answer.matched == D("41.860465") and answer.status == "FILLED"


def test_all_or_nothing(market):
    said = submit(request(size="140", time_in_force="FILL_OR_KILL"))
    assert isinstance(said, Declined) and said.code == "not_fillable"


def test_a_resting_order_fills_when_the_book_comes_to_it_and_can_be_cancelled(market):
    paper = PaperTrading(POLYMARKET)
    assert submit(request(price="0.40", time_in_force="GOOD_TILL_CANCELLED")).status == "OPEN"
    assert paper.find(ref()).status == "OPEN"
    show("25", poly=("0.38", "0.39"))
    assert (paper.find(ref()).status, paper.find(ref()).matched) == ("PARTIAL", 25)
    assert paper.cancel([ref(), ref("c9")]).gone == ("c1",)
    assert paper.find(ref()).status == "CANCELLED"
    gtd = request("c2", price="0.30", time_in_force="GOOD_TILL_DATE", expires_at=AT + timedelta(seconds=1))
    assert submit(gtd).status == "CANCELLED", "its date has passed"
    show("25", poly=("0.38", "0.41"))
    crossing = submit(request("c3", post_only=True, time_in_force="GOOD_TILL_CANCELLED"))
    assert isinstance(crossing, Declined) and crossing.code == "post_only_would_cross"


def test_a_market_that_is_closed_takes_nothing(market):
    Market.objects.update(status="CLOSED")
    assert submit(request()).code == "market_closed"


# --- beside a real plan


def test_every_real_plan_has_a_paper_twin_and_they_are_compared(venues, monkeypatch):
    tune(monkeypatch, "trading", mode="sandbox", shadow=True)
    plan = a_plan()
    twin = Plan.objects.get(shadow_of=plan)
    assert (twin.mode, twin.signal, twin.size) == ("paper", None, plan.size)
    first = plan.legs[0]["platform"]
    venues[first].offers.append(D(10))
    working.work_all("sandbox")
    plan.refresh_from_db()
    (row,) = shadows.compare(timezone.now() - timedelta(hours=1))
    assert row.plan == plan.id and row.real.filled < row.paper.filled == 1
    assert row.flattered == row.paper.profit - row.real.profit > 0
    assert shadows.summary([row])["flattered"] == row.flattered
    assert set(Order.objects.filter(plan=twin).values_list("mode", flat=True)) == {"paper"}
    assert not Fill.objects.filter(order__plan=twin).exclude(mode="paper").exists()
    assert Signal.objects.get().plan == plan


def test_no_twin_in_paper_mode(redis, monkeypatch):
    tune(monkeypatch, "trading", shadow=True)
    a_plan()
    assert Plan.objects.count() == 1
    working.work_all()
    assert Plan.objects.get().status == Plan.FILLED
    assert KALSHI in Plan.objects.get().legs[0].values() or POLYMARKET in Plan.objects.get().legs[0].values()

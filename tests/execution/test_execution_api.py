"""Orders, positions and the portfolio over HTTP."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from execution import panels
from execution.models import Fill, Position
from markets.models import Market
from tests import factories
from tests.arbsite.callers import reader

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MILLIS = 1795521600000


@pytest.fixture
def headers(db):
    return reader("execution.view_order", "execution.view_position")


@pytest.fixture
def market(db):
    return Market.objects.create(
        id="KX-ABC", platform="kalshi", slug="abc", question="Will it?", status="OPEN"
    )


def order(name, market, **fields):
    values = {
        "platform": "kalshi", "market": market, "outcome": "YES", "side": "BUY", "quantity": Decimal("100"),
        "price": Decimal("0.65"), "order_type": "LIMIT", "status": "FILLED", "filled_qty": Decimal("100"),
        "avg_fill_price": Decimal("0.644321"), "client_order_id": name, "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    return factories.an_order(name, **{**values, **fields})


def exact(response):
    assert response.status_code == 200, response.content
    return json.loads(response.content, parse_float=Decimal)


def test_an_order_shows_its_exact_figures_and_fills(client, headers, market):
    row = order("ord_1", market)
    Fill.objects.create(
        order=row, platform="kalshi", market=market, outcome="YES", side="BUY", quantity=Decimal(100),
        price=Decimal("0.644321"), fee=Decimal("1.61"), cash=Decimal("-66.0421"), trade_id="t1", created_at=NOW,
    )  # fmt: skip
    found = exact(client.get("/api/v1/orders/ord_1", headers=headers))
    assert (found["order_id"], found["status"], found["created_at"]) == ("ord_1", "FILLED", MILLIS)
    assert found["avg_fill_price"] == Decimal("0.644321") and found["market_id"] == "KX-ABC"
    assert found["fills"][0]["cash"] == Decimal("-66.0421") and found["fills"][0]["fee"] == Decimal("1.61")
    assert client.get("/api/v1/orders/nothing", headers=headers).status_code == 404


def test_orders_are_filtered(client, headers, market):
    order("ord_1", market)
    order("ord_2", market, status="CANCELLED", filled_qty=0)
    found = exact(client.get("/api/v1/orders?status=CANCELLED&market_id=KX-ABC", headers=headers))["results"]
    assert [row["order_id"] for row in found] == ["ord_2"]
    assert client.get("/api/v1/orders?status=LOST", headers=headers).status_code == 400


def test_only_open_positions_are_shown(client, headers, market):
    values = {"market": market, "avg_price": Decimal("0.655"), "opened_at": NOW}
    Position.objects.create(
        id="pos_1", outcome="YES", quantity=Decimal(1000), current_price=Decimal("0.670"),
        unrealized_pnl=Decimal("15"), **values,
    )  # fmt: skip
    Position.objects.create(id="pos_2", outcome="NO", quantity=Decimal(0), closed_at=NOW, **values)
    (found,) = exact(client.get("/api/v1/positions", headers=headers))["results"]
    assert (found["position_id"], found["platform"], found["question"]) == ("pos_1", "kalshi", "Will it?")
    assert (found["unrealized_pnl"], found["opened_at"]) == (Decimal(15), MILLIS)


def test_positions_cost_the_same_whatever_their_number(
    client, headers, market, django_assert_max_num_queries
):
    for number in range(10):
        other = Market.objects.create(id=f"KX-{number}", platform="kalshi", slug="s", status="OPEN")
        Position.objects.create(
            id=f"pos_{number}",
            market=other,
            outcome="YES",
            quantity=1,
            avg_price=Decimal("0.5"),
            opened_at=NOW,
        )
    with django_assert_max_num_queries(6):
        assert len(exact(client.get("/api/v1/positions", headers=headers))["results"]) == 10


@pytest.mark.django_db(transaction=True)
def test_the_summary_adds_up(client):
    found = exact(client.get("/api/v1/portfolio/summary", headers=reader("execution.view_position")))
    assert found["pnl"] == found["pnl_from_fills"] == 0 and found["open_positions"] == 0
    assert set(found["cash"]) == {"polymarket", "kalshi"} and isinstance(found["as_of"], int)


def test_the_demo_says_where_a_platform_has_filled_what_is_not_booked_yet(market):
    order("ord_a", market, status="FILLED", matched_qty=Decimal(10), filled_qty=Decimal(0))
    order("ord_b", market, status="FILLED", matched_qty=Decimal(10), filled_qty=Decimal(10))
    rows = panels.orders(datetime(2026, 7, 25, tzinfo=UTC)).rows
    assert sorted(row[-1] for row in rows) == ["FILLED", "FILLED (fills to come)"]

"""The portfolio over HTTP: documents that add up, parameters that are checked, closed to strangers."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from django.utils import timezone

from execution import panels
from execution.models import EquityPoint
from signals import catalogue
from tests.arbsite.callers import reader
from tests.execution.ledgers import a_pair, trade

pytestmark = pytest.mark.django_db(transaction=True)
DOCUMENTS = ("summary", "equity", "exposure", "calendar", "actions")


@pytest.fixture(autouse=True)
def _fresh_catalogue():
    catalogue.forget()


@pytest.fixture
def headers(redis):
    return reader("execution.view_position")


@pytest.fixture
def ask(client, headers):
    def get(what, expect=200):
        answer = client.get(f"/api/v1/portfolio/{what}", headers=headers)
        assert answer.status_code == expect, answer.content
        return json.loads(answer.content, parse_float=D)

    return get


def test_every_document_adds_up(ask):
    bet = a_pair()
    trade("PM-1", "YES", "BUY", 100, "0.401", "1.2345", bet=bet)
    trade("KX-1", "NO", "BUY", 90, "0.503", "1.7777", bet=bet)
    summary, seen, planned = ask("summary"), ask("exposure"), ask("calendar")
    assert summary["invested"] == seen["total"]["cost"] == planned["locked"] == D("88.38")
    for view in ("platform", "market", "bet", "group", "settles"):
        assert sum(line["cost"] for line in seen[view]) == seen["total"]["cost"]
    assert planned["sure"] == 90 and isinstance(planned["as_of"], int)
    assert summary["equity"] == sum(summary["cash"].values()) + summary["positions"]
    assert sum(summary["made_of"].values()) == summary["pnl"] and summary["sure"]["pays"] == planned["sure"]
    assert summary["sure"]["cost"] + summary["lone"]["cost"] == summary["invested"]


def test_the_curve_of_a_period(ask):
    now = timezone.now()
    for hour in range(5):
        EquityPoint.objects.create(
            mode="paper", at=now - timedelta(hours=hour), cash=D(20_000 + hour), positions=0, high_water=0
        )
    since = (now - timedelta(hours=2, minutes=30)).astimezone(UTC).isoformat().replace("+00:00", "Z")
    found = ask(f"equity?since={since}")
    assert [point["profit"] for point in found["points"]] == [2, 1, 0]
    assert ask("equity?mode=live")["points"] == []
    late = datetime(2026, 1, 2, tzinfo=UTC).isoformat().replace("+00:00", "Z")
    assert ask(f"equity?since={late}&until=2026-01-01T00:00:00Z", 400)["errors"]["since"]


@pytest.mark.parametrize("what", DOCUMENTS)
def test_wrong_parameters_are_named(ask, what):
    assert ask(f"{what}?mode=dream", 400)["errors"]["mode"]
    assert ask(f"{what}?colour=red", 400)["errors"]["colour"]


@pytest.mark.parametrize("what", DOCUMENTS)
def test_the_portfolio_is_closed_to_strangers(client, redis, what):
    assert client.get(f"/api/v1/portfolio/{what}").status_code == 401
    assert client.get(f"/api/v1/portfolio/{what}", headers=reader("execution.view_order")).status_code == 403


def test_the_demo_shows_where_the_money_is(headers):
    bet = a_pair()
    trade("PM-1", "YES", "BUY", 100, "0.40", bet=bet)
    panel = panels.money(timezone.now())
    assert "equity $20000.00" in panel.title and "locked $40.00" in panel.title
    assert panel.rows[0] == ("polymarket", "$9960.00", "$40.00", "", "")
    assert panel.rows[-1][0] == "comes free" and panel.rows[-1][-1] == "$40.00"

"""Reconciliation over the wire, against both faces of the sandbox exchange and its own books."""

import json
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.utils import timezone

from execution.halting import clearing, halts
from execution.models import CashMovement, Difference, Fill, Order, Position
from execution.orders.trading import trading
from execution.portfolio import holdings
from execution.portfolio import services as portfolio
from execution.reconciling import reconcile
from markets.platforms.base import KALSHI, PLATFORMS, POLYMARKET
from tests.exchange import trading_here

D = Decimal
ENOUGH = timedelta(minutes=2)  # beyond whatever is in flight


@pytest.fixture
def exchange(db, monkeypatch, tmp_path):
    monkeypatch.setattr(portfolio, "with_snapshot", lambda: None)  # a test is one transaction already
    ahead[0] = timedelta(0)
    with trading_here(django_settings, monkeypatch, tmp_path) as running:
        yield running


ahead = [timedelta(0)]  # our clock, which every look moves on


def look(platform, reason="POSITIONS", after=ENOUGH):
    ahead[0] += after
    row = reconcile.run(platform, reason, now=timezone.now() + ahead[0])
    assert row.error == ""
    return row


def opened():
    for platform in PLATFORMS:
        assert look(platform, "START", timedelta(0)).passed


def agree(exchange, platform):
    """Our books are the exchange's, to the cent."""
    theirs = exchange.settled_books()[platform]
    contracts = {
        (one["market"], one["outcome"]): D(one["size"]) for one in theirs["positions"] if D(one["size"])
    }
    rows = Position.objects.filter(mode="sandbox", platform=platform, quantity__gt=0)
    ours = {(row.market_id, row.outcome): row.quantity for row in rows}
    cash = {str(one.shard): one.cash for one in holdings.accounts("sandbox") if one.platform == platform}
    assert ours == contracts
    for shard, amount in theirs["cash"].items():
        assert abs(cash.get(shard, D(0)) - D(amount)) < D("0.01"), (shard, cash, amount)


def by_hand(exchange, pair, platform, side="BUY", size="10", price="0.99", tif="IOC", outcome="YES"):
    body = {
        "market": pair[platform],
        "side": side,
        "outcome": outcome,
        "price": price,
        "size": size,
        "tif": tif,
    }
    return exchange.control("POST", "hand", {"platform": platform, **body})


def test_our_books_begin_as_the_exchange_s_are(exchange):
    pair = exchange.pairs()[0]
    exchange.gap(pair["id"])
    for platform in PLATFORMS:
        by_hand(exchange, pair, platform)
    exchange.settled_books()
    opened()
    for platform in PLATFORMS:
        agree(exchange, platform)
        assert look(platform, "FULL").passed


@pytest.mark.parametrize("platform", PLATFORMS)
def test_trades_by_hand_become_rows_of_their_own(exchange, platform):
    opened()
    pair = exchange.pairs()[0]
    exchange.gap(pair["id"], cheap=platform)
    by_hand(exchange, pair, platform, size="10")
    exchange.settled_books()
    assert look(platform).passed and look(platform, "FULL").passed
    fill = Fill.objects.get(kind="HAND")
    assert fill.order.role == "HAND" and fill.order.status == "FILLED" and fill.quantity == 10
    agree(exchange, platform)
    by_hand(exchange, pair, platform, side="SELL", size="4", price="0.01")
    exchange.settled_books()
    assert look(platform).passed and look(platform, "FULL").passed
    agree(exchange, platform)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_money_that_came_and_went(exchange, platform):
    opened()
    for amount in ("250", "-100"):
        exchange.control("POST", "cash", {"platform": platform, "amount": amount})
        first = look(platform)
        assert first.passed == (platform == KALSHI)  # Polymarket's is not listed: it is looked at twice
        assert first.passed or look(platform).passed
    kinds = CashMovement.objects.exclude(kind="OPENING").values_list("kind", "amount").order_by("id")
    assert list(kinds) == [("DEPOSIT", D(250)), ("WITHDRAWAL", D(-100))]
    agree(exchange, platform)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_halt_cancels_what_rests_there(exchange, platform):
    opened()
    pair = exchange.pairs()[0]
    by_hand(exchange, pair, platform, price="0.01", size="20", tif="GTC")
    assert look(platform).passed
    order = Order.objects.get(role="HAND")
    assert order.status == "OPEN" and len(trading(platform, "sandbox").open_orders()) == 1
    halts.halt("drill", by="anna", now=timezone.now(), platform=platform)
    assert clearing.enforce(timezone.now()) == 0
    assert trading(platform, "sandbox").open_orders() == []
    assert not any(one["open"] for one in exchange.books()[platform]["orders"])
    order.refresh_from_db()
    assert order.status == "CANCELLED" and look(platform).passed


def test_a_market_that_paid_out(exchange):
    opened()
    pair = exchange.pairs()[0]
    exchange.gap(pair["id"], cheap=KALSHI)
    by_hand(exchange, pair, KALSHI)
    assert look(KALSHI).passed
    for action in ("close", "determine", "settle"):
        exchange.market(KALSHI, pair[KALSHI], action, **({"result": "YES"} if action == "determine" else {}))
    assert look(KALSHI).passed and look(KALSHI, "FULL").passed
    assert Fill.objects.filter(kind="SETTLEMENT").count() == 1
    agree(exchange, KALSHI)


def test_the_command_tells_and_exits(exchange):
    opened()
    out = StringIO()
    call_command("reconcile", "--json", stdout=out)
    assert json.loads(out.getvalue())["passed"] is True
    Difference.objects.create(
        mode="sandbox", platform=KALSHI, kind="something_else", subject="x", sentence="Someone should look."
    )
    out = StringIO()
    with pytest.raises(SystemExit) as stopped:
        call_command("reconcile", "--platform", KALSHI, stdout=out)
    assert stopped.value.code == 1 and "Someone should look." in out.getvalue()
    exchange.fault(kind="status", platform=POLYMARKET, status=503, body="{}")
    out = StringIO()
    with pytest.raises(SystemExit) as stopped:
        call_command("reconcile", "--json", stdout=out)
    said = json.loads(out.getvalue())
    assert stopped.value.code == 2 and said["passed"] is None

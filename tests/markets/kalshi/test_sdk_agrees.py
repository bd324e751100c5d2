"""The platform's own SDK sees in the sandbox what our client sees and did: orders, fills, positions, money."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from markets.books import NO, YES
from markets.platforms.kalshi.trading import KalshiTrading
from markets.platforms.trading import BUY, CANCELLED, FILLED, FOK, GTC, OPEN, PARTIAL, SELL, OrderReport
from tests.markets.kalshi.account import request, sent, trading_in
from tests.markets.sandbox.kalshi.rig import Rig, rig

sdk = pytest.importorskip("kalshi_python_sync", reason="the platform's SDK is not installed")
D = Decimal
WORDS = {OPEN: "resting", PARTIAL: "resting", FILLED: "executed", CANCELLED: "canceled"}


@pytest.fixture(scope="module")
def place() -> Iterator[Rig]:
    with rig() as made:
        yield made


@pytest.fixture(scope="module")
def official(place: Rig) -> Any:
    config = sdk.Configuration(host=place.running.urls["kalshi_rest"])
    config.api_key_id = place.running.keys.kalshi_key_id
    config.private_key_pem = place.running.keys.kalshi_private_pem
    return sdk.KalshiClient(config)


@pytest.fixture(scope="module")
def traded(place: Rig) -> KalshiTrading:
    """A client that has traded in every way there is."""
    trading, ticker, bob = trading_in(place), place.empty_market(), place.bob()
    bob.placed(ticker, "ask", "0.60", "5")
    bob.placed(ticker, "bid", "0.40", "5")
    sent(trading, request(ticker, BUY, YES, "0.65", "3"))
    sent(trading, request(ticker, BUY, NO, "0.62", "1.25"))
    sent(trading, request(ticker, SELL, YES, "0.40", "0.5", FOK))
    sent(trading, request(ticker, BUY, YES, "0.60", "9"))
    ref, _ = sent(trading, request(ticker, BUY, YES, "0.45", "2", GTC, post_only=True))
    sent(trading, request(ticker, SELL, NO, "0.56", "2", GTC))
    bob.placed(ticker, "ask", "0.45", "1", time_in_force="immediate_or_cancel")
    gone, _ = sent(trading, request(ticker, BUY, NO, "0.10", "2", GTC))
    assert trading.cancel([gone]).gone
    assert trading.find(ref).status == PARTIAL  # type: ignore[union-attr]
    return trading


def same_order(report: OrderReport | None, theirs: Any) -> None:
    assert report is not None
    price = theirs.yes_price_dollars if report.outcome == YES else theirs.no_price_dollars
    assert (report.client_order_id, report.market_id, WORDS[report.status], report.outcome.lower()) == (
        theirs.client_order_id,
        theirs.ticker,
        theirs.status.value,
        theirs.outcome_side,
    )
    assert (report.matched, report.size, report.limit_price) == (
        D(theirs.fill_count_fp),
        D(theirs.initial_count_fp),
        D(price),
    )


def test_orders(traded: KalshiTrading, official: Any) -> None:
    from markets.platforms.trading import OrderRef

    theirs = official.get_orders().orders
    assert len(theirs) == 7
    for one in theirs:
        same_order(traded.find(OrderRef("", one.order_id, one.ticker)), one)
    resting = {one.order_id for one in official.get_orders(status="resting").orders}
    assert {one.platform_order_id for one in traded.open_orders()} == resting
    assert len(resting) == 2


def test_fills(traded: KalshiTrading, official: Any) -> None:
    from datetime import UTC, datetime

    ours = {one.fill_id: one for one in traded.fills_since(datetime(2020, 1, 1, tzinfo=UTC))}
    theirs = official.get_fills().fills
    assert ours.keys() == {one.trade_id for one in theirs}
    assert len(ours) >= 5
    for one in theirs:
        fill = ours[one.trade_id]
        price = one.yes_price_dollars if fill.outcome == YES else one.no_price_dollars
        assert (fill.platform_order_id, fill.size, fill.price, fill.fee, fill.taker) == (
            one.order_id,
            D(one.count_fp),
            D(price),
            D(one.fee_cost),
            one.is_taker,
        )


def test_positions_and_money(traded: KalshiTrading, official: Any) -> None:
    ours = {one.market_id: one.size if one.outcome == YES else -one.size for one in traded.holdings()}
    theirs = {one.ticker: D(one.position_fp) for one in official.get_positions().market_positions}
    assert ours == {ticker: size for ticker, size in theirs.items() if size}
    signed = sum(
        (one.size if one.outcome == YES else -one.size for one in traded.fills_since(_epoch())), start=D(0)
    )
    assert list(ours.values()) == [signed]  # the position is the sum of the fills
    assert sum(one.free for one in traded.balances()) == D(official.get_balance().balance_dollars)


def test_cash_is_what_the_fills_cost(place: Rig, traded: KalshiTrading) -> None:
    """10,000 less every fill and fee, and a dollar back for each pair that Kalshi netted."""
    fills = sorted(traded.fills_since(_epoch()), key=lambda one: one.at)
    spent = sum((one.price * one.size + (one.fee or D(0)) for one in fills), start=D(0))
    yes = sum((one.size for one in fills if one.outcome == YES), start=D(0))
    no = sum((one.size for one in fills if one.outcome == NO), start=D(0))
    traded.cancel_all()
    [balance] = traded.balances()
    assert balance.cash == balance.free == D(10_000) - spent + min(yes, no)


def _epoch() -> Any:
    from datetime import UTC, datetime

    return datetime(2020, 1, 1, tzinfo=UTC)

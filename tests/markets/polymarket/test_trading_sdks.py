"""The platform's own clients see in the sandbox what ours does: the same orders, trades, cash; and the feed hears them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import websocket

from markets.platforms.polymarket.private import PolymarketPrivateFeed
from markets.platforms.polymarket.trading import PolymarketTrading
from markets.platforms.trading import CANCELLED, CONFIRMED, FILLED, GTC, MATCHED, OPEN, PARTIAL, SELL
from markets.sandbox.market import SandboxMarket, WorldSpec
from markets.sandbox.server import Running
from tests.markets.polymarket.trading_help import ask, client, feed_of, sent
from tests.markets.sandbox.polymarket.helpers import book, hit, markets, standing, until
from tests.markets.sandbox.polymarket.test_polymarket_sdks import environment

clob_v2 = pytest.importorskip("py_clob_client_v2")
pytest.importorskip("polymarket")
WORLD = WorldSpec(pairs=3, short_lived=0, extra_kalshi=0, extra_polymarket=3, protocol_v2=1)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with standing(spec=WORLD) as exchange:
        yield exchange


@pytest.fixture
def trading(running: Running) -> Iterator[PolymarketTrading]:
    made = client(running)
    yield made
    made.cancel_all()


@pytest.fixture(params=["v1", "v2"])
def market(running: Running, request: pytest.FixtureRequest) -> SandboxMarket:
    chosen = next(m for m in markets(running) if m.p.version == request.param and not m.p.neg_risk)
    book(running, chosen, {40: 100}, {45: 50})
    return chosen


@pytest.fixture
def official(running: Running) -> Iterator[Any]:
    from polymarket.clients.secure import SecureClient

    made = SecureClient.create(
        private_key=running.keys.polymarket_private_key, wallet=running.keys.polymarket_address,
        environment=environment(running),
    )  # fmt: skip
    yield made
    made.close()


@pytest.fixture
def older(running: Running) -> Any:
    made = clob_v2.ClobClient(running.urls["clob"], 137, key=running.keys.polymarket_private_key)
    made.set_api_creds(made.create_or_derive_api_key())
    return made


def test_the_same_resting_order(trading, market, official, older, running):
    _, ref = sent(trading, ask(market, "0.41", "10", outcome="NO", time_in_force=GTC))
    ours = trading.find(ref)
    theirs = official.get_order(order_id=ref.platform_order_id)
    assert (theirs.status, theirs.price, theirs.original_size, theirs.size_matched, theirs.side) == (
        "LIVE", ours.limit_price, ours.size, ours.matched, ours.side,
    )  # fmt: skip
    assert theirs.outcome == market.outcomes[1] and ours.outcome == "NO" and ours.status == OPEN
    rows = older.get_open_orders()
    assert [row["id"] for row in rows] == [ref.platform_order_id]
    assert official.cancel_order(order_id=ref.platform_order_id).canceled == (ref.platform_order_id,)
    assert trading.find(ref).status == CANCELLED


def test_their_orders_are_seen_by_us(trading, market, official):
    placed = official.place_limit_order(asset_id=market.p.token_ids[0], price="0.3", size="10", side="BUY")
    assert placed.ok
    (found,) = trading.open_orders()
    assert (found.platform_order_id, found.outcome, found.size) == (placed.order_id, "YES", Decimal(10))
    trading.cancel_all()
    assert list(official.list_open_orders().iter_items()) == []


def test_the_same_trades_and_the_same_money(trading, market, official, older):
    since = datetime.now(UTC) - timedelta(seconds=1)
    _, bought = sent(trading, ask(market, "0.45", "20"))
    until(
        lambda: all(fill.status == CONFIRMED for fill in trading.fills([bought])) and trading.fills([bought])
    )
    _, sold = sent(trading, ask(market, "0.40", "10", side=SELL))
    until(lambda: all(fill.status == CONFIRMED for fill in trading.fills([sold])) and trading.fills([sold]))
    ours = {fill.trade_id: fill for fill in trading.fills_since(since) if fill.market_id == market.id}
    theirs = {row.id: row for row in official.list_account_trades(market=market.id).iter_items()}
    for trade_id, fill in ours.items():
        row = theirs[trade_id]
        assert (row.price, row.size, row.side, row.status, row.taker_order_id) == (
            fill.price, fill.size, fill.side, fill.status, fill.platform_order_id,
        )  # fmt: skip
    assert {fill.side for fill in ours.values()} >= {"BUY", "SELL"}
    assert {row["id"] for row in older.get_trades()} >= set(ours)
    cash = official.get_balance_allowance(asset_type="COLLATERAL").balance
    assert trading.balances()[0].cash == Decimal(cash).scaleb(-6)
    positions = {
        one.asset_id: one.current_size for one in official.list_positions(user=official.wallet).iter_items()
    }
    held = {(one.market_id, one.outcome): one.size for one in trading.holdings()}
    assert held[market.id, "YES"] == positions[market.p.token_ids[0]]


class Ear:
    """A socket that drives a feed, as the executor does."""

    def __init__(self, feed: PolymarketPrivateFeed) -> None:
        self.feed = feed
        self.socket = websocket.create_connection(feed.url, timeout=0.05, header=feed.handshake())
        feed.opened(self.now)
        self.step()

    @property
    def now(self) -> int:
        return int(time.time() * 1_000)

    def step(self) -> None:
        """Say what is to be said and hear what is there."""
        while self.feed.outbox:
            self.socket.send(self.feed.outbox.pop(0))
        try:
            self.feed.receive(self.socket.recv().encode(), self.now)
        except websocket.WebSocketTimeoutException:
            self.feed.tick(self.now)

    def until(self, done: Any, what: str) -> None:
        def look() -> Any:
            self.step()
            return done()

        until(look, what)

    def ready(self) -> None:
        """The server has read the log-in once it answers."""
        self.feed.outbox.append("PING")
        self.until(lambda: self.feed._heard, "PONG")


def test_the_feed_hears_what_rest_tells(trading, market, running):
    feed = feed_of(running, trading)
    ear = Ear(feed)
    ear.ready()
    assert feed.events.reconnected
    taken, bought = sent(trading, ask(market, "0.45", "20"))
    _, resting = sent(trading, ask(market, "0.59", "10", outcome="NO", time_in_force=GTC))
    hit(running, market, "BUY", 41, 4)
    trading.cancel([resting])
    fills = feed.events.fills

    def over() -> bool:
        final = {fill.platform_order_id for fill in fills if fill.status == CONFIRMED}
        return {bought.platform_order_id, resting.platform_order_id} <= final

    ear.until(over, "both trades confirmed")
    told = {(fill.fill_id, fill.price, fill.size, fill.side, fill.outcome, fill.taker) for fill in fills}
    asked = trading.fills([bought, resting])
    assert told == {
        (fill.fill_id, fill.price, fill.size, fill.side, fill.outcome, fill.taker) for fill in asked
    }
    assert {fill.taker for fill in asked} == {True, False} and MATCHED in {fill.status for fill in fills}
    mine = [one for one in feed.events.orders if one.platform_order_id == resting.platform_order_id]
    assert [one.status for one in mine] == [OPEN, PARTIAL, CANCELLED] and mine[-1].matched == 4
    (first,) = [one for one in feed.events.orders if one.platform_order_id == bought.platform_order_id]
    assert first.status == FILLED and first.matched == taken.matched
    assert feed.events.bad == []
    ear.socket.close()


def test_the_feed_survives_disconnects_duplicates_and_swaps(trading, market, running):
    running.call(lambda: running.sandbox.faults.set({"kind": "ws_duplicate", "platform": "polymarket"}))
    feed = feed_of(running, trading)
    ear = Ear(feed)
    ear.ready()
    sent(trading, ask(market, "0.45", "20"))
    ear.until(lambda: any(fill.status == CONFIRMED for fill in feed.events.fills), "the end of the trade")
    running.call(running.sandbox.faults.clear)
    assert len({fill.fill_id for fill in feed.events.fills}) == 1
    running.call(lambda: running.sandbox.faults.set({"kind": "ws_disconnect", "platform": "polymarket"}))
    ear.socket.close()
    feed.closed(ear.now)
    feed.events.reconnected = False
    again = Ear(feed)
    again.ready()
    assert feed.events.reconnected
    again.socket.close()


def test_a_feed_whose_key_is_gone_logs_in_anew(trading, market, running):
    feed = feed_of(running, trading)
    key = trading.login.credentials()
    trading._clob.send("clob-auth", "DELETE", "/auth/api-key")
    ear = Ear(feed)
    with pytest.raises((websocket.WebSocketException, OSError)):
        until(lambda: (ear.step(), False)[1], "never", seconds=5)
    feed.closed(ear.now)
    fresh = Ear(feed)
    fresh.ready()
    assert trading.login.credentials() != key
    fresh.socket.close()

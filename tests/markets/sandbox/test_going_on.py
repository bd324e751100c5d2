"""An exchange that is started again: its markets, its customers' orders and money, and what it may not repeat."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from markets.books import MICRO
from markets.platforms.base import CLOSED, KALSHI, OPEN, PAUSED, POLYMARKET, SETTLED
from markets.sandbox import ledgers
from markets.sandbox import orders as o
from markets.sandbox.clock import ManualClock, Timers
from markets.sandbox.context import Sandbox
from markets.sandbox.keys import USER, make_keys, process_keys
from markets.sandbox.market import Pair, WorldSpec
from markets.sandbox.newsroom import Newsroom
from markets.sandbox.orders import BUY, SELL
from markets.sandbox.server import build
from markets.sandbox.sources.archive import archive_of
from markets.sandbox.state import StateError
from markets.sandbox.traders import TraderSpec

START = 1_790_000_000_000
SPEC = WorldSpec(pairs=4, short_lived=2, inverted_share=0, near_misses=7, wide=1, protocol_v2=1)
QUIET = TraderSpec(rate=0, gap_every_s=0, taker_every_s=0)
WEEK_MS = 7 * 86_400_000


class Started:
    """An exchange on a clock of its own, which can be killed and started again."""

    def __init__(self, path: Path) -> None:
        self.path, self.clock, self.spec, self.traders = path, ManualClock(START), SPEC, QUIET
        self.keys = process_keys()
        self.start()

    def start(self) -> None:
        self.box: Sandbox = build(
            self.spec, traders=self.traders, clock=self.clock, state=self.path,
            kalshi_accounts=[self.keys.kalshi_account()], polymarket_accounts=[self.keys.polymarket_account()],
        )  # fmt: skip

    def kill(self, away_ms: int = 0) -> None:
        """Start again from the file as it is now, without a last word."""
        assert self.box.memory is not None
        self.box.memory.file.close()
        self.clock.advance(away_ms)
        self.start()

    def live(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            now_ms = self.clock.advance(100)
            self.box.world.step(now_ms)
            self.box.traders.step(now_ms)
            assert isinstance(self.box.later, Timers) and self.box.memory is not None
            self.box.later.run_due()
            self.box.memory.step(now_ms)

    def books(self) -> dict[str, Any]:
        return ledgers.facts(self.box, USER)

    def cash(self, platform: str) -> str:
        return str(self.books()[platform]["cash"]["0"])

    def hand(
        self, market_id: str, price: int, size: int = 10, side: str = BUY, tif: str = o.IOC
    ) -> dict[str, Any]:
        """An order in our account; `price` in cents of YES."""
        market = self.box.world.market(market_id)
        return ledgers.by_hand(
            self.box, USER, market, side=side, outcome="YES", price=price * 10_000, size=size * MICRO, tif=tif
        )  # fmt: skip

    def pair(self, *, short_lived: bool) -> Pair:
        return next(pair for pair in self.box.world.open_pairs() if pair.short_lived == short_lived)


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Started]:
    started = Started(tmp_path / "state.sqlite3")
    yield started
    assert started.box.memory is not None
    started.box.memory.close()


def sides(pair: Pair) -> tuple[tuple[str, str], ...]:
    return (KALSHI, pair.kalshi_ticker), (POLYMARKET, pair.polymarket_id)


def test_markets_go_on_with_their_ids_and_times(exchange: Started) -> None:
    exchange.live(3)
    before = exchange.box.world
    exchange.kill()
    after = exchange.box.world
    assert after is not before
    assert list(after.markets) == list(before.markets)
    for market in before.markets.values():
        assert replace_state(after.markets[market.id]) == replace_state(market)
    assert (after.pairs, after.near_misses) == (before.pairs, before.near_misses)
    assert [event.id for event in after.wide_events()] == [event.id for event in before.wide_events()]
    assert set(after.tokens) == set(before.tokens)


def replace_state(market: Any) -> Any:
    return {name: getattr(market, name) for name in market.__slots__}


def test_what_came_due_while_it_was_down_is_paid_by_the_same_script(exchange: Started) -> None:
    pair = exchange.pair(short_lived=True)
    exchange.box.traders.force_gap(pair.id, gap=0, size=50 * MICRO, cheap=KALSHI, now_ms=START, ask=400_000)
    for _, market_id in sides(pair):
        assert exchange.hand(market_id, 40)["filled"] == "10"
    exchange.live(2)
    bought = exchange.books()
    truth = {market_id: exchange.box.world.market(market_id).truth for _, market_id in sides(pair)}

    exchange.kill(away_ms=3_600_000)
    assert {exchange.box.world.market(market_id).state for _, market_id in sides(pair)} == {CLOSED}
    assert exchange.books() == bought
    exchange.live(9)

    for platform, market_id in sides(pair):
        market = exchange.box.world.market(market_id)
        assert (market.state, market.settlement_value) == (SETTLED, truth[market_id])
        ours = exchange.books()[platform]
        assert ours["positions"] == []
        paid = 10 * truth[market_id]
        assert micro(ours["cash"]["0"]) == micro(bought[platform]["cash"]["0"]) + paid
    assert len([one for one in exchange.box.world.open_pairs() if one.short_lived]) == SPEC.short_lived
    exchange.kill()
    assert exchange.books()[KALSHI]["settlements"] and exchange.books()[KALSHI]["positions"] == []


def micro(text: str) -> int:
    whole, _, rest = text.partition(".")
    return int(whole) * MICRO + int(rest.ljust(6, "0") or 0)


def test_orders_fills_and_money_are_there_again_and_resting_orders_rest(exchange: Started) -> None:
    pair = exchange.pair(short_lived=False)
    exchange.box.traders.force_gap(pair.id, gap=0, size=50 * MICRO, cheap=KALSHI, now_ms=START, ask=400_000)
    for _, market_id in sides(pair):
        exchange.hand(market_id, 40)
        exchange.hand(market_id, 3, tif=o.GTC)
        exchange.hand(market_id, 3, size=7, tif=o.GTC)
    exchange.live(2)
    before = exchange.books()
    assert {len(before[platform]["orders"]) for platform in (KALSHI, POLYMARKET)} == {3}

    exchange.kill()
    assert exchange.books() == before
    engine = exchange.box.engine
    for platform, market_id in sides(pair):
        resting = list(engine.open_orders(USER, market_id))
        assert [order.remaining for order in resting] == [10 * MICRO, 7 * MICRO]
        assert engine.queue_ahead(resting[1].id) >= 10 * MICRO  # first come, first served, as before
        taken = engine.submit(market_id, "control", SELL, 30_000, 200_000 * MICRO, at_ms=START, tif=o.IOC)
        assert taken.filled
        assert [order["filled"] for order in exchange.books()[platform]["orders"][1:]] == ["10", "7"]
        assert micro(exchange.cash(KALSHI)) < micro(before[KALSHI]["cash"]["0"])
    wallet = exchange.box.shared[KALSHI].users[USER].wallet(0, 0)
    assert wallet.reserved_total == 0


def test_a_resting_order_still_holds_back_its_money(exchange: Started) -> None:
    ticker = exchange.pair(short_lived=False).kalshi_ticker
    exchange.hand(ticker, 3, tif=o.GTC)
    held = exchange.box.shared[KALSHI].users[USER].wallet(0, 0).reserved_total
    assert held
    exchange.kill()
    assert exchange.box.shared[KALSHI].users[USER].wallet(0, 0).reserved_total == held


def test_a_trade_on_its_way_to_the_chain_arrives_after_the_restart(exchange: Started) -> None:
    pair = exchange.pair(short_lived=False)
    exchange.box.traders.force_gap(pair.id, gap=0, size=50 * MICRO, cheap=KALSHI, now_ms=START, ask=400_000)
    exchange.hand(pair.polymarket_id, 40)
    assert exchange.books()[POLYMARKET]["positions"] == []
    exchange.kill()
    assert [fill["status"] for fill in exchange.books()[POLYMARKET]["fills"]] == ["MATCHED"]
    assert exchange.books()[POLYMARKET]["held"] != "0"
    exchange.live(2)
    ours = exchange.books()[POLYMARKET]
    assert [fill["status"] for fill in ours["fills"]] == ["CONFIRMED"]
    assert (ours["held"], [one["size"] for one in ours["positions"]]) == ("0", ["10"])
    exchange.kill()
    exchange.live(2)
    assert exchange.books()[POLYMARKET] == ours  # and it does not arrive twice


def test_money_that_came_by_other_ways_stays(exchange: Started) -> None:
    ledgers.move_cash(exchange.box, USER, KALSHI, 250 * MICRO)
    ledgers.move_cash(exchange.box, USER, POLYMARKET, -9_000_500_000)
    exchange.live(1.1)
    exchange.kill()
    assert (exchange.cash(KALSHI), exchange.cash(POLYMARKET)) == ("10250", "999.5")


def test_a_wallet_with_other_keys_is_not_taken_for_the_old_one(exchange: Started) -> None:
    mine, exchange.keys = exchange.keys, make_keys()
    with pytest.raises(StateError, match=f"{exchange.path} knows 0x.*bring back the keys"):
        exchange.kill()
    exchange.keys = mine
    exchange.start()


def test_ids_and_stories_of_an_earlier_run_do_not_come_again(exchange: Started) -> None:
    seen: set[str] = set()
    for _ in range(3):
        ids = {exchange.box.engine.new_id() for _ in range(50)}
        newsroom = Newsroom(exchange.box, every_s=1, seed=exchange.box.chance)
        for _ in range(12):
            newsroom.step(exchange.clock.advance(1_000))
        exchange.clock.advance(60_000)
        newsroom.step(exchange.clock.now_ms())
        guids = {story.guid for story in archive_of(exchange.box).stories()}
        assert guids and not (ids | guids) & seen
        seen |= ids | guids
        exchange.kill()


def test_prices_begin_where_they_last_traded(exchange: Started) -> None:
    pair = exchange.pair(short_lived=False)
    exchange.box.traders.force_gap(pair.id, gap=0, size=50 * MICRO, cheap=KALSHI, now_ms=START, ask=770_000)
    exchange.hand(pair.polymarket_id, 77)
    exchange.live(1.1)
    exchange.kill()
    book = exchange.box.engine.book(pair.polymarket_id)
    assert abs(book.best_bid + book.best_ask - 2 * 770_000) <= 2 * 20_000


def test_what_somebody_did_to_a_market_stays_done(exchange: Started) -> None:
    pair = exchange.pair(short_lived=False)
    world, now_ms = exchange.box.world, exchange.clock.now_ms()
    world.pause(pair.polymarket_id, now_ms)
    world.determine(pair.kalshi_ticker, 500_000, now_ms)
    world.dispute(pair.kalshi_ticker, now_ms)
    exchange.live(0.2)
    exchange.kill(away_ms=60_000)
    world = exchange.box.world
    assert world.market(pair.polymarket_id).state == PAUSED
    assert (world.market(pair.kalshi_ticker).result, world.market(pair.kalshi_ticker).disputed_once) == (
        "SCALAR",
        True,
    )
    assert world.next_due(world.market(pair.kalshi_ticker)) is None
    assert not exchange.box.engine.book(pair.polymarket_id).bids.prices


def test_every_place_holds_one_thing_however_often_it_is_started(exchange: Started) -> None:
    first = len(exchange.box.world.markets)
    for _ in range(4):
        exchange.kill(away_ms=WEEK_MS)
        exchange.live(20)
        world = exchange.box.world
        trading = [one for one in world.markets.values() if one.state in (OPEN, PAUSED)]
        assert len(world.open_pairs()) == SPEC.pairs
        assert len(trading) <= first
        events = {(one.platform, one.place, one.event_id) for one in trading}
        assert len(events) == len({(platform, place) for platform, place, _ in events})
    assert len({pair.slot for pair in exchange.box.world.open_pairs()}) == SPEC.pairs


def test_a_smaller_exchange_lets_its_old_pairs_run_out(exchange: Started) -> None:
    exchange.spec = replace(SPEC, pairs=1, short_lived=1)
    exchange.kill()
    assert len(exchange.box.world.open_pairs()) == SPEC.pairs
    exchange.live(130)
    left = exchange.box.world.open_pairs()
    assert sorted(pair.slot for pair in left if pair.short_lived) == [0]

"""The background traders: the same seed gives the same world, gaps open and close, forced gaps are exact."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from markets.books import MICRO
from markets.platforms.base import KALSHI, PLATFORMS, POLYMARKET
from markets.sandbox.clock import ManualClock
from markets.sandbox.context import Sandbox
from markets.sandbox.market import Pair, WorldSpec
from markets.sandbox.orders import BUY, IOC, SELL, LevelChanged, Trade
from markets.sandbox.server import build
from markets.sandbox.traders import CONTROL_ACCOUNT, TraderError, TraderSpec

START = 1_790_000_000_000
CENT = 10_000
BEAT_MS = 20


def made(spec: WorldSpec | None = None, **traders: object) -> tuple[Sandbox, ManualClock]:
    clock = ManualClock(START)
    return build(spec, traders=TraderSpec(**traders), clock=clock), clock  # type: ignore[arg-type]


def run(
    sandbox: Sandbox, clock: ManualClock, seconds: float, look: Callable[[], None] = lambda: None
) -> None:
    for _ in range(round(seconds * 1000 / BEAT_MS)):
        clock.advance(BEAT_MS)
        sandbox.world.step(clock.at_ms)
        sandbox.traders.step(clock.at_ms)
        look()


def kalshi_quotes(sandbox: Sandbox, pair: Pair) -> tuple[int, int]:
    """Kalshi's bid and ask in YES terms of the Polymarket side."""
    book = sandbox.engine.book(pair.kalshi_ticker)
    if pair.inverted:
        return MICRO - book.best_ask, MICRO - book.best_bid
    return book.best_bid, book.best_ask


def net_edge(sandbox: Sandbox, pair: Pair) -> int:
    """Best profit of one contract after both platforms' taker fees, micro-dollars, before rounding."""
    kalshi, polymarket = sandbox.world.markets[pair.kalshi_ticker], sandbox.world.markets[pair.polymarket_id]
    book = sandbox.engine.book(polymarket.id)
    bid, ask = kalshi_quotes(sandbox, pair)
    k_rate = Decimal("0.07") * Decimal(kalshi.k.fee_multiplier)
    p_rate = Decimal(polymarket.p.fee_rate)
    edges = [-MICRO]
    for k_price, p_price, gross in (
        (bid, book.best_ask, bid - book.best_ask),
        (ask, book.best_bid, book.best_bid - ask),
    ):
        if 0 < k_price < MICRO and 0 < p_price < MICRO:
            fee = k_rate * k_price * (MICRO - k_price) + p_rate * p_price * (MICRO - p_price)
            edges.append(gross - int(fee / MICRO))
    return max(edges)


def test_the_same_seed_and_steps_give_the_same_world() -> None:
    told = []
    for seed in (1, 1, 2):
        sandbox, clock = made(WorldSpec(pairs=6, short_lived=2), seed=seed, rate=200)
        events: list[object] = []
        sandbox.engine.listeners.append(
            lambda batch, events=events: events.extend(
                (e.market_id, e.at_ms, e.price, getattr(e, "total", None), getattr(e, "size", None))
                for e in batch
                if isinstance(e, LevelChanged | Trade)
            )
        )
        run(sandbox, clock, 10)
        told.append(events)
    assert len(told[0]) > 1_000
    assert told[0] == told[1]
    assert told[0] != told[2]


def test_by_default_profitable_gaps_open_every_few_seconds_and_close_again() -> None:
    sandbox, clock = made()
    open_since: dict[str, int] = {}
    opened, lasted = [], []

    def look() -> None:
        trading = {pair.id for pair in sandbox.world.open_pairs()}
        for pair in sandbox.world.open_pairs():
            if net_edge(sandbox, pair) >= 2 * CENT:
                if pair.id not in open_since:
                    open_since[pair.id] = clock.at_ms
                    opened.append(clock.at_ms)
            elif pair.id in open_since:
                lasted.append(clock.at_ms - open_since.pop(pair.id))
        for gone in open_since.keys() - trading:
            lasted.append(clock.at_ms - open_since.pop(gone))

    run(sandbox, clock, 120, look)
    assert 1_000 <= 120_000 / len(opened) <= 3_000
    assert sorted(lasted)[len(lasted) // 2] <= 5_000
    assert max(lasted) <= 15_000
    assert all(START + 120_000 - since <= 15_000 for since in open_since.values())


def test_no_book_is_ever_crossed_so_yes_and_no_never_cost_less_than_a_dollar() -> None:
    sandbox, clock = made(WorldSpec(pairs=6, short_lived=2), rate=300, gap_every_s=3)

    def look() -> None:
        for market_id in sandbox.traders.quoters:
            book = sandbox.engine.book(market_id)
            assert book.best_ask + (MICRO - book.best_bid) > MICRO

    run(sandbox, clock, 20, look)
    assert sandbox.engine.trade_count > 0


def test_the_rate_is_met_and_can_be_turned() -> None:
    sandbox, clock = made(WorldSpec(pairs=10, short_lived=0), rate=500)
    run(sandbox, clock, 1)
    for rate in (500, 2_000, 0):
        sandbox.traders.set_rate(rate)
        run(sandbox, clock, 0.2)
        before = sandbox.traders.changes
        run(sandbox, clock, 3)
        assert sandbox.traders.changes - before == pytest.approx(3 * rate, rel=0.1, abs=20 if rate else 0)
    with pytest.raises(TraderError):
        sandbox.traders.set_rate(-1)


@pytest.mark.parametrize("cheap", PLATFORMS)
@pytest.mark.parametrize("inverted", [0.0, 1.0])
def test_a_forced_gap_is_exact_stays_and_ends(cheap: str, inverted: float) -> None:
    sandbox, clock = made(WorldSpec(pairs=2, short_lived=0, inverted_share=inverted), taker_every_s=5)
    pair = sandbox.world.open_pairs()[0]
    size = 37 * MICRO
    told = sandbox.traders.force_gap(
        pair.id, gap=5 * CENT, size=size, cheap=cheap, now_ms=clock.at_ms, seconds=5
    )
    assert told["bid"] - told["ask"] == 5 * CENT

    def look() -> None:
        book, (bid, ask) = sandbox.engine.book(pair.polymarket_id), kalshi_quotes(sandbox, pair)
        gap = bid - book.best_ask if cheap == POLYMARKET else book.best_bid - ask
        assert gap == 5 * CENT
        kalshi = sandbox.engine.book(pair.kalshi_ticker)
        assert size in (kalshi.bids.totals[kalshi.best_bid], kalshi.asks.totals[kalshi.best_ask])

    run(sandbox, clock, 4, look)
    run(sandbox, clock, 30)
    assert net_edge(sandbox, pair) < 10 * CENT
    gone = sandbox.traders.force_gap(pair.id, gap=0, size=size, cheap=cheap, now_ms=clock.at_ms)
    assert gone["bid"] < gone["ask"]
    assert net_edge(sandbox, pair) < 0


@pytest.mark.parametrize(
    "wrong", [{"gap": 5}, {"gap": -CENT}, {"size": 0}, {"pair_id": "no"}, {"ask": 99 * CENT}]
)
def test_a_gap_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    sandbox, clock = made(WorldSpec(pairs=1, short_lived=0))
    asked = {"pair_id": next(iter(sandbox.world.pairs)), "gap": CENT, "size": MICRO, "cheap": KALSHI} | wrong
    with pytest.raises(TraderError):
        sandbox.traders.force_gap(now_ms=clock.at_ms, **asked)  # type: ignore[arg-type]


def test_a_dislocated_maker_withdraws_after_somebody_took_from_it() -> None:
    spec = WorldSpec(pairs=1, short_lived=0)
    sandbox, clock = made(spec, gap_every_s=2, gap_seconds=(60.0, 60.0), taker_every_s=0)
    run(sandbox, clock, 15)
    quoter = next(q for q in sandbox.traders.quoters.values() if q.offset)
    book = sandbox.engine.book(quoter.market.id)
    sandbox.engine.submit(quoter.market.id, "stranger", BUY, book.best_ask, MICRO, at_ms=clock.at_ms, tif=IOC)
    assert quoter.offset_until_ms <= clock.at_ms + 1_500
    run(sandbox, clock, 1.6)
    assert quoter.offset_until_ms <= clock.at_ms


def test_makers_follow_a_market_through_pause_close_and_successor() -> None:
    sandbox, clock = made(WorldSpec(pairs=2, short_lived=1), rate=100)
    pair = next(p for p in sandbox.world.pairs.values() if p.short_lived)
    sandbox.world.pause(pair.kalshi_ticker, clock.at_ms)
    sandbox.world.resume(pair.kalshi_ticker, clock.at_ms)
    assert not sandbox.engine.book(pair.kalshi_ticker).bids.prices
    run(sandbox, clock, 20)
    assert sandbox.engine.book(pair.kalshi_ticker).bids.prices
    sandbox.world.close(pair.kalshi_ticker, clock.at_ms)
    sandbox.world.close(pair.polymarket_id, clock.at_ms)
    run(sandbox, clock, 1)
    successor = next(p for p in sandbox.world.open_pairs() if p.short_lived)
    assert sandbox.engine.book(successor.polymarket_id).asks.prices
    assert pair.kalshi_ticker not in sandbox.traders.quoters


def test_closed_background_orders_are_forgotten() -> None:
    sandbox, clock = made(WorldSpec(pairs=4, short_lived=0), rate=500)
    run(sandbox, clock, 10)
    assert len(sandbox.engine.orders) == sum(
        len(list(sandbox.engine.open_orders(q.account))) for q in sandbox.traders.quoters.values()
    )
    order = sandbox.engine.submit(
        sandbox.world.open_pairs()[0].kalshi_ticker,
        CONTROL_ACCOUNT,
        SELL,
        99 * CENT,
        MICRO,
        at_ms=clock.at_ms,
    )
    sandbox.engine.cancel(order.id, at_ms=clock.at_ms)
    assert order.id not in sandbox.engine.orders

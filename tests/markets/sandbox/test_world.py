"""The sandbox's markets: generation from a seed, and the road from opening to payout."""

import pytest

from markets.books import MICRO
from markets.platforms.base import CLOSED, DETERMINED, DISPUTED, KALSHI, OPEN, PAUSED, POLYMARKET, SETTLED
from markets.sandbox import orders as o
from markets.sandbox.engine import Engine
from markets.sandbox.market import AMENDED, WorldSpec
from markets.sandbox.orders import BUY, MarketChanged
from markets.sandbox.world import World, WorldError

START = 1_790_000_000_000
SPEC = WorldSpec(pairs=8, short_lived=3)


def made(spec: WorldSpec = SPEC, now_ms: int = START) -> World:
    world = World(spec, Engine(spec.seed), now_ms=now_ms)
    world.step(now_ms)
    return world


def heard(world: World) -> list[tuple[str, str]]:
    """What is announced from now on: (market id, what)."""
    found: list[tuple[str, str]] = []
    world.engine.listeners.append(
        lambda batch: found.extend((e.market_id, e.what) for e in batch if isinstance(e, MarketChanged))
    )
    return found


def long_lived(world: World, platform: str) -> str:
    pair = next(pair for pair in world.pairs.values() if not pair.short_lived)
    return pair.kalshi_ticker if platform == KALSHI else pair.polymarket_id


def test_the_same_seed_gives_the_same_markets_and_another_seed_others() -> None:
    one, two, other = made(), made(), made(WorldSpec(seed=2, pairs=8, short_lived=3))
    assert list(one.markets) == list(two.markets)
    assert [m.rules for m in one.markets.values()] == [m.rules for m in two.markets.values()]
    assert not {m.id for m in one.on(POLYMARKET)} & {m.id for m in other.on(POLYMARKET)}


def test_a_restart_in_the_same_week_finds_the_long_lived_markets_again() -> None:
    first, later = made(), made(now_ms=START + 3_600_000)
    kept = {p.id for p in first.pairs.values() if not p.short_lived}
    assert kept
    assert kept <= set(later.pairs)


def test_pairs_ask_the_same_question_and_differ_from_each_other() -> None:
    world = made(WorldSpec(pairs=60, short_lived=0))
    questions = [world.markets[pair.kalshi_ticker].rules for pair in world.pairs.values()]
    assert len(set(questions)) == len(questions)
    for pair in world.pairs.values():
        kalshi, polymarket = world.markets[pair.kalshi_ticker], world.markets[pair.polymarket_id]
        assert world.partner(kalshi) is polymarket
        assert kalshi.close_ms == polymarket.close_ms
        assert kalshi.truth == (MICRO - polymarket.truth if pair.inverted else polymarket.truth)
        assert ("at or below" in polymarket.rules) == pair.inverted
        assert "strictly greater" in kalshi.rules
    assert any(pair.inverted for pair in world.pairs.values())


def test_ids_have_the_platforms_shapes_and_find_their_market() -> None:
    world = made()
    for market in world.on(POLYMARKET):
        assert len(market.id) == 66
        assert world.tokens[market.p.token_ids[1]] == (market, 1)
        assert world.slugs[market.p.slug] is world.gamma_ids[market.p.gamma_id] is market
    exclusive = [event for event in world.events_on(KALSHI) if event.mutually_exclusive]
    assert exclusive
    assert all(sum(world.markets[m].truth for m in event.market_ids) == MICRO for event in exclusive)


def test_a_short_lived_market_walks_to_payout_by_itself_and_has_a_successor() -> None:
    world = made()
    pair = next(pair for pair in world.pairs.values() if pair.short_lived)
    market, partner = world.markets[pair.kalshi_ticker], world.markets[pair.polymarket_id]
    news = heard(world)
    resting = world.engine.submit(market.id, "a", BUY, 10_000, MICRO, at_ms=START)
    world.step(market.close_ms - 1)
    assert market.state == OPEN
    world.step(market.close_ms)
    assert market.state == partner.state == CLOSED
    assert resting.closed_reason == o.MARKET_CLOSED
    slot_of = {p.id.split("-")[1] for p in world.open_pairs()}
    assert pair.id.split("-")[1] in slot_of
    world.step(market.closed_ms + market.determine_after_ms)
    assert (market.state, market.settlement_value) == (DETERMINED, market.truth)
    world.step(market.determined_ms + market.settle_after_ms)
    assert market.state == SETTLED
    assert [what for market_id, what in news if market_id == market.id] == ["closed", "determined", "settled"]
    successors = [market_id for market_id, what in news if what == "created"]
    assert successors
    assert all(world.markets[market_id].state == OPEN for market_id in successors)
    assert world.next_due(market) is None


def test_a_market_closed_within_its_first_second_still_gets_a_successor() -> None:
    world = made()
    pair = next(pair for pair in world.pairs.values() if pair.short_lived)
    world.close(pair.kalshi_ticker, START)
    world.close(pair.polymarket_id, START)
    assert len([p for p in world.open_pairs() if p.short_lived]) == SPEC.short_lived


@pytest.mark.parametrize("platform", [KALSHI, POLYMARKET])
def test_a_dispute_stops_the_payout_until_there_is_a_new_result(platform: str) -> None:
    world = made()
    market = world.market(long_lived(world, platform))
    world.determine(market.id, MICRO, START + 1)
    world.dispute(market.id, START + 2)
    world.step(START + 10**9)
    assert market.state == DISPUTED
    world.determine(market.id, 500_000, START + 10**9)
    assert (market.state, market.result, market.disputed_once) == (AMENDED, "SCALAR", True)
    world.step(START + 2 * 10**9)
    assert (market.state, market.settlement_value) == (SETTLED, 500_000)


def test_kalshi_cancels_resting_orders_on_resume_and_polymarket_keeps_them() -> None:
    world = made()
    for platform, kept in ((KALSHI, False), (POLYMARKET, True)):
        market_id = long_lived(world, platform)
        order = world.engine.submit(market_id, "a", BUY, 10_000, 10 * MICRO, at_ms=START)
        world.pause(market_id, START + 1)
        assert order.open
        world.resume(market_id, START + 2)
        assert order.open is kept


def test_only_the_steps_of_the_table_are_possible() -> None:
    world = made()
    market = world.market(long_lived(world, KALSHI))
    for forbidden in (world.settle, world.dispute, world.resume):
        with pytest.raises(WorldError):
            forbidden(market.id, START)
    world.pause(market.id, START)
    assert market.state == PAUSED
    with pytest.raises(WorldError):
        world.determine(market.id, 2 * MICRO, START)
    with pytest.raises(WorldError):
        world.set_tick(market.id, "0.01", START)
    with pytest.raises(WorldError):
        world.market("nowhere")


def test_moving_the_close_reopens_a_closed_market() -> None:
    world = made()
    market = world.market(long_lived(world, POLYMARKET))
    world.close(market.id, START)
    world.reopen(market.id, START + 5_000, START + 1)
    assert market.trading
    world.step(START + 5_000)
    assert market.state == CLOSED


def test_a_new_tick_is_told_before_the_misfits_go() -> None:
    world = made()
    market = world.market(long_lived(world, POLYMARKET))
    world.set_tick(market.id, "0.001", START)
    order = world.engine.submit(market.id, "a", BUY, 11_000, 10 * MICRO, at_ms=START)
    events: list[object] = []
    world.engine.listeners.append(events.extend)
    world.set_tick(market.id, "0.01", START + 1)
    assert market.p.tick == "0.01"
    assert order.closed_reason == o.TICK_CHANGED
    assert [type(event).__name__ for event in events] == ["MarketChanged", "LevelChanged", "OrderClosed"]

"""Look-alikes, wide events, planted gaps and silences: what is in the books is what the truth says."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from markets.books import MICRO, YES
from markets.platforms.base import KALSHI, POLYMARKET
from markets.sandbox import actions, lookalikes, plants, scenario, truth, wide
from markets.sandbox.clock import ManualClock
from markets.sandbox.context import Sandbox
from markets.sandbox.market import WorldSpec
from markets.sandbox.orders import SandboxError
from markets.sandbox.planter import Planter
from markets.sandbox.plants import Plant, payoff_of
from markets.sandbox.server import build
from markets.sandbox.traders import TraderSpec

START = 1_790_000_000_000
CENT = 10_000
BEAT_MS = 100
SPEC = WorldSpec(pairs=4, short_lived=0, inverted_share=0.5, near_misses=7, wide=2)


def made(spec: WorldSpec = SPEC, **traders: Any) -> tuple[Sandbox, ManualClock]:
    clock = ManualClock(START)
    return build(spec, traders=TraderSpec(**traders), clock=clock), clock


def run(
    sandbox: Sandbox, clock: ManualClock, seconds: float, look: Callable[[], None] = lambda: None
) -> None:
    for _ in range(round(seconds * 1000 / BEAT_MS)):
        clock.advance(BEAT_MS)
        sandbox.world.step(clock.at_ms)
        sandbox.traders.step(clock.at_ms)
        look()


def price_of(sandbox: Sandbox, leg: plants.PlantedLeg) -> tuple[int, int]:
    """The best price of a leg's outcome and the size on offer there."""
    book = sandbox.engine.book(leg.market_id)
    if leg.outcome == YES:
        return book.best_ask, book.asks.totals[book.best_ask]
    return MICRO - book.best_bid, book.bids.totals[book.best_bid]


def values(sandbox: Sandbox) -> dict[str, int]:
    return {market.id: market.truth for market in sandbox.world.markets.values()}


def event_of(sandbox: Sandbox, kind: str) -> str:
    return next(event.id for event in sandbox.world.wide_events() if event.kind == kind)


# --- look-alikes


def test_look_alikes_are_of_every_kind_the_same_each_time_and_no_pairs() -> None:
    one, two = made()[0], made()[0]
    assert list(one.world.near_misses.values()) == list(two.world.near_misses.values())
    assert [near.differs for near in one.world.near_misses.values()] == list(lookalikes.KINDS)
    for near in one.world.near_misses.values():
        for market_id in (near.polymarket_id, near.kalshi_ticker):
            assert one.world.partner(one.world.markets[market_id]) is None
    assert len(one.world.open_pairs()) == 4


def test_look_alikes_differ_in_one_thing_and_share_the_rest() -> None:
    sandbox = made()[0]
    for near in sandbox.world.near_misses.values():
        kalshi, polymarket = (
            sandbox.world.markets[near.kalshi_ticker],
            sandbox.world.markets[near.polymarket_id],
        )
        if near.differs in ("source", "polarity", "hour", "void"):
            assert kalshi.question == polymarket.question, "they look the same"
        assert kalshi.rules != polymarket.rules or "50-50" in polymarket.rules
        assert (kalshi.close_ms != polymarket.close_ms) == (near.differs == "date")
        changed = set(kalshi.question.split()) ^ set(polymarket.question.split())
        assert len(changed) <= 3, (near.differs, changed)


def test_whoever_trades_a_look_alike_sees_a_gap_all_day_and_is_paid_less_than_a_dollar() -> None:
    sandbox, clock = made(rate=100)

    def look() -> None:
        for near in sandbox.world.near_misses.values():
            bought = sandbox.engine.book(
                near.polymarket_id if near.cheap == POLYMARKET else near.kalshi_ticker
            )
            sold = sandbox.engine.book(near.kalshi_ticker if near.cheap == POLYMARKET else near.polymarket_id)
            assert sold.best_bid - bought.best_ask >= 5 * CENT

    run(sandbox, clock, 60, look)
    for near in sandbox.world.near_misses.values():
        yes = near.polymarket_id if near.cheap == POLYMARKET else near.kalshi_ticker
        no = near.kalshi_ticker if near.cheap == POLYMARKET else near.polymarket_id
        paid = sandbox.world.markets[yes].truth + MICRO - sandbox.world.markets[no].truth
        assert paid <= MICRO // 2, near.differs


# --- wide events


def test_exactly_one_wins_a_contest_and_perhaps_none_of_the_brackets() -> None:
    paid: dict[str, set[int]] = {kind: set() for kind in wide.KINDS}
    for seed in range(1, 30):
        sandbox = made(WorldSpec(seed=seed, pairs=0, short_lived=0, wide=1))[0]
        for event in sandbox.world.wide_events():
            paid[event.kind].add(sum(sandbox.world.markets[one].truth for one in event.market_ids) // MICRO)
    assert paid[wide.NEG_RISK] == paid[wide.AUGMENTED] == {1}
    assert paid[wide.EXCLUSIVE] == {0, 1}
    assert paid[wide.LADDER] == {0, 1, 2, 3, 4}


def test_a_ladder_pays_from_below_and_its_strikes_rise() -> None:
    sandbox = made()[0]
    for event in sandbox.world.wide_events():
        if event.kind != wide.LADDER:
            continue
        markets = [sandbox.world.markets[one] for one in event.market_ids]
        strikes = [market.k.floor_strike for market in markets]
        assert strikes == sorted(strikes) and not event.mutually_exclusive
        assert [market.truth for market in markets] == sorted((m.truth for m in markets), reverse=True)
        assert {market.k.strike_type for market in markets} == {"greater"}


def test_without_a_planted_gap_the_prices_of_an_event_fit_together() -> None:
    sandbox, clock = made(rate=200)
    world = sandbox.world

    def look() -> None:
        for event in world.wide_events():
            books = [sandbox.engine.book(one) for one in event.market_ids]
            if event.kind == wide.NEG_RISK:
                assert sum(book.best_ask for book in books) > MICRO - 2 * CENT
            if event.kind != wide.LADDER:
                assert sum(book.best_bid for book in books) < MICRO + 2 * CENT
            else:
                for lower, higher in pairwise(books):
                    assert higher.best_bid < lower.best_ask

    run(sandbox, clock, 60, look)


# --- planted gaps


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("cheap", [KALSHI, POLYMARKET])
def test_a_planted_pair_stands_for_its_time_to_the_cent(number: int, cheap: str) -> None:
    sandbox, clock = made(rate=100, gap_every_s=0, taker_every_s=1)
    pair = sandbox.world.open_pairs()[number]
    plant = sandbox.plants.pair(pair, cents=9, size=37 * MICRO, seconds=6, cheap=cheap, now_ms=clock.at_ms)
    assert sum(leg.price for leg in plant.legs) == MICRO - 9 * CENT
    stands(sandbox, clock, plant)


@pytest.mark.parametrize(
    ("kind", "event_kind", "cents"),
    [
        (plants.YES_BASKET, wide.NEG_RISK, 10),
        (plants.NO_BASKET, wide.NEG_RISK, 20),
        (plants.NO_BASKET, wide.AUGMENTED, 15),
        (plants.NO_BASKET, wide.EXCLUSIVE, 12),
        (plants.EXCLUSIVE_PAIR, wide.EXCLUSIVE, 9),
        (plants.LADDER_STEP, wide.LADDER, 8),
    ],
)
def test_a_gap_planted_in_an_event_stands_for_its_time_to_the_cent(
    kind: str, event_kind: str, cents: int
) -> None:
    sandbox, clock = made(rate=100, taker_every_s=1)
    event = sandbox.world.events[
        (KALSHI if event_kind in (wide.EXCLUSIVE, wide.LADDER) else POLYMARKET),
        event_of(sandbox, event_kind),
    ]
    plant = sandbox.plants.event(kind, event, cents=cents, size=20 * MICRO, seconds=6, now_ms=clock.at_ms)
    assert sum(leg.price for leg in plant.legs) == plant.payoff - cents * CENT
    assert payoff_of(plant, values(sandbox)) >= plant.payoff, "it pays whatever happens"
    stands(sandbox, clock, plant)


def stands(sandbox: Sandbox, clock: ManualClock, plant: Plant) -> None:
    """In the books for six seconds, and gone after that."""

    def look() -> None:
        if clock.at_ms < plant.until_ms:
            for leg in plant.legs:
                assert price_of(sandbox, leg) == (leg.price, plant.size)

    run(sandbox, clock, 5.9, look)
    run(sandbox, clock, 0.1)
    assert plant.until_ms == clock.at_ms
    assert sum(price_of(sandbox, leg)[0] for leg in plant.legs) > plant.payoff - CENT


def test_a_gap_ends_when_a_market_of_it_pauses() -> None:
    sandbox, clock = made(rate=0)
    event = next(event for event in sandbox.world.wide_events() if event.kind == wide.LADDER)
    plant = sandbox.plants.event(
        plants.LADDER_STEP, event, cents=8, size=MICRO, seconds=60, now_ms=clock.at_ms
    )
    sandbox.world.pause(plant.legs[0].market_id, clock.advance(2_000))
    assert plant.until_ms == START + 2_000


@pytest.mark.parametrize(
    ("wish", "named"),
    [
        ({"kind": "steal", "cents": 5}, "'kind' is one of"),
        ({"kind": "pair", "cents": 0}, "1 to 50"),
        ({"kind": "pair", "cents": 2.5}, "'cents'"),
        ({"kind": "pair", "cents": 5, "cheap": "nasdaq"}, "'cheap'"),
        ({"kind": "pair", "cents": 5, "pair": "none"}, "no pair"),
        ({"kind": "pair", "cents": 5, "seconds": 10**8}, "86400"),
        ({"kind": "pair", "cents": 5, "size": "0.001"}, "hundredth"),
        ({"kind": "ladder", "cents": 5, "event": "none"}, "no event"),
        ({"kind": "ladder", "cents": 5, "event": 99}, "no event"),
        ({"kind": "ladder", "cents": 5, "size": "0"}, "hundredth"),
        ({"kind": "ladder"}, "needs 'cents'"),
        ({"kind": "ladder", "cents": 5, "when": "now"}, "no field 'when'"),
    ],
)
def test_a_gap_that_cannot_be_is_refused_and_not_written_down(wish: dict[str, Any], named: str) -> None:
    sandbox, _ = made(rate=0)
    with pytest.raises(SandboxError, match=named):
        actions.act(sandbox, "plant", wish)
    assert not sandbox.plants.made


def test_a_gap_that_would_draw_in_the_thresholds_around_it_has_no_room() -> None:
    sandbox, _ = made(rate=0)
    ladder = event_of(sandbox, wide.LADDER)
    top = sandbox.world.events[KALSHI, ladder].market_ids[0]
    sandbox.traders.quoters[top].fair.price = 62 * CENT
    with pytest.raises(SandboxError, match="no room"):
        actions.act(sandbox, "plant", {"kind": "ladder", "cents": 40, "event": ladder})
    assert not sandbox.plants.made


def test_gaps_do_not_stand_in_each_others_way_or_in_the_wrong_event() -> None:
    sandbox, clock = made(rate=0)
    ladder = event_of(sandbox, wide.LADDER)
    wish = {"kind": "ladder", "cents": 8, "event": ladder, "seconds": 5}
    actions.act(sandbox, "plant", wish)
    with pytest.raises(SandboxError, match="still holds"):
        actions.act(sandbox, "plant", wish)
    with pytest.raises(SandboxError, match="in an event of kind neg_risk"):
        actions.act(sandbox, "plant", wish | {"kind": "yes_basket"})
    clock.advance(5_000)
    actions.act(sandbox, "plant", wish)
    assert len(sandbox.plants.made) == 2


def test_the_planter_goes_through_the_kinds_and_takes_a_refusal_calmly() -> None:
    sandbox, clock = made(WorldSpec(pairs=0, short_lived=0, wide=1), rate=20)
    planter = Planter(sandbox, every_s=4, seed=1)
    run(sandbox, clock, 60, lambda: planter.step(clock.at_ms))
    assert {plant.kind for plant in sandbox.plants.made} == set(plants.EVENTS)
    assert len(sandbox.plants.made) + planter.refused == 15
    for plant in sandbox.plants.made:
        assert 5_000 <= plant.until_ms - plant.from_ms <= 15_000


def test_without_wide_events_there_is_nothing_to_plant() -> None:
    sandbox, clock = made(WorldSpec(pairs=1, short_lived=0), rate=0)
    planter = Planter(sandbox, every_s=1, seed=1)
    run(sandbox, clock, 5, lambda: planter.step(clock.at_ms))
    assert not sandbox.plants.made


# --- silences


@pytest.mark.parametrize("scope", ["platform", "market"])
def test_what_stands_still_while_prices_move_is_written_down(scope: str) -> None:
    sandbox, clock = made(rate=0)
    pair = sandbox.world.open_pairs()[0]
    before = sandbox.traders.quoters[pair.polymarket_id].fair.price
    way = 12 if before < MICRO // 2 else -12
    wish = {"platform": KALSHI, "cents": way, "seconds": 8, "after": 3, "scope": scope}
    actions.act(sandbox, "stale", wish)
    run(sandbox, clock, 2.9)
    assert sandbox.traders.quoters[pair.polymarket_id].fair.price == before
    run(sandbox, clock, 0.2)
    moved = sandbox.traders.quoters[pair.polymarket_id].fair.price
    assert moved == before + way * CENT
    for market_id in (pair.polymarket_id, pair.kalshi_ticker):
        book, quoter = sandbox.engine.book(market_id), sandbox.traders.quoters[market_id]
        own = MICRO - moved if quoter.inverted else moved
        assert book.best_bid < own + quoter.half_spread and book.best_ask > own - quoter.half_spread
    [silence] = truth.facts(sandbox)["silences"]
    assert silence == {
        "platform": KALSHI, "market": pair.kalshi_ticker if scope == "market" else "", "from_ms": START,
        "until_ms": START + 8_000,
    }  # fmt: skip
    sandbox.faults.clear()
    assert truth.facts(sandbox)["silences"][0]["until_ms"] == clock.at_ms


@pytest.mark.parametrize(
    "wrong", [{"platform": "nasdaq"}, {"cents": 0}, {"cents": 1.5}, {"scope": "all"}, {"after": 20}]
)
def test_a_silence_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    sandbox, _ = made(rate=0)
    with pytest.raises(SandboxError):
        actions.act(sandbox, "stale", {"platform": KALSHI, "cents": 5, **wrong})
    assert not sandbox.faults.silences


def test_a_scenario_may_plant_and_silence() -> None:
    sandbox, clock = made(rate=0)
    plan = scenario.parse(
        {
            "steps": [
                {"at": 1, "plant": {"kind": "pair", "cents": 9, "seconds": 2}},
                {"at": 2, "stale": {"platform": "polymarket", "cents": 5, "pair": 1}},
            ]
        }
    )
    played = scenario.Scenario(plan, sandbox, start_ms=START)
    run(sandbox, clock, 3, lambda: played.step(clock.at_ms))
    assert (played.done, list(played.problems)) == (2, [])
    assert len(sandbox.plants.made) == len(sandbox.faults.silences) == 1
    with pytest.raises(scenario.ScenarioError, match="kind"):
        scenario.parse({"steps": [{"at": 1, "plant": {"cents": 9}}]})

"""Whole events of the sandbox, read by our own REST clients over real HTTP."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from markets.platforms.base import KALSHI, OPEN, POLYMARKET, SETTLED, Refused
from markets.platforms.kalshi.rest import KalshiRest
from markets.platforms.polymarket.rest import PolymarketRest
from markets.sandbox import wide
from markets.sandbox.context import SandboxConfig
from markets.sandbox.market import SandboxEvent, WorldSpec
from markets.sandbox.server import Running, running_sandbox
from markets.sandbox.traders import TraderSpec

SPEC = WorldSpec(pairs=2, short_lived=0, near_misses=1, wide=1)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    config = SandboxConfig(kalshi_rate_limits=False, polymarket_rate_limits=False)
    with running_sandbox(SPEC, traders=TraderSpec(rate=0), config=config) as one:
        yield one


@pytest.fixture
def kalshi(running: Running) -> KalshiRest:
    return KalshiRest(running.urls["kalshi_rest"])


@pytest.fixture
def polymarket(running: Running) -> PolymarketRest:
    return PolymarketRest(running.urls["gamma"], running.urls["clob"], running.urls["data"])


def event_of(running: Running, kind: str) -> SandboxEvent:
    return next(event for event in running.sandbox.world.wide_events() if event.kind == kind)


def test_a_contest_is_a_neg_risk_event_of_which_every_market_is_read(
    running: Running, polymarket: PolymarketRest
) -> None:
    event = event_of(running, wide.NEG_RISK)
    found = polymarket.event(event.id)
    assert found.whole and (found.platform, found.title) == (POLYMARKET, event.title)
    assert (found.neg_risk, found.mutually_exclusive, found.augmented) == (True, True, False)
    assert list(found.market_ids) == event.market_ids
    assert all(market.extra["neg_risk"] and market.fees is not None for market in found.markets)
    assert not any(market.extra["neg_risk_other"] for market in found.markets)


def test_an_augmented_event_names_its_other(running: Running, polymarket: PolymarketRest) -> None:
    found = polymarket.event(event_of(running, wide.AUGMENTED).id)
    assert found.whole and found.neg_risk and found.augmented
    others = [market for market in found.markets if market.extra["neg_risk_other"]]
    assert [market.extra["group_item_title"] for market in others] == ["Other"]
    assert all(market.extra["neg_risk_augmented"] for market in found.markets)


def test_a_settled_market_still_belongs_to_its_event(
    running: Running, polymarket: PolymarketRest, kalshi: KalshiRest
) -> None:
    for rest, kind in ((polymarket, wide.NEG_RISK), (kalshi, wide.LADDER)):
        event, world = event_of(running, kind), running.sandbox.world
        last = event.market_ids[-1]
        running.call(lambda world=world, last=last: world.determine(last, 0, running.sandbox.now_ms()))
        running.call(lambda world=world, last=last: world.settle(last, running.sandbox.now_ms()))
        found = rest.event(event.id)
        assert found.whole and list(found.market_ids) == event.market_ids
        assert [market.status for market in found.markets] == [OPEN] * 3 + [SETTLED]
        assert found.markets[-1].result == "NO"


def test_brackets_exclude_each_other_and_say_from_where_to_where(
    running: Running, kalshi: KalshiRest
) -> None:
    event = event_of(running, wide.EXCLUSIVE)
    found = kalshi.event(event.id)
    assert found.whole and (found.platform, found.mutually_exclusive, found.neg_risk) == (KALSHI, True, False)
    strikes = [
        (m.extra["strike_type"], m.extra["floor_strike"], m.extra["cap_strike"]) for m in found.markets
    ]
    assert strikes == [("between", "20", "29"), ("between", "30", "39"), ("between", "40", "50")]


def test_thresholds_rise_within_one_event(running: Running, kalshi: KalshiRest) -> None:
    found = kalshi.event(event_of(running, wide.LADDER).id)
    assert found.whole and not found.mutually_exclusive
    strikes = [Decimal(market.extra["floor_strike"]) for market in found.markets]
    assert strikes == sorted(strikes) and {m.extra["strike_type"] for m in found.markets} == {"greater"}


def test_an_ordinary_pair_and_an_unknown_event(
    running: Running, polymarket: PolymarketRest, kalshi: KalshiRest
) -> None:
    pair = running.sandbox.world.open_pairs()[0]
    for rest, market_id in ((polymarket, pair.polymarket_id), (kalshi, pair.kalshi_ticker)):
        found = rest.event(running.sandbox.world.markets[market_id].event_id)
        assert found.whole and found.market_ids == (market_id,)
        assert not (found.mutually_exclusive or found.neg_risk or found.augmented)
        with pytest.raises(Refused) as refusal:
            rest.event("404404")
        assert refusal.value.status == 404


def test_look_alikes_are_listed_like_any_other_market(
    running: Running, polymarket: PolymarketRest, kalshi: KalshiRest
) -> None:
    [near] = running.sandbox.world.near_misses.values()
    assert near.polymarket_id in {market.id for market in polymarket.markets()}
    assert near.kalshi_ticker in {market.id for market in kalshi.markets()}

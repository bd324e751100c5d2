"""A day of the sandbox at speed, judged by what the sandbox knows and the money path does not.

Twenty pairs, two contests, brackets and a ladder of each kind, and fourteen look-alikes. Every quarter of an hour the
exchange grows lively for a minute: two gaps are planted, one platform's data stands still while a price really moves.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings

from markets import bets, matching
from markets.betting import building
from markets.betting.building import EventFacts
from markets.matching import Candidate
from markets.platforms.base import KALSHI, POLYMARKET
from markets.sandbox import plants, scenario, wide
from markets.sandbox.clock import ManualClock
from markets.sandbox.context import Sandbox
from markets.sandbox.faults import Silence
from markets.sandbox.keys import process_keys
from markets.sandbox.market import NearMiss, Pair, SandboxEvent, WorldSpec
from markets.sandbox.orders import Event, MarketChanged
from markets.sandbox.plants import Plant
from markets.sandbox.server import build
from markets.sandbox.traders import TraderSpec
from signals import rules
from signals.deciding import decision
from signals.deciding.decision import BetRisk
from tests.flows import sandbox_day
from tests.flows.sandbox_day import Seen, Trader

pytestmark = pytest.mark.timeout(3600)  # a minute of one core, which a busy machine may not give at once

START = 1_790_000_000_000
HOURS = 24
QUARTER_S = 900
LIVELY, CALM = 35, 1  # level changes a second
LIVELY_FROM_S, LIVELY_TO_S = 20, 80  # of every quarter
STEP_MS, CALM_STEP_MS = 100, 1_000
FRESH_MS = 2_000
OWN = BetRisk(read_by_person=False, origin=decision.SANDBOX)
GUARANTEED = BetRisk(read_by_person=False)  # by the platform itself
WORLD = WorldSpec(
    pairs=20, short_lived=2, short_seconds=(3_600, 7_200), near_misses=14, wide=2, extra_kalshi=3, extra_polymarket=3,
)  # fmt: skip
MAKERS = TraderSpec(rate=CALM, gap_every_s=7_200, taker_every_s=60, slowest_s=300)
# What is planted in turn: kind, gross cents. All are worth it, the last two are not.
WORTH_IT = (
    ("pair", 9), ("yes_basket", 11), ("pair", 10), ("no_basket", 22), ("exclusive", 10), ("pair", 9), ("ladder", 9),
)  # fmt: skip
TOO_SMALL = (("pair", 2), ("ladder", 2))


@dataclass
class Day:
    """Everything that happened."""

    sandbox: Sandbox
    trader: Trader
    scenario: scenario.Scenario
    careless: set[str]  # bets that a bot makes which pairs by the look of things
    pays: dict[str, int]  # micro-dollars that each YES is paid

    @property
    def traded(self) -> Iterator[sandbox_day.Trade]:
        """Trades on bets that may be traded."""
        return (trade for trade in self.trader.trades if trade.bet_id not in self.careless)

    @property
    def acted_on(self) -> Iterator[Seen]:
        """Findings that may be acted on, of bets that may be traded."""
        return (
            seen
            for seen in self.trader.seen
            if seen.state == decision.ACTIONABLE and seen.finding.bet_id not in self.careless
        )

    def silences(self, platform: str, market_id: str) -> Iterator[Silence]:
        """When this market's data stood still."""
        for silence in self.sandbox.faults.silences:
            if silence.platform == platform and silence.market in ("", market_id):
                yield silence


def plan(pairs: list[Pair], fair: Callable[[Pair], int]) -> dict[str, Any]:
    """The day's script. Pairs and kinds take turns; a pair is never silenced while something is planted in it.

    Silenced prices move towards the middle (`fair` in cents) and, the next time, back.
    """
    steps: list[dict[str, Any]] = []
    kinds = [*WORTH_IT, *TOO_SMALL]
    for quarter in range(HOURS * 3_600 // QUARTER_S):
        at = quarter * QUARTER_S
        first, second = kinds[2 * quarter % len(kinds)], kinds[(2 * quarter + 1) % len(kinds)]
        silenced = pairs[(quarter + 7) % len(pairs)]
        up = (fair(silenced) < 50) == ((quarter + 7) // len(pairs) % 2 == 0)
        steps += [
            {"at": at + LIVELY_FROM_S, "rate": {"rate": LIVELY}},
            {"at": at + 35, "plant": planted(*first, quarter, pairs)},
            {"at": at + 48, "stale": {
                "pair": silenced.id, "platform": (KALSHI, POLYMARKET)[quarter % 2], "seconds": 9, "after": 3,
                "cents": 14 if up else -14, "scope": ("platform", "market")[quarter // 4 % 2],
            }},
            {"at": at + 68, "plant": planted(*second, quarter + 3, pairs)},
            {"at": at + LIVELY_TO_S, "rate": {"rate": CALM}},
        ]  # fmt: skip
    return {"steps": steps}


def planted(kind: str, cents: int, number: int, pairs: list[Pair]) -> dict[str, Any]:
    """The fields of a `plant` action."""
    wish: dict[str, Any] = {
        "kind": kind,
        "cents": cents,
        "size": 10 + number % 4 * 15,
        "seconds": 4 + number % 5,
    }
    if kind == plants.PAIR:
        return wish | {"pair": pairs[number % len(pairs)].id, "cheap": (KALSHI, POLYMARKET)[number % 2]}
    return wish | {"event": number % 2}


def step_ms(since_start_ms: int) -> int:
    """Fine steps while it is lively."""
    second = since_start_ms / 1_000 % QUARTER_S
    return STEP_MS if LIVELY_FROM_S - 5 <= second < LIVELY_TO_S + 5 else CALM_STEP_MS


def event_bets(trader: Trader, event: SandboxEvent) -> list[bets.Bet]:
    """What the platform itself guarantees about an event, built from its listing."""
    facts = EventFacts(
        event.platform, event.id, event.title, mutually_exclusive=event.mutually_exclusive,
        neg_risk=event.platform == POLYMARKET and event.mutually_exclusive, augmented=event.augmented, whole=True,
        member_ids=frozenset(event.market_ids),
    )  # fmt: skip
    built = building.build(facts, [trader.infos[event.platform, one] for one in event.market_ids])
    assert not built.why_not and all(one.certain for one in built.built), built.why_not
    return [one.value for one in built.built]


def pair_bet(pair: Pair) -> bets.Bet:
    return bets.pair(pair.id, (POLYMARKET, pair.polymarket_id), (KALSHI, pair.kalshi_ticker), pair.inverted)


def follow_the_rolling_ones(trader: Trader, sandbox: Sandbox) -> None:
    """Short-lived pairs end, and their successors are the sandbox's own pairs, too."""

    def follow(batch: list[Event]) -> None:
        for event in batch:
            if type(event) is not MarketChanged:
                continue
            market = sandbox.world.markets[event.market_id]
            if event.what == "closed":
                trader.closed(market)
            elif event.what == "opened":
                trader.follow([market])
                pair = sandbox.world.pairs[market.pair_id]
                if market.platform == POLYMARKET:  # the second of the two to be listed
                    trader.approve(pair_bet(pair), OWN)

    sandbox.engine.listeners.append(follow)


@pytest.fixture(scope="module")
def day() -> Day:
    """The day, lived once."""
    sandbox = build(
        WORLD, traders=MAKERS, clock=ManualClock(START), kalshi_accounts=[process_keys().kalshi_account()]
    )
    minutes = settings.ARBSITE.signals.evidence_minutes
    trader = Trader(
        sandbox,
        replace(rules.rules(settings_only=True), max_book_age_ms=FRESH_MS),
        replace(rules.hurdles(settings_only=True), max_book_age_ms=FRESH_MS),
        minutes * 60_000,
    )
    trader.start(START)
    for pair in sandbox.world.open_pairs():
        trader.approve(pair_bet(pair), OWN)
    for event in sandbox.world.wide_events():
        for bet in event_bets(trader, event):
            trader.approve(bet, GUARANTEED)
    careless = set()
    for near in sandbox.world.near_misses.values():
        bet = bets.pair(near.id, (POLYMARKET, near.polymarket_id), (KALSHI, near.kalshi_ticker))
        trader.approve(bet, BetRisk())  # as if somebody had waved it through
        careless.add(bet.id)
    follow_the_rolling_ones(trader, sandbox)
    lasting = [pair for pair in sandbox.world.open_pairs() if not pair.short_lived]

    def fair(pair: Pair) -> int:
        return sandbox.traders.fair_cents(pair.polymarket_id)

    script = scenario.Scenario(scenario.parse(plan(lasting, fair)), sandbox, start_ms=START)
    sandbox_day.run(sandbox, trader, script, hours=HOURS, step_ms=step_ms)
    pays = {
        market.id: market.truth if market.settlement_value is None else market.settlement_value
        for market in sandbox.world.markets.values()
    }
    return Day(sandbox, trader, script, careless, pays)


def test_the_day_was_a_busy_one(day: Day) -> None:
    assert day.scenario.finished and not day.scenario.problems, list(day.scenario.problems)
    assert len(day.sandbox.plants.made) == 2 * HOURS * 4
    assert {plant.kind for plant in day.sandbox.plants.made} == set(plants.KINDS)
    assert len(day.sandbox.faults.silences) == HOURS * 4
    assert day.sandbox.traders.changes > 250_000
    assert len(day.sandbox.world.pairs) > 40, "short-lived pairs came and went"
    for link in day.trader.links.values():
        assert link.feed.stats.malformed == link.feed.stats.unknown == 0
        assert link.feed.stats.book_updates > 80_000


def worth_it(plant: Plant) -> bool:
    return (plant.kind, plant.cents) in WORTH_IT


def covers(seen: Seen, plant: Plant) -> bool:
    """The finding was made while the gap stood, and buys what it offers."""
    legs = {(leg.market_id, leg.outcome) for leg in seen.finding.legs}
    return plant.from_ms <= seen.at_ms < plant.until_ms and legs >= {
        (leg.market_id, leg.outcome) for leg in plant.legs
    }


def verdicts(day: Day, plant: Plant) -> Counter[tuple[str, tuple[str, ...]]]:
    """Why a gap was not acted on."""
    return Counter((seen.state, seen.reasons) for seen in day.trader.seen if covers(seen, plant))


def test_every_planted_arbitrage_is_found_and_bought_while_it_lasts(day: Day) -> None:
    found: Counter[str] = Counter()
    for plant in day.sandbox.plants.made:
        if not worth_it(plant):
            continue
        seen = [one for one in day.acted_on if covers(one, plant)]
        assert seen, f"missed: {plant}; {verdicts(day, plant)}"
        first = seen[0]
        assert first.at_ms - plant.from_ms <= 1_000, f"late: {plant}"
        assert first.finding.payoff >= plant.payoff * plant.size // 10**6 / Decimal(10**6), plant
        bought = [
            trade for trade in day.traded if plant.from_ms <= trade.at_ms < plant.until_ms
            and {(leg.market_id, leg.outcome) for leg in plant.legs} <= {leg[:2] for leg in trade.bought}
        ]  # fmt: skip
        assert bought, f"not bought: {plant}"
        found[plant.kind] += 1
    assert found.keys() == set(plants.KINDS), found


def test_a_gap_that_the_fees_eat_is_left_alone(day: Day) -> None:
    small = [plant for plant in day.sandbox.plants.made if not worth_it(plant)]
    assert len(small) > HOURS
    for plant in small:
        assert not [one for one in day.acted_on if covers(one, plant)], plant


def test_no_book_is_used_that_has_stood_still(day: Day) -> None:
    checked = 0
    for seen in day.acted_on:
        for leg in seen.finding.legs:
            assert seen.at_ms - leg.confirmed_ms <= FRESH_MS
            for silence in day.silences(leg.platform, leg.market_id):
                silent_for = seen.at_ms - silence.from_ms
                if silence.from_ms + FRESH_MS + STEP_MS < seen.at_ms < silence.until_ms:
                    checked += 1
                    key = (leg.platform, leg.market_id)
                    assert key not in seen.untrue, f"{key} was silent for {silent_for} ms: {seen}"
        if seen.untrue:  # data lost in the first two seconds of a silence: nobody can know
            assert any(
                silence.from_ms <= seen.at_ms <= silence.from_ms + FRESH_MS + STEP_MS
                for key in seen.untrue for silence in day.silences(*key)
            ), seen  # fmt: skip
    assert day.trader.refusals["book_stale"] > 0, "silences were seen"


def test_no_trade_loses_by_the_worlds_truth(day: Day) -> None:
    trades = list(day.traded)
    assert len(trades) > HOURS * 4
    profit = Decimal(0)
    for trade in trades:
        paid = sandbox_day.paid(trade, day.pays.__getitem__)
        if not trade.short:
            assert paid >= trade.expected >= trade.outlay, trade
        profit += paid - trade.outlay
    assert sum(trade.short for trade in trades) <= len(trades) // 50
    assert profit > 0


def judged(day: Day, near: NearMiss) -> Candidate:
    """What the matcher says of a look-alike, from its listings alone."""
    infos = day.trader.infos
    polymarket, kalshi = infos[POLYMARKET, near.polymarket_id], infos[KALSHI, near.kalshi_ticker]
    return matching.judge(matching.question_of(polymarket), matching.question_of(kalshi))


def test_the_matcher_lets_no_look_alike_through(day: Day) -> None:
    for near in day.sandbox.world.near_misses.values():
        if near.inverted:  # opposites: an inverted pair is what they truly are
            continue
        found = judged(day, near)
        passed = found.verdict in ("same", "inverted") and found.settlement == "clean"
        assert not passed, f"{near.id} ({near.why}): {found}"


@pytest.mark.parametrize("differs", ["date", "strike", "source", "polarity", "comparator"])
def test_what_contradicts_is_never_called_the_same(day: Day, differs: str) -> None:
    chosen = [near for near in day.sandbox.world.near_misses.values() if near.differs == differs]
    assert len(chosen) == 2
    for near in chosen:
        found = judged(day, near)
        assert found.verdict != "same", f"{near.id} ({near.why}): {found}"


def test_a_careless_bot_would_have_lost_on_every_look_alike(day: Day) -> None:
    """Or else the look-alikes would prove nothing."""
    lost = {
        trade.bet_id
        for trade in day.trader.trades
        if trade.bet_id in day.careless and sandbox_day.paid(trade, day.pays.__getitem__) < trade.outlay
    }
    assert lost == day.careless


def test_the_augmented_events_other_is_in_no_bet(day: Day) -> None:
    for event in day.sandbox.world.wide_events():
        if event.kind == wide.AUGMENTED:
            other = next(one for one in event.market_ids if day.sandbox.world.markets[one].p.neg_risk_other)
            assert not [trade for trade in day.traded if other in {leg[0] for leg in trade.bought}]
            assert other not in {
                market_id for bet in event_bets(day.trader, event) for _, market_id in bet.markets
            }

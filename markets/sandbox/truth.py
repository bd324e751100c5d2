"""What the sandbox knows and no bot may: which markets only look alike, how events are related, what was planted.

Amounts are decimal text in dollars and contracts; times Unix milliseconds. A silence without an end goes on.
"""

from decimal import Decimal
from typing import Any

from markets.books import MICRO
from markets.platforms.base import KALSHI, POLYMARKET
from markets.sandbox.context import Sandbox
from markets.sandbox.faults import Silence
from markets.sandbox.market import NearMiss, SandboxEvent, SandboxMarket
from markets.sandbox.plants import Plant
from markets.sandbox.world import World

Facts = dict[str, Any]


def decimal_text(micro: int) -> str:
    """Millionths as decimal text, without an exponent."""
    return f"{(Decimal(micro) / MICRO).normalize():f}"


def facts(sandbox: Sandbox) -> Facts:
    """All of it, for `GET /control/truth`."""
    world = sandbox.world
    return {
        "now_ms": sandbox.now_ms(),
        "near_misses": [near_miss_facts(world, near) for near in world.near_misses.values()],
        "events": [event_facts(world, event) for event in world.wide_events()],
        "plants": [plant_facts(plant) for plant in sandbox.plants.made],
        "silences": [silence_facts(silence) for silence in sandbox.faults.silences],
    }


def near_miss_facts(world: World, near: NearMiss) -> Facts:
    """Both markets of a look-alike, in what they differ, and what each YES will pay."""
    both = {POLYMARKET: world.markets[near.polymarket_id], KALSHI: world.markets[near.kalshi_ticker]}
    return {
        "id": near.id, "differs": near.differs, "why": near.why, "polymarket": near.polymarket_id,
        "kalshi": near.kalshi_ticker, "cheap": near.cheap, "inverted": near.inverted,
        "questions": {platform: market.question for platform, market in both.items()},
        "rules": {platform: _rules(market) for platform, market in both.items()},
        "pays": {platform: decimal_text(market.truth) for platform, market in both.items()},
    }  # fmt: skip


def event_facts(world: World, event: SandboxEvent) -> Facts:
    """A wide event with its markets; `kind` as in `wide.KINDS`."""
    return {
        "platform": event.platform, "id": event.id, "kind": event.kind, "title": event.title,
        "mutually_exclusive": event.mutually_exclusive, "augmented": event.augmented,
        "markets": [_member(world.markets[market_id]) for market_id in event.market_ids],
    }  # fmt: skip


def plant_facts(plant: Plant) -> Facts:
    """A planted gap: what to buy at which price, how much of it, what it pays, and from when until when."""
    return {
        "id": plant.id, "kind": plant.kind, "about": plant.about, "cents": plant.cents,
        "size": decimal_text(plant.size), "payoff": decimal_text(plant.payoff),
        "from_ms": plant.from_ms, "until_ms": plant.until_ms,
        "legs": [
            {"platform": leg.platform, "market": leg.market_id, "outcome": leg.outcome, "price": decimal_text(leg.price)}
            for leg in plant.legs
        ],
    }  # fmt: skip


def silence_facts(silence: Silence) -> Facts:
    """Data that was held back; an empty market means all of the platform's."""
    return {
        "platform": silence.platform, "market": silence.market, "from_ms": silence.from_ms,
        "until_ms": silence.until_ms or None,
    }  # fmt: skip


def _member(market: SandboxMarket) -> Facts:
    row: Facts = {"id": market.id, "question": market.question, "pays": decimal_text(market.truth)}
    if market.kalshi is not None:
        k = market.kalshi
        row |= {"strike_type": k.strike_type, "floor_strike": k.floor_strike, "cap_strike": k.cap_strike}
    else:
        row |= {"name": market.p.group_item, "other": market.p.neg_risk_other}
    return row


def _rules(market: SandboxMarket) -> str:
    return f"{market.rules}\n{market.rules_secondary}".strip()

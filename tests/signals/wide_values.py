"""Random wide bets with books, and slow ways to what detection finds fast: every size of every claim, priced one by
one with `Decimal`, and the profit of a finding in each state.
"""

from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

import numpy as np

from markets import bets
from markets.bets import Bet, Claim
from markets.books import MICRO, NO, YES, BookView, Level
from markets.platforms.base import KALSHI, POLYMARKET
from signals.detection.detector import Listing, Result, Rules, find
from tests.signals.values import NOW, Formula, asks_of, kalshi, listing, plain, polymarket

D = Decimal
GRAIN = 10**8  # of a dollar: finer than any rounding of the platforms, so that cash fits whole numbers


@dataclass(frozen=True)
class World:
    """A bet with everything a look at it needs."""

    bet: Bet
    books: dict[tuple[str, str], BookView]
    fees: dict[tuple[str, str], Formula]
    known: dict[tuple[str, str], Listing]

    def look(self, rules: Rules | None = None, **more: Any) -> Result:
        return find(self.bet, self.books, self.known, rules or Rules(), NOW, **more)


def random_bet(rng: Random, markets: int) -> Bet:
    """An event, a ladder, or any claims at all."""
    names = [(rng.choice([POLYMARKET, KALSHI]), f"m{i}") for i in range(markets)]
    kind = rng.choice(["event", "open event", "ladder", "any"])
    if kind == "ladder":
        steps = [bets.Step(name, D(rng.randint(1, 4)), True, None, False) for name in names]
        return bets.ladder("w", bets.LADDER, steps)
    if kind != "any":
        exhaustive = kind == "event" and markets > 2
        return bets.one_of("w", bets.NEG_RISK if exhaustive else bets.EXCLUSIVE, names, exhaustive=exhaustive)
    states = tuple(f"s{i}" for i in range(rng.randint(3, 5)))
    claims = []
    for name in names:
        yes = frozenset(rng.sample(states, rng.randint(1, len(states) - 1)))
        claims += [Claim(*name, YES, yes), Claim(*name, NO, frozenset(states) - yes)]
    return Bet("w", bets.CUSTOM, states, True, tuple(claims))


def random_world(
    rng: Random,
    *,
    markets: int = 3,
    levels: int = 2,
    deepest: int = 2,
    step: str = "1",
    lowest: int = 0,
    linear: bool = False,
    discount: float = 0.2,
) -> World:
    """Prices lie around one belief about the states, a little below it, so that many worlds have a gap."""
    bet = random_bet(rng, markets)
    belief = [rng.random() + 0.05 for _ in bet.states]
    chance = dict(zip(bet.states, (one / sum(belief) for one in belief), strict=True))
    books, fees, known = {}, {}, {}
    grain = round(D(step) * MICRO)
    for market in bet.markets:
        yes = next(claim for claim in bet.claims if (claim.market, claim.outcome) == (market, YES))
        fair = sum(chance[state] for state in yes.pays_in) + rng.uniform(-discount, discount / 3)
        ask = min(98, max(2, round(100 * fair) + rng.randint(0, 1)))
        bid = min(97, max(1, ask - rng.randint(1, 6)))
        up = [ask + 1 * i + rng.randint(0, 1) * (i > 0) for i in range(rng.choice([0, 1, levels, levels]))]
        down = [bid - 1 * i - rng.randint(0, 1) * (i > 0) for i in range(rng.choice([0, 1, levels, levels]))]
        side = lambda prices: tuple(  # noqa: E731
            (price * 10_000, rng.randint(1, deepest) * grain)
            for price in dict.fromkeys(prices)
            if 0 < price < 100
        )
        books[market] = BookView(*market, side(down), side(up), NOW, NOW)
        rate = rng.choice(["0", "0.05", "0.07"])
        rounded = kalshi(rate, "0.0001") if market[0] == KALSHI else polymarket(rate)
        fees[market] = plain(rate) if linear else rounded
        least = D(rng.choice([0, lowest]))
        known[market] = listing(market, fees[market], size_step=D(step), min_size=least)
    return World(bet, books, fees, known)


def brute_force(world: World) -> Decimal:
    """The largest profit over every accepted size of every claim, or 0."""
    claims, axes, cash = [], [], []
    for claim in world.bet.covers[0] if world.bet.wide else sorted(world.bet.claims, key=lambda c: c.rank):
        on_offer = asks_of(world.books[claim.market], claim.outcome)
        rule = world.known[claim.market]
        depth = sum((level.size for level in on_offer), D(0))
        sizes = [D(0)]
        while sizes[-1] + rule.size_step <= depth:
            sizes.append(sizes[-1] + rule.size_step)
        sizes = [size for size in sizes if size == 0 or size >= rule.min_size]
        claims.append(claim)
        axes.append(np.array([int(size * GRAIN) for size in sizes]))
        cash.append(
            np.array([int(price(on_offer, size, world.fees[claim.market]) * GRAIN) for size in sizes])
        )
    worst = None
    for state in world.bet.states:
        paid = outer(
            [axis if state in claim.pays_in else 0 * axis for claim, axis in zip(claims, axes, strict=True)]
        )
        worst = paid if worst is None else np.minimum(worst, paid)
    return max(D(0), D(int((worst - outer(cash)).max())) / GRAIN)


def outer(axes) -> Any:
    """Sums of one entry of each axis, every combination."""
    total = np.zeros((1,) * len(axes), dtype=np.int64)
    for place, axis in enumerate(axes):
        total = total + axis.reshape((1,) * place + (-1,) + (1,) * (len(axes) - place - 1))
    return total


def price(on_offer: list[Level], size: Decimal, fees: Formula) -> Decimal:
    """Cash for `size`, level by level."""
    fills, wanted = [], size
    for level in on_offer:
        part = min(level.size, wanted)
        if part > 0:
            fills.append(Level(level.price, part))
            wanted -= part
    assert wanted == 0
    return fees.order_cost("BUY", fills).cash if fills else D(0)


def profit_in(state: str, finding, world: World) -> Decimal:
    """What the finding's orders leave in one state, bought from the books with nothing of the finding but sizes."""
    pays = {(*claim.market, claim.outcome): state in claim.pays_in for claim in world.bet.claims}
    left = D(0)
    for leg in finding.legs:
        market = (leg.platform, leg.market_id)
        left -= price(asks_of(world.books[market], leg.outcome), leg.size, world.fees[market])
        if pays[(*market, leg.outcome)]:
            left += leg.size
    return left

"""Planted arbitrages: gaps of known size and length, put into the books, written down, and taken away again in time.

    pair        buy YES where it is `cheap`, NO on the other platform                   pays 1
    yes_basket  YES of every market of a neg-risk event, of which exactly one wins       pays 1
    no_basket   NO of every named market of an event of which at most one pays (of n)     pays n - 1
    exclusive   NO of two markets of an event of which at most one pays                   pays 1
    ladder      YES of a lower threshold and NO of a higher one, priced the wrong way     pays 1

`cents` is the gap before fees, per payoff of the last column. While a gap stands, its makers touch nothing, and no
further level lies on the profitable side; so the orders of `legs` at their prices are the whole gap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markets.books import MICRO, NO, YES
from markets.platforms.base import KALSHI, POLYMARKET
from markets.sandbox import wide
from markets.sandbox.market import Pair, SandboxEvent
from markets.sandbox.orders import Event, MarketChanged
from markets.sandbox.quotes import CENT
from markets.sandbox.traders import TraderError, Traders
from markets.sandbox.world import World

PAIR, YES_BASKET, NO_BASKET, EXCLUSIVE_PAIR, LADDER_STEP = (
    "pair", "yes_basket", "no_basket", "exclusive", "ladder",
)  # fmt: skip
# The kinds of events in which a gap can be planted
EVENTS = {
    YES_BASKET: (wide.NEG_RISK,),
    NO_BASKET: (wide.NEG_RISK, wide.AUGMENTED, wide.EXCLUSIVE),
    EXCLUSIVE_PAIR: (wide.EXCLUSIVE,),
    LADDER_STEP: (wide.LADDER,),
}
KINDS = (PAIR, *EVENTS)
KEPT = 10_000
ENDS = ("closed", "paused", "tick")  # news of a market that end what was planted in it
LOWEST, HIGHEST = 2, 98  # cents


@dataclass(frozen=True, slots=True)
class PlantedLeg:
    """What to buy, and its price in micro-dollars of that outcome."""

    platform: str
    market_id: str
    outcome: str
    price: int


@dataclass(slots=True, eq=False)
class Plant:
    """One planted gap. Sizes in micro-contracts, prices and `payoff` (per contract of each leg) in micro-dollars."""

    id: str
    kind: str
    about: str  # the pair's id, or the event's
    legs: tuple[PlantedLeg, ...]
    size: int
    cents: int
    payoff: int
    from_ms: int
    until_ms: int

    @property
    def market_ids(self) -> set[str]:
        """The markets whose books it stands in."""
        return {leg.market_id for leg in self.legs}


class Plants:
    """Plants gaps and remembers them."""

    def __init__(self, world: World, traders: Traders) -> None:
        self.world = world
        self.traders = traders
        self.made: list[Plant] = []  # oldest first, at most `KEPT`
        self._count = 0
        traders.engine.listeners.append(self._follow)

    def pair(
        self, pair: Pair, *, cents: int, size: int, seconds: float, cheap: str, now_ms: int, ask: int = 0
    ) -> Plant:
        """A gap between the two markets of a pair; `ask` as for `Traders.force_gap`. Raises TraderError.

        Left to itself, the `cheap` maker falls below what the pair is worth and the other stays, as real gaps begin.
        """
        markets = (pair.polymarket_id, pair.kalshi_ticker)
        until_ms = self._until(markets, cents, seconds, now_ms)
        worth = self.traders.fair_cents(pair.polymarket_id)
        ask = ask or min(max(worth - cents, 10), 90 - cents) * CENT
        told = self.traders.force_gap(
            pair.id, gap=cents * CENT, size=size, cheap=cheap, now_ms=now_ms, seconds=seconds, ask=ask
        )
        for market_id in markets:
            self.traders.release_at(market_id, until_ms)
        # In YES terms of the Polymarket side: buy at `ask` where it is cheap, and the opposite at one less the bid
        prices = {cheap: (YES, told["ask"]), _other(cheap): (NO, MICRO - told["bid"])}
        if pair.inverted:
            outcome, price = prices[KALSHI]
            prices[KALSHI] = (NO if outcome == YES else YES, price)
        legs = (
            PlantedLeg(POLYMARKET, pair.polymarket_id, *prices[POLYMARKET]),
            PlantedLeg(KALSHI, pair.kalshi_ticker, *prices[KALSHI]),
        )
        return self._note(PAIR, pair.id, legs, size, cents, MICRO, now_ms, until_ms)

    def event(
        self, kind: str, event: SandboxEvent, *, cents: int, size: int, seconds: float, now_ms: int
    ) -> Plant:
        """A gap within an event of several markets. Raises TraderError."""
        if event.kind not in EVENTS[kind]:
            raise TraderError(
                f"{kind} is planted in an event of kind {' or '.join(EVENTS[kind])}, not in {event.kind or 'another'}"
            )
        until_ms = self._until(event.market_ids, cents, seconds, now_ms)
        named = [one for one in event.market_ids if not self._is_other(one)]
        bids = _bids(kind, [self.traders.fair_cents(one) for one in named], cents)
        bids += [LOWEST] * (
            len(event.market_ids) - len(named)
        )  # "Other" stands last, and is no part of a gap
        if any(not LOWEST <= bid < HIGHEST for bid in bids):
            raise TraderError(f"there is no room for a gap of {cents} cents in {event.id}")
        for market_id, bid in zip(event.market_ids, bids, strict=True):
            self.traders.pin(
                market_id, bid=bid * CENT, ask=(bid + 1) * CENT, size=size, reach=(cents + 1) * CENT,
                now_ms=now_ms, until_ms=until_ms,
            )  # fmt: skip
        legs = tuple(
            PlantedLeg(event.platform, market_id, outcome, price * CENT)
            for market_id, outcome, price in _legs(kind, named, bids[: len(named)])
        )
        payoff = (len(legs) - 1) * MICRO if kind == NO_BASKET else MICRO
        return self._note(kind, event.id, legs, size, cents, payoff, now_ms, until_ms)

    def _is_other(self, market_id: str) -> bool:
        side = self.world.market(market_id).polymarket
        return side is not None and side.neg_risk_other

    def _until(self, market_ids: Sequence[str], cents: int, seconds: float, now_ms: int) -> int:
        """When the gap ends; refused where a market does not trade until then, or holds another gap."""
        if not 1 <= cents <= 50:
            raise TraderError(f"a planted gap is 1 to 50 whole cents, not {cents}")
        if not 0 < seconds <= 86_400:
            raise TraderError(f"a planted gap lasts up to 86400 seconds, not {seconds:g}")
        until_ms = now_ms + round(seconds * 1000)
        for market_id in market_ids:
            market = self.world.market(market_id)
            if not market.trading or market.close_ms <= until_ms:
                raise TraderError(f"{market_id} does not trade for {seconds:g} more seconds")
            if any(plant.until_ms > now_ms and market_id in plant.market_ids for plant in self.made):
                raise TraderError(f"{market_id} still holds a planted gap")
        return until_ms

    def _note(
        self, kind: str, about: str, legs: tuple[PlantedLeg, ...], size: int, cents: int, payoff: int, now_ms: int,
        until_ms: int,
    ) -> Plant:  # fmt: skip
        self._count += 1
        plant = Plant(f"plant-{self._count}", kind, about, legs, size, cents, payoff, now_ms, until_ms)
        self.made.append(plant)
        del self.made[:-KEPT]
        return plant

    def _follow(self, batch: list[Event]) -> None:
        """A market that closes, pauses or changes its grid ends what stands in it."""
        for event in batch:
            if type(event) is MarketChanged and event.what in ENDS:
                for plant in self.made:
                    if event.market_id in plant.market_ids:
                        plant.until_ms = min(plant.until_ms, max(event.at_ms, plant.from_ms))


def _bids(kind: str, fair: list[int], cents: int) -> list[int]:
    """The YES bid of each market in cents, asks stand one above; zeros where there is no room."""
    if kind == YES_BASKET:
        return [ask - 1 for ask in _summing(fair, 100 - cents)]
    if kind == NO_BASKET:
        return _summing(fair, 100 + cents)
    if kind == EXCLUSIVE_PAIR:  # the others bid so little that their NO adds nothing
        return [*_summing(fair[:2], 100 + cents), *(LOWEST for _ in fair[2:])]
    lower, higher = _step(fair)
    ask = (fair[lower] + fair[higher] - cents) // 2
    bids = list(fair)
    bids[lower], bids[higher] = ask - 1, ask + cents
    # The thresholds around must not join in: their prices have to stay beyond those of the step
    if any(bids[higher] > bid for bid in fair[:lower]) or any(ask <= bid for bid in fair[higher + 1 :]):
        return [0 for _ in fair]
    return bids


def _summing(fair: list[int], total: int) -> list[int]:
    """Whole cents close to these proportions that add up to `total`."""
    parts = [total * one // sum(fair) for one in fair]
    for place in range(total - sum(parts)):
        parts[place] += 1
    return parts


def _step(fair: list[int]) -> tuple[int, int]:
    """The two neighbouring thresholds in the middle of a ladder."""
    lower = (len(fair) - 1) // 2
    return lower, lower + 1


def _legs(kind: str, market_ids: Sequence[str], bids: list[int]) -> list[tuple[str, str, int]]:
    """(market, outcome, price in cents) of what to buy."""
    asks = {market_id: bid + 1 for market_id, bid in zip(market_ids, bids, strict=True)}
    nos = {market_id: 100 - bid for market_id, bid in zip(market_ids, bids, strict=True)}
    if kind == YES_BASKET:
        return [(one, YES, asks[one]) for one in market_ids]
    if kind == NO_BASKET:
        return [(one, NO, nos[one]) for one in market_ids]
    if kind == EXCLUSIVE_PAIR:
        return [(one, NO, nos[one]) for one in market_ids[:2]]
    lower, higher = (market_ids[place] for place in _step(bids))
    return [(lower, YES, asks[lower]), (higher, NO, nos[higher])]


def _other(platform: str) -> str:
    return KALSHI if platform == POLYMARKET else POLYMARKET


def payoff_of(plant: Plant, values: Mapping[str, int]) -> int:
    """What one contract of each leg will pay, micro-dollars, where `values` says what a YES of each market pays."""
    return sum(
        values[leg.market_id] if leg.outcome == YES else MICRO - values[leg.market_id] for leg in plant.legs
    )

"""Opportunity generator: what buying one leg can be expected to earn, and how little of it may be wanted.

A claim says that a market's mid moves its way by more than the spread, not how the market settles. So what is judged is
a round trip: bought at the ask now, sold at the bid when the claim is due. With p the calibrated probability, H and M
the mean moves of the mid with and against past claims of that source (measured, `Moves`):

    expected per contract = p·H - (1 - p)·M - spread - fees of both orders

A proposal is made only where that is above zero at the *lower bound* of p, and its size is a part of what Kelly stakes
at that lower bound. Money is Decimal; probabilities become Decimal here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from markets.bets import MarketKey
from markets.books import MICRO, NO, YES, BookView, Level, dollars, micro
from markets.platforms.base import OPEN, OrderCost
from signals import kelly, sizing
from signals.compositing.confidence import Confidence
from signals.compositing.windows import Window
from signals.expected import Step
from signals.findings import BUY, Listing

SELL = "SELL"
ZERO, ONE = Decimal(0), Decimal(1)
CHANCE_STEP = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Moves:
    """How far mids went after a source's claims, in dollars on average: `hit` with it, `miss` against it, each ≥ 0."""

    hit: Decimal
    miss: Decimal
    samples: int


@dataclass(frozen=True, slots=True)
class Quote:
    """What one outcome can be bought and sold for at once. Prices in dollars, fees for one contract."""

    outcome: str
    ask: Decimal
    bid: Decimal
    depth: Decimal  # contracts at the ask
    entry_fee: Decimal
    exit_fee: Decimal
    confirmed_ms: int

    @property
    def costs(self) -> Decimal:
        """What a round trip costs when the price stands still."""
        return self.ask - self.bid + self.entry_fee + self.exit_fee


@dataclass(frozen=True, slots=True)
class Stake:
    """What may be staked on proposals: dollars that count as bankroll, and the part of Kelly's stake that is taken."""

    bankroll: Decimal
    part: Decimal


@dataclass(frozen=True, slots=True)
class Proposal:
    """One leg for a person. Money in dollars at `size`."""

    market: MarketKey
    direction: int
    quote: Quote
    size: Decimal  # contracts
    cost: OrderCost
    probability: Decimal
    lower: Decimal
    steps: tuple[Step, ...]
    expires_ms: int

    @property
    def expected(self) -> Decimal:
        """Dollars that can be expected of it, after spread and fees."""
        return self.steps[-1].dollars

    @property
    def profit_pct(self) -> Decimal:
        """Of the outlay, a fraction."""
        return self.expected / self.cost.cash


def quote(listing: Listing, view: BookView | None, direction: int) -> Quote | None:
    """The outcome to buy for a direction, and its prices; None where it is not traded, or nobody would buy it back."""
    outcome = YES if direction > 0 else NO
    if view is None or view.crossed or listing.fault or listing.fees is None or listing.status != OPEN:
        return None
    asks, bids = view.asks_for(outcome), view.bids_for(outcome)
    if not asks or not bids:
        return None
    ask, bid = dollars(asks[0][0]), dollars(bids[0][0])
    return Quote(
        outcome=outcome,
        ask=ask,
        bid=bid,
        depth=dollars(asks[0][1]),
        entry_fee=listing.fees.marginal_fee(ask),
        exit_fee=listing.fees.marginal_fee(bid),
        confirmed_ms=view.confirmed_ms,
    )


def worst(measured: Sequence[Moves]) -> Moves | None:
    """The least that the sources of a window have moved, and the most that they lost; None where one is not known."""
    if not measured:
        return None
    return Moves(
        min(one.hit for one in measured),
        max(one.miss for one in measured),
        min(one.samples for one in measured),
    )


def each(probability: Decimal, moves: Moves, costs: Decimal) -> Decimal:
    """Dollars that one contract can be expected to earn."""
    return probability * moves.hit - (ONE - probability) * moves.miss - costs


def worth_it(confidence: Confidence, moves: Moves, found: Quote) -> bool:
    """Whether it can still be expected to earn something; what is proposed already stays while it is."""
    return each(_chance(confidence.probability), moves, found.costs) > 0


def propose(
    window: Window, confidence: Confidence, moves: Moves, listing: Listing, found: Quote, stake: Stake
) -> Proposal | None:
    """The proposal of a window; None where the lower bound does not clear the costs, or the platform takes no such size."""
    lower = _chance(confidence.lower)
    if each(lower, moves, found.costs) <= 0:
        return None
    size = _size(lower, moves, listing, found, stake)
    if size is None or listing.fees is None:
        return None
    probability = _chance(confidence.probability)
    cost = listing.fees.order_cost(BUY, [Level(found.ask, size)])
    move = size * (probability * moves.hit - (ONE - probability) * moves.miss)
    spread = size * (found.ask - found.bid)
    fees = cost.fee + listing.fees.order_cost(SELL, [Level(found.bid, size)]).fee
    if size * (lower * moves.hit - (ONE - lower) * moves.miss) <= spread + fees:
        return None  # the platform's rounding took it
    lines = (("move", move), ("spread", -spread), ("fees", -fees), ("expected", move - spread - fees))
    return Proposal(
        market=window.market,
        direction=window.direction,
        quote=found,
        size=size,
        cost=cost,
        probability=probability,
        lower=lower,
        steps=tuple(Step(name, amount, amount / size) for name, amount in lines),
        expires_ms=window.expires_ms,
    )


def recommended_action(direction: int) -> str:
    """The specification's words for one leg: nothing is sold, so SELL_A is done by buying NO of market A."""
    return "BUY_A" if direction > 0 else "SELL_A"


def _size(lower: Decimal, moves: Moves, listing: Listing, found: Quote, stake: Stake) -> Decimal | None:
    """Contracts: a part of Kelly's, no more than the best level has, on the market's steps; None below its minimum."""
    full = kelly.swing(lower, moves.hit - found.costs, moves.miss + found.costs)
    most = ONE / (found.ask + found.entry_fee)  # the whole bankroll
    wanted = min(full, most) * stake.part * stake.bankroll
    step = listing.step
    if listing.whole_cents:
        step = sizing.cent_step(micro(found.ask), step)
    size = dollars(sizing.down(int(min(wanted, found.depth) * MICRO), step))
    too_small = size <= 0 or size < listing.min_size or size * found.ask < listing.min_value
    return None if too_small else size


def _chance(value: float) -> Decimal:
    return Decimal(repr(min(max(value, 0.0), 1.0))).quantize(CHANCE_STEP)

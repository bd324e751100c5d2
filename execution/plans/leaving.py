"""Leaving early: what a held set of legs would bring today, against what waiting for its settlement is worth.

The set is the smallest part of what is held that pays the same in every state of its bet. It is sold as far down the
books as every further part pays more, after fees, than that part is worth at settlement:

    worth = most it would pay x (1 - m0) / (1 + cash rate x days / 365)

"Most" is its payoff in the best state: where a set pays more in some states than in others, nothing is given away.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction

from markets.bets import MarketKey
from markets.books import BookView, Ladder, Level, dollars, micro
from markets.platforms.base import OPEN, OrderCost
from signals import sizing
from signals.edge import DAYS_PER_YEAR
from signals.findings import (
    BELOW_MINIMUM,
    BOOK_CROSSED,
    BOOK_MISSING,
    BOOK_STALE,
    FEES_UNKNOWN,
    LISTING_FAULTY,
    LISTING_MISSING,
    NOT_OPEN,
    Listing,
)  # fmt: skip

SELL = "SELL"
ZERO, ONE = Decimal(0), Decimal(1)
MICRO_DOLLAR = Decimal("0.000001")

NO_SET, NOT_WORTH = "no_set", "not_worth_leaving"


@dataclass(frozen=True, slots=True)
class HeldLeg:
    """Contracts held of one claim of a bet, and the states in which they pay a dollar each."""

    platform: str
    market_id: str
    outcome: str
    pays_in: frozenset[str]
    contracts: Decimal

    @property
    def market(self) -> MarketKey:
        """Platform and market id."""
        return self.platform, self.market_id


@dataclass(frozen=True, slots=True)
class Terms:
    """What waiting is worth, and by how much leaving must beat it (fractions)."""

    m0: Decimal  # chance that the bet pays nothing
    days: Decimal  # until its last market settles
    cash_rate: Decimal  # a year's interest on cash
    gain: Decimal
    max_book_age_ms: int = 2_000

    def worth(self, payoff: Decimal) -> Decimal:
        """Dollars of today for `payoff` dollars at settlement, rounded up."""
        interest = ONE + self.cash_rate * max(ZERO, self.days) / DAYS_PER_YEAR
        return (payoff * (ONE - self.m0) / interest).quantize(MICRO_DOLLAR, ROUND_CEILING)


@dataclass(frozen=True, slots=True)
class ExitLeg:
    """One sale. Prices are dollars of `outcome`."""

    leg: HeldLeg
    size: Decimal
    limit_price: Decimal  # the worst level taken
    best_price: Decimal
    depth: Decimal  # contracts bid for at the limit price or better
    cost: OrderCost  # `cash` is what arrives, after fees


@dataclass(frozen=True, slots=True)
class Exit:
    """A way out that pays: the sales in the order of sending, the thinnest first."""

    legs: tuple[ExitLeg, ...]
    size: Decimal  # dollars of payoff, sure in every state, that are given up
    most: Decimal  # what the legs sold would have paid in the best state
    worth: Decimal  # dollars of waiting

    @property
    def proceeds(self) -> Decimal:
        """Dollars that arrive, after fees."""
        return sum((leg.cost.cash for leg in self.legs), ZERO)

    @property
    def gain(self) -> Decimal:
        """Dollars by which leaving beats waiting."""
        return self.proceeds - self.worth


@dataclass(frozen=True, slots=True)
class NoExit:
    """Why there is no way out that pays: a stable code and a sentence."""

    code: str
    sentence: str


def find(
    states: Sequence[str],
    held: Sequence[HeldLeg],
    books: Mapping[MarketKey, BookView],
    listings: Mapping[MarketKey, Listing],
    terms: Terms,
    now_ms: int,
) -> Exit | NoExit:
    """The best way out of a bet today, or why to stay."""
    legs = smallest_set(states, held)
    if not legs:
        return NoExit(NO_SET, "what is held does not pay in every state")
    for leg in legs:
        fault = _unusable(leg, books.get(leg.market), listings.get(leg.market), terms, now_ms)
        if fault is not None:
            return fault
    ladders = [_bids(leg, books[leg.market], listings[leg.market]) for leg in legs]
    share = _walk(states, legs, ladders, listings, terms)
    if not share:
        return NoExit(NOT_WORTH, "the best bids are worth less than waiting")
    sizes = _fitting(legs, share, listings)
    if sizes is None:
        return NoExit(BELOW_MINIMUM, "what could be sold well is less than a platform accepts")
    sales = [
        _sale(leg, size, ladder, listings[leg.market])
        for leg, size, ladder in zip(legs, sizes, ladders, strict=True)
    ]
    small = next((sale for sale in sales if _too_small(sale, listings[sale.leg.market])), None)
    if small is not None:
        return NoExit(
            BELOW_MINIMUM, f"{small.size} of {small.leg.market_id} is less than the platform accepts"
        )
    sold = [HeldLeg(*one.leg.market, one.leg.outcome, one.leg.pays_in, one.size) for one in sales]
    paid = payoffs(states, sold)
    most = max(paid.values())
    way = Exit(
        tuple(sorted(sales, key=lambda sale: sale.depth / sale.size)),
        min(paid.values()),
        most,
        terms.worth(most),
    )
    if way.proceeds < way.worth * (ONE + terms.gain):
        return NoExit(NOT_WORTH, f"${way.proceeds} today, ${way.worth} for waiting")
    return way


def payoffs(states: Sequence[str], held: Sequence[HeldLeg]) -> dict[str, Decimal]:
    """Dollars that `held` pays in each state."""
    return {state: sum((leg.contracts for leg in held if state in leg.pays_in), ZERO) for state in states}


def smallest_set(states: Sequence[str], held: Sequence[HeldLeg]) -> list[HeldLeg]:
    """The least of what is held that pays as much in the worst state as all of it; empty where that is nothing."""
    paid = payoffs(states, held)
    sure = min(paid.values(), default=ZERO)
    if sure <= 0:
        return []
    kept = []
    # What pays in the fewest states is given up first: the rest covers more
    for leg in sorted(held, key=lambda one: (len(one.pays_in), one.platform, one.market_id, one.outcome)):
        spare = min((paid[state] - sure for state in leg.pays_in), default=leg.contracts)
        cut = min(spare, leg.contracts)
        for state in leg.pays_in:
            paid[state] -= cut
        if leg.contracts > cut:
            kept.append(HeldLeg(*leg.market, leg.outcome, leg.pays_in, leg.contracts - cut))
    return kept


def _unusable(
    leg: HeldLeg, book: BookView | None, listing: Listing | None, terms: Terms, now_ms: int
) -> NoExit | None:
    name = f"{leg.platform}:{leg.market_id}"
    if listing is None:
        return NoExit(LISTING_MISSING, f"{name} is not listed here")
    if listing.fault:
        return NoExit(LISTING_FAULTY, f"{name}: {listing.fault}")
    if listing.status != OPEN:
        return NoExit(NOT_OPEN, f"{name} is {listing.status}")
    if listing.fees is None:
        return NoExit(FEES_UNKNOWN, f"the fees of {name} are not known")
    if book is None:
        return NoExit(BOOK_MISSING, f"{name} has no live book")
    if now_ms - book.confirmed_ms > terms.max_book_age_ms:
        return NoExit(BOOK_STALE, f"the book of {name} is {now_ms - book.confirmed_ms} ms old")
    if book.crossed:
        return NoExit(BOOK_CROSSED, f"the book of {name} is crossed")
    return None


def _bids(leg: HeldLeg, book: BookView, listing: Listing) -> Ladder:
    """What the leg can be sold into, up to the first price that is off the market's grid."""
    found = []
    for price, size in book.bids_for(leg.outcome):
        if sizing.buy_limit(price, leg.outcome, listing.bands) != price:
            break
        found.append((price, size))
    return tuple(found)


def _walk(
    states: Sequence[str],
    legs: Sequence[HeldLeg],
    ladders: Sequence[Ladder],
    listings: Mapping[MarketKey, Listing],
    terms: Terms,
) -> Fraction:
    """The share of the set, 0 to 1, down to which every further part is sold well.

    Bids fall and so does what a part brings: the first part that is not worth selling ends the walk.
    """
    wanted = Fraction(terms.worth(max(payoffs(states, legs).values())) * (ONE + terms.gain))
    share = Fraction(0)
    for end, prices in _spans(legs, ladders):
        each = zip(legs, prices, strict=True)
        brings = sum(
            (Fraction(leg.contracts * _after_fee(price, listings[leg.market])) for leg, price in each),
            Fraction(0),
        )
        if brings < wanted:
            break
        share = end
    return share


def _spans(legs: Sequence[HeldLeg], ladders: Sequence[Ladder]) -> Iterator[tuple[Fraction, tuple[int, ...]]]:
    """Ends of the spans of the share in which each leg sells at one price, with these prices (micro-dollars)."""
    at = [0] * len(legs)
    ends = [Fraction(ladder[0][1], micro(leg.contracts)) if ladder else Fraction(0)
            for leg, ladder in zip(legs, ladders, strict=True)]  # fmt: skip
    share = Fraction(0)
    while share < 1 and all(place < len(ladder) for place, ladder in zip(at, ladders, strict=True)):
        end = min(Fraction(1), *ends)
        if end > share:
            yield end, tuple(ladder[place][0] for place, ladder in zip(at, ladders, strict=True))
        share = end
        for number, ladder in enumerate(ladders):
            while at[number] < len(ladder) and ends[number] <= share:
                at[number] += 1
                if at[number] < len(ladder):
                    ends[number] += Fraction(ladder[at[number]][1], micro(legs[number].contracts))


def _after_fee(price: int, listing: Listing) -> Decimal:
    return dollars(price) - listing.marginal_fee(price)


def _fitting(
    legs: Sequence[HeldLeg], share: Fraction, listings: Mapping[MarketKey, Listing]
) -> list[Decimal] | None:
    """Each leg's contracts at `share`, on its market's size step and in proportion; None where one comes to nothing."""
    sizes = _on_step(legs, share, listings)
    if not all(sizes):
        return None
    # Once more at the share of the leg that rounding cut most: equal legs stay equal, whatever their steps
    least = min(Fraction(size, micro(leg.contracts)) for size, leg in zip(sizes, legs, strict=True))
    sizes = _on_step(legs, least, listings)
    return [dollars(size) for size in sizes] if all(sizes) else None


def _on_step(legs: Sequence[HeldLeg], share: Fraction, listings: Mapping[MarketKey, Listing]) -> list[int]:
    wanted = [int(share * micro(leg.contracts)) for leg in legs]
    return [size - size % listings[leg.market].step for size, leg in zip(wanted, legs, strict=True)]


def _sale(leg: HeldLeg, size: Decimal, ladder: Ladder, listing: Listing) -> ExitLeg:
    levels, left = [], micro(size)
    for price, on_offer in ladder:
        part = min(left, on_offer)
        levels.append(Level(dollars(price), dollars(part)))
        left -= part
        if not left:
            break
    assert listing.fees is not None and not left
    worst = levels[-1].price
    depth = sum(on_offer for price, on_offer in ladder if price >= micro(worst))
    return ExitLeg(leg, size, worst, levels[0].price, dollars(depth), listing.fees.order_cost(SELL, levels))


def _too_small(sale: ExitLeg, listing: Listing) -> bool:
    return sale.size < listing.min_size or sale.size * sale.limit_price < listing.min_value

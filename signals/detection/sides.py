"""One leg of a cover while it is examined: may its market and book be traded, what would an order cost.

Nothing is raised for data: what must not be traded is refused by name.
"""

from dataclasses import dataclass
from decimal import Decimal

from markets.bets import Claim
from markets.books import MICRO, NO, YES, BookView, Ladder, Level, dollars
from markets.platforms.base import OPEN, FeeSchedule, OrderCost
from signals import edge
from signals.findings import (
    BOOK_CROSSED,
    BOOK_FUTURE,
    BOOK_MALFORMED,
    BOOK_STALE,
    BUY,
    CLOSES_SOON,
    FEES_UNKNOWN,
    LISTING_FAULTY,
    LISTING_MISSING,
    NOT_OPEN,
    PRICE_RANGE,
    RULES_MISSING,
    SETTLES_PAST,
    Leg,
    Listing,
    Rules,
)

Why = tuple[str, str]  # refusal code and sentence


@dataclass(frozen=True, slots=True)
class Side:
    """One leg while it is examined."""

    claim: Claim
    listing: Listing
    fees: FeeSchedule
    book: BookView
    asks: Ladder  # of the claim's outcome

    @property
    def name(self) -> str:
        """Platform and market, for sentences."""
        return name_of(self.claim)


def name_of(claim: Claim) -> str:
    """Platform and market of a claim, for sentences."""
    return f"{claim.platform}:{claim.market_id}"


def side_of(
    claim: Claim, book: BookView, listing: Listing | None, rules: Rules, now_ms: int, *, crossed_is_fine: bool
) -> Side | Why:
    """One leg, ready to be searched, or why its market or book must not be traded: the same for both outcomes."""
    if listing is None:
        return LISTING_MISSING, f"{name_of(claim)} is not known"
    fees = listing.fees
    if fees is None:
        return FEES_UNKNOWN, f"the fees of {name_of(claim)} are not known"
    why = _closed(claim, listing, rules, now_ms) or _unfit(claim, book, rules, now_ms, crossed_is_fine)
    return why or Side(claim, listing, fees, book, book.asks_for(claim.outcome))


def _closed(claim: Claim, listing: Listing, rules: Rules, now_ms: int) -> Why | None:
    """What is wrong with the market.

    One that is about to close is left alone: a lone leg could not be got rid of any more, and would win or lose all of
    itself. A close that has passed says nothing: Polymarket names a day, and trades on.
    """
    name = name_of(claim)
    if listing.fault:
        return LISTING_FAULTY, f"{name}: {listing.fault}"
    if listing.status != OPEN:
        return NOT_OPEN, f"{name} is {listing.status}"
    if not listing.rules_known:
        return RULES_MISSING, f"{name} has no rules that say when it pays"
    if listing.settles is not None and edge.unix_ms(listing.settles) <= now_ms:
        return SETTLES_PAST, f"{name} should have settled at {listing.settles.isoformat()}"
    if listing.closes is not None and 0 < edge.unix_ms(listing.closes) - now_ms < rules.min_open_ms:
        return (
            CLOSES_SOON,
            f"{name} closes at {listing.closes.isoformat()}: too soon to get rid of a lone leg",
        )
    return None


def _unfit(claim: Claim, book: BookView, rules: Rules, now_ms: int, crossed_is_fine: bool) -> Why | None:
    """What is wrong with the book."""
    name = name_of(claim)
    age, limit = now_ms - book.confirmed_ms, rules.max_book_age_ms
    if age > limit:
        return BOOK_STALE, f"the book of {name} was last confirmed {age} ms ago, limit {limit}"
    if -age > limit:
        return BOOK_FUTURE, f"the book of {name} claims to be {-age} ms in the future: a clock is wrong"
    # One market's YES + NO cost less than $1 exactly when its book is crossed: there it is the finding
    # itself.
    if book.crossed and not crossed_is_fine:
        return BOOK_CROSSED, f"the book of {name} is crossed"
    # Both sides, though only one is bought: whether a book is crossed is read from the two best prices.
    if not _ascending(book.asks, 1) or not _ascending(book.bids, -1):
        return BOOK_MALFORMED, f"{name}: prices not in order, or sizes not positive"
    if not all(_possible(side) for side in (book.asks, book.bids)):
        return PRICE_RANGE, f"{name}: a price that is not above 0 and below 1"
    return None


def _ascending(ladder: Ladder, sign: int) -> bool:
    """Whether prices times `sign` rise, and sizes are positive."""
    if not ladder:
        return True
    last = sign * ladder[0][0] - 1
    for price, size in ladder:
        at = sign * price
        if at <= last or size <= 0:
            return False
        last = at
    return True


def _possible(ladder: Ladder) -> bool:
    """Whether the prices of a ladder in order lie strictly between 0 and 1: at 0 or 1 nobody trades."""
    return not ladder or (0 < ladder[0][0] < MICRO and 0 < ladder[-1][0] < MICRO)


def taken(asks: Ladder, size: int) -> tuple[Level, ...]:
    """The levels an order for `size` takes, as decimals."""
    fills = []
    for price, on_offer in asks:
        part = on_offer if on_offer < size else size
        fills.append(Level(dollars(price), dollars(part)))
        size -= part
        if not size:
            break
    return tuple(fills)


def formula_fee(side: Side, size: int) -> Decimal:
    """The unrounded taker fee of an order for `size`, in dollars."""
    fee = Decimal(0)
    for price, on_offer in side.asks:
        part = on_offer if on_offer < size else size
        fee += side.listing.marginal_fee(price) * dollars(part)
        size -= part
        if not size:
            break
    return fee


def leg_of(side: Side, size: int, limit: int, fills: tuple[Level, ...], cost: OrderCost, now_ms: int) -> Leg:
    """The order of one leg; `size` in micro-contracts, `limit` in micro-dollars."""
    book, outcome = side.book, side.claim.outcome
    bid = None
    if outcome == YES and book.bids:
        bid = book.bids[0][0]
    elif outcome == NO and book.asks:
        bid = MICRO - book.asks[0][0]
    return Leg(
        platform=side.claim.platform,
        market_id=side.claim.market_id,
        outcome=outcome,
        side=BUY,
        size=dollars(size),
        limit_price=dollars(limit),
        fills=fills,
        cost=cost,
        best_price=dollars(side.asks[0][0]),
        depth=dollars(sum(on_offer for price, on_offer in side.asks if price <= limit)),
        confirmed_ms=book.confirmed_ms,
        book_age_ms=max(0, now_ms - book.confirmed_ms),
        best_bid=dollars(bid) if bid is not None else None,
        exit_fee=side.listing.marginal_fee(bid) if bid is not None else Decimal(0),
    )

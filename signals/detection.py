"""One clear door to arbitrage: `find` looks at a bet, its live books and fees, and says what is there or why
not.

An integer screen on the best asks comes first and ends nearly every look. What passes is merged level by
level (`signals.sizing`), and the exact cost by the platforms' own fee schedules decides at every break-point
that could still be the best (`signals.search`). Nothing is raised for data: what cannot be used is refused by
name.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from markets.bets import Bet, Claim, Cover, MarketKey
from markets.books import MICRO, NO, YES, BookView, Ladder, dollars
from markets.platforms.base import OPEN
from signals import edge
from signals.findings import (
    BOOK_CROSSED,
    BOOK_FUTURE,
    BOOK_MALFORMED,
    BOOK_MISSING,
    BOOK_STALE,
    BOOKS_APART,
    BUY,
    CROSSED,
    EMPTY_SIDE,
    FEES_UNKNOWN,
    LISTING_FAULTY,
    LISTING_MISSING,
    NOT_OPEN,
    SETTLES_PAST,
    Finding,
    Leg,
    Listing,
    Refusal,
    Result,
    Rules,
)
from signals.search import Search, Side, Trade, Why
from signals.sizing import Caps

__all__ = ["Caps", "Finding", "Leg", "Listing", "Refusal", "Result", "Rules", "find"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOTHING = Result()


def find(
    bet: Bet,
    books: Mapping[MarketKey, BookView],
    listings: Mapping[MarketKey, Listing],
    rules: Rules,
    now_ms: int,
) -> Result:
    """The largest guaranteed net profit of each direction of `bet`, or the reasons why there is none."""
    if bet.faults:
        return Result(refusals=tuple(Refusal(bet.id, fault.code, fault.sentence) for fault in bet.faults))
    findings: list[Finding] = []
    refusals: list[Refusal] = []
    for cover, direction in zip(bet.covers, bet.directions, strict=True):
        # Every cover has two legs today; a wider bet brings its own screen and search beside this one.
        one, two = cover
        book_one, book_two = books.get(one.market), books.get(two.market)
        if book_one is None or book_two is None:
            refusals.append(_missing(bet, cover, direction, books))
            continue
        side_one = book_one.asks if one.outcome == YES else book_one.bids
        side_two = book_two.asks if two.outcome == YES else book_two.bids
        if not side_one or not side_two:
            refusals.append(_empty(bet, direction, one if not side_one else two))
            continue
        top_one = side_one[0][0] if one.outcome == YES else MICRO - side_one[0][0]
        top_two = side_two[0][0] if two.outcome == YES else MICRO - side_two[0][0]
        if top_one + top_two >= MICRO:
            continue
        seen = _examine(bet, cover, direction, (book_one, book_two), listings, rules, now_ms)
        if isinstance(seen, Finding):
            findings.append(seen)
        else:
            refusals.append(seen)
    if not findings and not refusals:
        return NOTHING
    return Result(tuple(findings), tuple(refusals))


def _missing(bet: Bet, cover: Cover, direction: str, books: Mapping[MarketKey, BookView]) -> Refusal:
    names = ", ".join(dict.fromkeys(_name(claim) for claim in cover if claim.market not in books))
    return Refusal(bet.id, BOOK_MISSING, f"no live book of {names}", direction)


def _empty(bet: Bet, direction: str, claim: Claim) -> Refusal:
    return Refusal(bet.id, EMPTY_SIDE, f"nobody sells {claim.outcome} of {_name(claim)}", direction)


def _name(claim: Claim) -> str:
    return f"{claim.platform}:{claim.market_id}"


def _examine(
    bet: Bet,
    cover: Cover,
    direction: str,
    books: tuple[BookView, BookView],
    listings: Mapping[MarketKey, Listing],
    rules: Rules,
    now_ms: int,
) -> Finding | Refusal:
    """The careful look at a cover whose best asks cost less than $1."""
    same_market = cover[0].market == cover[1].market
    sides = []
    for claim, book in zip(cover, books, strict=True):
        side = _side(claim, book, listings.get(claim.market), rules, now_ms, crossed_is_fine=same_market)
        if not isinstance(side, Side):
            return Refusal(bet.id, *side, direction)
        sides.append(side)
    apart = abs(books[0].confirmed_ms - books[1].confirmed_ms)
    if apart > rules.max_skew_ms:
        sentence = f"the books are {apart} ms apart, more than {rules.max_skew_ms}"
        return Refusal(bet.id, BOOKS_APART, sentence, direction)
    trade = Search((sides[0], sides[1]), rules.caps).best()
    if not isinstance(trade, Trade):
        return Refusal(bet.id, *trade, direction)
    return _finding(bet, direction, (sides[0], sides[1]), trade, same_market, now_ms)


def _side(
    claim: Claim, book: BookView, listing: Listing | None, rules: Rules, now_ms: int, *, crossed_is_fine: bool
) -> Side | Why:
    """One leg, ready to be searched, or why its market or book must not be traded."""
    name = _name(claim)
    age = now_ms - book.confirmed_ms
    if listing is None:
        return LISTING_MISSING, f"{name} is not known"
    if listing.fault:
        return LISTING_FAULTY, f"{name}: {listing.fault}"
    if listing.status != OPEN:
        return NOT_OPEN, f"{name} is {listing.status}"
    if listing.fees is None:
        return FEES_UNKNOWN, f"the fees of {name} are not known"
    if listing.settles is not None and edge.unix_ms(listing.settles) <= now_ms:
        return SETTLES_PAST, f"{name} should have settled at {listing.settles.isoformat()}"
    if age > rules.max_book_age_ms:
        return (
            BOOK_STALE,
            f"the book of {name} was last confirmed {age} ms ago, limit {rules.max_book_age_ms}",
        )
    if -age > rules.max_book_age_ms:
        return BOOK_FUTURE, f"the book of {name} claims to be {-age} ms in the future: a clock is wrong"
    # One market's YES + NO cost less than $1 exactly when its book is crossed: there it is the finding
    # itself.
    if book.crossed and not crossed_is_fine:
        return BOOK_CROSSED, f"the book of {name} is crossed"
    # Both sides, though only one is bought: whether a book is crossed is read from the two best prices.
    if not (_orderly(book.asks_for(YES)) and _orderly(book.asks_for(NO))):
        return BOOK_MALFORMED, f"{name}: prices not in order between 0 and 1, or sizes not positive"
    return Side(claim, listing, listing.fees, book, book.asks_for(claim.outcome))


def _orderly(ladder: Ladder) -> bool:
    last = 0
    for price, size in ladder:
        if price <= last or size <= 0:
            return False
        last = price
    return last <= MICRO


def _finding(
    bet: Bet, direction: str, sides: tuple[Side, Side], trade: Trade, same_market: bool, now_ms: int
) -> Finding:
    size = dollars(trade.size)
    falls = edge.waterfall(
        payoff=size,
        notional=trade.costs[0].notional + trade.costs[1].notional,
        fee=trade.costs[0].fee + trade.costs[1].fee,
        formula_fee=trade.formula_fee,
    )
    settles = [side.listing.settles for side in sides if side.listing.settles is not None]
    frees_at: datetime | None = None
    days: Decimal | None = None
    if same_market:
        frees_at, days = EPOCH + timedelta(milliseconds=now_ms), Decimal(0)
    elif len(settles) == len(sides):
        frees_at = max(settles)
        days = edge.days_between(now_ms, frees_at)
    return Finding(
        bet_id=bet.id,
        kind=bet.kind,
        direction=direction,
        legs=tuple(_leg(sides[i], trade, i, size, now_ms) for i in (0, 1)),
        size=size,
        waterfall=falls,
        days_to_cash=days,
        annualised=edge.annualised(falls.profit_pct, days) if days is not None else None,
        limited_by=trade.limited_by,
        frees_now=same_market,
        frees_at=frees_at,
        found_ms=now_ms,
        cautions=(CROSSED,) if any(side.book.crossed for side in sides) else (),
    )


def _leg(side: Side, trade: Trade, i: int, size: Decimal, now_ms: int) -> Leg:
    limit = trade.limits[i]
    bids = side.book.bids_for(side.claim.outcome)
    best_bid = dollars(bids[0][0]) if bids else None
    return Leg(
        platform=side.claim.platform,
        market_id=side.claim.market_id,
        outcome=side.claim.outcome,
        side=BUY,
        size=size,
        limit_price=dollars(limit),
        fills=trade.fills[i],
        cost=trade.costs[i],
        best_price=dollars(side.asks[0][0]),
        depth=dollars(sum(on_offer for price, on_offer in side.asks if price <= limit)),
        confirmed_ms=side.book.confirmed_ms,
        book_age_ms=max(0, now_ms - side.book.confirmed_ms),
        best_bid=best_bid,
        exit_fee=side.fees.marginal_fee(best_bid) if best_bid is not None else Decimal(0),
    )

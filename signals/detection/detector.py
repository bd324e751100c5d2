"""One clear door to arbitrage: `find` looks at a bet, its live books and fees, and says what is there or why
not.

An integer screen on the best asks comes first and ends nearly every look. What passes is merged level by
level (`signals.sizing`), and the exact cost by the platforms' own fee schedules decides at every break-point
that could still be the best (`signals.detection.search`). Bets of more than two states go their own way
(`signals.detection.wide`). Nothing is raised for data: what cannot be used is refused by name.
"""

from collections.abc import Mapping
from decimal import Decimal

from markets.bets import Bet, Claim, Cover, MarketKey
from markets.books import MICRO, YES, BookView, dollars
from signals.detection import wide
from signals.detection.assembling import assemble
from signals.detection.certificates import Certificates
from signals.detection.search import Search, Trade
from signals.detection.sides import Side, formula_fee, leg_of, name_of, side_of
from signals.findings import (
    BOOK_MISSING,
    BOOKS_APART,
    EMPTY_SIDE,
    Finding,
    Leg,
    Listing,
    Refusal,
    Result,
    Rules,
)
from signals.sizing import Caps

__all__ = ["Caps", "Certificates", "Finding", "Leg", "Listing", "Refusal", "Result", "Rules", "find"]

NOTHING = Result()


def find(
    bet: Bet,
    books: Mapping[MarketKey, BookView],
    listings: Mapping[MarketKey, Listing],
    rules: Rules,
    now_ms: int,
    certificates: Certificates | None = None,
) -> Result:
    """The largest guaranteed net profit of each direction of `bet`, or the reasons why there is none.

    `certificates` keeps from one look to the next what proves that a wide bet offers nothing; without them the
    same is found at the price of a linear program.
    """
    if bet.faults:
        return Result(refusals=tuple(Refusal(bet.id, fault.code, fault.sentence) for fault in bet.faults))
    if bet.wide:
        return wide.look(bet, books, listings, rules, now_ms, certificates)
    findings: list[Finding] = []
    refusals: list[Refusal] = []
    for cover, direction in zip(bet.covers, bet.directions, strict=True):
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
    names = ", ".join(dict.fromkeys(name_of(claim) for claim in cover if claim.market not in books))
    return Refusal(bet.id, BOOK_MISSING, f"no live book of {names}", direction)


def _empty(bet: Bet, direction: str, claim: Claim) -> Refusal:
    return Refusal(bet.id, EMPTY_SIDE, f"nobody sells {claim.outcome} of {name_of(claim)}", direction)


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
        side = side_of(claim, book, listings.get(claim.market), rules, now_ms, crossed_is_fine=same_market)
        if not isinstance(side, Side):
            return Refusal(bet.id, *side, direction)
        sides.append(side)
    apart = abs(books[0].confirmed_ms - books[1].confirmed_ms)
    if apart > rules.max_skew_ms:
        sentence = f"the books are {apart} ms apart, more than {rules.max_skew_ms}"
        return Refusal(bet.id, BOOKS_APART, sentence, direction)
    search = Search((sides[0], sides[1]), rules.caps)
    trade = search.best()
    if not isinstance(trade, Trade):
        return Refusal(bet.id, *trade, direction)
    return _finding(bet, direction, (sides[0], sides[1]), trade, search.half(trade), now_ms)


def _finding(
    bet: Bet,
    direction: str,
    sides: tuple[Side, Side],
    trade: Trade,
    half: Decimal | None,
    now_ms: int,
) -> Finding:
    legs = tuple(
        leg_of(sides[i], trade.size, trade.limits[i], trade.fills[i], trade.costs[i], now_ms) for i in (0, 1)
    )
    return assemble(
        bet, direction, sides, legs, size=dollars(trade.size), limited_by=trade.limited_by, half=half, now_ms=now_ms,
        formula_fee=formula_fee(sides[0], trade.size) + formula_fee(sides[1], trade.size),
    )  # fmt: skip

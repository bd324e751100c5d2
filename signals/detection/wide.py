"""A look at a wide bet: more than two states, any number of claims, sizes that differ from leg to leg.

A market that must not be traded costs the bet only that market's claims: the rest may still pay in every state.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from markets.bets import COVER, Bet, MarketKey
from markets.books import MICRO, YES, BookView, dollars
from signals.detection import certificates as proofs
from signals.detection.assembling import assemble
from signals.detection.certificates import Certificates
from signals.detection.sides import Side, Why, leg_of, name_of, side_of
from signals.detection.wide_search import Purchase, WideSearch
from signals.findings import (
    BOOK_MISSING,
    BOOKS_APART,
    EMPTY_SIDE,
    NO_PROFIT,
    Finding,
    Listing,
    Refusal,
    Result,
    Rules,
)

NOTHING = Result()


def look(
    bet: Bet,
    books: Mapping[MarketKey, BookView],
    listings: Mapping[MarketKey, Listing],
    rules: Rules,
    now_ms: int,
    known: Certificates | None = None,
) -> Result:
    """The largest guaranteed net profit of a wide bet without faults, or why there is none."""
    asks = best_asks(bet, books)
    if known is not None and known.proves(bet, asks):
        return _nothing(bet, books)
    sides, refusals = _sides(bet, books, listings, rules, now_ms)
    groups = list(_together(sides, rules.max_skew_ms))
    if len(groups) > 1:
        sentence = f"some books are more than {rules.max_skew_ms} ms apart"
        refusals.append(Refusal(bet.id, BOOKS_APART, sentence, COVER))
    best: Purchase | None = None
    for group in groups:
        if not _covers(bet, group):
            continue
        search = WideSearch(bet.states, group, rules.caps)
        found = search.best()
        if isinstance(found, Purchase):
            if best is None or found.net > best.net:
                best, finder = found, search
        elif not refusals or found[0] != NO_PROFIT:  # else what was left out is the reason
            refusals.append(Refusal(bet.id, *found, COVER))
    if best is not None:
        return Result((_finding(bet, best, finder.half(best), now_ms),), tuple(refusals))
    # Only now, for a proof costs a program too: where the asks leave no gap there is nothing to be sorry for.
    needs = proofs.prove(bet, asks)
    if needs is not None:
        if known is not None:
            known.keep(bet, needs)
        return _nothing(bet, books)
    if not refusals:
        sentence = "nobody sells what would pay in some of the states"
        refusals.append(Refusal(bet.id, EMPTY_SIDE, sentence, COVER))
    return Result(refusals=tuple(refusals))


def best_asks(bet: Bet, books: Mapping[MarketKey, BookView]) -> list[int]:
    """What one contract of each claim costs at best, micro-dollars; a dollar where nobody sells."""
    asks = []
    for claim in bet.covers[0]:
        book = books.get(claim.market)
        if book is None:
            asks.append(MICRO)
        elif claim.outcome == YES:
            asks.append(book.asks[0][0] if book.asks else MICRO)
        else:
            asks.append(MICRO - book.bids[0][0] if book.bids else MICRO)
    return asks


def _nothing(bet: Bet, books: Mapping[MarketKey, BookView]) -> Result:
    """No gap; a missing book is said all the same, as it hides what the bet might offer."""
    missing = [
        f"{platform}:{market_id}" for platform, market_id in bet.markets if (platform, market_id) not in books
    ]
    if not missing:
        return NOTHING
    return Result(refusals=(Refusal(bet.id, BOOK_MISSING, f"no live book of {', '.join(missing)}", COVER),))


def _sides(
    bet: Bet,
    books: Mapping[MarketKey, BookView],
    listings: Mapping[MarketKey, Listing],
    rules: Rules,
    now_ms: int,
) -> tuple[list[Side], list[Refusal]]:
    """The claims that may be bought, and why others may not: one refusal of each code."""
    sides: list[Side] = []
    refusals: dict[str, Refusal] = {}
    seen: dict[MarketKey, Side | None] = {}  # what is found of a market holds for both of its outcomes
    for claim in bet.covers[0]:
        if claim.market in seen:
            other = seen[claim.market]
            if other is not None:
                sides.append(
                    Side(claim, other.listing, other.fees, other.book, other.book.asks_for(claim.outcome))
                )
            continue
        book = books.get(claim.market)
        found: Side | Why = (BOOK_MISSING, f"no live book of {name_of(claim)}")
        if book is not None:
            found = side_of(claim, book, listings.get(claim.market), rules, now_ms, crossed_is_fine=False)
        seen[claim.market] = found if isinstance(found, Side) else None
        if isinstance(found, Side):
            sides.append(found)
        else:
            refusals.setdefault(found[0], Refusal(bet.id, *found, COVER))
    return [side for side in sides if side.asks], list(refusals.values())


def _together(sides: Sequence[Side], skew_ms: int) -> Iterator[list[Side]]:
    """Groups of sides whose books are no further apart than `skew_ms`; nearly always one group of all."""
    times = sorted({side.book.confirmed_ms for side in sides})
    last_end = -1
    for first in times:
        end = max(time for time in times if time <= first + skew_ms)
        if end > last_end:  # else it is part of the group before
            last_end = end
            yield [side for side in sides if first <= side.book.confirmed_ms <= end]


def _covers(bet: Bet, sides: Sequence[Side]) -> bool:
    paid: set[str] = set()
    for side in sides:
        paid |= side.claim.pays_in
    return len(paid) == len(bet.states)


def _finding(bet: Bet, best: Purchase, half: Decimal | None, now_ms: int) -> Finding:
    sides = [order.side for order in best.orders]
    legs = tuple(
        leg_of(order.side, order.size, order.limit, order.fills, order.cost, now_ms) for order in best.orders
    )
    return assemble(
        bet, COVER, sides, legs, size=dollars(best.payoff), formula_fee=best.formula_fee,
        limited_by=best.limited_by, half=half, now_ms=now_ms,
    )  # fmt: skip

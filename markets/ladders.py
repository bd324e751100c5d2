"""A live book as a ladder that people read: both outcomes, prices in dollars, sizes in contracts, running totals."""

from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate, zip_longest

from markets.books import NO, YES, BookView, Ladder, dollars


@dataclass(frozen=True, slots=True)
class Rung:
    """One level: its price and size, and the contracts on offer up to it."""

    price: Decimal
    size: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class Side:
    """One outcome: pairs of a bid and an ask rung, best first; None where one side is deeper."""

    outcome: str
    rows: tuple[tuple[Rung | None, Rung | None], ...]
    spread: Decimal | None


@dataclass(frozen=True, slots=True)
class LadderView:
    """A book as shown: its age in seconds since the feed last vouched for it, and since it last changed."""

    sides: tuple[Side, Side]
    confirmed_ago: Decimal
    changed_ago: Decimal
    crossed: bool


def ladder(view: BookView, now_ms: int, depth: int = 25) -> LadderView:
    """The ladder of a book at `now_ms` (Unix milliseconds), `depth` levels deep."""
    return LadderView(
        sides=(_side(view, YES, depth), _side(view, NO, depth)),
        confirmed_ago=Decimal(now_ms - view.confirmed_ms).scaleb(-3),
        changed_ago=Decimal(now_ms - view.changed_ms).scaleb(-3),
        crossed=view.crossed,
    )


def _side(view: BookView, outcome: str, depth: int) -> Side:
    bids, asks = view.bids_for(outcome), view.asks_for(outcome)
    spread = dollars(asks[0][0] - bids[0][0]) if bids and asks else None
    rows = tuple(zip_longest(_rungs(bids[:depth]), _rungs(asks[:depth])))
    return Side(outcome, rows, spread)


def _rungs(levels: Ladder) -> list[Rung]:
    totals = accumulate(size for _, size in levels)
    return [
        Rung(dollars(price), dollars(size), dollars(total))
        for (price, size), total in zip(levels, totals, strict=True)
    ]

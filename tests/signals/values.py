"""Small builders and an independent calculator for the tests of detection and of what follows it.

The fee schedules here are written from the published formulas, apart from the platforms' own modules, and the
calculator knows nothing of walks, ladders in integers or break-points: it buys level by level with `Decimal`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Any

from hypothesis import strategies as st

from markets import bets
from markets.books import MICRO, NO, YES, BookView, Level, micro
from markets.platforms.base import KALSHI, OPEN, POLYMARKET, OrderCost, TickBand
from signals.detection.detector import Caps, Listing, Result, Rules, find

NOW = 1_750_000_000_000
A, B = (POLYMARKET, "0xa"), (KALSHI, "KX-B")
PAIR = bets.pair("bet-1", A, B)
SETTLES = datetime.fromtimestamp(NOW / 1000 + 30 * 86_400, UTC)
CENT = (TickBand(Decimal(0), Decimal(1), Decimal("0.01")),)
D = Decimal


@dataclass(frozen=True)
class Formula:
    """`rate * C * p * (1 - p)` per fill, rounded to `unit` in `rounding`; the order's cash rounded up to
    `grid`.
    """

    rate: Decimal
    unit: Decimal
    rounding: str
    grid: Decimal | None = None

    def marginal_fee(self, price: Decimal) -> Decimal:
        return self.rate * price * (1 - price)

    def order_cost(self, side: str, fills: Sequence[Level], *, maker: bool = False) -> OrderCost:
        notional = sum((level.price * level.size for level in fills), D(0))
        fee = sum(
            (
                (self.marginal_fee(level.price) * level.size).quantize(self.unit, self.rounding)
                for level in fills
            ),
            D(0),
        )
        cash = notional + fee if side == "BUY" else notional - fee
        if self.grid:
            cash = (cash / self.grid).to_integral_value(ROUND_CEILING) * self.grid
        return OrderCost(notional, abs(cash - notional), cash)

    def as_json(self) -> dict[str, Any]:
        return {"rate": str(self.rate)}


def kalshi(rate: str = "0.07", grid: str = "0.01") -> Formula:
    return Formula(D(rate), D("0.0001"), ROUND_CEILING, D(grid))


def polymarket(rate: str = "0.04") -> Formula:
    return Formula(D(rate), D("0.00001"), ROUND_HALF_UP)


def plain(rate: str = "0") -> Formula:
    """No rounding that could matter: for rules that hold to the last digit."""
    return Formula(D(rate), D("1e-20"), ROUND_HALF_UP)


def ladder(*levels: tuple[str, str | int]) -> tuple[tuple[int, int], ...]:
    return tuple((micro(price), micro(D(size))) for price, size in levels)


def book(market, bids=(), asks=(), age_ms: int = 100) -> BookView:
    return BookView(*market, ladder(*bids), ladder(*asks), NOW - age_ms, NOW - age_ms)


def listing(market, fees, **changes) -> Listing:
    values = {
        "status": OPEN, "ticks": CENT, "min_size": D(1), "size_step": D("0.01"), "fees": fees, "settles": SETTLES,
    }  # fmt: skip
    return Listing(*market, **{**values, **changes})


def listings(fees_a=None, fees_b=None, **changes) -> dict:
    return {A: listing(A, fees_a or polymarket(), **changes), B: listing(B, fees_b or kalshi(), **changes)}


def look(
    book_a: BookView, book_b: BookView, known=None, rules: Rules | None = None, bet=PAIR, now: int = NOW
) -> Result:
    """`find` on two books."""
    return find(bet, {A: book_a, B: book_b}, known or listings(), rules or Rules(), now)


def capped(**caps) -> Rules:
    return Rules(caps=Caps(**caps))


def asks_of(view: BookView, outcome: str) -> list[Level]:
    """What is on offer of an outcome, computed the slow way."""
    side = view.asks if outcome == YES else view.bids
    found = [
        Level(D(price) / MICRO if outcome == YES else 1 - D(price) / MICRO, D(size) / MICRO)
        for price, size in side
    ]
    return sorted(found, key=lambda level: level.price)


def cash_for(view: BookView, outcome: str, size: Decimal, fees: Formula) -> Decimal | None:
    """What `size` contracts cost with fees; None where the book is too thin."""
    fills, wanted = [], size
    for level in asks_of(view, outcome):
        part = min(level.size, wanted)
        if part > 0:
            fills.append(Level(level.price, part))
            wanted -= part
    return None if wanted > 0 else fees.order_cost("BUY", fills).cash


def profit_in(state: str, finding, bet, books, fees) -> Decimal:
    """What the finding's orders leave in one state of the bet, after buying them from the books."""
    pays = {(*claim.market, claim.outcome): state in claim.pays_in for claim in bet.claims}
    profit = D(0)
    for leg in finding.legs:
        market = (leg.platform, leg.market_id)
        profit -= cash_for(books[market], leg.outcome, leg.size, fees[market])
        if pays[(*market, leg.outcome)]:
            profit += leg.size
    return profit


@st.composite
def books_of(draw, market, levels: int = 5, cents: bool = True) -> BookView:
    """A random book that is not crossed, on the cent grid, with sizes of whole or hundredth contracts."""
    split = draw(st.integers(3, 97))
    size = (
        st.integers(1, 60).map(lambda n: n * MICRO)
        if cents
        else st.integers(1, 6_000).map(lambda n: n * 10_000)
    )
    below = draw(st.lists(st.integers(1, split - 1), unique=True, max_size=levels))
    above = draw(st.lists(st.integers(split, 99), unique=True, max_size=levels))
    bids = tuple((price * 10_000, draw(size)) for price in sorted(below, reverse=True))
    asks = tuple((price * 10_000, draw(size)) for price in sorted(above))
    return BookView(*market, bids, asks, NOW, NOW)


__all__ = [name for name in dir() if not name.startswith("_")] + ["NO"]

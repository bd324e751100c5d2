"""The money of a backtest: cash by platform, positions, what they are worth, and how far it ever fell.

The same ledger as everywhere (`execution.ledger`). What is held is worth what its market has settled at, else its best
bid, else the last bid that was seen, else what was paid.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from execution import ledger
from execution.ledger import BUY, SELL, Entry, PositionKey
from markets.bets import MarketKey
from markets.books import NO, YES, BookView, dollars

ZERO, ONE, HALF = Decimal(0), Decimal(1), Decimal("0.5")


@dataclass(frozen=True, slots=True)
class Point:
    """Equity at one moment, dollars."""

    at_ms: int
    equity: Decimal


@dataclass(slots=True)
class Account:
    """What a backtest has. `pays`: dollars that one YES of a market paid in the end, where that is known."""

    cash: dict[str, Decimal]
    pays: Mapping[MarketKey, Decimal] = field(default_factory=dict)
    positions: dict[PositionKey, ledger.Position] = field(default_factory=dict)
    marks: dict[PositionKey, Decimal] = field(default_factory=dict)
    fees: Decimal = ZERO
    points: list[Point] = field(default_factory=list)
    highest: Decimal = ZERO
    drawdown: Decimal = ZERO  # dollars below the highest equity before, at worst
    drawdown_pct: Decimal = ZERO  # of that equity, a fraction

    def book(self, entry: Entry) -> None:
        """One fill, merge or settlement."""
        self.positions[entry.key] = ledger.apply(self.positions.get(entry.key, ledger.Position()), entry)
        self.cash[entry.platform] = self.cash.get(entry.platform, ZERO) + entry.cash
        self.fees += entry.fee
        if entry.side == BUY:
            self.marks.setdefault(entry.key, entry.price)

    def contracts(self, key: PositionKey) -> Decimal:
        """How many are held."""
        found = self.positions.get(key)
        return found.quantity if found is not None else ZERO

    def merge(self, market: MarketKey) -> Decimal:
        """Turn YES + NO of one market into $1 each; returns how many pairs there were."""
        pairs = min(self.contracts((*market, YES)), self.contracts((*market, NO)))
        if pairs > 0:
            for outcome in (YES, NO):
                self.book(Entry(*market, outcome, SELL, pairs, HALF, kind=ledger.MERGE))
        return pairs

    def settle(self, market: MarketKey) -> Decimal | None:
        """Pay out what is held of a market whose end is known; returns what one YES pays, None for nothing to pay."""
        paid = self.pays.get(market)
        held = [outcome for outcome in (YES, NO) if self.contracts((*market, outcome)) > 0]
        if paid is None or not held:
            return None
        for outcome in held:
            price = paid if outcome == YES else ONE - paid
            size = self.contracts((*market, outcome))
            self.book(Entry(*market, outcome, SELL, size, price, kind=ledger.SETTLEMENT))
        return paid

    def look(self, books: Mapping[MarketKey, BookView]) -> None:
        """Mark what is held by these books."""
        for key, position in self.positions.items():
            view = books.get(key[:2]) if position.quantity else None
            bids = view.bids_for(key[2]) if view is not None else ()
            if bids:
                self.marks[key] = dollars(bids[0][0])

    @property
    def invested(self) -> bool:
        """Whether anything is held."""
        return any(position.quantity for position in self.positions.values())

    def equity(self) -> Decimal:
        """Cash and what is held at its marks."""
        worth = (
            position.quantity * self.marks[key]
            for key, position in self.positions.items()
            if position.quantity
        )
        return sum(self.cash.values(), ZERO) + sum(worth, ZERO)

    def note(self, at_ms: int) -> None:
        """Write the equity of now into the curve; of one moment the last counts."""
        equity = self.equity()
        if self.points and self.points[-1].at_ms == at_ms:
            self.points[-1] = Point(at_ms, equity)
        else:
            self.points.append(Point(at_ms, equity))
        self.highest = max(self.highest, equity)
        fallen = self.highest - equity
        if fallen > self.drawdown:
            self.drawdown, self.drawdown_pct = fallen, fallen / self.highest if self.highest else ZERO

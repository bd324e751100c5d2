"""Positions and profit from fills, exact to the last digit.

Everything that moves money is an entry: a purchase or a sale at a price with a fee. A merge of YES + NO is
the sale of both at prices that add up to $1; a settlement the sale of each outcome at what it pays; a reversal the
same trade on the other side, its fee given back; a conversion the sale of NO and the purchase of the event's other
YES. The cost of a position includes fees, so a profit is always after fees.

When part of a position is sold, its share of the cost is rounded to 1e-12 dollars, the unit the database keeps,
and the rest stays with what is left: such a crumb can move between realised and unrealised, never into or out
of their sum. A coarser unit would spoil the average of what is left when that is dust.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal

from markets.books import NO, YES

BUY, SELL = "BUY", "SELL"
TRADE, MERGE, SETTLEMENT = "TRADE", "MERGE", "SETTLEMENT"
HAND, REVERSAL, CONVERSION = "HAND", "REVERSAL", "CONVERSION"

ZERO, ONE = Decimal(0), Decimal(1)
MICRO_DOLLAR = Decimal("0.000001")
COST_UNIT = Decimal("1e-12")

PositionKey = tuple[str, str, str]  # platform, market id, outcome


class LedgerError(ValueError):
    """An entry that cannot be: more sold than held, a size or price out of range, or a position without a
    mark.
    """


@dataclass(frozen=True, slots=True)
class Entry:
    """Contracts and money that moved. `price` is dollars of `outcome`; `fee` may be negative (a rebate)."""

    platform: str
    market_id: str
    outcome: str
    side: str  # BUY or SELL
    quantity: Decimal
    price: Decimal
    fee: Decimal = ZERO
    kind: str = TRADE

    @property
    def key(self) -> PositionKey:
        """The position this entry belongs to."""
        return self.platform, self.market_id, self.outcome

    @property
    def cash(self) -> Decimal:
        """Dollars into the account, fee included; negative for what leaves it."""
        worth = self.quantity * self.price
        return worth - self.fee if self.side == SELL else -worth - self.fee


@dataclass(frozen=True, slots=True)
class Position:
    """Contracts of one outcome. `paid` and `cost` are what is still invested, without and with fees."""

    quantity: Decimal = ZERO
    paid: Decimal = ZERO
    cost: Decimal = ZERO
    realised: Decimal = ZERO  # dollars, after fees of both purchase and sale
    fees: Decimal = ZERO  # all fees ever paid on it, dollars

    @property
    def average_price(self) -> Decimal | None:
        """Dollars per contract before fees; None when nothing is held."""
        return self.paid / self.quantity if self.quantity else None

    def worth(self, mark: Decimal) -> Decimal:
        """Dollars at `mark` per contract."""
        return self.quantity * mark

    def unrealised(self, mark: Decimal) -> Decimal:
        """Profit if every contract were worth `mark`, after the fees paid to buy them."""
        return self.worth(mark) - self.cost


Positions = Mapping[PositionKey, Position]
Marks = Mapping[PositionKey, Decimal]  # dollars per contract of that outcome


@dataclass(frozen=True, slots=True)
class Pnl:
    """Profit in dollars, after fees."""

    realised: Decimal
    unrealised: Decimal

    @property
    def total(self) -> Decimal:
        """Realised and unrealised."""
        return self.realised + self.unrealised


def apply(position: Position, entry: Entry) -> Position:
    """The position after one entry. Raises LedgerError for what cannot be."""
    finite = entry.quantity.is_finite() and entry.price.is_finite() and entry.fee.is_finite()
    if not finite or entry.quantity <= 0 or not ZERO <= entry.price <= ONE:
        raise LedgerError(f"no entry has the quantity {entry.quantity}, price {entry.price}, fee {entry.fee}")
    if entry.side == BUY:
        paid = entry.quantity * entry.price
        return replace(
            position,
            quantity=position.quantity + entry.quantity,
            paid=position.paid + paid,
            cost=position.cost + paid + entry.fee,
            fees=position.fees + entry.fee,
        )
    if entry.side != SELL:
        raise LedgerError(f"side {entry.side!r} is neither BUY nor SELL")
    if entry.quantity > position.quantity:
        raise LedgerError(f"{entry.quantity} sold of {':'.join(entry.key)}, only {position.quantity} held")
    left = position.quantity - entry.quantity
    paid, cost = _leaving(position, entry)
    return replace(
        position,
        quantity=left,
        paid=position.paid - paid,
        cost=position.cost - cost,
        realised=position.realised + entry.cash - cost,
        fees=position.fees + entry.fee,
    )


def _leaving(position: Position, entry: Entry) -> tuple[Decimal, Decimal]:
    """What is no longer invested after a sale, without and with fees: the average's share.

    A purchase that is undone takes its own price and fee out again, as long as what is left can have cost the rest:
    then its profit is nothing, as if it had never been.
    """
    own_paid = entry.quantity * entry.price
    own_cost = own_paid - entry.fee
    left = position.quantity - entry.quantity
    could_remain = ZERO <= position.paid - own_paid <= left and position.cost - own_cost >= ZERO
    if entry.kind == REVERSAL and could_remain and (left or position.paid == own_paid):
        return own_paid, position.cost if not left else own_cost
    return (
        _part(position.paid, entry.quantity, position.quantity),
        _part(position.cost, entry.quantity, position.quantity),
    )


def reversal(entry: Entry) -> Entry:
    """The entry that undoes a trade which failed to settle: the other side, same price, the fee given back."""
    other = SELL if entry.side == BUY else BUY
    return replace(entry, side=other, fee=-entry.fee, kind=REVERSAL)


def positions(entries: Iterable[Entry], start: Positions | None = None) -> dict[PositionKey, Position]:
    """All positions after `entries`, in their order, on top of `start`."""
    held = dict(start or {})
    for entry in entries:
        held[entry.key] = apply(held.get(entry.key, Position()), entry)
    return held


def realised_by(named: Iterable[tuple[str, Entry]]) -> dict[str, Decimal]:
    """What the entries of each name have realised, in their order; together it is what all positions have."""
    held: dict[PositionKey, Position] = {}
    found: dict[str, Decimal] = {}
    for name, entry in named:
        before = held.get(entry.key, Position())
        held[entry.key] = apply(before, entry)
        found[name] = found.get(name, ZERO) + held[entry.key].realised - before.realised
    return found


def pnl(held: Positions, marks: Marks) -> Pnl:
    """Realised and unrealised profit. Raises LedgerError where one that is held has no mark."""
    realised = unrealised = ZERO
    for key, position in held.items():
        realised += position.realised
        if position.quantity:
            unrealised += position.unrealised(_mark(marks, key))
    return Pnl(realised, unrealised)


def pnl_from_fills(entries: Iterable[Entry], marks: Marks) -> Decimal:
    """The same total from cash and contracts alone, without costs or averages: the check on the books."""
    cash = ZERO
    contracts: dict[PositionKey, Decimal] = {}
    for entry in entries:
        cash += entry.cash
        signed = entry.quantity if entry.side == BUY else -entry.quantity
        contracts[entry.key] = contracts.get(entry.key, ZERO) + signed
    return cash + sum((held * _mark(marks, key) for key, held in contracts.items() if held), ZERO)


def mergeable(held: Positions, platform: str, market_id: str) -> Decimal:
    """Contracts of YES + NO that are worth $1 a pair at once."""
    yes = held.get((platform, market_id, YES), Position())
    no = held.get((platform, market_id, NO), Position())
    return min(yes.quantity, no.quantity)


def merge(held: Positions, platform: str, market_id: str, quantity: Decimal) -> tuple[Entry, Entry]:
    """The two entries that turn `quantity` pairs of YES + NO into $1 each; both outcomes share the profit
    equally.

    Raises LedgerError for more pairs than are held.
    """
    most = mergeable(held, platform, market_id)
    if not ZERO < quantity <= most:
        raise LedgerError(f"{quantity} pairs of {platform}:{market_id} cannot be merged, {most} are held")
    yes = held[platform, market_id, YES].average_price or ZERO
    no = held[platform, market_id, NO].average_price or ZERO
    halfway = (yes + (ONE - yes - no) / 2).quantize(MICRO_DOLLAR, ROUND_HALF_EVEN)
    at = min(ONE, max(ZERO, halfway))
    return (
        Entry(platform, market_id, YES, SELL, quantity, at, kind=MERGE),
        Entry(platform, market_id, NO, SELL, quantity, ONE - at, kind=MERGE),
    )


def conversion(
    held: Positions, platform: str, sold: Sequence[str], rest: Sequence[str], quantity: Decimal
) -> list[Entry]:
    """The entries that turn `quantity` NO of each market `sold` into YES of each market `rest`, and dollars.

    Together `sold` and `rest` are all markets of an event of which exactly one pays YES: k NO pay k - 1 dollars and one
    YES of the rest. What the NO have cost beyond those dollars is what the YES cost, in equal parts; where they cost
    less, the difference is profit at once. Raises LedgerError for contracts that are not held, or nothing to convert.
    """
    positions_sold = [held.get((platform, market_id, NO), Position()) for market_id in sold]
    if not sold or not rest or quantity <= 0:
        raise LedgerError("a conversion needs NO of one market at least, and another market of the event")
    short = next((m for m, one in zip(sold, positions_sold, strict=True) if one.quantity < quantity), None)
    if short is not None:
        raise LedgerError(f"{quantity} NO of {platform}:{short} cannot be converted, fewer are held")
    at = [one.average_price or ZERO for one in positions_sold]
    at = [price.quantize(MICRO_DOLLAR, ROUND_HALF_EVEN) for price in at]
    brings = Decimal(len(sold) - 1)
    beyond = sum(at, ZERO) - brings
    each = (max(ZERO, beyond) / len(rest)).quantize(MICRO_DOLLAR, ROUND_HALF_EVEN)
    each = min(ONE, each)
    # Prices may be moved as they are ours to choose; what they must do is to add up to the dollars that came
    lacking = brings + each * len(rest) - sum(at, ZERO)
    at = _spread(at, lacking)
    return [
        *(Entry(platform, m, NO, SELL, quantity, price, kind=CONVERSION) for m, price in zip(sold, at, strict=True)),
        *(Entry(platform, m, YES, BUY, quantity, each, kind=CONVERSION) for m in rest),
    ]  # fmt: skip


def _spread(prices: Sequence[Decimal], amount: Decimal) -> list[Decimal]:
    """Prices raised (or lowered) by `amount` in all, none of them leaving 0 to 1."""
    found = []
    for price in prices:
        moved = min(ONE, max(ZERO, price + amount))
        amount -= moved - price
        found.append(moved)
    return found


def settlement(held: Positions, platform: str, market_id: str, yes_pays: Decimal) -> list[Entry]:
    """The entries that close a market: YES pays `yes_pays` dollars (0 to 1), NO the rest.

    Raises LedgerError for a value outside 0 to 1.
    """
    if not ZERO <= yes_pays <= ONE:
        raise LedgerError(f"a contract cannot pay {yes_pays}")
    pays = {YES: yes_pays, NO: ONE - yes_pays}
    entries = []
    for outcome, value in pays.items():
        position = held.get((platform, market_id, outcome), Position())
        if position.quantity:
            entries.append(
                Entry(platform, market_id, outcome, SELL, position.quantity, value, kind=SETTLEMENT)
            )
    return entries


def _part(amount: Decimal, sold: Decimal, held: Decimal) -> Decimal:
    """The share of `amount` that goes with `sold` of `held` contracts; all of it with the last one."""
    if sold == held:
        return amount
    return (amount * sold / held).quantize(COST_UNIT, ROUND_HALF_EVEN)


def _mark(marks: Marks, key: PositionKey) -> Decimal:
    mark = marks.get(key)
    if mark is None:
        raise LedgerError(f"no mark for {':'.join(key)}")
    return mark

"""Kalshi's fees, exactly as the exchange rounds them (the platform's fee rounding page, June 2026; docs/fees.md).

Per fill: trade fee = 0.07 x m x C x P x (1 - P), rounded up to $0.0001. The account then changes by -P x C - fee (buy)
or +P x C - fee (sale), rounded down to the account's balance grid; what the rounding took joins the fee. An order adds
up what its fills lost that way, and once the sum passes one cent, a cent is given back on that fill.

So an order in k fills costs its notional, its trade fees and 0 to 1 cent of rounding not given back; the trade fees are
less than k x $0.0001 above the formula.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, localcontext
from typing import Any

from markets.books import Level
from markets.platforms.base import KALSHI, OrderCost, Step

TAKER_RATE = Decimal("0.07")
FEE_UNIT = Decimal("0.0001")
CENT = Decimal("0.01")
DIRECT_GRID, BROKER_GRID = FEE_UNIT, CENT  # balance grids of direct members and of accounts behind a broker
ZERO, ONE = Decimal(0), Decimal(1)
_EXACT = Context(prec=60)  # whatever precision the caller's thread has set, money stays exact

# Maker rate by the series' `fee_type`. A type that is not here (`flat`, whose amount Kalshi does not publish, or one
# invented later) is an unknown schedule, and its markets are not traded.
MAKER_RATES = {
    "quadratic": Decimal(0),
    "quadratic_with_maker_fees": Decimal("0.0175"),
    "quadratic_with_combo_maker_fees": Decimal("0.035"),
}


@dataclass(frozen=True, slots=True)
class KalshiFees:
    """A market's fee schedule; implements `base.FeeSchedule`.

    `multiplier` is the series' `fee_multiplier` or its event's override. A fee waiver is not applied until
    `at(now)` is asked, so a cost is never understated by a waiver that may have run out.
    """

    fee_type: str
    multiplier: Decimal
    waived_until: datetime | None = None
    balance_grid: Decimal = DIRECT_GRID

    def __post_init__(self) -> None:
        """Refuse what would compute nonsense; raises ValueError."""
        if self.fee_type not in MAKER_RATES:
            raise ValueError(f"unknown Kalshi fee type {self.fee_type!r}")
        if not self.multiplier.is_finite() or self.multiplier < 0:
            raise ValueError(f"fee multiplier {self.multiplier} is not a number of zero or more")
        if self.balance_grid not in (DIRECT_GRID, BROKER_GRID):
            raise ValueError(f"balance grid {self.balance_grid} is neither {DIRECT_GRID} nor {BROKER_GRID}")

    def at(self, now: datetime) -> "KalshiFees":
        """The schedule that holds at `now`: without fees while a waiver runs."""
        if self.waived_until is None or now >= self.waived_until:
            return self
        return KalshiFees(self.fee_type, Decimal(0), None, self.balance_grid)

    def order_cost(self, side: str, fills: Sequence[Level], *, maker: bool = False) -> OrderCost:
        """The exact cost of one order that takes `fills` in this order, each price that of the outcome traded.

        P x (1 - P) is the same for YES at p and NO at 1 - p, so the outcome does not matter. A sale of dust can cost
        more than it brings; `cash` is then negative. Raises ValueError for a side other than BUY and SELL, a price
        outside 0 to 1 or a size that is not positive.
        """
        with localcontext(_EXACT):
            parts = self._parts(side, fills, maker=maker)
            notional = sum((part.notional for part in parts), ZERO)
            fee = sum((part.fee for part in parts), ZERO)
            cash = notional + fee if side == "BUY" else notional - fee
        return OrderCost(notional=notional, fee=fee, cash=cash)

    def steps(self, side: str, fills: Sequence[Level], *, maker: bool = False) -> tuple[Step, ...]:
        """How `order_cost` comes to its figures. Raises ValueError as it does."""
        with localcontext(_EXACT):
            rate = self._rate(maker).normalize()
            return tuple(
                step
                for fill, part in zip(fills, self._parts(side, fills, maker=maker), strict=True)
                for step in (
                    Step(f"{rate:f} x {fill.size} x {fill.price} x (1 - {fill.price})", part.exact),
                    Step(f"trade fee, rounded up to {FEE_UNIT}", part.trade_fee),
                    Step(f"balance rounding, down to {self.balance_grid}", part.rounding),
                    Step("rebate of rounding overpaid by this order", -part.rebate),
                )
            )

    def marginal_fee(self, price: Decimal) -> Decimal:
        """Taker fee of one contract at `price` before rounding, in dollars."""
        # Asked for every level of every look: the context's own methods are faster than entering it
        rate = _EXACT.multiply(TAKER_RATE, self.multiplier)
        return _EXACT.multiply(rate, _EXACT.multiply(price, _EXACT.subtract(ONE, price)))

    def fill_cost(
        self, side: str, fill: Level, overpaid: Decimal = ZERO, *, maker: bool = False
    ) -> "FillCost":
        """One fill of an order that has `overpaid` so much by rounding before it: the `overpaid` of the fill before.

        Taker and maker fills of one order share that sum. Raises ValueError as `order_cost` does.
        """
        _check_side(side)
        with localcontext(_EXACT):
            return self._fill(side, fill, overpaid, self._rate(maker))

    def as_json(self) -> dict[str, Any]:
        """Everything `from_json` needs, as JSON types."""
        return {
            "platform": KALSHI,
            "fee_type": self.fee_type,
            "multiplier": str(self.multiplier),
            "waived_until": self.waived_until.isoformat() if self.waived_until else None,
            "balance_grid": str(self.balance_grid),
        }

    def _rate(self, maker: bool) -> Decimal:
        return (MAKER_RATES[self.fee_type] if maker else TAKER_RATE) * self.multiplier

    def _parts(self, side: str, fills: Sequence[Level], *, maker: bool) -> list["FillCost"]:
        _check_side(side)
        rate, overpaid, parts = self._rate(maker), ZERO, []
        for fill in fills:
            part = self._fill(side, fill, overpaid, rate)
            overpaid = part.overpaid
            parts.append(part)
        return parts

    def _fill(self, side: str, fill: Level, overpaid: Decimal, rate: Decimal) -> "FillCost":
        if not (0 <= fill.price <= 1 and fill.size > 0):
            raise ValueError(f"no fill has the price {fill.price} and the size {fill.size}")
        exact = rate * fill.size * fill.price * (1 - fill.price)
        trade_fee = exact.quantize(FEE_UNIT, ROUND_CEILING)
        notional = fill.price * fill.size
        change = (-notional if side == "BUY" else notional) - trade_fee
        rounding = change - _down(change, self.balance_grid)
        overpaid += rounding
        rebate = CENT if overpaid > CENT else ZERO
        return FillCost(notional, exact, trade_fee, rounding, rebate, overpaid - rebate)


@dataclass(frozen=True, slots=True)
class FillCost:
    """What one fill moved, in dollars."""

    notional: Decimal
    exact: Decimal  # the formula, unrounded
    trade_fee: Decimal
    rounding: Decimal  # what the balance's grid took
    rebate: Decimal  # a cent, or nothing
    overpaid: Decimal  # by rounding, of the whole order so far and not given back: 0 to one cent

    @property
    def fee(self) -> Decimal:
        """The net number that the platform reports; below zero where the rebate is more than the fee."""
        return self.trade_fee + self.rounding - self.rebate


def _check_side(side: str) -> None:
    if side not in ("BUY", "SELL"):
        raise ValueError(f"side {side!r} is neither BUY nor SELL")


def _down(amount: Decimal, grid: Decimal) -> Decimal:
    """`amount` rounded down (towards minus infinity) to the grid."""
    return (amount / grid).to_integral_value(ROUND_FLOOR) * grid


def schedule(
    fee_type: str | None,
    multiplier: Decimal | None,
    waived_until: datetime | None = None,
    balance_grid: Decimal = DIRECT_GRID,
) -> KalshiFees | None:
    """The schedule of a series, or None where it is unknown: such a market is shown but not traded."""
    if fee_type is None or multiplier is None:
        return None
    try:
        return KalshiFees(fee_type, multiplier, waived_until, balance_grid)
    except ValueError:
        return None


def dearest(schedules: Iterable[KalshiFees | None]) -> KalshiFees | None:
    """A schedule that no order pays less under than under any of these; None where one of them is unknown.

    Raises ValueError for no schedules at all.
    """
    known: list[KalshiFees] = []
    for one in schedules:
        if one is None:
            return None
        known.append(one)
    if not known:
        raise ValueError("of no schedules none is the dearest")
    waivers = [one.waived_until for one in known]
    return KalshiFees(
        max((one.fee_type for one in known), key=MAKER_RATES.__getitem__),
        max(one.multiplier for one in known),
        None if None in waivers else min(until for until in waivers if until is not None),
        max(one.balance_grid for one in known),
    )


def from_json(document: dict[str, Any] | None) -> KalshiFees | None:
    """Read back what `as_json` wrote; None for an unknown schedule. Raises ValueError where the document is broken."""
    if not document:
        return None
    try:
        waived = document.get("waived_until")
        return schedule(
            document["fee_type"],
            Decimal(document["multiplier"]),
            datetime.fromisoformat(waived).astimezone(UTC) if waived else None,
            Decimal(document.get("balance_grid", str(DIRECT_GRID))),
        )
    except (KeyError, TypeError, ArithmeticError) as error:
        raise ValueError(f"not a Kalshi fee schedule: {document!r}") from error

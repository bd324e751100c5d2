"""Kalshi's fees, exactly as the exchange rounds them (reference: the platform's fee rounding page, June 2026).

Per fill: trade fee = 0.07 x m x C x P x (1 - P), rounded up to $0.0001. The account then changes by -P x C - fee (buy)
or +P x C - fee (sale), rounded down to the account's balance grid; what the rounding took joins the fee. An order adds
up what its fills lost that way, and once the sum passes one cent, a cent is given back on that fill.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from markets.books import Level
from markets.platforms.base import KALSHI, OrderCost, Step

TAKER_RATE = Decimal("0.07")
FEE_UNIT = Decimal("0.0001")
CENT = Decimal("0.01")
DIRECT_GRID, BROKER_GRID = FEE_UNIT, CENT  # balance grids of direct members and of accounts behind a broker

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
        if side not in ("BUY", "SELL"):
            raise ValueError(f"side {side!r} is neither BUY nor SELL")
        notional, fee, overpaid = Decimal(0), Decimal(0), Decimal(0)
        steps: list[Step] = []
        for fill in fills:
            one = self._fill(side, fill, overpaid, maker=maker)
            notional += one.notional
            fee += one.fee
            overpaid = one.overpaid
            steps.extend(one.steps)
        cash = notional + fee if side == "BUY" else notional - fee
        return OrderCost(notional=notional, fee=fee, cash=cash, steps=tuple(steps))

    def marginal_fee(self, price: Decimal) -> Decimal:
        """Taker fee of one contract at `price` before rounding, in dollars."""
        return TAKER_RATE * self.multiplier * price * (1 - price)

    def as_json(self) -> dict[str, Any]:
        """Everything `from_json` needs, as JSON types."""
        return {
            "platform": KALSHI,
            "fee_type": self.fee_type,
            "multiplier": str(self.multiplier),
            "waived_until": self.waived_until.isoformat() if self.waived_until else None,
            "balance_grid": str(self.balance_grid),
        }

    def _fill(self, side: str, fill: Level, overpaid: Decimal, *, maker: bool) -> "_Fill":
        """One fill: its net fee, and what the order has overpaid by rounding after it."""
        if not (0 <= fill.price <= 1 and fill.size > 0):
            raise ValueError(f"no fill has the price {fill.price} and the size {fill.size}")
        rate = (MAKER_RATES[self.fee_type] if maker else TAKER_RATE) * self.multiplier
        exact = rate * fill.size * fill.price * (1 - fill.price)
        trade_fee = exact.quantize(FEE_UNIT, ROUND_CEILING)
        notional = fill.price * fill.size
        change = (-notional if side == "BUY" else notional) - trade_fee
        rounding = change - _down(change, self.balance_grid)
        overpaid += rounding
        rebate = CENT if overpaid > CENT else Decimal(0)
        steps = (
            Step(f"{rate.normalize():f} x {fill.size} x {fill.price} x (1 - {fill.price})", exact),
            Step(f"trade fee, rounded up to {FEE_UNIT}", trade_fee),
            Step(f"balance rounding, down to {self.balance_grid}", rounding),
            Step("rebate of rounding overpaid by this order", -rebate),
        )
        return _Fill(notional, trade_fee + rounding - rebate, overpaid - rebate, steps)


@dataclass(frozen=True, slots=True)
class _Fill:
    notional: Decimal
    fee: Decimal
    overpaid: Decimal
    steps: tuple[Step, ...]


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

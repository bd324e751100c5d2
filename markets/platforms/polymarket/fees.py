"""Polymarket's taker fee: shares x rate x (price x (1 - price)) ^ exponent, per match.

Rounded to five decimals, at least 0.00001 when not zero. A buy pays it on top of its cash, a sale out of its
proceeds; makers pay nothing while `taker_only` holds. Rate and exponent are each market's own (Gamma
`feeSchedule`, CLOB `fd`); the `base_fee` numbers elsewhere in the API are no fee. Source: the platform's fee
page; see docs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Any

from markets.books import Level
from markets.platforms.base import OrderCost, Step

BUY, SELL = "BUY", "SELL"
QUANTUM = Decimal("0.00001")
ONE, ZERO = Decimal(1), Decimal(0)
_EXACT = Context(prec=60)  # whatever precision the caller's thread has set, money stays exact


@dataclass(frozen=True, slots=True)
class PolymarketFees:
    """A market's fee schedule. `rate` is a fraction (0.07), `exponent` 1 today."""

    rate: Decimal
    exponent: Decimal = ONE
    taker_only: bool = True

    def __post_init__(self) -> None:
        for name, value in (("rate", self.rate), ("exponent", self.exponent)):
            if not value.is_finite() or value < 0:
                raise ValueError(f"fee {name} {value} is not a finite number of at least 0")

    def marginal_fee(self, price: Decimal) -> Decimal:
        """Dollars per share at `price`, before rounding."""
        # Asked for every level of every look: the context's own methods are faster than entering it
        curve = _EXACT.multiply(price, _EXACT.subtract(ONE, price))
        if self.exponent != ONE:
            curve = _EXACT.power(curve, self.exponent)
        return _EXACT.multiply(self.rate, curve)

    def match_fee(self, price: Decimal, size: Decimal) -> Decimal:
        """Dollars of one match of `size` shares at `price`, rounded as the platform does."""
        exact = _EXACT.multiply(size, self.marginal_fee(price))
        if exact == 0:
            return ZERO
        return max(exact.quantize(QUANTUM, rounding=ROUND_HALF_UP, context=_EXACT), QUANTUM)

    def order_cost(self, side: str, fills: Sequence[Level], *, maker: bool = False) -> OrderCost:
        """The exact cost of an order that takes `fills`, one match each. Raises ValueError for an unknown
        side.
        """
        if side not in (BUY, SELL):
            raise ValueError(f"side {side!r} is neither BUY nor SELL")
        free = maker and self.taker_only
        with localcontext(_EXACT):
            notional = fee = ZERO
            for fill in fills:
                notional += fill.price * fill.size
                fee += ZERO if free else self.match_fee(fill.price, fill.size)
            cash = notional + fee if side == BUY else notional - fee
        return OrderCost(notional, fee, cash)

    def steps(self, side: str, fills: Sequence[Level], *, maker: bool = False) -> tuple[Step, ...]:
        """How `order_cost` comes to its figures. Raises ValueError as it does."""
        cost = self.order_cost(side, fills, maker=maker)
        steps = []
        with localcontext(_EXACT):
            for fill in fills:
                if maker and self.taker_only:
                    steps.append(Step(f"{fill.size} shares at {fill.price}: makers pay no fee", ZERO))
                    continue
                power = "" if self.exponent == 1 else f" ^ {self.exponent}"
                formula = f"{fill.size} x {self.rate} x ({fill.price} x {ONE - fill.price}){power}"
                steps.append(Step(formula, fill.size * self.marginal_fee(fill.price)))
                rounded = self.match_fee(fill.price, fill.size)
                steps.append(Step(f"fee of the match, to {QUANTUM}, at least that where not zero", rounded))
        words = "cash out (notional + fee)" if side == BUY else "cash in (notional - fee)"
        return (*steps, Step("fee in all", cost.fee), Step(words, cost.cash))

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads back; decimals as strings."""
        return {"rate": str(self.rate), "exponent": str(self.exponent), "taker_only": self.taker_only}


NO_FEE = PolymarketFees(ZERO)


def from_json(document: dict[str, Any]) -> PolymarketFees:
    """The schedule that `as_json` wrote. Raises KeyError or ValueError (decimal.InvalidOperation is none)
    if it is not one.
    """
    texts = {name: str(document[name]) for name in ("rate", "exponent")}
    for name, text in texts.items():
        if not text.replace(".", "", 1).replace("E-", "", 1).isdigit():
            raise ValueError(f"fee {name} {text!r} is not a number")
    return PolymarketFees(
        Decimal(texts["rate"]), Decimal(texts["exponent"]), bool(document.get("taker_only", True))
    )

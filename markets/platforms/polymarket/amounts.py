"""Exact amounts of an order: price and size rounded to a market's tick, as integers of 1e-6.

The rule is the platform's (sizes to two decimals, cash to the tick's amount decimals), reckoned in Decimal:
the official client does it in floats and sends some prices one tick lower.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, localcontext

BUY, SELL = "BUY", "SELL"
SIZE_DECIMALS = 2
# tick: (decimals of a price, decimals of an amount of cash)
DECIMALS = {
    Decimal("0.1"): (1, 3),
    Decimal("0.01"): (2, 4),
    Decimal("0.005"): (3, 5),
    Decimal("0.0025"): (4, 6),
    Decimal("0.001"): (3, 5),
    Decimal("0.0001"): (4, 6),
}
_EXACT = Context(prec=60)


@dataclass(frozen=True, slots=True)
class Amounts:
    """What the signed order says, in units of 1e-6: cash for shares (BUY) or shares for cash (SELL)."""

    maker: int
    taker: int


def limit_amounts(side: str, price: Decimal, size: Decimal, tick: Decimal) -> Amounts:
    """A limit order for `size` shares at `price`. Raises ValueError for a price off the grid or an unknown
    tick or side.
    """
    _, decimals = _checked(side, price, tick)
    with localcontext(_EXACT):
        shares = _to(size, SIZE_DECIMALS, ROUND_FLOOR)
        cash = _shortened(shares * price, decimals)
        return _amounts(side, shares, cash)


def market_amounts(side: str, price: Decimal, amount: Decimal, tick: Decimal) -> Amounts:
    """A FAK or FOK order: `amount` is cash for a BUY, shares for a SELL; `price` the worst one accepted."""
    _, decimals = _checked(side, price, tick)
    with localcontext(_EXACT):
        given = _to(amount, SIZE_DECIMALS, ROUND_FLOOR)
        if side == BUY:
            return _amounts(side, _shortened(given / price, decimals), given)
        return _amounts(side, given, _shortened(given * price, decimals))


def whole_cents(price: Decimal, size: Decimal) -> bool:
    """Is size x price an exact number of cents? FAK and FOK buys are refused otherwise."""
    with localcontext(_EXACT):
        cents = price * size * 100
        return cents == cents.to_integral_value()


def on_grid(price: Decimal, tick: Decimal) -> bool:
    """Does the price lie on the market's grid, from one tick to one minus a tick?"""
    with localcontext(_EXACT):
        return tick <= price <= 1 - tick and price % tick == 0


def _checked(side: str, price: Decimal, tick: Decimal) -> tuple[int, int]:
    if side not in (BUY, SELL):
        raise ValueError(f"side {side!r} is neither BUY nor SELL")
    if tick not in DECIMALS:
        raise ValueError(
            f"tick {tick} is not one the platform has: {', '.join(str(known) for known in DECIMALS)}"
        )
    if not on_grid(price, tick):
        raise ValueError(f"price {price} is not on the grid of {tick}")
    return DECIMALS[tick]


def _amounts(side: str, shares: Decimal, cash: Decimal) -> Amounts:
    pair = int(_to(shares, 6, ROUND_HALF_EVEN).scaleb(6)), int(_to(cash, 6, ROUND_HALF_EVEN).scaleb(6))
    return Amounts(maker=pair[1], taker=pair[0]) if side == BUY else Amounts(maker=pair[0], taker=pair[1])


def _shortened(value: Decimal, decimals: int) -> Decimal:
    """Up to four decimals more than allowed, rounding up; then, if still too long, down to what is allowed."""
    if _places(value) <= decimals:
        return value
    longer = _to(value, decimals + 4, ROUND_CEILING)
    return longer if _places(longer) <= decimals else _to(longer, decimals, ROUND_FLOOR)


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _to(value: Decimal, places: int, rounding: str) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), rounding=rounding)

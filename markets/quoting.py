"""What an order would cost: texts that people type in, exact cash and every rounding step out.

Numbers come as text and are refused with one sentence where they make no sense on the platform.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from markets.books import Level
from markets.platforms.base import KALSHI, PLATFORMS, POLYMARKET, FeeSchedule, OrderCost, Step
from markets.platforms.kalshi.fees import BROKER_GRID, DIRECT_GRID, MAKER_RATES, KalshiFees
from markets.platforms.polymarket.fees import PolymarketFees

SIDES = {"buy": "BUY", "sell": "SELL"}
GRIDS = {"direct": DIRECT_GRID, "broker": BROKER_GRID}
PRICE_PLACES = 4  # the finest grid of both platforms is $0.0001
COUNT_PLACES = 2  # of an order, on both platforms
FILL_PLACES = {KALSHI: 2, POLYMARKET: 6}  # a match on Polymarket can be a millionth of a share
MOST_COUNT = Decimal(10) ** 12
MOST_MULTIPLIER = Decimal(1_000)
MOST_EXPONENT = Decimal(10)
MOST_FILLS = 10_000


class QuoteError(ValueError):
    """What was asked for makes no sense; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Quote:
    """An order's exact cost, and what it was asked for."""

    platform: str
    side: str  # buy or sell
    maker: bool
    fills: tuple[Level, ...]
    fees: FeeSchedule
    cost: OrderCost
    steps: tuple[Step, ...]

    @property
    def count(self) -> Decimal:
        """Contracts in all."""
        return sum((fill.size for fill in self.fills), Decimal(0))

    @property
    def price(self) -> Decimal:
        """Dollars a contract before fees; with several fills their average to six decimals."""
        if len(self.fills) == 1:
            return self.fills[0].price
        return (self.cost.notional / self.count).quantize(Decimal("0.000001"))

    def as_json(self) -> dict[str, Any]:
        """The quote with all decimals as plain text."""
        return {
            "platform": self.platform,
            "side": self.side,
            "price": text(self.price),
            "count": text(self.count),
            "notional": text(self.cost.notional),
            "fee": text(self.cost.fee),
            "cash": text(self.cost.cash),
            "steps": [{"what": step.what, "value": text(step.value)} for step in self.steps],
            "maker": self.maker,
            "fills": [{"price": text(fill.price), "count": text(fill.size)} for fill in self.fills],
            "schedule": self.fees.as_json(),
        }


def quote(
    platform: str, side: str, fills: Sequence[Level], fees: FeeSchedule, *, maker: bool = False
) -> Quote:
    """The cost of one order that takes `fills` in this order. Raises QuoteError for an unknown side."""
    if side not in SIDES:
        raise QuoteError(f"The side {side!r} is neither buy nor sell.")
    cost = fees.order_cost(SIDES[side], fills, maker=maker)
    steps = fees.steps(SIDES[side], fills, maker=maker)
    return Quote(platform, side, maker, tuple(fills), fees, cost, steps)


def known_platform(name: str | None) -> str:
    """The platform's name. Raises QuoteError."""
    if name not in PLATFORMS:
        raise QuoteError(f"There is no platform {name!r}; choose one of: {', '.join(PLATFORMS)}.")
    return name


def fills_of(platform: str, price: str | None, count: str | None, fills: str | None) -> tuple[Level, ...]:
    """The fills that were asked for: one price and count, or `P:N,P:N`. Raises QuoteError."""
    if fills is None:
        if price is None or count is None:
            raise QuoteError("Give --price and --count, or several fills as --fills P:N,P:N.")
        return (Level(_price(price), _count(count, COUNT_PLACES)),)
    if price is not None or count is not None:
        raise QuoteError("Give either --fills or --price and --count, not both.")
    parts = fills.split(",")
    if len(parts) > MOST_FILLS:
        raise QuoteError(f"{len(parts)} fills are too many; up to {MOST_FILLS} are taken.")
    return tuple(_fill(part, FILL_PLACES[platform]) for part in parts)


def schedule_of(platform: str, given: Mapping[str, str | None]) -> FeeSchedule:
    """The schedule that the options `fee_multiplier`, `fee_type`, `balance_grid`, `fee_rate` and `fee_exponent` name.

    Raises QuoteError for an option of the other platform, for a number that is none, and on Polymarket without a rate:
    each market has its own.
    """
    own, others = (_KALSHI, _POLYMARKET) if platform == KALSHI else (_POLYMARKET, _KALSHI)
    for name in others:
        if given.get(name) is not None:
            raise QuoteError(
                f"--{name.replace('_', '-')} does not exist on {platform}: "
                f"its fees follow from {', '.join('--' + mine.replace('_', '-') for mine in own)}."
            )
    return _kalshi(given) if platform == KALSHI else _polymarket(given)


_KALSHI = ("fee_multiplier", "fee_type", "balance_grid")
_POLYMARKET = ("fee_rate", "fee_exponent")


def _kalshi(given: Mapping[str, str | None]) -> KalshiFees:
    fee_type = given.get("fee_type") or "quadratic"
    if fee_type not in MAKER_RATES:
        raise QuoteError(
            f"The fee type {fee_type!r} is of unknown amount, so its markets are not traded; "
            f"known are: {', '.join(MAKER_RATES)}."
        )
    grid = given.get("balance_grid") or "direct"
    if grid not in GRIDS:
        raise QuoteError(f"The balance grid {grid!r} is neither direct nor broker.")
    multiplier = _number(given.get("fee_multiplier") or "1", "fee multiplier")
    if not 0 <= multiplier <= MOST_MULTIPLIER:
        raise QuoteError(f"The fee multiplier {multiplier} is not between 0 and {MOST_MULTIPLIER}.")
    return KalshiFees(fee_type, multiplier, None, GRIDS[grid])


def _polymarket(given: Mapping[str, str | None]) -> PolymarketFees:
    text_ = given.get("fee_rate")
    if text_ is None:
        raise QuoteError(
            "Polymarket's fee rate is each market's own: give --fee-rate as read from the market"
            " (feeSchedule.rate, 0.05 for example), or --market ID."
        )
    rate = _number(text_, "fee rate")
    if not 0 <= rate <= 1:
        raise QuoteError(f"The fee rate {rate} is not between 0 and 1 (0.07 means 7 %).")
    exponent = _number(given.get("fee_exponent") or "1", "fee exponent")
    if not 0 <= exponent <= MOST_EXPONENT:
        raise QuoteError(f"The fee exponent {exponent} is not between 0 and {MOST_EXPONENT}.")
    return PolymarketFees(rate, exponent)


def _fill(part: str, places: int) -> Level:
    price, colon, count = part.strip().partition(":")
    if not colon:
        raise QuoteError(f"The fill {part[:40]!r} is not a price and a count as P:N.")
    return Level(_price(price), _count(count, places))


def _price(given: str) -> Decimal:
    price = _number(given, "price")
    if not 0 < price < 1:
        raise QuoteError(f"The price {given[:40]} is not between 0 and 1 dollar.")
    if _places(price) > PRICE_PLACES:
        raise QuoteError(
            f"The price {given[:40]} is finer than ${Decimal(1).scaleb(-PRICE_PLACES)}, the finest grid there is."
        )
    return price


def _count(given: str, places: int) -> Decimal:
    count = _number(given, "count")
    if count <= 0:
        raise QuoteError(f"The count {given[:40]} is not above 0.")
    if count > MOST_COUNT:
        raise QuoteError(f"The count {given[:40]} is beyond {MOST_COUNT:f}.")
    if _places(count) > places:
        raise QuoteError(f"The count {given[:40]} has more than {places} decimals.")
    return count


def _number(given: str, name: str) -> Decimal:
    try:
        number = Decimal(given.strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise QuoteError(f"The {name} {given[:40]!r} is not a number.")
    if abs(number.adjusted()) > 30 and number != 0:
        raise QuoteError(f"The {name} {given[:40]} is out of range.")
    return number


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def text(value: Decimal) -> str:
    """A decimal as plain text: no exponent, no zeros that say nothing."""
    plain = format(value, "f")
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain in ("-0", "") else plain

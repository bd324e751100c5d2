"""What a fill does to an account: fee with its rounding, cash, position. Integers of micro-dollars and micro-contracts.

The fee formula is written here a second time on purpose: the exchange must not share a mistake with the system that
trades on it. Tests hold both against figures that Kalshi really charged.
"""

from dataclasses import dataclass, field

from markets.books import MICRO, NO, YES, micro
from markets.sandbox.kalshi.formats import CENT, FEE_UNIT
from markets.sandbox.orders import BUY

TAKER_RATE = 70_000  # millionths: 0.07
MAKER_RATES = {
    "quadratic": 0,
    "quadratic_with_maker_fees": 17_500,
    "quadratic_with_combo_maker_fees": 35_000,
    "flat": 0,  # the amount is not published
}
_FEE_SCALE = MICRO**5 // 10_000  # rate, multiplier, count, price, 1 - price in millionths; fee in $0.0001


def trade_fee(
    price: int, size: int, *, maker: bool, fee_type: str = "quadratic", multiplier: str = "1"
) -> int:
    """Fee of one fill before balance rounding: rate * m * C * P * (1 - P), rounded up to $0.0001."""
    rate = MAKER_RATES[fee_type] if maker else TAKER_RATE
    exact = rate * micro(multiplier) * size * price * (MICRO - price)
    return -(-exact // _FEE_SCALE) * FEE_UNIT


@dataclass(slots=True)
class Charge:
    """The net fee of a fill and what its order has overpaid by rounding so far."""

    fee: int
    overpaid: int


def charge(cash: int, fee: int, overpaid: int, grid: int = FEE_UNIT) -> Charge:
    """Round the change of balance `cash - fee` down to the grid; the difference joins the fee.

    What the order's roundings have taken adds up; when it exceeds one cent, a cent comes back with this fill.
    """
    change = cash - fee
    rounding = change % grid
    overpaid += rounding
    rebate = CENT if overpaid > CENT else 0
    return Charge(fee + rounding - rebate, overpaid - rebate)


@dataclass(slots=True)
class Position:
    """One market's holding of one subaccount: `count` above zero is YES, below is NO."""

    market_id: str
    count: int = 0
    cost: int = 0  # what the present holding cost, without fees
    realized: int = 0  # profit of what was closed, without fees
    fees: int = 0  # all fees ever paid in this market
    held_fees: int = 0  # fees of the present holding
    volume: int = 0  # contracts traded
    traded: int = 0  # dollars spent on contracts
    updated_ms: int = 0
    settled: bool = False

    @property
    def side(self) -> str:
        """YES or NO, whichever is held."""
        return YES if self.count >= 0 else NO

    def closes(self, side: str, size: int) -> int:
        """How much of an order of `side` only closes what is held."""
        held = -self.count if side == BUY else self.count
        return max(0, min(size, held))

    def fill(self, side: str, price: int, size: int, at_ms: int) -> int:
        """Book a fill at a YES price; returns the change of cash before fees.

        What closes nets at once: a NO bought while YES is held pays 1 - p and frees one dollar per pair.
        """
        closed = self.closes(side, size)
        opened = size - closed
        own = price if side == BUY else MICRO - price  # price of the outcome that this order buys
        cash = 0
        if closed:
            part = self.cost * closed // abs(self.count)
            proceeds = (MICRO - own) * closed // MICRO
            self.cost -= part
            self.held_fees -= self.held_fees * closed // abs(self.count)
            self.realized += proceeds - part
            cash += proceeds
        if opened:
            paid = own * opened // MICRO
            self.cost += paid
            self.traded += paid
            cash -= paid
        self.count += size if side == BUY else -size
        self.volume += size
        self.updated_ms = at_ms
        return cash

    def settle(self, value: int, at_ms: int) -> int:
        """Pay out at `value` micro-dollars per YES; returns what is paid."""
        each = value if self.count >= 0 else MICRO - value
        revenue = each * abs(self.count) // MICRO
        self.realized += revenue - self.cost
        self.count = self.cost = self.held_fees = 0
        self.updated_ms, self.settled = at_ms, True
        return revenue


@dataclass(slots=True)
class Wallet:
    """One subaccount's money on one shard."""

    cash: int = 0
    reserved: dict[str, int] = field(default_factory=dict)  # market -> held back for its resting orders
    reserved_total: int = 0
    updated_ms: int = 0

    @property
    def available(self) -> int:
        """What a new order may cost."""
        return self.cash - self.reserved_total

    def reserve(self, market_id: str, amount: int) -> None:
        """Hold back `amount` for the resting orders of a market, in place of what was held before."""
        self.reserved_total += amount - self.reserved.pop(market_id, 0)
        if amount:
            self.reserved[market_id] = amount


def order_cost(
    position: Position | None,
    side: str,
    price: int,
    size: int,
    resting: int,
    *,
    maker: bool,
    fee_type: str = "quadratic",
    multiplier: str = "1",
) -> int:
    """The most an order can cost at its limit: what it opens, and the fee; `resting` orders close before it.

    The total falls with a better price (the fee rises slower than the cost sinks), so the limit is the worst case.
    """
    closing = position.closes(side, size + resting) if position else 0
    opening = size - max(0, closing - resting)
    if opening <= 0:
        return 0
    own = price if side == BUY else MICRO - price
    fee = trade_fee(price, opening, maker=maker, fee_type=fee_type, multiplier=multiplier)
    rounding = 0 if maker and not fee else FEE_UNIT
    return own * opening // MICRO + fee + rounding

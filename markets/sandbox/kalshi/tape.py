"""What the public may know of a market's trades: the tape itself, volume of a day, open interest."""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from markets.sandbox.orders import BUY, Order, Trade

KEPT, KEPT_PER_MARKET = 50_000, 2_000
HOUR_MS = 3_600_000


class Print(NamedTuple):
    """One public trade; `number` rises."""

    number: int
    trade_id: str
    market_id: str
    price: int
    size: int
    taker_buys: bool
    at_ms: int


@dataclass(slots=True)
class MarketTape:
    """One market's trades and what follows from them. Micro-contracts."""

    prints: deque[Print] = field(default_factory=lambda: deque(maxlen=KEPT_PER_MARKET))
    holdings: dict[str, int] = field(default_factory=dict)  # account -> YES above zero, NO below
    open_interest: int = 0
    hours: dict[int, int] = field(default_factory=dict)  # hour -> volume

    def volume_24h(self, now_ms: int) -> int:
        """Volume of the present hour and the 23 before it."""
        first = now_ms // HOUR_MS - 23
        return sum(size for hour, size in self.hours.items() if hour >= first)

    def hold(self, order: Order, size: int) -> None:
        """An account's holding changes by a trade of `size`."""
        before = self.holdings.get(order.account, 0)
        after = before + size if order.side == BUY else before - size
        self.holdings[order.account] = after
        self.open_interest += max(after, 0) - max(before, 0)


class Tape:
    """Every market's trades, newest last."""

    def __init__(self) -> None:
        self.prints: deque[Print] = deque(maxlen=KEPT)
        self.markets: dict[str, MarketTape] = {}
        self.count = 0

    def of(self, market_id: str) -> MarketTape:
        """A market's tape, made when first asked for."""
        found = self.markets.get(market_id)
        if found is None:
            found = self.markets[market_id] = MarketTape()
        return found

    def record(self, trade: Trade) -> Print:
        """Put a trade on the tape."""
        self.count += 1
        made = Print(
            self.count, trade.id, trade.market_id, trade.price, trade.size,
            trade.taker.side == BUY, trade.at_ms,
        )  # fmt: skip
        tape = self.of(trade.market_id)
        self.prints.append(made)
        tape.prints.append(made)
        tape.hold(trade.taker, trade.size)
        tape.hold(trade.maker, trade.size)
        hour = trade.at_ms // HOUR_MS
        if hour not in tape.hours:
            tape.hours = {h: size for h, size in tape.hours.items() if h > hour - 24}
        tape.hours[hour] = tape.hours.get(hour, 0) + trade.size
        return made

"""Values of the matching engine: orders, and the events that tell what happened to them.

Everything is in terms of the market's YES book: `BUY` and `SELL` mean YES, prices are micro-dollars of one
YES contract, sizes micro-contracts. What the owner really asked for (buy NO at 0.40 is sell YES at 0.60) is
kept in `outcome` and `action` as labels for the faces; matching looks at `outcome` only to spend a budget.
"""

from dataclasses import dataclass, field
from typing import Any

from markets.books import YES

BUY, SELL = "BUY", "SELL"
OPPOSITE = {BUY: SELL, SELL: BUY}

GTC, GTD, IOC, FOK = "GTC", "GTD", "IOC", "FOK"  # Polymarket's FAK is IOC
TIMES_IN_FORCE = (GTC, GTD, IOC, FOK)

# Self-trade prevention: cancel the incoming rest; cancel the resting order and go on; or let it happen.
STP_TAKER, STP_MAKER, STP_NONE = "taker_at_cross", "maker", ""

# Why an order is no longer open.
FILLED, CANCELLED, EXPIRED, IOC_REST, FOK_KILLED = "filled", "cancelled", "expired", "ioc_rest", "fok_killed"
SELF_TRADE, REDUCE_ONLY, POST_ONLY = "self_trade", "reduce_only", "post_only_cross"
DECREASED, AMENDED, TRADED = "decreased", "amended", "trade"
MARKET_PAUSED, MARKET_CLOSED, MARKET_RESUMED, TICK_CHANGED = (
    "market_paused", "market_closed", "market_resumed", "tick_changed",
)  # fmt: skip


class SandboxError(Exception):
    """Something the sandbox exchange refuses; the message says why."""


class Rejected(SandboxError):
    """The engine refused an operation and nothing changed. `code` is one of the words below.

    unknown_market, market_not_open, market_closed, price_off_grid, price_range, size_step, size_too_small,
    post_only_cross, duplicate_order, duplicate_client_id, already_expired, unknown_order, not_open,
    bad_amend.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True, eq=False)
class Order:
    """One order, resting or done. Only the engine changes it; keep your own notes in `meta`."""

    id: str
    market_id: str
    account: str
    side: str  # BUY or SELL of YES
    price: int  # limit, micro-dollars per YES
    size: int  # micro-contracts asked for (after a decrease or amend: filled + what remains)
    tif: str
    created_ms: int
    outcome: str = YES  # the owner's own outcome: a label
    action: str = BUY  # the owner's own verb: a label
    client_id: str = ""
    expires_ms: int = 0  # GTD only
    post_only: bool = False
    stp: str = STP_NONE
    meta: dict[str, Any] = field(default_factory=dict)
    remaining: int = 0  # micro-contracts still wanted; 0 once closed
    filled: int = 0  # micro-contracts
    notional: int = 0  # sum of YES price * size over the fills, in 1e-12 dollars
    taker_filled: int = 0  # the part of `filled` that this order took
    updated_ms: int = 0
    closed_reason: str = ""  # empty while open

    @property
    def open(self) -> bool:
        """True while the order rests or is being matched."""
        return not self.closed_reason


@dataclass(slots=True, frozen=True)
class OrderAccepted:
    """An order entered the engine; what it matched follows in the same batch."""

    order: Order
    at_ms: int


@dataclass(slots=True, frozen=True)
class OrderChanged:
    """An open order changed (trade, decreased, amended); `remaining` and `filled` as of this event."""

    order: Order
    reason: str
    remaining: int
    filled: int
    at_ms: int


@dataclass(slots=True, frozen=True)
class OrderClosed:
    """An order is done. `remaining` is what was left unfilled and is now given up."""

    order: Order
    reason: str
    remaining: int
    filled: int
    at_ms: int


@dataclass(slots=True, frozen=True)
class Trade:
    """One match at the resting order's price."""

    id: str
    market_id: str
    maker: Order
    taker: Order
    price: int  # micro-dollars per YES
    size: int  # micro-contracts
    at_ms: int


@dataclass(slots=True, frozen=True)
class LevelChanged:
    """The total at one price changed: `order` rests (or rested) there, `cause` made it change."""

    market_id: str
    side: str  # BUY: a YES bid level, SELL: a YES ask level
    price: int
    total: int  # new total, 0 when the level is gone
    delta: int  # signed
    order: Order
    cause: Order
    at_ms: int


@dataclass(slots=True, frozen=True)
class MarketChanged:
    """Something about a market that is not its book.

    `what`: created, opened, paused, resumed, closed, determined, disputed, amended, settled, tick, dates,
    fees. `detail` is free, by kind (see `world.py`).
    """

    market_id: str
    what: str
    detail: dict[str, Any]
    at_ms: int


Event = OrderAccepted | OrderChanged | OrderClosed | Trade | LevelChanged | MarketChanged


@dataclass(frozen=True, slots=True)
class Band:
    """Prices from `start` up to `end` move in steps of `step`, all micro-dollars."""

    start: int
    end: int
    step: int


def on_grid(bands: tuple[Band, ...], price: int) -> bool:
    """True where `price` is a valid price of the bands. The upper end of a band belongs to it too."""
    return any(b.start <= price <= b.end and (price - b.start) % b.step == 0 for b in bands)

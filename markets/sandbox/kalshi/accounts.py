"""Who trades on the Kalshi face and what they have: wallets per shard, positions, orders, fills, settlements."""

import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from markets.sandbox.kalshi.groups import Group
from markets.sandbox.kalshi.limits import Limits
from markets.sandbox.kalshi.money import Position, Wallet
from markets.sandbox.orders import Order

KEPT_STATES = 32  # past states per order that a lagging reader may still be shown
NOTES = "kalshi"  # where an order's notes hang in `Order.meta`


class OrderState(NamedTuple):
    """An order as it was after one event."""

    at_ms: int
    status: str  # resting, canceled, executed
    price: int
    initial: int
    filled: int
    remaining: int
    taker_cost: int
    maker_cost: int
    taker_fees: int
    maker_fees: int
    expires_ms: int
    reason: str  # WebSocket's last_update_reason, may be empty
    client_id: str


@dataclass(slots=True, eq=False)
class Notes:
    """What the face keeps about an order of one of its users. Money in micro-dollars."""

    user: "User"
    order: Order
    subaccount: int
    shard: int
    group: str = ""
    cancel_on_pause: bool = False
    initial: int = 0
    taker_cost: int = 0
    maker_cost: int = 0
    taker_fees: int = 0
    maker_fees: int = 0
    overpaid: int = 0  # by rounding, see money.charge
    states: deque[OrderState] = field(default_factory=lambda: deque(maxlen=KEPT_STATES))

    def as_of(self, at_ms: int) -> OrderState | None:
        """The newest state that is not younger than `at_ms`; None when the order was not there yet."""
        for state in reversed(self.states):
            if state.at_ms <= at_ms:
                return state
        return None


@dataclass(slots=True, frozen=True)
class Fill:
    """One side of a trade."""

    trade_id: str
    notes: Notes
    price: int
    size: int
    taker: bool
    fee: int
    position_after: int
    at_ms: int


@dataclass(slots=True, frozen=True)
class Settlement:
    """A position that was paid out."""

    market_id: str
    subaccount: int
    result: str
    value: int
    yes_count: int
    yes_cost: int
    no_count: int
    no_cost: int
    revenue: int
    fees: int
    at_ms: int


@dataclass(slots=True, eq=False)
class User:
    """One member of the exchange. `name` is also the engine's account."""

    name: str
    limits: Limits
    user_id: str = ""
    wallets: dict[tuple[int, int], Wallet] = field(default_factory=dict)  # (subaccount, shard)
    positions: dict[tuple[int, str], Position] = field(default_factory=dict)  # (subaccount, market)
    orders: dict[str, Notes] = field(default_factory=dict)  # by order id, oldest first
    groups: dict[str, Group] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    settlements: list[Settlement] = field(default_factory=list)
    subaccounts: dict[int, bool] = field(default_factory=lambda: {0: False})  # number -> netting switch
    subaccount_transfers: list[dict[str, Any]] = field(default_factory=list)
    shard_transfers: list[dict[str, Any]] = field(default_factory=list)
    deposits: list[dict[str, Any]] = field(default_factory=list)
    withdrawals: list[dict[str, Any]] = field(default_factory=list)
    transfer_ids: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.user_id = self.user_id or str(uuid.uuid5(uuid.NAMESPACE_URL, f"kalshi-user:{self.name}"))

    def wallet(self, subaccount: int, shard: int) -> Wallet:
        """The money of a subaccount on a shard, made when first asked for."""
        key = (subaccount, shard)
        if key not in self.wallets:
            self.wallets[key] = Wallet()
        return self.wallets[key]

    def position(self, subaccount: int, market_id: str) -> Position:
        """The holding of a subaccount in a market, made when first asked for."""
        key = (subaccount, market_id)
        if key not in self.positions:
            self.positions[key] = Position(market_id)
        return self.positions[key]

    def held(self, subaccount: int) -> Iterator[Position]:
        """Positions of a subaccount, in order of the first trade."""
        return (position for (sub, _), position in self.positions.items() if sub == subaccount)


def notes_of(order: Order) -> Notes | None:
    """The notes of an order, None for orders of others than the face's users."""
    return order.meta.get(NOTES)

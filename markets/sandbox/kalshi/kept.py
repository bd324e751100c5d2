"""What the Kalshi face must still know after a restart, as rows of the state file, and back.

The public tape is not among it: trades of others, open interest and the volume of the last day begin anew.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import msgspec

from markets.sandbox.kalshi.accounts import KEPT_STATES, NOTES, Fill, Notes, OrderState, Settlement, User
from markets.sandbox.kalshi.exchange import Exchange
from markets.sandbox.kalshi.groups import Group
from markets.sandbox.kalshi.limits import Limits
from markets.sandbox.kalshi.money import Position
from markets.sandbox.orders import Order
from markets.sandbox.state import Row, StateFile

USER, ORDER, FILL, SETTLEMENT = "kalshi_user", "kalshi_order", "kalshi_fill", "kalshi_settlement"


class KeptUser(msgspec.Struct):
    """A member, without what has rows of its own."""

    name: str
    cash: list[tuple[int, int, int, int]]  # subaccount, shard, micro-dollars, time of the last change
    positions: list[tuple[int, Position]]
    groups: list[Group]
    subaccounts: list[tuple[int, bool]]
    subaccount_transfers: list[dict[str, Any]]
    shard_transfers: list[dict[str, Any]]
    deposits: list[dict[str, Any]]
    withdrawals: list[dict[str, Any]]
    transfer_ids: list[str]


class KeptOrder(msgspec.Struct):
    """An order with the face's notes."""

    order: Order
    subaccount: int
    shard: int
    group: str
    cancel_on_pause: bool
    initial: int
    taker_cost: int
    maker_cost: int
    taker_fees: int
    maker_fees: int
    overpaid: int
    states: list[OrderState]


class KeptFill(msgspec.Struct):
    """One side of a trade."""

    user: str
    order_id: str
    trade_id: str
    price: int
    size: int
    taker: bool
    fee: int
    position_after: int
    at_ms: int


class KeptSettlement(msgspec.Struct):
    """A position that was paid out."""

    user: str
    paid: Settlement


class Keeper:
    """Knows which fills and settlements are written already."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._fills: dict[str, int] = {}
        self._settlements: dict[str, int] = {}

    def rows(self, order_ids: Iterable[str]) -> Iterator[Row]:
        """These orders, and whatever else may have changed."""
        for user in self.exchange.users.values():
            yield USER, user.name, _user(user)
            for number in range(self._fills.get(user.name, 0), len(user.fills)):
                yield FILL, f"{user.name}:{number}", _fill(user.fills[number])
            for number in range(self._settlements.get(user.name, 0), len(user.settlements)):
                yield (
                    SETTLEMENT,
                    f"{user.name}:{number}",
                    KeptSettlement(user.name, user.settlements[number]),
                )
            for order_id in order_ids:
                notes = user.orders.get(order_id)
                if notes is not None:
                    yield ORDER, order_id, _order(notes)

    def written(self) -> None:
        """The rows are in the file."""
        for user in self.exchange.users.values():
            self._fills[user.name] = len(user.fills)
            self._settlements[user.name] = len(user.settlements)

    def recall(self, file: StateFile) -> None:
        """Take everything back from the file."""
        exchange = self.exchange
        for kept in file.read(USER, KeptUser):
            user = exchange.users.get(kept.name)
            if user is None:  # it has no key any more, and still its money
                limits = Limits(enabled=exchange.sandbox.config.kalshi_rate_limits)
                user = exchange.users[kept.name] = User(kept.name, limits)
            _take_back(user, kept)
        for order in file.read(ORDER, KeptOrder):
            _restore(exchange, order)
        for fill in file.read(FILL, KeptFill):
            user = exchange.users[fill.user]
            user.fills.append(
                Fill(
                    fill.trade_id, user.orders[fill.order_id], fill.price, fill.size, fill.taker, fill.fee,
                    fill.position_after, fill.at_ms,
                )
            )  # fmt: skip
        for settlement in file.read(SETTLEMENT, KeptSettlement):
            exchange.users[settlement.user].settlements.append(settlement.paid)
        for user in exchange.users.values():
            for notes in user.orders.values():
                if notes.order.open:
                    exchange.reserve(user, notes.subaccount, notes.order.market_id)
        self.written()


def _user(user: User) -> KeptUser:
    return KeptUser(
        user.name,
        [(sub, shard, wallet.cash, wallet.updated_ms) for (sub, shard), wallet in user.wallets.items()],
        [(sub, position) for (sub, _), position in user.positions.items()],
        list(user.groups.values()), list(user.subaccounts.items()), user.subaccount_transfers,
        user.shard_transfers, user.deposits, user.withdrawals, sorted(user.transfer_ids),
    )  # fmt: skip


def _take_back(user: User, kept: KeptUser) -> None:
    user.wallets.clear()
    for subaccount, shard, cash, updated_ms in kept.cash:
        wallet = user.wallet(subaccount, shard)
        wallet.cash, wallet.updated_ms = cash, updated_ms
    user.positions = {(subaccount, position.market_id): position for subaccount, position in kept.positions}
    user.groups = {group.id: group for group in kept.groups}
    user.subaccounts = dict(kept.subaccounts)
    user.subaccount_transfers, user.shard_transfers = kept.subaccount_transfers, kept.shard_transfers
    user.deposits, user.withdrawals = kept.deposits, kept.withdrawals
    user.transfer_ids = set(kept.transfer_ids)


def _order(notes: Notes) -> KeptOrder:
    return KeptOrder(
        replace(notes.order, meta={}), notes.subaccount, notes.shard, notes.group, notes.cancel_on_pause, notes.initial,
        notes.taker_cost, notes.maker_cost, notes.taker_fees, notes.maker_fees, notes.overpaid, list(notes.states),
    )  # fmt: skip


def _restore(exchange: Exchange, kept: KeptOrder) -> None:
    order, user = kept.order, exchange.users[kept.order.account]
    notes = Notes(
        user, order, kept.subaccount, kept.shard, kept.group, kept.cancel_on_pause, kept.initial, kept.taker_cost,
        kept.maker_cost, kept.taker_fees, kept.maker_fees, kept.overpaid, deque(kept.states, KEPT_STATES),
    )  # fmt: skip
    order.meta[NOTES] = notes
    user.orders[order.id] = notes
    exchange.engine.restore(order)


def _fill(fill: Fill) -> KeptFill:
    order = fill.notes.order
    return KeptFill(
        fill.notes.user.name, order.id, fill.trade_id, fill.price, fill.size, fill.taker, fill.fee, fill.position_after,
        fill.at_ms,
    )  # fmt: skip

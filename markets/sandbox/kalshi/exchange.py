"""The Kalshi face's ledger: who its users are, and what the engine's events do to their orders, money and positions.

It follows the engine as a listener, keeps the tape, and hands everything on to the stream's hub in the same order.
"""

from dataclasses import dataclass
from typing import Any

from markets.platforms.base import KALSHI
from markets.sandbox import orders as o
from markets.sandbox.context import KalshiAccount, Sandbox
from markets.sandbox.kalshi import records
from markets.sandbox.kalshi.accounts import NOTES, Fill, Notes, OrderState, Settlement, User, notes_of
from markets.sandbox.kalshi.auth import ApiKey, Keyring
from markets.sandbox.kalshi.catalog import Catalog
from markets.sandbox.kalshi.formats import dollars6
from markets.sandbox.kalshi.groups import Group
from markets.sandbox.kalshi.hub import Hub
from markets.sandbox.kalshi.limits import Limits
from markets.sandbox.kalshi.money import charge, order_cost, trade_fee
from markets.sandbox.kalshi.tape import Tape
from markets.sandbox.market import SandboxMarket
from markets.sandbox.orders import (
    BUY,
    SELL,
    Event,
    LevelChanged,
    MarketChanged,
    Order,
    OrderAccepted,
    OrderChanged,
    OrderClosed,
    Trade,
)

DRAFT = "kalshi_draft"  # where a new order carries what its notes will say

# Why an order changed, in the words of `last_update_reason`; a plain cancel has none.
REASONS = {
    o.DECREASED: "Decrease", o.AMENDED: "Amend", o.TRADED: "Trade", o.FILLED: "Trade",
    o.SELF_TRADE: "SelfTradeCancel", o.EXPIRED: "ExpiryCancel", o.MARKET_CLOSED: "CloseCancel",
    o.MARKET_PAUSED: "HaltCancel", o.MARKET_RESUMED: "HaltCancel", o.REDUCE_ONLY: "ReduceOnlyCancel",
    o.POST_ONLY: "PostOnlyCrossCancel",
}  # fmt: skip
Touched = set[tuple[str, int, str]]  # user, subaccount, market


@dataclass(frozen=True, slots=True)
class Draft:
    """What the face knows of an order that the engine does not."""

    subaccount: int = 0
    group: str = ""
    cancel_on_pause: bool = False


class Exchange:
    """Everything the Kalshi face knows besides the world and the engine."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.engine = sandbox.engine
        self.catalog = Catalog(sandbox.world)
        self.users: dict[str, User] = {}
        self.keyring = Keyring()
        self.anonymous = Limits(enabled=sandbox.config.kalshi_rate_limits)  # of requests that nobody signed
        self.tape = Tape()
        self.clock = 0  # the exchange clock of the book frames
        self.hub = Hub(self)
        self._known = 0
        self.refresh_accounts()
        self.engine.listeners.append(self.follow)
        sandbox.facts[KALSHI] = self.facts

    # --- who

    def refresh_accounts(self) -> None:
        """Take in the accounts that were added to the sandbox since."""
        accounts = self.sandbox.kalshi_accounts
        for account in accounts[self._known :]:
            self._open_account(account)
        self._known = len(accounts)

    def _open_account(self, account: KalshiAccount) -> None:
        if account.name not in self.users:
            user = User(account.name, Limits(enabled=self.sandbox.config.kalshi_rate_limits))
            user.wallet(0, 0).cash = account.balance
            user.wallet(0, 0).updated_ms = self.sandbox.now_ms()
            self.users[account.name] = user
        self.keyring.add_pem(account.key_id, account.name, account.public_pem.encode())

    def user(self, key: ApiKey) -> User:
        """The member behind a key."""
        return self.users[key.user]

    def read_at(self) -> int:
        """How fresh the read side is: the moment that REST reads show."""
        return self.sandbox.now_ms() - self.sandbox.config.kalshi_read_lag_ms

    def facts(self) -> dict[str, Any]:
        """For the control endpoint's state."""
        return {
            "users": {
                user.name: {
                    "cash": dollars6(sum(wallet.cash for wallet in user.wallets.values())),
                    "orders": len(user.orders), "fills": len(user.fills),
                }
                for user in self.users.values()
            },
            "trades": self.tape.count, "frames": self.hub.frames, "clock": self.clock,
        }  # fmt: skip

    # --- what happened

    def follow(self, batch: list[Event]) -> None:
        """One operation of the engine."""
        self.clock += 1
        touched: Touched = set()
        hub = self.hub
        for event in batch:
            kind = type(event)
            if kind is LevelChanged:
                hub.level(event)  # type: ignore[arg-type]
            elif kind is Trade:
                self._trade(event, touched)  # type: ignore[arg-type]
            elif kind is MarketChanged:
                self._market(event, touched)  # type: ignore[arg-type]
            elif event.order.account in self.users:  # type: ignore[union-attr]
                self._order(event, touched)  # type: ignore[arg-type]
        for name, subaccount, market_id in touched:
            self.reserve(self.users[name], subaccount, market_id)

    def _trade(self, trade: Trade, touched: Touched) -> None:
        market = self.catalog.find(trade.market_id)
        if market is None:
            return
        self.hub.trade(self.tape.record(trade))
        for order in (trade.taker, trade.maker):
            notes = notes_of(order)
            if notes is not None:
                self._fill(notes, market, trade, taker=order is trade.taker)
                touched.add((notes.user.name, notes.subaccount, market.id))

    def _fill(self, notes: Notes, market: SandboxMarket, trade: Trade, *, taker: bool) -> None:
        user, order = notes.user, notes.order
        position = user.position(notes.subaccount, market.id)
        wallet = user.wallet(notes.subaccount, notes.shard)
        before = abs(position.count)
        cash = position.fill(order.side, trade.price, trade.size, trade.at_ms)
        fee = trade_fee(
            trade.price, trade.size, maker=not taker,
            fee_type=market.k.fee_type, multiplier=market.k.fee_multiplier,
        )  # fmt: skip
        charged = charge(cash, fee, notes.overpaid)
        notes.overpaid = charged.overpaid
        wallet.cash += cash - charged.fee
        wallet.updated_ms = trade.at_ms
        position.fees += charged.fee
        if abs(position.count) > before or not before:
            position.held_fees += charged.fee
        cost = records.own_price(order, trade.price) * trade.size // 1_000_000
        if taker:
            notes.taker_cost += cost
            notes.taker_fees += charged.fee
        else:
            notes.maker_cost += cost
            notes.maker_fees += charged.fee
        fill = Fill(trade.id, notes, trade.price, trade.size, taker, charged.fee, position.count, trade.at_ms)
        user.fills.append(fill)
        self.hub.fill(fill)
        self.hub.position(user, notes.subaccount, position)
        group = user.groups.get(notes.group)
        if group is not None and group.matched(trade.size, trade.at_ms):
            self.trigger(user, group, trade.at_ms)

    def _order(self, event: OrderAccepted | OrderChanged | OrderClosed, touched: Touched) -> None:
        order = event.order
        if isinstance(event, OrderAccepted):
            market = self.catalog.find(order.market_id)
            if market is None:
                return
            notes = self._note(order, market)
        else:
            found = notes_of(order)
            if found is None:
                return
            notes = found
        touched.add((notes.user.name, notes.subaccount, order.market_id))
        state = _state(notes, event)
        if isinstance(event, OrderAccepted) and not order.open:
            return  # its end follows in the same batch and is what the user is told
        notes.states.append(state)
        self.hub.order(notes, state)

    def _note(self, order: Order, market: SandboxMarket) -> Notes:
        user, draft = self.users[order.account], order.meta.get(DRAFT, Draft())
        notes = Notes(
            user, order, draft.subaccount, market.k.exchange_index, group=draft.group,
            cancel_on_pause=draft.cancel_on_pause, initial=order.size,
        )  # fmt: skip
        order.meta[NOTES] = notes
        user.orders[order.id] = notes
        return notes

    def _market(self, event: MarketChanged, touched: Touched) -> None:
        market = self.catalog.find(event.market_id)
        if market is None:
            return
        if event.what == "paused":
            self._halt(market, event.at_ms)
        elif event.what == "settled":
            self._settle(market, event.at_ms, touched)
        self.hub.market(market, event)

    def _halt(self, market: SandboxMarket, at_ms: int) -> None:
        """A pause cancels the orders that asked for it; the others rest until trading resumes."""
        for order in list(self.engine.book(market.id).resting()):
            notes = notes_of(order)
            if notes is not None and notes.cancel_on_pause:
                self.engine.cancel(order.id, at_ms=at_ms, reason=o.MARKET_PAUSED)

    def _settle(self, market: SandboxMarket, at_ms: int, touched: Touched) -> None:
        value = market.settlement_value or 0
        for user in self.users.values():
            for (subaccount, market_id), position in list(user.positions.items()):
                if market_id != market.id or position.settled:
                    continue
                yes_count, yes_cost, no_count, no_cost = records.holding(position)
                held = position.count != 0
                revenue = position.settle(value, at_ms)
                wallet = user.wallet(subaccount, market.k.exchange_index)
                wallet.cash += revenue
                wallet.updated_ms = at_ms
                touched.add((user.name, subaccount, market_id))
                if held:
                    user.settlements.append(
                        Settlement(
                            market_id, subaccount, market.result, value, yes_count, yes_cost,
                            no_count, no_cost, revenue, position.fees, at_ms,
                        )
                    )  # fmt: skip
                    self.hub.position(user, subaccount, position)

    # --- money

    def open_orders(self, user: User, subaccount: int, market_id: str | None = None) -> list[Order]:
        """A subaccount's open orders on this face, oldest first."""
        found = []
        for order in self.engine.open_orders(user.name, market_id):
            notes = notes_of(order)
            if notes is not None and notes.subaccount == subaccount:
                found.append(order)
        return found

    def held_back(self, user: User, subaccount: int, market: SandboxMarket) -> int:
        """What the resting orders of a subaccount in one market may cost, micro-dollars."""
        position = user.positions.get((subaccount, market.id))
        resting, amount = {BUY: 0, SELL: 0}, 0
        for order in self.open_orders(user, subaccount, market.id):
            amount += order_cost(
                position, order.side, order.price, order.remaining, resting[order.side], maker=True,
                fee_type=market.k.fee_type, multiplier=market.k.fee_multiplier,
            )  # fmt: skip
            resting[order.side] += order.remaining
        return amount

    def reserve(self, user: User, subaccount: int, market_id: str) -> None:
        """Hold back what the resting orders of a subaccount in one market may cost."""
        market = self.catalog.market(market_id)
        wallet = user.wallet(subaccount, market.k.exchange_index)
        wallet.reserve(market_id, self.held_back(user, subaccount, market))

    # --- groups

    def trigger(self, user: User, group: Group, at_ms: int) -> None:
        """Cancel a group's resting orders; new ones are refused until it is reset."""
        group.triggered = True
        for order in list(self.engine.open_orders(user.name)):
            notes = notes_of(order)
            if notes is not None and notes.group == group.id:
                self.engine.cancel(order.id, at_ms=at_ms)
        self.hub.group(user, group, "triggered", at_ms)


def _state(notes: Notes, event: OrderAccepted | OrderChanged | OrderClosed) -> OrderState:
    order = notes.order
    status, reason = "resting", ""
    remaining, filled = order.size, 0
    if isinstance(event, OrderChanged | OrderClosed):
        remaining, filled = event.remaining, event.filled
        reason = REASONS.get(event.reason, "")
        if event.reason == o.AMENDED:
            notes.initial = filled + remaining
    if isinstance(event, OrderClosed):
        status = "executed" if event.reason == o.FILLED else "canceled"
        remaining = 0
    return OrderState(
        event.at_ms, status, order.price, notes.initial, filled, remaining, notes.taker_cost, notes.maker_cost,
        notes.taker_fees, notes.maker_fees, order.expires_ms, reason, order.client_id,
    )  # fmt: skip

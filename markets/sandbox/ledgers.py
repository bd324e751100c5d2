"""The exchange's own books of an account on both faces, and what happens to an account by other hands than ours.

`facts` is the truth by which a bot is judged: every order that was ever accepted, every fill, what is held and the money,
as exact decimal text. `by_hand` trades in the account without the bot's knowledge, `move_cash` pays in or out.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

from markets.books import MICRO, NO, YES
from markets.platforms.base import KALSHI, POLYMARKET
from markets.sandbox import orders as o
from markets.sandbox.context import Sandbox
from markets.sandbox.kalshi.accounts import User
from markets.sandbox.kalshi.app import exchange_of
from markets.sandbox.kalshi.exchange import DRAFT, Draft, Exchange
from markets.sandbox.market import SandboxMarket
from markets.sandbox.orders import BUY, OPPOSITE, Order, SandboxError
from markets.sandbox.polymarket import records
from markets.sandbox.polymarket.face import Face, Wallet, face_of
from markets.sandbox.polymarket.records import FAK, FOK, GTC, Fill, Note
from markets.sandbox.truth import decimal_text

Facts = dict[str, Any]
TYPES = {o.GTC: GTC, o.IOC: FAK, o.FOK: FOK}


class LedgerError(SandboxError):
    """There is no such account, or it cannot do that; the message says which."""


def facts(sandbox: Sandbox, name: str) -> Facts:
    """Both faces' books of one account. Raises LedgerError for an unknown one."""
    exchange, face = exchange_of(sandbox), face_of(sandbox)
    exchange.refresh_accounts()
    user, wallet = exchange.users.get(name), face.by_name.get(name)
    if user is None and wallet is None:
        raise LedgerError(f"there is no account {name!r}; there are {', '.join(_names(exchange, face))}")
    return {
        "name": name,
        KALSHI: _kalshi(user) if user is not None else None,
        POLYMARKET: _polymarket(face, wallet) if wallet is not None else None,
    }


def _names(exchange: Exchange, face: Face) -> list[str]:
    return sorted({*exchange.users, *face.by_name})


# --- Kalshi


def _kalshi(user: User) -> Facts:
    """Prices are of the outcome that the order buys; an ask is a purchase of NO, as Kalshi books it."""
    orders = [_kalshi_order(notes.order, notes.shard) for notes in user.orders.values()]
    fills = [
        {
            "trade_id": fill.trade_id, "order_id": fill.notes.order.id, "market": fill.notes.order.market_id,
            "outcome": _bought(fill.notes.order), "side": BUY,
            "price": decimal_text(_price(fill.notes.order, fill.price)), "size": decimal_text(fill.size),
            "fee": decimal_text(fill.fee), "shard": fill.notes.shard, "taker": fill.taker, "at_ms": fill.at_ms,
            "status": records.CONFIRMED,
        }
        for fill in user.fills
    ]  # fmt: skip
    positions = [
        {"market": market_id, "outcome": position.side, "size": decimal_text(abs(position.count)), "subaccount": sub}
        for (sub, market_id), position in user.positions.items()
        if position.count
    ]  # fmt: skip
    cash: dict[int, int] = {}
    for (_, shard), wallet in user.wallets.items():
        cash[shard] = cash.get(shard, 0) + wallet.cash
    return {
        "orders": orders, "fills": fills, "positions": positions,
        "cash": {str(shard): decimal_text(amount) for shard, amount in sorted(cash.items())},
        "settlements": [
            {"market": paid.market_id, "revenue": decimal_text(paid.revenue)} for paid in user.settlements
        ],
    }  # fmt: skip


def _kalshi_order(order: Order, shard: int) -> Facts:
    return {
        "id": order.id, "client_id": order.client_id, "market": order.market_id, "outcome": _bought(order),
        "side": BUY, "price": decimal_text(_price(order, order.price)), "size": decimal_text(order.size),
        "filled": decimal_text(order.filled), "open": order.open, "reason": order.closed_reason,
        "shard": shard, "at_ms": order.created_ms,
    }  # fmt: skip


def _bought(order: Order) -> str:
    return YES if order.side == BUY else NO


def _price(order: Order, yes_price: int) -> int:
    return yes_price if order.side == BUY else MICRO - yes_price


# --- Polymarket


def _polymarket(face: Face, wallet: Wallet) -> Facts:
    """`cash` and `positions` are the chain's (confirmed trades only); `held` is on its way out."""
    account = face.ledger.account(wallet.funder)
    mine = [note for note in face.notes.values() if note.wallet == wallet.name]
    positions = []
    for token, size in account.tokens.items():
        found = face.token(token)
        if size and found is not None:
            positions.append(
                {"market": found[0].id, "outcome": NO if found[1] else YES, "size": decimal_text(size)}
            )
    return {
        "orders": [_polymarket_order(note) for note in mine],
        "fills": list(_polymarket_fills(face, mine)),
        "positions": positions,
        "cash": {"0": decimal_text(account.cash)},
        "held": decimal_text(account.held_cash),
    }


def _polymarket_order(note: Note) -> Facts:
    order = note.order
    return {
        "id": note.order_id, "client_id": "", "market": note.market.id, "outcome": NO if note.place else YES,
        "side": note.action, "price": decimal_text(note.price), "asked": decimal_text(note.asked),
        "by_cash": note.by_cash, "filled": decimal_text(note.filled), "cash": decimal_text(note.cash),
        "open": order.open if order is not None else note.status == records.DELAYED,
        "reason": order.closed_reason if order is not None else note.status, "shard": 0, "at_ms": note.created_ms,
    }  # fmt: skip


def _polymarket_fills(face: Face, mine: list[Note]) -> Iterator[Facts]:
    for note in mine:
        for trade_id in note.trades:
            fill = face.fills[trade_id]
            yield _polymarket_fill(face, fill, note)


def _polymarket_fill(face: Face, fill: Fill, note: Note) -> Facts:
    price = MICRO - fill.trade.price if note.place else fill.trade.price
    funder = face.by_name[note.wallet].funder
    move = next(m for m in fill.movements if m.wallet == funder and m.token == note.token)
    return {
        "trade_id": fill.trade.id, "order_id": note.order_id, "market": note.market.id,
        "outcome": NO if note.place else YES, "side": note.action, "price": decimal_text(price),
        "size": decimal_text(fill.trade.size), "fee": decimal_text(move.fee), "cash": decimal_text(move.cash),
        "shard": 0, "taker": note is fill.taker, "at_ms": fill.trade.at_ms, "status": fill.status,
    }  # fmt: skip


# --- other hands


def by_hand(
    sandbox: Sandbox, name: str, market: SandboxMarket, *, side: str, outcome: str, price: int, size: int, tif: str
) -> Facts:  # fmt: skip
    """An order in this account that the bot did not send. `price` (micro-dollars) is of `outcome`. Raises SandboxError."""
    yes_side = side if outcome == YES else OPPOSITE[side]
    yes_price = price if outcome == YES else MICRO - price
    if market.platform == KALSHI:
        exchange = exchange_of(sandbox)
        if name not in exchange.users:
            raise LedgerError(f"there is no Kalshi account {name!r}")
        order = sandbox.engine.submit(
            market.id, name, yes_side, yes_price, size, at_ms=sandbox.now_ms(), tif=tif, stp=o.STP_TAKER,
            meta={DRAFT: Draft()},
        )  # fmt: skip
        return _kalshi_order(order, market.k.exchange_index)
    face = face_of(sandbox)
    wallet = face.by_name.get(name)
    if wallet is None:
        raise LedgerError(f"there is no Polymarket wallet {name!r}")
    note = _note_by_hand(face, wallet, market, side, outcome, price, size, tif)
    face.notes[note.order_id] = note
    sandbox.engine.submit(
        market.id, name, yes_side, yes_price, size, at_ms=sandbox.now_ms(), tif=tif, outcome=outcome, action=side,
        order_id=note.order_id,
    )  # fmt: skip
    return _polymarket_order(note)


def _note_by_hand(
    face: Face,
    wallet: Wallet,
    market: SandboxMarket,
    side: str,
    outcome: str,
    price: int,
    size: int,
    tif: str,
) -> Note:
    """The platform's web site signs with the same wallet, and so does its API key."""
    order_id = f"0x{hashlib.sha256(face.sandbox.engine.new_id().encode()).hexdigest()}"
    keys = [key for key, credentials in face.credentials.items() if credentials.address == wallet.address]
    note = Note(
        order_id, market, 0 if outcome == YES else 1, side, price, 0, TYPES[tif], 0, False,
        keys[-1] if keys else "", wallet.name, wallet.shown, face.now_ms,
    )  # fmt: skip
    note.asked = price * size // MICRO if note.by_cash else size
    return note


def move_cash(sandbox: Sandbox, name: str, platform: str, amount: int, shard: int = 0) -> Facts:
    """Pay in (`amount` micro-dollars above zero) or out. Kalshi lists it, in whole cents; Polymarket only has it.

    Raises LedgerError for an unknown account, for more than is there, and on Kalshi for parts of a cent.
    """
    if platform == KALSHI:
        return _move_kalshi(exchange_of(sandbox), name, amount, shard, sandbox.now_ms())
    face = face_of(sandbox)
    wallet = face.by_name.get(name)
    if wallet is None:
        raise LedgerError(f"there is no Polymarket wallet {name!r}")
    account = face.ledger.account(wallet.funder)
    if account.cash + amount < 0:
        raise LedgerError(f"{name} has only {decimal_text(account.cash)} dollars")
    account.cash += amount
    return {"platform": platform, "amount": decimal_text(amount), "cash": decimal_text(account.cash)}


def _move_kalshi(exchange: Exchange, name: str, amount: int, shard: int, now_ms: int) -> Facts:
    exchange.refresh_accounts()
    user = exchange.users.get(name)
    if user is None:
        raise LedgerError(f"there is no Kalshi account {name!r}")
    if not amount or amount % 10_000:
        raise LedgerError("Kalshi pays in and out in whole cents")
    wallet = user.wallet(0, shard)
    if wallet.available + amount < 0:
        raise LedgerError(f"{name} has only {decimal_text(wallet.available)} dollars free on shard {shard}")
    wallet.cash += amount
    wallet.updated_ms = now_ms
    row = {
        "id": exchange.engine.new_id(), "status": "applied", "type": "wire", "amount_cents": abs(amount) // 10_000,
        "fee_cents": 0, "created_ts": now_ms // 1000, "finalized_ts": now_ms // 1000,
    }  # fmt: skip
    (user.deposits if amount > 0 else user.withdrawals).append(row)
    return {
        "platform": KALSHI,
        "amount": decimal_text(amount),
        "cash": decimal_text(wallet.cash),
        "id": row["id"],
    }

"""What happens to wallets' orders and trades after the engine's events: the user channel, settlement, payouts.

A match is not money. It goes MATCHED, MINED, CONFIRMED over time, and the ledger moves at CONFIRMED; on demand it goes
RETRYING and ends FAILED, and what it held is free again.
"""

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from markets.books import MICRO
from markets.platforms.base import POLYMARKET, SETTLED
from markets.sandbox import orders as o
from markets.sandbox.orders import (
    Event,
    MarketChanged,
    OrderAccepted,
    OrderChanged,
    OrderClosed,
    Trade,
)
from markets.sandbox.polymarket import records
from markets.sandbox.polymarket.money import Movement, movement
from markets.sandbox.polymarket.records import CONFIRMED, FAILED, MINED, RETRYING, Fill, Note

if TYPE_CHECKING:
    from markets.sandbox.polymarket.face import Face

Steps = list[tuple[int, str]]  # milliseconds after the match, status


def follow(face: "Face", batch: list[Event]) -> None:
    """Take one batch of the engine's events, of Polymarket markets only."""
    fresh: list[Note] = []
    for event in batch:
        kind = type(event)
        if kind is Trade:
            _traded(face, event)  # type: ignore[arg-type]
        elif kind is MarketChanged:
            _market_changed(face, event)  # type: ignore[arg-type]
        elif kind is OrderAccepted:
            note = face.notes.get(event.order.id)  # type: ignore[union-attr]
            if note is not None:
                note.order = event.order  # type: ignore[union-attr]
                fresh.append(note)
        elif kind is OrderChanged or kind is OrderClosed:
            note = face.notes.get(event.order.id)  # type: ignore[union-attr]
            if note is not None and note not in fresh:
                _told(face, note, event)  # type: ignore[arg-type]
    for note in fresh:
        _placed(face, note)


def _told(face: "Face", note: Note, event: OrderChanged | OrderClosed) -> None:
    """A resting order traded or ended."""
    gone = isinstance(event, OrderClosed) and event.reason != o.FILLED
    _send_order(face, note, "CANCELLATION" if gone else "UPDATE", event.at_ms)


def _placed(face: "Face", note: Note) -> None:
    """A new order and what it did at once."""
    order = note.order
    assert order is not None
    if records.killed_text(note):
        _send_order(face, note, "CANCELLATION", order.created_ms)
        return
    _send_order(face, note, "PLACEMENT", order.created_ms)
    if order.closed_reason == o.IOC_REST and note.left >= records.CENT:
        _send_order(face, note, "CANCELLATION", order.created_ms, records.CANCELED)


def _send_order(face: "Face", note: Note, kind: str, at_ms: int, status: str = "") -> None:
    wallet = face.by_name[note.wallet]
    face.tell_user(wallet, note.market.id, records.order_event(note, kind, at_ms, status))


# --- trades


def _traded(face: "Face", trade: Trade) -> None:
    taker, maker = face.notes.get(trade.taker.id), face.notes.get(trade.maker.id)
    if taker is None and maker is None:
        return
    market = face.sandbox.world.markets[trade.market_id]
    rate = int(Decimal(market.p.fee_rate) * MICRO)
    moves = [_move(face, note, trade, rate if note is taker else 0) for note in (taker, maker) if note]
    fill = Fill(trade, market, taker, maker, moves, updated_ms=trade.at_ms)
    face.fills[trade.id] = fill
    for note in (taker, maker):
        if note is not None:
            note.trades.append(trade.id)
    face.ledger.hold(moves)
    _send_trade(face, fill)
    walk(face, fill)


def walk(face: "Face", fill: Fill) -> None:
    """Send a trade on its way to the chain, in so many steps from now."""
    for delay_ms, status in _steps(face, fill):
        face.sandbox.later(delay_ms, lambda status=status: _advance(face, fill, status))  # type: ignore[misc]


def _move(face: "Face", note: Note, trade: Trade, rate: int) -> Movement:
    price = MICRO - trade.price if note.place else trade.price
    exponent = note.market.p.fee_exponent
    wallet = face.by_name[note.wallet].funder
    return movement(wallet, note.token, note.action, trade.size, price, rate=rate, exponent=exponent)


def _steps(face: "Face", fill: Fill) -> Steps:
    config = face.sandbox.config
    fails, retries, delay = face.sandbox.faults.trade_path(POLYMARKET, fill.market.id)
    final_ms = config.polymarket_confirmed_ms if delay is None else delay
    mined_ms = min(config.polymarket_mined_ms, final_ms)
    tries = [
        (mined_ms + (final_ms - mined_ms) * (number + 1) // (retries + 1), RETRYING)
        for number in range(retries)
    ]
    return [(mined_ms, MINED), *tries, (final_ms, FAILED if fails else CONFIRMED)]


def _advance(face: "Face", fill: Fill, status: str) -> None:
    if fill.status in (CONFIRMED, FAILED):
        return
    fill.status, fill.updated_ms = status, face.now_ms
    if status in (MINED, RETRYING, CONFIRMED):  # a retry is another transaction
        name = f"{fill.trade.id}:{status == RETRYING}"
        fill.hash = fill.hash if status == CONFIRMED and fill.hash else f"0x{_sha(name)}"
    if status == CONFIRMED:
        face.ledger.settle(fill.movements)
        if fill.market.state == SETTLED:
            _pay_out(face, fill.market.id)
    elif status == FAILED:
        face.ledger.undo(fill.movements)
    _send_trade(face, fill)


def _send_trade(face: "Face", fill: Fill) -> None:
    for note in (fill.taker, fill.maker):
        if note is not None:
            event = records.trade_event(fill, note, fill.updated_ms)
            face.tell_user(face.by_name[note.wallet], fill.market.id, event)


# --- markets


def _market_changed(face: "Face", event: MarketChanged) -> None:
    if event.what == "settled":
        _pay_out(face, event.market_id)


def _pay_out(face: "Face", market_id: str) -> None:
    market = face.sandbox.world.markets[market_id]
    value = market.settlement_value or 0
    yes, no = market.p.token_ids
    for place, (token, pays) in enumerate(((yes, value), (no, MICRO - value))):
        for wallet, paid in face.ledger.pay_out(token, pays):
            face.note(wallet, "REDEEM", paid, market_id, outcome_index=place)


# --- balances


def reserved(face: "Face", wallet_name: str) -> tuple[int, dict[str, int]]:
    """What open and delayed orders of a wallet may still spend: micro-dollars, and micro-shares by token."""
    cash, tokens = 0, dict[str, int]()
    wallet = face.by_name[wallet_name]
    notes = [note for order in face.orders_of(wallet) if (note := face.notes.get(order.id)) is not None]
    notes += [held.note for held in face.delayed.values() if held.wallet is wallet]
    for note in notes:
        if note.action == o.BUY:
            cash += note.left if note.by_cash else -(-note.left * note.price // MICRO)
        else:
            tokens[note.token] = tokens.get(note.token, 0) + note.left
    return cash, tokens


def free_cash(face: "Face", wallet_name: str) -> int:
    """Micro-dollars a wallet may still commit."""
    account = face.ledger.account(face.by_name[wallet_name].funder)
    return account.cash - account.held_cash - reserved(face, wallet_name)[0]


def free_tokens(face: "Face", wallet_name: str, token: str) -> int:
    """Micro-shares of a token that a wallet may still offer: settled ones only."""
    account = face.ledger.account(face.by_name[wallet_name].funder)
    taken = account.held_tokens.get(token, 0) + reserved(face, wallet_name)[1].get(token, 0)
    return account.tokens.get(token, 0) - taken


def facts(face: "Face") -> dict[str, Any]:
    """For the state page."""
    return {
        "wallets": [
            {
                "name": wallet.name,
                "address": wallet.shown,
                "cash": records.text(face.ledger.account(wallet.funder).cash),
                "open_orders": sum(1 for _ in face.orders_of(wallet)),
            }
            for wallet in face.wallets.values()
        ],
        "fills": len(face.fills),
        "unsettled": sum(1 for fill in face.fills.values() if fill.status not in (CONFIRMED, FAILED)),
    }


def _sha(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()

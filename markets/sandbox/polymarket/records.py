"""Orders and trades of the wallets, and how REST and the user channel spell them."""

import hashlib
import uuid
from dataclasses import dataclass, field
from typing import Any

from markets.books import MICRO, YES
from markets.sandbox import orders as o
from markets.sandbox.market import SandboxMarket
from markets.sandbox.orders import BUY, Order, Trade
from markets.sandbox.polymarket.answers import text
from markets.sandbox.polymarket.money import Movement

GTC, GTD, FOK, FAK = "GTC", "GTD", "FOK", "FAK"
LIVE, MATCHED, DELAYED, UNMATCHED, CANCELED = "LIVE", "MATCHED", "DELAYED", "UNMATCHED", "CANCELED"
MINED, CONFIRMED, RETRYING, FAILED = "MINED", "CONFIRMED", "RETRYING", "FAILED"
FOK_TEXT = "order couldn't be fully filled. FOK orders are fully filled or killed."
FAK_TEXT = (
    "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
)
CENT = 10_000
_REASONS = {o.EXPIRED: "CANCELED_EXPIRED_ORDER", o.MARKET_CLOSED: "CANCELED_MARKET_RESOLVED"}


@dataclass(slots=True, eq=False)
class Note:
    """What the platform knows of a wallet's order beyond the engine. Prices and sizes in the owner's own token."""

    order_id: str
    market: SandboxMarket
    place: int  # 0 YES, 1 NO
    action: str  # BUY or SELL of the own token
    price: int  # micro-dollars
    asked: int  # micro-shares; micro-dollars for a FAK or FOK that buys
    order_type: str
    expiration: int  # Unix seconds, 0: none
    post_only: bool
    owner: str  # API key
    wallet: str  # engine account
    maker: str  # address, as signed
    created_ms: int
    order: Order | None = None  # once the engine has it
    status: str = LIVE  # while the engine has it not: DELAYED or UNMATCHED
    trades: list[str] = field(default_factory=list)

    @property
    def token(self) -> str:
        """The token id."""
        return self.market.p.token_ids[self.place]

    @property
    def by_cash(self) -> bool:
        """True where the order spends cash rather than buying a number of shares."""
        return self.action == BUY and self.order_type in (FOK, FAK)

    @property
    def filled(self) -> int:
        """Micro-shares."""
        return self.order.filled if self.order else 0

    @property
    def cash(self) -> int:
        """Micro-dollars paid or received so far, before fees."""
        if self.order is None:
            return 0
        yes, whole = self.order.notional, self.order.filled * MICRO
        return ((whole - yes if self.place else yes) + MICRO // 2) // MICRO

    @property
    def left(self) -> int:
        """What was asked for and is not filled, in the unit of `asked`."""
        return max(self.asked - (self.cash if self.by_cash else self.filled), 0)


@dataclass(slots=True, eq=False)
class Fill:
    """A match with a wallet on at least one side, on its way to the chain."""

    trade: Trade
    market: SandboxMarket
    taker: Note | None
    maker: Note | None
    movements: list[Movement]
    status: str = MATCHED
    hash: str = ""
    updated_ms: int = 0


def order_status(note: Note) -> str:
    """LIVE, MATCHED, DELAYED, UNMATCHED, or CANCELED with more behind it."""
    order = note.order
    if order is None:
        return note.status
    if order.open:
        return LIVE
    if order.closed_reason == o.FILLED or (order.closed_reason == o.IOC_REST and order.filled):
        return MATCHED
    return _REASONS.get(order.closed_reason, CANCELED)


def killed_text(note: Note) -> str:
    """Why a FOK or FAK came to nothing; empty where it did not."""
    reason = note.order.closed_reason if note.order is not None and not note.filled else ""
    return {o.FOK_KILLED: FOK_TEXT, o.IOC_REST: FAK_TEXT}.get(reason, "")


def order_record(note: Note) -> dict[str, Any]:
    """An order as `/data/order` and `/data/orders` answer it; `created_at` is a number of seconds."""
    return {
        "id": note.order_id,
        "status": order_status(note),
        "owner": note.owner,
        "maker_address": note.maker,
        "market": note.market.id,
        "asset_id": note.token,
        "side": note.action,
        "original_size": text(note.asked),
        "size_matched": text(note.filled),
        "price": text(note.price),
        "outcome": note.market.outcomes[note.place],
        "expiration": str(note.expiration),
        "order_type": note.order_type,
        "associate_trades": list(note.trades),
        "created_at": note.created_ms // 1000,
    }


def order_event(note: Note, kind: str, at_ms: int, status: str = "") -> dict[str, Any]:
    """An order on the user channel: `kind` is PLACEMENT, UPDATE or CANCELLATION."""
    killed = killed_text(note)
    return {
        **order_record(note),
        "status": f"CANCELED_{killed}" if killed else status or order_status(note),
        "size_matched": "" if killed else text(note.filled),
        "order_owner": note.owner,
        "created_at": "" if killed else str(note.created_ms // 1000),
        "type": kind,
        "timestamp": str(at_ms),
        "event_type": "order",
    }


def trade_record(fill: Fill, mine: Note) -> dict[str, Any]:
    """A match as `/data/trades` answers it to the owner of `mine`; size and price are always the taker's."""
    trade, taking = fill.trade, mine is fill.taker
    taker = _side(trade.taker, fill.taker, fill.market, trade.price)
    return {
        "id": trade.id,
        "taker_order_id": trade.taker.id,
        "market": fill.market.id,
        "asset_id": taker["asset_id"],
        "side": taker["side"],
        "size": text(trade.size),
        "fee_rate_bps": "0",
        "price": taker["price"],
        "status": f"TRADE_STATUS_{fill.status}",
        "match_time": str(trade.at_ms // 1000),
        "last_update": str(fill.updated_ms // 1000),
        "outcome": taker["outcome"],
        "bucket_index": 0,
        "owner": mine.owner,
        "maker_address": mine.maker,
        "transaction_hash": fill.hash,
        "trader_side": "TAKER" if taking else "MAKER",
        "maker_orders": [_maker_order(fill)],
    }


def trade_event(fill: Fill, mine: Note, at_ms: int) -> dict[str, Any]:
    """A match on the user channel: plain status words."""
    return {
        **trade_record(fill, mine),
        "status": fill.status,
        "trade_owner": mine.owner,
        "type": "TRADE",
        "timestamp": str(at_ms),
        "event_type": "trade",
    }


def stranger(account: str) -> tuple[str, str]:
    """An address and API key for a background account, always the same."""
    raw = hashlib.sha256(account.encode()).digest()
    return f"0x{raw[:20].hex()}", str(uuid.UUID(bytes=raw[16:], version=4))


def _maker_order(fill: Fill) -> dict[str, Any]:
    trade = fill.trade
    side = _side(trade.maker, fill.maker, fill.market, trade.price)
    return {"order_id": trade.maker.id, "matched_amount": text(trade.size), "fee_rate_bps": "0", **side}


def _side(order: Order, note: Note | None, market: SandboxMarket, price: int) -> dict[str, Any]:
    """One party of a match in terms of its own token."""
    place = 0 if order.outcome == YES else 1
    address, owner = (note.maker, note.owner) if note else stranger(order.account)
    return {
        "asset_id": market.p.token_ids[place],
        "side": order.action,
        "price": text(MICRO - price if place else price),
        "outcome": market.outcomes[place],
        "outcome_index": place,
        "maker_address": address,
        "owner": owner,
    }

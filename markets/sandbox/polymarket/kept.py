"""What the Polymarket face must still know after a restart, as rows of the state file, and back.

A trade that was on its way to the chain goes on from there. An order that was held back before it matched comes to
nothing. The public tape begins anew.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import msgspec

from markets.sandbox.orders import Order, Trade
from markets.sandbox.polymarket import lifecycle
from markets.sandbox.polymarket.auth import Credentials
from markets.sandbox.polymarket.face import Face, Wallet
from markets.sandbox.polymarket.money import Account, Movement
from markets.sandbox.polymarket.records import CONFIRMED, DELAYED, FAILED, UNMATCHED, Fill, Note
from markets.sandbox.state import Row, StateError, StateFile

WALLET, ACCOUNT, CREDENTIALS, CLOSED_KEY = (
    "polymarket_wallet", "polymarket_account", "polymarket_credentials", "polymarket_closed_key",
)  # fmt: skip
ORDER, FILL, ACTIVITY = "polymarket_order", "polymarket_fill", "polymarket_activity"


class KeptOrder(msgspec.Struct):
    """A note, with the engine's order once there was one."""

    order_id: str
    market_id: str
    place: int
    action: str
    price: int
    asked: int
    order_type: str
    expiration: int
    post_only: bool
    owner: str
    wallet: str
    maker: str
    created_ms: int
    order: Order | None
    status: str
    trades: list[str]


class KeptFill(msgspec.Struct):
    """A match with a wallet on at least one side."""

    trade_id: str
    market_id: str
    maker: Order
    taker: Order
    price: int
    size: int
    at_ms: int
    movements: list[Movement]
    status: str
    hash: str
    updated_ms: int


class Keeper:
    """Knows which trades are still on their way, and how much of the rest is written already."""

    def __init__(self, face: Face) -> None:
        self.face = face
        self._fills = 0
        self._moving: list[Fill] = []
        self._activity = 0

    def rows(self, order_ids: Iterable[str]) -> Iterator[Row]:
        """These orders, and whatever else may have changed."""
        face = self.face
        for wallet in face.wallets.values():
            yield WALLET, wallet.address, wallet
        for account in face.ledger.accounts.values():
            yield ACCOUNT, account.wallet, account
        for one in face.credentials.values():
            yield CREDENTIALS, one.key, one
        for key in face.closed_keys:
            yield CLOSED_KEY, key, key
        waiting = [held.note for held in face.delayed.values()]
        for note in [*waiting, *(face.notes[one] for one in order_ids if one in face.notes)]:
            yield ORDER, note.order_id, _order(note)
        for fill in [*self._moving, *self._new_fills()]:
            yield FILL, fill.trade.id, _fill(fill)
        for row in face.activity[self._activity :]:
            yield ACTIVITY, str(row["number"]), row

    def written(self) -> None:
        """The rows are in the file."""
        self._moving = [
            fill for fill in [*self._moving, *self._new_fills()] if fill.status not in (CONFIRMED, FAILED)
        ]
        self._fills, self._activity = len(self.face.fills), len(self.face.activity)

    def recall(self, file: StateFile) -> None:
        """Take everything back from the file."""
        face = self.face
        for wallet in file.read(WALLET, Wallet):
            announced = face.by_name.get(wallet.name, wallet)
            if announced.address != wallet.address:
                raise StateError(
                    f"{wallet.name} trades with the wallet {announced.address}, but {file.path} knows {wallet.address}:"
                    " bring back the keys of that one, or move the file away to begin a new exchange."
                )
            face.wallets[wallet.address] = face.by_name[wallet.name] = wallet
        for account in file.read(ACCOUNT, Account):
            face.ledger.accounts[account.wallet] = _counting(account)
        face.credentials = {one.key: one for one in file.read(CREDENTIALS, Credentials)}
        face.closed_keys = set(file.read(CLOSED_KEY, str))
        for key in face.closed_keys:
            face.credentials.pop(key, None)
        for order in file.read(ORDER, KeptOrder):
            face.notes[order.order_id] = _note(face, order)
        for kept in file.read(FILL, KeptFill):
            face.fills[kept.trade_id] = _restored(face, kept)
        face.activity = file.read(ACTIVITY, dict[str, Any])
        self._moving = list(face.fills.values())
        self.written()
        for fill in self._moving:
            lifecycle.walk(face, fill)

    def _new_fills(self) -> list[Fill]:
        return list(islice(self.face.fills.values(), self._fills, None))


def _counting(account: Account) -> Account:
    """With dictionaries that begin at nothing."""
    return replace(
        account, tokens=defaultdict(int, account.tokens), held_tokens=defaultdict(int, account.held_tokens),
        spent=defaultdict(int, account.spent), realized=defaultdict(int, account.realized),
        fees=defaultdict(int, account.fees),
    )  # fmt: skip


def _bare(order: Order) -> Order:
    return replace(order, meta={})


def _order(note: Note) -> KeptOrder:
    return KeptOrder(
        note.order_id, note.market.id, note.place, note.action, note.price, note.asked, note.order_type,
        note.expiration, note.post_only, note.owner, note.wallet, note.maker, note.created_ms,
        _bare(note.order) if note.order is not None else None, note.status, note.trades,
    )  # fmt: skip


def _note(face: Face, kept: KeptOrder) -> Note:
    if kept.order is not None:
        face.sandbox.engine.restore(kept.order)
    return Note(
        kept.order_id, face.sandbox.world.markets[kept.market_id], kept.place, kept.action, kept.price, kept.asked,
        kept.order_type, kept.expiration, kept.post_only, kept.owner, kept.wallet, kept.maker, kept.created_ms,
        kept.order, UNMATCHED if kept.order is None and kept.status == DELAYED else kept.status, kept.trades,
    )  # fmt: skip


def _fill(fill: Fill) -> KeptFill:
    trade = fill.trade
    return KeptFill(
        trade.id, trade.market_id, _bare(trade.maker), _bare(trade.taker), trade.price, trade.size, trade.at_ms,
        fill.movements, fill.status, fill.hash, fill.updated_ms,
    )  # fmt: skip


def _restored(face: Face, kept: KeptFill) -> Fill:
    known = face.sandbox.engine.orders
    trade = Trade(
        kept.trade_id, kept.market_id, known.get(kept.maker.id, kept.maker), known.get(kept.taker.id, kept.taker),
        kept.price, kept.size, kept.at_ms,
    )  # fmt: skip
    return Fill(
        trade, face.sandbox.world.markets[kept.market_id], face.notes.get(trade.taker.id),
        face.notes.get(trade.maker.id), kept.movements, kept.status, kept.hash, kept.updated_ms,
    )  # fmt: skip

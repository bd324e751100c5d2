"""The user channel: our orders and trades as they happen. See `PrivateFeed` for how an owner drives it.

Nothing is replayed after a reconnect, and frames of orders and trades come in any order, some of them twice. What is
older than what was told before is left out here; that trades are booked once is for whoever books them.
"""

from collections import OrderedDict
from typing import Protocol, TypeVar

import msgspec

from markets.platforms.base import POLYMARKET, PlatformError
from markets.platforms.polymarket import reports
from markets.platforms.polymarket.account_wire import Order, Trade
from markets.platforms.polymarket.reports import OutcomeOf, Owner
from markets.platforms.polymarket.signing import Credentials
from markets.platforms.trading import CANCELLED, FILLED, FINAL, OrderReport, PrivateEvents

PING_MS = 10_000
PONG_MS = 30_000
MAX_KNOWN = 20_000  # orders and trades whose last state is remembered
MAX_BAD = 1_000
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
K = TypeVar("K")
V = TypeVar("V")


class Login(Protocol):
    """Who we are at the CLOB; see `credentials.Login`. Each raises PlatformError."""

    @property
    def address(self) -> str:
        """The wallet that signs."""
        ...

    def credentials(self) -> Credentials:
        """The present credentials."""
        ...

    def renew(self, refused: Credentials) -> Credentials:
        """Others in place of refused ones."""
        ...


class _Kind(msgspec.Struct):
    event_type: str = ""


class PolymarketPrivateFeed:
    """One connection to the user channel. `wallet`: the wallet that holds the funds, by which our parts are told."""

    platform = POLYMARKET

    def __init__(self, url: str, login: Login, outcome_of: OutcomeOf, wallet: str = "") -> None:
        self.url = url
        self.outbox: list[str] = []
        self.events = PrivateEvents()
        self.reconnect_wanted = ""
        self._login, self._outcome_of, self._wallet = login, outcome_of, wallet
        self._owner = Owner(wallet)
        self._heard = self._doubted = False
        self._connected = False
        self._ping_ms = self._pong_ms = 0
        self._orders: OrderedDict[str, OrderReport] = OrderedDict()
        self._trades: OrderedDict[str, str] = OrderedDict()

    def handshake(self) -> list[str]:
        """No headers: the first frame logs in. Makes sure of the login; raises PlatformError where there is none.

        A server that hung up without a word on the last connection refused the login: it is renewed.
        """
        credentials = self._login.credentials()
        if self._doubted:
            self._doubted = False
            self._login.renew(credentials)
        return []

    def opened(self, at_ms: int) -> None:
        """Log in, for all markets. Whatever happened before is asked over REST."""
        credentials = self._login.credentials()
        self._owner = Owner(self._wallet or self._login.address, credentials.api_key)
        auth = {
            "apiKey": credentials.api_key,
            "secret": credentials.secret,
            "passphrase": credentials.passphrase,
        }
        self.outbox[:] = [msgspec.json.encode({"type": "user", "auth": auth}).decode()]
        self._ping_ms = self._pong_ms = at_ms
        self._connected, self._heard, self.reconnect_wanted = True, False, ""
        self.events.reconnected = True

    def closed(self, at_ms: int) -> None:
        """The socket is gone."""
        self._doubted = self._connected and not self._heard
        self._connected = False
        self.outbox.clear()

    def tick(self, at_ms: int) -> None:
        """Keep-alive; a server that no longer answers is left."""
        if not self._connected:
            return
        if at_ms - self._ping_ms >= PING_MS:
            self._ping_ms = at_ms
            self.outbox.append("PING")
        if at_ms - self._pong_ms >= PONG_MS:
            self.reconnect_wanted = "no PONG from the user channel"

    def receive(self, raw: bytes, at_ms: int) -> None:
        """Apply one frame. What cannot be used is kept in `events.bad`, and REST is asked for what it may have said."""
        text = raw.strip()
        if not text:  # how a socket may tell that it was closed
            return
        self._heard = True
        if text == b"PONG":
            self._pong_ms = at_ms
            return
        if text == b"PING":
            self.outbox.append("PONG")
            return
        try:
            rows = (
                msgspec.json.decode(text, type=list[msgspec.Raw]) if text[:1] == b"[" else [msgspec.Raw(text)]
            )
        except UNREADABLE as error:
            self._bad(str(error), raw)
            return
        for row in rows:
            try:
                self._event(row)
            except (*UNREADABLE, ValueError, PlatformError) as error:
                self._bad(str(error), bytes(row))

    def _event(self, row: msgspec.Raw) -> None:
        kind = msgspec.json.decode(row, type=_Kind).event_type
        if kind == "order":
            self._order(reports.order_report(msgspec.json.decode(row, type=Order), self._outcome_of))
        elif kind == "trade":
            self._trade(msgspec.json.decode(row, type=Trade))

    def _order(self, report: OrderReport) -> None:
        known = self._orders.get(report.platform_order_id)
        if known is not None:
            over = known.status in (FILLED, CANCELLED) and report.status not in (FILLED, CANCELLED)
            if over or report.matched < known.matched:
                return
        _remember(self._orders, report.platform_order_id, report)
        self.events.orders.append(report)

    def _trade(self, trade: Trade) -> None:
        status = reports.trade_status(trade.status)
        fills = reports.fill_reports(trade, self._owner, self._outcome_of)
        if not fills:
            raise ValueError(f"trade {trade.id[:70]} names no order of ours")
        if self._trades.get(trade.id) in FINAL and status not in FINAL:
            return
        _remember(self._trades, trade.id, status)
        self.events.fills += fills

    def _bad(self, why: str, raw: bytes) -> None:
        self.events.reconnected = True
        if len(self.events.bad) < MAX_BAD:
            self.events.bad.append((why[:300], raw[:4_000]))


def _remember(known: OrderedDict[K, V], key: K, value: V) -> None:
    known[key] = value
    known.move_to_end(key)
    if len(known) > MAX_KNOWN:
        known.popitem(last=False)

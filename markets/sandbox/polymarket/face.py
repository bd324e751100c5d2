"""What the Polymarket servers share: wallets, ledger, wire books, orders' notes, trades, the stream's hub.

One `Face` lives in `sandbox.shared` and follows the engine. Wallets are known by their signing address; the engine
knows them by account name. A wallet that nobody announced may sign in and trade too, with no money of its own.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from markets.platforms.base import POLYMARKET
from markets.sandbox.context import Sandbox
from markets.sandbox.market import SandboxMarket
from markets.sandbox.orders import Event, LevelChanged, MarketChanged, Order, Trade
from markets.sandbox.polymarket import lifecycle
from markets.sandbox.polymarket.books import Books
from markets.sandbox.polymarket.limits import Limits
from markets.sandbox.polymarket.money import Ledger

if TYPE_CHECKING:
    from markets.sandbox.polymarket.auth import Credentials
    from markets.sandbox.polymarket.records import Fill, Note

KEY = "polymarket"
TRADES_KEPT = 500  # public trades kept of each market
SETTLED_KEPT = 300  # settled markets whose public trades are kept
_OF_MARKETS = {Trade, LevelChanged, MarketChanged}


@dataclass(slots=True)
class Wallet:
    """Somebody who may trade."""

    name: str  # the engine's account
    address: str  # lower case: the key that signs
    funder: str  # lower case: the wallet that holds the money
    shown: str  # the funder in the spelling it was announced with
    unapproved: set[str] = field(default_factory=set)  # exchanges that may not move its money


@dataclass(slots=True)
class Delayed:
    """An order held back before it matches."""

    order_id: str
    wallet: Wallet
    note: "Note"
    submit: Callable[[], None]


@dataclass(slots=True, eq=False)
class Face:
    """The Polymarket side of one sandbox."""

    sandbox: Sandbox
    books: Books
    ledger: Ledger
    limits: Limits
    wallets: dict[str, Wallet] = field(default_factory=dict)  # by signing address
    by_name: dict[str, Wallet] = field(default_factory=dict)  # by engine account
    credentials: dict[str, "Credentials"] = field(default_factory=dict)  # by API key
    closed_keys: set[str] = field(default_factory=set)  # API keys that were deleted
    notes: dict[str, "Note"] = field(default_factory=dict)  # order id -> what we know beyond the engine
    delayed: dict[str, Delayed] = field(default_factory=dict)
    fills: dict[str, "Fill"] = field(default_factory=dict)  # by trade id, of trades with a wallet in them
    tape: dict[str, deque[Trade]] = field(default_factory=dict)  # market id -> newest last
    heartbeats: dict[str, str] = field(default_factory=dict)  # API key -> the id expected next
    market_channel: list[Callable[[list[Event]], None]] = field(default_factory=list)
    user_channel: list[Callable[[str, str, dict[str, Any]], None]] = field(default_factory=list)
    settled: deque[str] = field(default_factory=deque)  # market ids, newest last
    activity: list[dict[str, Any]] = field(default_factory=list)  # of wallets, beside trades; oldest first

    @property
    def now_ms(self) -> int:
        """Now, Unix milliseconds."""
        return self.sandbox.now_ms()

    def wallet(self, address: str) -> Wallet:
        """The wallet that signs with `address`; a new one where nobody announced it."""
        key = address.lower()
        found = self.wallets.get(key)
        if found is None:
            found = self.add_wallet(key, address, address, 0)
        return found

    def add_wallet(self, name: str, address: str, funder: str, balance: int) -> Wallet:
        """Make a wallet known, with `balance` micro-dollars."""
        wallet = Wallet(name, address.lower(), funder.lower(), funder)
        self.wallets[wallet.address] = self.by_name[name] = wallet
        self.ledger.account(wallet.funder).cash = balance
        return wallet

    def move_cash(self, wallet: Wallet, amount: int) -> None:
        """A deposit (positive) or a withdrawal of `amount` micro-dollars, which the data API lists."""
        self.ledger.account(wallet.funder).cash += amount
        self.note(wallet.funder, "DEPOSIT" if amount >= 0 else "WITHDRAWAL", abs(amount))

    def note(self, funder: str, kind: str, amount: int, market_id: str = "", **more: Any) -> None:
        """Remember what happened to a wallet beside its trades."""
        row = {"user": funder, "type": kind, "amount": amount, "at_ms": self.now_ms, "market": market_id}
        self.activity.append(row | more | {"number": len(self.activity)})

    def token(self, token_id: str) -> tuple[SandboxMarket, int] | None:
        """The market and place (0 YES, 1 NO) of a token."""
        return self.sandbox.world.tokens.get(token_id)

    def market(self, condition_id: str) -> SandboxMarket | None:
        """A Polymarket market by condition id, in either case, and of Protocol V2 in either length."""
        market = self.sandbox.world.markets.get(condition_id.lower().ljust(66, "0"))
        return market if market is not None and market.platform == POLYMARKET else None

    def orders_of(self, wallet: Wallet) -> Iterator[Order]:
        """Open orders of a wallet, oldest first (an account of that name may trade on the other platform too)."""
        markets = self.sandbox.world.markets
        for order in list(self.sandbox.engine.open_orders(wallet.name)):
            if markets[order.market_id].platform == POLYMARKET:
                yield order

    def tell_user(self, wallet: Wallet, market_id: str, event: dict[str, Any]) -> None:
        """Send an event to the user channel of a wallet."""
        for send in self.user_channel:
            send(wallet.address, market_id, event)


def face_of(sandbox: Sandbox) -> Face:
    """The sandbox's Polymarket face, made at the first call."""
    face = sandbox.shared.get(KEY)
    if face is None:
        face = sandbox.shared[KEY] = _made(sandbox)
    return face  # type: ignore[no-any-return]


def _made(sandbox: Sandbox) -> Face:
    face = Face(
        sandbox, Books(sandbox.engine), Ledger(0), Limits(enabled=sandbox.config.polymarket_rate_limits)
    )
    for account in sandbox.polymarket_accounts:
        face.add_wallet(account.name, account.address, account.funder or account.address, account.balance)
    sandbox.engine.listeners.append(lambda batch: _follow(face, batch))
    sandbox.facts[KEY] = lambda: lifecycle.facts(face)
    return face


def _follow(face: Face, batch: list[Event]) -> None:
    """Tape first, then the stream, then orders and money."""
    markets = face.sandbox.world.markets
    mine = [
        event
        for event in batch
        if markets[
            event.market_id if type(event) in _OF_MARKETS else event.order.market_id  # type: ignore[union-attr]
        ].platform
        == POLYMARKET
    ]
    if not mine:
        return
    for event in mine:
        if type(event) is Trade:
            face.tape.setdefault(event.market_id, deque(maxlen=TRADES_KEPT)).append(event)
        elif type(event) is MarketChanged and event.what == "settled":
            _forget_old_tapes(face, event.market_id)
    for follow in face.market_channel:
        follow(mine)
    lifecycle.follow(face, mine)


def _forget_old_tapes(face: Face, market_id: str) -> None:
    """Short-lived markets come and go all day: only the latest settled ones keep their public trades."""
    face.settled.append(market_id)
    if len(face.settled) > SETTLED_KEPT:
        face.tape.pop(face.settled.popleft(), None)

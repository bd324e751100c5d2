"""What every platform's `trading.py` offers: orders, and what the platform says became of them, in our own words.

An order goes out in two steps. `prepare` makes everything that is sent, the platform's own order id included where it can
be known before (Polymarket's is the hash of the signed order), and talks to nobody but the signer. `submit` sends it, once,
and says one of three things: the platform has it (`Accepted`), the platform has proved that it does not have it
(`Declined`), or nobody knows (`Unsure`). Nothing in between: a lost answer is never a refusal, and never sent again
blindly. Whoever asks later (`find`) must ask patiently.

The same order prepared twice is the same order for the platform: everything that makes it unique comes from
`client_order_id` and `created_at`. So an order that was sent again is refused as a duplicate, never filled twice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

BUY, SELL = "BUY", "SELL"

# How long an order stands, in the specification's words
GTC, GTD, IOC, FOK = "GOOD_TILL_CANCELLED", "GOOD_TILL_DATE", "IMMEDIATE_OR_CANCEL", "FILL_OR_KILL"
TIMES_IN_FORCE = (GTC, GTD, IOC, FOK)

# Why an order was declined: the platform's words put into few classes, so that callers can decide
INSUFFICIENT_BALANCE = "insufficient_balance"
OFF_TICK = "off_tick"
BELOW_MINIMUM = "below_minimum"
NOT_FILLABLE = (
    "not_fillable"  # fill-or-kill without enough on offer, or an immediate order that found nothing
)
POST_ONLY_WOULD_CROSS = "post_only_would_cross"
MARKET_CLOSED = "market_closed"  # closed, unknown, or not open yet
TRADING_PAUSED = "trading_paused"  # the platform takes no such orders for the moment
DUPLICATE = "duplicate"  # the id was used before: the first one may have filled, so ask with `find`
RATE_LIMITED = "rate_limited"
UNAUTHORISED = "unauthorised"
FORBIDDEN = "forbidden"  # region, scope, closed-only account
INVALID = "invalid"  # the platform does not understand it: our fault
SIGNER_REFUSED = "signer_refused"  # the signer's own limits, or it does not answer: nothing was sent
UNREACHABLE = "unreachable"  # no connection could be made at all: nothing was sent
# Only these prove that nothing was accepted and may pass by themselves: the same order may be tried again
PASSING = frozenset({TRADING_PAUSED, RATE_LIMITED, UNREACHABLE})

# What a platform says about an order
OPEN, PARTIAL, FILLED, CANCELLED, DELAYED = "OPEN", "PARTIAL", "FILLED", "CANCELLED", "DELAYED"

# What a platform says about the settlement of a trade
MATCHED, MINED, RETRYING, CONFIRMED, FAILED = "MATCHED", "MINED", "RETRYING", "CONFIRMED", "FAILED"
FINAL = frozenset({CONFIRMED, FAILED})


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """One order to be sent. Prices are dollars of `outcome`, sizes contracts."""

    client_order_id: str
    created_at: datetime  # of the intent, aware; part of what makes the order unique
    market_id: str
    outcome: str  # YES or NO
    side: str  # BUY or SELL
    size: Decimal
    limit_price: Decimal
    time_in_force: str = IOC
    post_only: bool = False
    expires_at: datetime | None = None  # GOOD_TILL_DATE only
    # Dollars before fees that an immediate purchase may spend, where the platform fills by cash; None: size x limit price
    cash: Decimal | None = None
    # The platform's own facts of the market (`MarketInfo.extra`: token ids, tick, neg_risk, version, shard)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OrderRef:
    """How an order of ours is known. `platform_order_id` is empty where the platform has not told us one."""

    client_order_id: str
    platform_order_id: str
    market_id: str
    sent_at: datetime | None = None  # of the last sending
    created_at: datetime | None = (
        None  # of the intent: nothing of the order is older, however often it was sent
    )

    @property
    def since(self) -> datetime | None:
        """From when on lists may tell of it. An order that was sent again may have been taken the first time."""
        known = [at for at in (self.created_at, self.sent_at) if at is not None]
        return min(known, default=None)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An order ready to go: `platform_order_id` where it is known before sending, and the very payload."""

    request: OrderRequest
    platform_order_id: str
    payload: Any = field(repr=False)  # the platform's own; may be a bearer instrument: never logged or stored


@dataclass(frozen=True, slots=True)
class Accepted:
    """The platform has the order. `matched` is what it says has filled by now, in contracts; fills come apart."""

    platform_order_id: str
    status: str  # OPEN, PARTIAL, FILLED, CANCELLED (an immediate order's rest) or DELAYED
    matched: Decimal
    average_price: Decimal | None = None  # before fees
    trade_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Declined:
    """Proof that the platform does not have the order: a class from above, and a sentence with the platform's words."""

    code: str
    sentence: str
    retry_after: float = 0.0  # seconds, where the platform says

    @property
    def passing(self) -> bool:
        """Whether the very same order may be tried again."""
        return self.code in PASSING


@dataclass(frozen=True, slots=True)
class Unsure:
    """Nobody knows whether the platform has the order."""

    sentence: str


Answer = Accepted | Declined | Unsure


@dataclass(frozen=True, slots=True)
class OrderReport:
    """An order as the platform tells it now. `matched` never falls; prices are dollars of `outcome`."""

    platform_order_id: str
    client_order_id: str  # empty where the platform does not tell
    market_id: str
    outcome: str
    side: str
    status: str  # OPEN, PARTIAL, FILLED, CANCELLED or DELAYED
    size: Decimal | None  # contracts asked for; None where the order was by cash
    matched: Decimal
    limit_price: Decimal | None
    reason: str = ""  # why it was cancelled, where told
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FillReport:
    """One execution of an order of ours. `fill_id` is unique on the platform and the same whoever reports it.

    `fee` is dollars as the platform charges it, None where it does not tell and the fee schedule must.
    """

    fill_id: str
    trade_id: str
    platform_order_id: str
    market_id: str
    outcome: str
    side: str
    price: Decimal
    size: Decimal
    fee: Decimal | None
    at: datetime
    status: str = CONFIRMED  # MATCHED, MINED, RETRYING, CONFIRMED, FAILED
    taker: bool = True
    transaction_hash: str = ""


@dataclass(frozen=True, slots=True)
class Holding:
    """Contracts of one outcome that the platform says we hold."""

    market_id: str
    outcome: str
    size: Decimal


@dataclass(frozen=True, slots=True)
class Balance:
    """Dollars on a platform, or on one shard of it. `cash` is everything, `free` what orders may use."""

    shard: int
    cash: Decimal | None  # None where the platform tells only what is free
    free: Decimal


@dataclass(frozen=True, slots=True)
class SettlementReport:
    """A market that paid out: what YES pays (dollars), and what we got."""

    market_id: str
    yes_pays: Decimal
    revenue: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class CashReport:
    """A deposit (positive) or a withdrawal (negative), in dollars, or money between shards."""

    reference: str
    shard: int
    amount: Decimal
    at: datetime
    kind: str  # DEPOSIT, WITHDRAWAL or TRANSFER


@dataclass(frozen=True, slots=True)
class CancelReport:
    """What became of a cancel, by `OrderRef.client_order_id`.

    `gone`: the platform says that it cancelled them. `kept`: it says that it did not, with its reason; the order may
    have filled or be gone long since: look it up. `unsure`: no answer.
    """

    gone: tuple[str, ...] = ()
    kept: Mapping[str, str] = field(default_factory=dict)
    unsure: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlatformState:
    """Whether the platform trades for us now. `why` is a sentence when it does not."""

    takes_orders: bool
    takes_cancels: bool
    why: str = ""
    resumes: datetime | None = None
    lasting: bool = False  # it does not pass by itself: the region, the account, an attestation


class Trading(Protocol):
    """A platform's order side. Every method but `prepare` talks to the platform.

    Reading methods raise PlatformError when the platform could not be asked: that is never "nothing there". Nothing
    here retries a write.
    """

    platform: str
    knows_id_before: bool  # whether `prepare` gives the platform's order id

    def prepare(self, request: OrderRequest) -> Prepared | Declined:
        """Everything that will be sent, signed where needed. The same request gives the same order again.

        Declined where the order breaks the platform's rules of shape (tick, minimum) or the signer refuses.
        """
        ...

    def submit(self, prepared: Prepared) -> Answer:
        """Send it, once."""
        ...

    def find(self, ref: OrderRef) -> OrderReport | None:
        """The order as the platform tells it now; None where it does not know it (yet)."""
        ...

    def fills(self, refs: Sequence[OrderRef]) -> list[FillReport]:
        """Every execution of these orders that the platform knows of by now."""
        ...

    def cancel(self, refs: Sequence[OrderRef]) -> CancelReport:
        """Ask for these orders to be cancelled."""
        ...

    def cancel_all(self) -> None:
        """Cancel whatever is open, ours or not, on every shard. Raises PlatformError."""
        ...

    def open_orders(self) -> list[OrderReport]:
        """Everything that is open, hand-placed orders too."""
        ...

    def fills_since(self, since: datetime) -> list[FillReport]:
        """Every execution of the account since then, hand-placed ones too."""
        ...

    def holdings(self) -> list[Holding]:
        """Everything that is held and not settled."""
        ...

    def balances(self) -> list[Balance]:
        """Cash, by shard where the platform has such."""
        ...

    def settlements_since(self, since: datetime) -> list[SettlementReport]:
        """Markets that paid out since then."""
        ...

    def cash_since(self, since: datetime) -> list[CashReport]:
        """Deposits, withdrawals and transfers since then; empty where the platform has no list of them."""
        ...

    def state(self) -> PlatformState:
        """Whether orders are taken now, from us, from here."""
        ...

    def clock(self) -> datetime:
        """The platform's clock, for the skew check."""
        ...


@dataclass(slots=True)
class PrivateEvents:
    """What a private stream has told since it was last emptied. `reconnected`: ask over REST, for nothing is replayed."""

    orders: list[OrderReport] = field(default_factory=list)
    fills: list[FillReport] = field(default_factory=list)
    positions: list[Holding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # other news, for the log (an order group was triggered)
    bad: list[tuple[str, bytes]] = field(
        default_factory=list
    )  # frames that could not be used, with the reason
    stopped: list[str] = field(default_factory=list)  # the platform's own kill switch has fallen, and why
    reconnected: bool = False


class PrivateFeed(Protocol):
    """A platform's private channels, driven by frames like `base.Feed`: no socket, no clock. Times are Unix ms."""

    platform: str
    url: str
    outbox: list[str]  # text frames to send, in order
    events: PrivateEvents
    reconnect_wanted: str

    def handshake(self) -> list[str]:
        """Headers of the WebSocket handshake, `Name: value`; asks the signer."""
        ...

    def opened(self, at_ms: int) -> None:
        """A fresh socket is up: log in and subscribe by the outbox."""
        ...

    def receive(self, raw: bytes, at_ms: int) -> None:
        """Apply one frame. Never raises for what a platform can send."""
        ...

    def tick(self, at_ms: int) -> None:
        """Timed work: keep-alives, and wanting a reconnect when nothing answers."""
        ...

    def closed(self, at_ms: int) -> None:
        """The socket is gone."""
        ...


# Asks the signer process; one function each, so that no platform code knows how the signer is reached.
Sign = Callable[[Mapping[str, Any]], Mapping[str, Any]]

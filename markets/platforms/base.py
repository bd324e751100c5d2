"""What every platform's folder offers, in our own words; the platform's words stop at its `parse.py`.

Three parts: values (markets, books, trades, fees), a REST client that returns them, and a feed: a machine without
sockets or clock that turns received frames into live books. The connector, replay and the benchmarks drive the very
same feed.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from markets.books import Book, Ladder, Level

POLYMARKET, KALSHI = "polymarket", "kalshi"
PLATFORMS = (POLYMARKET, KALSHI)

# A market's status in our words. Unknown words of a platform become OTHER_STATUS, with the word kept in metadata.
UNOPENED, OPEN, PAUSED, CLOSED, DETERMINED, DISPUTED, SETTLED, OTHER_STATUS = (
    "UNOPENED", "OPEN", "PAUSED", "CLOSED", "DETERMINED", "DISPUTED", "SETTLED", "OTHER",
)  # fmt: skip
STATUSES = (UNOPENED, OPEN, PAUSED, CLOSED, DETERMINED, DISPUTED, SETTLED, OTHER_STATUS)


class PlatformError(Exception):
    """The platform could not be asked, or answered with something that is no answer. The message says what to do."""


class Refused(PlatformError):
    """A documented refusal: `status` is the HTTP status, `code` the platform's own word."""

    def __init__(self, message: str, *, status: int, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Malformed(PlatformError):
    """A payload that does not have the documented shape."""


@dataclass(frozen=True, slots=True)
class TickBand:
    """Prices from `start` to `end` (dollars) move in steps of `step`."""

    start: Decimal
    end: Decimal
    step: Decimal


@dataclass(frozen=True, slots=True)
class OutcomeInfo:
    """One side of a market: `name` is YES or NO, `label` the platform's own word (Up, a team, ...)."""

    name: str
    label: str
    token_id: str = ""  # Polymarket's asset id; empty on Kalshi


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a fee computation, for `manage.py quote` and for people who check it."""

    what: str
    value: Decimal


@dataclass(frozen=True, slots=True)
class OrderCost:
    """What one order costs or brings, in dollars.

    `cash` is positive: what leaves the account for a buy, what arrives for a sale. For a buy
    `cash == notional + fee`, for a sale `cash == notional - fee`; `fee` includes every rounding.
    """

    notional: Decimal
    fee: Decimal
    cash: Decimal


class FeeSchedule(Protocol):
    """A market's fees as read from the platform for that very market."""

    def order_cost(self, side: str, fills: Sequence[Level], *, maker: bool = False) -> OrderCost:
        """The exact cost of one order (`side` BUY or SELL) that takes `fills`, in execution order."""
        ...

    def steps(self, side: str, fills: Sequence[Level], *, maker: bool = False) -> tuple[Step, ...]:
        """How `order_cost` comes to its figures, line by line. Apart, so that detection does not pay for it."""
        ...

    def marginal_fee(self, price: Decimal) -> Decimal:
        """Taker fee of one contract at `price` before any rounding: what the depth walk compares."""
        ...

    def as_json(self) -> dict[str, Any]:
        """A JSON document that `fees.from_json` of the same platform reads back."""
        ...


@dataclass(frozen=True, slots=True)
class MarketInfo:
    """One question on one platform. Money is in dollars, sizes in contracts, times aware UTC."""

    platform: str
    id: str  # Polymarket condition id, Kalshi ticker
    slug: str
    question: str
    outcome_type: str  # binary, scalar
    outcomes: tuple[OutcomeInfo, ...]  # YES first
    status: str
    start: datetime | None
    end: datetime | None  # when trading is expected to stop
    settles: datetime | None  # when cash is expected
    volume: Decimal | None
    volume_24h: Decimal | None
    liquidity: Decimal | None
    ticks: tuple[TickBand, ...]
    min_size: Decimal  # contracts
    size_step: Decimal  # contracts
    fees: FeeSchedule | None  # None: unknown, so not traded
    rules: str
    resolution_source: str
    category: str
    event_id: str
    result: str = ""  # YES, NO, SCALAR or empty
    settlement_value: Decimal | None = None  # dollars that one YES pays
    last_price: Decimal | None = None  # dollars, YES terms, for display only
    extra: dict[str, Any] = field(
        default_factory=dict
    )  # what only this platform has (neg_risk, version, shard, ...)


@dataclass(frozen=True, slots=True)
class EventInfo:
    """A whole event: every market the platform lists in it, open or closed, in the platform's order.

    `market_ids` also names markets that could not be read, so that nobody takes a part for the whole.
    """

    platform: str
    id: str  # Polymarket's event id, Kalshi's event ticker
    title: str
    mutually_exclusive: bool  # at most one YES pays
    neg_risk: bool  # Polymarket: exactly one YES pays, and NOs convert
    augmented: bool  # Polymarket: named outcomes may still be added, and "Other" be redefined
    cumulative: bool  # Polymarket: its thresholds or dates include each other
    market_ids: tuple[str, ...]
    markets: tuple[MarketInfo, ...]

    @property
    def whole(self) -> bool:
        """True where every market could be read."""
        return len(self.markets) == len(self.market_ids) > 0


@dataclass(frozen=True, slots=True)
class FeedMarket:
    """What a feed must know to follow one market."""

    market_id: str
    token_id: str = ""  # Polymarket: the YES token
    tick: str = ""  # Polymarket, for the book hash: as the platform prints it
    min_size: str = ""
    neg_risk: bool = False
    version: str = ""


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """A whole book read over REST, in YES terms."""

    market_id: str
    bids: Ladder
    asks: Ladder
    changed_at: datetime | None  # the platform's own time of the last change, where it gives one


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """A trade print: price in dollars of `outcome`, size in contracts, `side` the taker's."""

    market_id: str
    outcome: str
    price: Decimal
    size: Decimal
    side: str
    at_ms: int
    trade_id: str = ""


@dataclass(frozen=True, slots=True)
class MarketChange:
    """News about a market from the stream: its status, tick, fees or result changed; read it again over REST."""

    market_id: str
    what: str  # opened, paused, resumed, closed, determined, settled, tick, fees, created, dates
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BadFrame:
    """A frame that could not be used, kept with its bytes for replay."""

    kind: str  # json, shape, number, unknown_market, negative, time, level
    detail: str
    raw: bytes
    at_ms: int


@dataclass(slots=True)
class FeedStats:
    """Counters since the feed began. `frames` counts every frame received, PONGs and replies included."""

    frames: int = 0
    book_updates: int = 0
    trades: int = 0
    gaps: int = 0
    resyncs: int = 0
    malformed: int = 0
    crossed: int = 0
    unknown: int = 0  # frames of a kind we do not know, ignored by design
    reconnects: int = 0

    def as_json(self) -> dict[str, int]:
        """The counters by name."""
        return asdict(self)


class Feed(ABC):
    """Books of one connection, driven by received frames: no socket, no clock.

    The owner calls `opened` when a socket is up, `receive` for each frame, `tick` about ten times a second and
    `closed` when the socket is gone; after each call it sends what is in `outbox` and looks at `changed`,
    `dropped`, `trades`, `changes` and `bad`, emptying what it has handled. All times are Unix milliseconds of the
    receiver's clock.
    """

    platform: str = ""
    numbered = False  # True where frames carry numbers, so that any loss is seen at the next one

    def __init__(self) -> None:
        self.books: dict[str, Book] = {}  # by market id, YES terms
        self.stats = FeedStats()
        self.outbox: list[str] = []  # text frames to send, in order
        self.changed: set[str] = set()  # trusted books that changed
        self.dropped: set[str] = set()  # books that stopped being trusted: nobody may trade on them
        self.trades: list[PublicTrade] = []
        self.changes: list[MarketChange] = []
        self.bad: deque[BadFrame] = deque(maxlen=1_000)
        self.last_data_ms = 0  # last frame that carried market data (keep-alives do not count)
        self.reconnect_wanted = ""  # why the owner should close this socket and open a new one

    @abstractmethod
    def follow(self, markets: Iterable[FeedMarket]) -> None:
        """Begin to follow markets (subscribes at once when connected)."""

    @abstractmethod
    def unfollow(self, market_ids: Iterable[str]) -> None:
        """Stop following markets and forget their books."""

    @abstractmethod
    def opened(self, at_ms: int) -> None:
        """A fresh socket is up: every book is unknown; subscriptions go to the outbox."""

    @abstractmethod
    def receive(self, raw: bytes, at_ms: int) -> None:
        """Apply one frame. Never raises for what a platform can send; counts and keeps bad frames instead."""

    @abstractmethod
    def tick(self, at_ms: int) -> None:
        """Timed work: keep-alives, pending continuity checks, silent-stall detection, overdue snapshots."""

    @abstractmethod
    def repair(self, snapshot: BookSnapshot, at_ms: int) -> None:
        """Take a book read over REST for a market whose stream is in doubt."""

    @abstractmethod
    def closed(self, at_ms: int) -> None:
        """The socket is gone: no book is trusted until the next snapshot."""


class Throttle(Protocol):
    """Asks before each REST call; waits until the platform's own limits allow it."""

    def acquire(self, endpoint: str, cost: int = 1) -> None:
        """Wait for `cost` tokens of `endpoint`; raises PlatformError when the wait would be unreasonable."""
        ...


class MarketData(Protocol):
    """A platform's public REST side."""

    platform: str

    def markets(
        self, *, closing_before: datetime | None = None, limit: int | None = None
    ) -> Iterator[MarketInfo]:
        """Open markets, page by page."""
        ...

    def market(self, market_id: str) -> MarketInfo:
        """One market, whatever its status. Raises Refused with status 404 when there is none."""
        ...

    def event(self, event_id: str) -> EventInfo:
        """A whole event. Raises Refused with status 404 when there is none."""
        ...

    def books(self, markets: Sequence[FeedMarket]) -> list[BookSnapshot]:
        """Whole books of these markets; what the platform does not know is left out."""
        ...

    def trades(self, market: FeedMarket, *, limit: int = 100) -> list[PublicTrade]:
        """The newest public trades, newest first."""
        ...

    def server_time(self) -> datetime:
        """The platform's clock, for the skew check."""
        ...

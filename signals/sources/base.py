"""Values and errors that all sources share. Plain Python: no Django, network or clock.

A source's words stop at its parser: everything after it sees a `Transfer`, an `Item` or an `Occasion`. What any of them
says about a market becomes a `Claim`, which is stored as a prediction and scored.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

WHALES, NEWS, CALENDAR, PRICES = "whales", "news", "calendar", "prices"

# --- errors: what an answer meant


class SourceError(Exception):
    """A source could not be read. The message is one sentence, without keys or addresses that carry one."""


class Unavailable(SourceError):
    """No answer, or one that says it is the source's own trouble: ask again later."""


class LimitReached(SourceError):
    """Asked too often, or the plan's quota is used up; `retry_after` seconds where the source says so."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class KeyRefused(SourceError):
    """The key is missing, wrong, or not for this: asking again is pointless until somebody changes the settings."""


class Malformed(SourceError):
    """The answer is not what the source's documentation says: HTML instead of JSON, a sentence, other fields."""


# --- normal forms


@dataclass(frozen=True, slots=True)
class Transfer:
    """One on-chain movement as a source tells it. Addresses and hash lower case where the chain has no case; no `0x` in
    the hash. Owners are lower-case names, empty where unknown; kinds are exchange, treasury, bridge, defi or unknown.
    """

    source: str
    chain: str  # ethereum, polygon, bitcoin, …
    transaction_hash: str  # empty where the source does not tell it
    position: int  # index of this movement inside its transaction
    block: int | None
    happened_at: datetime
    symbol: str  # as shown, upper case; attacker-chosen text on EVM chains
    contract: str  # of the token, lower case; empty for a chain's own coin and where not told
    units: Decimal  # tokens
    usd: Decimal | None  # dollars; None where the source gives neither value nor price
    from_address: str = ""
    to_address: str = ""
    from_owner: str = ""
    to_owner: str = ""
    from_kind: str = "unknown"
    to_kind: str = "unknown"
    transaction_type: str = "transfer"  # transfer, mint, burn, lock, unlock, freeze, unfreeze
    channel: str = ""  # of an alert without a hash


@dataclass(frozen=True, slots=True)
class Item:
    """One news item as one source carries it. Texts are cleaned (`clean.py`), still not to be trusted as HTML."""

    source: str  # the source's name here: coindesk, newsapi, gdelt, …
    external_id: str  # the source's own id, guid or canonical address
    title: str
    seen_at: datetime
    url: str = ""  # canonical
    summary: str = ""
    outlet: str = ""  # who wrote it
    owner: str = ""  # who owns the outlet; the outlet where unknown
    published_at: datetime | None = None  # None: the source does not say
    exact: bool = True  # False: no zone was given, UTC assumed; or only steps of 15 minutes
    language: str = "en"
    hints: tuple[str, ...] = ()  # what the source itself says it is about: BTC, economy, …


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something scheduled. `starts_at` in UTC; `time_zone` as the source announces it."""

    source: str
    external_id: str
    name: str
    kind: str  # decision, release, close, resolution, milestone
    starts_at: datetime
    ends_at: datetime | None = None
    time_zone: str = "UTC"
    certainty: str = "exact"  # exact, date_only, tentative, formality
    importance: str = "low"  # high, medium, low
    markets: tuple[str, ...] = ()  # ids the source itself names
    about: tuple[str, ...] = ()  # entities, to find further markets by
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one item says about one market: YES will move this way (1, -1), or only move (0), within the horizon.

    `source` is the name that is scored, as `news:coindesk`; `item` names the row, as `news:123`. One claim per item and
    market. `kind` may name a circumstance after a colon, by which it is scored apart: `inflow:expanding`.
    """

    source: str
    kind: str
    item: str
    market_id: str
    direction: int
    strength: Decimal  # 0 to 1
    happened_at: datetime
    seen_at: datetime
    horizon: timedelta
    half_life: timedelta
    note: str = ""  # for people, at most 255 characters


def plain_kind(kind: str) -> str:
    """A kind whatever the circumstance: `inflow` of `inflow:expanding`."""
    return kind.partition(":")[0]


# --- what a source offers


@dataclass(frozen=True, slots=True)
class Budget:
    """How often a source may be asked: at most `calls` in `seconds`, counted over all processes."""

    calls: int
    seconds: int
    name: str = "all"  # of the endpoint


@dataclass(slots=True)
class Cursor:
    """Where a source was left: conditional-request headers, and the source's own place, as JSON."""

    etag: str = ""
    last_modified: str = ""
    place: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Batch:
    """What one poll brought. `unchanged` is a 304. Counts are of this poll alone."""

    records: Sequence[Any] = ()  # Transfer, Item or Occasion
    unchanged: bool = False
    dropped: int = 0  # unreadable items that were left out
    gone: Sequence[tuple[str, int]] = ()  # (chain, block) whose rows are to be dropped: a reorganisation


class Fetch(Protocol):
    """The only way to a source's address: see `http.Fetcher.get`."""

    def get(
        self, url: str, *, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None,
        budget: str = "all",
    ) -> "Answer":  # fmt: skip
        """Ask for one address."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer with a body of bounded size. `status` is 200 or 304: everything else was raised."""

    status: int
    body: bytes
    headers: Mapping[str, str]  # lower-case names
    content_type: str = ""


# What an answer that is neither 200 nor 304 means, where the source says more than its status; None: what the status says
Explain = Callable[[int, bytes, Mapping[str, str]], SourceError | None]
Poll = Callable[[Fetch, Cursor, datetime], Batch]  # reads, moves the cursor on; raises SourceError
Keep = Callable[[Sequence[Any], datetime], "Kept"]  # writes rows and claims; safe to repeat


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a batch's records."""

    new: int = 0
    repeats: int = 0
    late: int = 0
    lies: int = 0
    newest: datetime | None = None  # the newest record's own time
    latencies_ms: tuple[int, ...] = ()  # from published to seen, of the new ones with an exact time
    again: int = 0  # of the new ones: what this source has told before, under another name


@dataclass(frozen=True, slots=True)
class Spec:
    """One source that is polled. `off` is one sentence that says which setting would switch it on; empty: it is on."""

    name: str
    kind: str  # WHALES, NEWS, CALENDAR
    hosts: tuple[str, ...]  # hosts (with port, as in the address) that may be asked; anything else is refused
    every_seconds: int
    budgets: tuple[Budget, ...]
    poll: Poll
    keep: Keep
    explain: Explain | None = None
    off: str = ""
    timeout_seconds: float = 20.0
    stale_after: int = 2  # cadences without success after which it is called stale
    about: str = ""
    whole: bool = False  # it goes on where it stopped: nothing of a poll may be left out for being too much

"""What a connector is given: the markets to follow, its settings, and what it asks of the rooms around it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markets.platforms.base import Feed, FeedMarket, MarketChange, MarketData

if TYPE_CHECKING:
    from markets.streaming.connector import Connector


@dataclass(frozen=True, slots=True)
class Followed:
    """A market to follow, with the figures that travel beside its prices (integers of 1e-6)."""

    market: FeedMarket
    volume_24h: int | None = None
    liquidity: int | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """The settings of one connector."""

    platform: str
    ws_url: str
    window_ms: int
    in_flight: int
    lost_ms: int
    depth: int
    lease_seconds: int
    poll_ms: int
    shard_size: int


@dataclass(slots=True)
class Hooks:
    """What the connector asks of the rooms around it."""

    feed: Callable[[], Feed]
    headers: Callable[[], list[str]] | None
    rest: MarketData
    universe: Callable[[], list[Followed] | None]  # None: nothing changed since it was asked last
    health: Callable[["Connector", int], None]  # writes the health row; must not raise for a lost database
    changes: Callable[[list[MarketChange]], None]  # news about markets, to be read again over REST
    frame: Callable[[str, bytes, int], None] | None = None  # the recorder: connection, bytes, ms
    bad: Callable[[str, bytes, int], None] | None = None  # quarantine: kind and detail, bytes, ms

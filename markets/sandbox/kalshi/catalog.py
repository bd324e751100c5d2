"""Kalshi's shelves: series, events and markets of the world, by ticker and by UUID, kept up as markets are listed."""

from dataclasses import dataclass, field

from markets.platforms.base import (
    CLOSED,
    DETERMINED,
    DISPUTED,
    KALSHI,
    OPEN,
    PAUSED,
    SETTLED,
    UNOPENED,
)
from markets.sandbox.kalshi.errors import refused
from markets.sandbox.market import AMENDED, SandboxEvent, SandboxMarket
from markets.sandbox.topics import ALL_TOPICS, Topic
from markets.sandbox.world import World

STATUS = {
    UNOPENED: "initialized", OPEN: "active", PAUSED: "inactive", CLOSED: "closed",
    DETERMINED: "determined", DISPUTED: "disputed", AMENDED: "amended", SETTLED: "finalized",
}  # fmt: skip
# What `status=` in a query means
FILTERS = {
    "unopened": {UNOPENED}, "open": {OPEN}, "paused": {PAUSED},
    "closed": {CLOSED, DETERMINED, DISPUTED, AMENDED}, "settled": {SETTLED},
}  # fmt: skip
TOPIC_OF: dict[str, Topic] = {topic.series: topic for topic in ALL_TOPICS}


@dataclass(slots=True)
class EventShelf:
    """An event with its markets; `number` is its place in the order of listing."""

    number: int
    event: SandboxEvent
    markets: list[SandboxMarket] = field(default_factory=list)


@dataclass(slots=True)
class SeriesShelf:
    """A series with its events."""

    ticker: str
    events: list[EventShelf] = field(default_factory=list)

    @property
    def first(self) -> SandboxMarket:
        """The market whose terms stand for the series."""
        return self.events[0].markets[0]

    @property
    def markets(self) -> list[SandboxMarket]:
        """All markets of all events."""
        return [market for shelf in self.events for market in shelf.markets]


class Catalog:
    """All lookups of the public side. Call `refresh` before reading the dictionaries."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.series: dict[str, SeriesShelf] = {}
        self.events: dict[str, EventShelf] = {}
        self.by_uuid: dict[str, SandboxMarket] = {}
        self._seen = 0

    def refresh(self) -> "Catalog":
        """Take in what was listed since; returns itself."""
        listed = self.world.on(KALSHI)
        for market in listed[self._seen :]:
            self._shelve(market)
        self._seen = len(listed)
        return self

    def find(self, ticker: str) -> SandboxMarket | None:
        """A Kalshi market by ticker."""
        market = self.world.markets.get(ticker)
        return market if market is not None and market.platform == KALSHI else None

    def market(self, ticker: str) -> SandboxMarket:
        """A Kalshi market by ticker. Raises ApiError 404."""
        market = self.find(ticker)
        if market is None:
            raise refused(404, "market_not_found")
        return market

    def event(self, ticker: str) -> EventShelf:
        """An event by ticker. Raises ApiError 404."""
        shelf = self.refresh().events.get(ticker)
        if shelf is None:
            raise refused(404, "not_found")
        return shelf

    def _shelve(self, market: SandboxMarket) -> None:
        self.by_uuid[market.k.market_id] = market
        shelf = self.events.get(market.event_id)
        if shelf is None:
            shelf = EventShelf(market.listed, self.world.event_of(market))
            self.events[market.event_id] = shelf
            series = self.series.setdefault(market.k.series_ticker, SeriesShelf(market.k.series_ticker))
            series.events.append(shelf)
        shelf.markets.append(market)

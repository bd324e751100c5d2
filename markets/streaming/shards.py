"""Which connection follows which market: shards stay below the size that breaks a connection."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from markets.platforms.base import Feed, FeedMarket
from markets.streaming.connection import Connection
from markets.streaming.pulse import Pulse


@dataclass(slots=True)
class Shard:
    """One connection, its feed, and when it was last heard."""

    name: str
    feed: Feed
    connection: Connection
    markets: set[str] = field(default_factory=set)
    up: bool = False
    heard_ms: int = 0  # last frame of any kind, control frames included
    pinged_ms: int = 0
    down_since_ms: int = 0
    pulse: Pulse = field(init=False)  # until when its books are vouched for

    def __post_init__(self) -> None:
        self.pulse = Pulse(numbered=self.feed.numbered)


class Shards:
    """All shards of one platform."""

    def __init__(self, open_shard: Callable[[str], Shard], platform: str, size: int) -> None:
        self._open_shard = open_shard
        self._platform = platform
        self._size = size
        self._made = 0
        self.by_name: dict[str, Shard] = {}
        self.of_market: dict[str, Shard] = {}

    def __iter__(self):
        return iter(self.by_name.values())

    def follow(self, wanted: Iterable[FeedMarket]) -> tuple[int, list[str]]:
        """Follow exactly these markets; returns how many are new and which are followed no more."""
        markets = {market.market_id: market for market in wanted}
        gone = [market_id for market_id in self.of_market if market_id not in markets]
        self._unfollow(gone)
        new = [market for market_id, market in markets.items() if market_id not in self.of_market]
        self._place(new)
        return len(new), gone

    def _unfollow(self, market_ids: list[str]) -> None:
        by_shard: dict[str, list[str]] = {}
        for market_id in market_ids:
            shard = self.of_market.pop(market_id)
            shard.markets.discard(market_id)
            by_shard.setdefault(shard.name, []).append(market_id)
        for name, ids in by_shard.items():
            self.by_name[name].feed.unfollow(ids)

    def _place(self, markets: list[FeedMarket]) -> None:
        waiting = list(markets)
        for shard in list(self):
            waiting = self._fill(shard, waiting)
        while waiting:
            self._made += 1
            shard = self._open_shard(f"{self._platform}-{self._made}")
            self.by_name[shard.name] = shard
            waiting = self._fill(shard, waiting)
            shard.connection.start()

    def _fill(self, shard: Shard, waiting: list[FeedMarket]) -> list[FeedMarket]:
        room = self._size - len(shard.markets)
        taken, rest = waiting[:room], waiting[room:]
        if taken:
            shard.markets.update(market.market_id for market in taken)
            self.of_market.update((market.market_id, shard) for market in taken)
            shard.feed.follow(taken)
        return rest

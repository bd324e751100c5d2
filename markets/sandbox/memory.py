"""What an exchange keeps over a restart: its markets with their results, and its customers' accounts on both faces.

What concerns a customer is in the file before the customer is told. Of a market its changes of state are written within
a beat, its volume and last price within a second. Books of the background makers are not kept: they quote anew around
the last price.
"""

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

from markets.sandbox.kalshi import kept as kalshi
from markets.sandbox.kalshi.app import exchange_of
from markets.sandbox.market import Kept, NearMiss, Pair, SandboxEvent, SandboxMarket
from markets.sandbox.orders import Event, LevelChanged, MarketChanged, Trade
from markets.sandbox.polymarket import kept as polymarket
from markets.sandbox.polymarket.face import face_of
from markets.sandbox.state import Row, StateFile

if TYPE_CHECKING:
    from markets.sandbox.context import Sandbox

MARKET, EVENT, PAIR, NEAR_MISS = "market", "event", "pair", "near_miss"
EVERY_MS = 1_000  # between two looks at what changed without being urgent


def recalled_world(file: StateFile) -> Kept:
    """The markets of an exchange that was started before."""
    return Kept(
        file.read(MARKET, SandboxMarket), file.read(EVENT, SandboxEvent), file.read(PAIR, Pair),
        file.read(NEAR_MISS, NearMiss),
    )  # fmt: skip


class Memory:
    """Follows the engine, after everybody else, and writes into the state file what has changed."""

    def __init__(self, file: StateFile, sandbox: "Sandbox") -> None:
        self.file = file
        self.world = sandbox.world
        exchange, face = exchange_of(sandbox), face_of(sandbox)
        self._customers: Callable[[str], bool] = lambda name: name in exchange.users or name in face.by_name
        self._faces = (kalshi.Keeper(exchange), polymarket.Keeper(face))
        for keeper in self._faces:
            keeper.recall(file)
        self._markets: dict[str, None] = {}
        self._orders: dict[str, None] = {}
        self._listed = 0  # markets whose events and pairs are written
        self._urgent = True
        self._due_ms = 0
        sandbox.engine.listeners.append(self._follow)

    def step(self, now_ms: int) -> None:
        """Write what is due."""
        if self._urgent or now_ms >= self._due_ms:
            self._due_ms = now_ms + EVERY_MS
            self.write()

    def write(self) -> None:
        """Write all that has changed, in one transaction. Raises StateError, and then tries again next time."""
        rows: list[Row] = [
            row for keeper in self._faces for row in keeper.rows(self._orders)
        ]  # fmt: skip
        if len(self.world.markets) > self._listed:
            rows += self._listings()
        rows += [(MARKET, market_id, self.world.markets[market_id]) for market_id in self._markets]
        self.file.write(rows)
        for keeper in self._faces:
            keeper.written()
        self._listed, self._urgent = len(self.world.markets), False
        self._markets.clear()
        self._orders.clear()

    def close(self) -> None:
        """Write the last and let go of the file."""
        self.write()
        self.file.close()

    def _listings(self) -> list[Row]:
        """What is known of a market for good."""
        world, fresh = self.world, list(islice(self.world.markets.values(), self._listed, None))
        self._markets |= dict.fromkeys(market.id for market in fresh)
        rows: list[Row] = []
        for market in fresh:
            event = world.event_of(market)
            rows.append((EVENT, f"{event.platform}:{event.id}", event))
            if market.pair_id:
                rows.append((PAIR, market.pair_id, world.pairs[market.pair_id]))
        ids = {market.id for market in fresh}
        rows += [
            (NEAR_MISS, near.id, near) for near in world.near_misses.values() if near.kalshi_ticker in ids
        ]
        return rows

    def _follow(self, batch: list[Event]) -> None:
        told = False
        for event in batch:
            kind = type(event)
            if kind is LevelChanged:
                continue
            if kind is MarketChanged:
                self._markets[event.market_id] = None  # type: ignore[union-attr]
                self._urgent = True
            elif kind is Trade:
                self._markets[event.market_id] = None  # type: ignore[union-attr]
            elif self._customers(event.order.account):  # type: ignore[union-attr]
                self._orders[event.order.id] = None  # type: ignore[union-attr]
                told = True
        if told:
            self.write()

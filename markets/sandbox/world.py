"""The sandbox's world: which markets exist on both platforms, and the life of each from opening to payout.

Drives the engine's market states; draws nothing at random after generation and reads no clock.
`step(now_ms)` opens, closes, determines and settles what is due; every method that changes a market can also be
called at any time (the control endpoint does). Each change is announced through the engine as a `MarketChanged`
event, so the faces see it in line with the book's own events:

    created {}                       a successor of a short-lived pair was listed
    opened {}                        trading began
    paused {} / resumed {}           on resume Kalshi's resting orders are cancelled
    closed {}                        trading ended; the cancels of resting orders follow
    determined {value, result}       the result is known, money is not paid yet; value in micro-dollars per YES
    disputed {}                      the payout timer stopped
    amended {value, result}          a new result after a dispute; the timer runs again
    settled {value, result}          YES pays `value`, NO pays the rest
    tick {old, new}                  price grids before and after (tuples of Band); misfits were cancelled
    dates {close_ms}                 the close was moved (and trading reopened where it was closed)

A market's timers are its own `close_ms`, `determine_after_ms` and `settle_after_ms`.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from markets.books import MICRO
from markets.platforms.base import (
    CLOSED,
    DETERMINED,
    DISPUTED,
    KALSHI,
    OPEN,
    PAUSED,
    PLATFORMS,
    POLYMARKET,
    SETTLED,
    UNOPENED,
)
from markets.sandbox import engine as states
from markets.sandbox import orders as o
from markets.sandbox import wide
from markets.sandbox.engine import Engine
from markets.sandbox.generate import Generator, Made, stamp
from markets.sandbox.lookalikes import make_near_miss
from markets.sandbox.market import (
    AMENDED,
    KALSHI_GRIDS,
    NEXT,
    POLYMARKET_TICKS,
    Kept,
    NearMiss,
    Pair,
    SandboxEvent,
    SandboxMarket,
    WorldSpec,
)
from markets.sandbox.orders import Band, Event, SandboxError, Trade

# Micro-contracts; Polymarket's cash orders buy odd fractions of a share
KALSHI_LOT, POLYMARKET_LOT = 10_000, 1
EXTRA_EVENT_SIZE = 3
T = TypeVar("T")


class WorldError(SandboxError):
    """A change that the market's state does not allow, or a market that does not exist."""


class World:
    """All events, markets and pairs, each looked up by id in the dictionary of its name."""

    def __init__(self, spec: WorldSpec, engine: Engine, *, now_ms: int, kept: Kept | None = None) -> None:
        self.spec = spec
        self.engine = engine
        self.started_ms = spec.start_ms or now_ms
        self.markets: dict[str, SandboxMarket] = {}  # by Kalshi ticker or condition id
        self.events: dict[tuple[str, str], SandboxEvent] = {}  # by (platform, event id)
        self.pairs: dict[str, Pair] = {}
        self.near_misses: dict[str, NearMiss] = {}  # look like pairs and are none
        self.tokens: dict[str, tuple[SandboxMarket, int]] = {}  # token id -> market, 0 for YES and 1 for NO
        self.gamma_ids: dict[str, SandboxMarket] = {}
        self.slugs: dict[str, SandboxMarket] = {}
        self._by_platform: dict[str, list[SandboxMarket]] = {platform: [] for platform in PLATFORMS}
        self._timers: list[tuple[int, int, str]] = []  # due, number, market id
        self._listed = 0
        self._generations: dict[int, int] = {}  # slot -> its newest pair's
        self._generator = Generator(spec)
        engine.listeners.insert(0, self._follow)
        if kept is not None:
            self._take_back(kept)
        self._populate()

    # --- reading

    def on(self, platform: str) -> list[SandboxMarket]:
        """Every market ever listed on a platform, in order of listing (`listed` rises)."""
        return self._by_platform[platform]

    def market(self, market_id: str) -> SandboxMarket:
        """A market by Kalshi ticker or condition id. Raises WorldError."""
        market = self.markets.get(market_id)
        if market is None:
            raise WorldError(f"there is no market {market_id}")
        return market

    def event_of(self, market: SandboxMarket) -> SandboxEvent:
        """The event a market belongs to."""
        return self.events[market.platform, market.event_id]

    def events_on(self, platform: str) -> Iterator[SandboxEvent]:
        """Events of a platform in order of listing."""
        return (event for (where, _), event in self.events.items() if where == platform)

    def partner(self, market: SandboxMarket) -> SandboxMarket | None:
        """The same question on the other platform, if there is one."""
        pair = self.pairs.get(market.pair_id)
        if pair is None:
            return None
        return self.markets[pair.kalshi_ticker if market.platform == POLYMARKET else pair.polymarket_id]

    def wide_events(self) -> list[SandboxEvent]:
        """The events of several markets whose relation is guaranteed, in order of listing."""
        return [event for event in self.events.values() if event.kind]

    def open_pairs(self) -> list[Pair]:
        """Pairs of which both markets are still trading or may trade again."""
        live = {OPEN, PAUSED}
        return [
            pair
            for pair in self.pairs.values()
            if self.markets[pair.polymarket_id].state in live
            and self.markets[pair.kalshi_ticker].state in live
        ]

    # --- time

    def step(self, now_ms: int) -> None:
        """Do what is due by `now_ms`: expire orders, open, close, determine, settle, list successors."""
        self.engine.expire(now_ms)
        while self._timers and self._timers[0][0] <= now_ms:
            _, _, market_id = heapq.heappop(self._timers)
            self._advance(self.markets[market_id], now_ms)

    def next_due(self, market: SandboxMarket) -> int | None:
        """When the market's state changes by itself next; None when it waits for somebody."""
        due = {
            UNOPENED: market.open_ms,
            OPEN: market.close_ms,
            PAUSED: market.close_ms,
            CLOSED: market.closed_ms + market.determine_after_ms,
            DETERMINED: market.determined_ms + market.settle_after_ms,
            AMENDED: market.determined_ms + market.settle_after_ms,
        }
        return due.get(market.state)

    def _advance(self, market: SandboxMarket, now_ms: int) -> None:
        due = self.next_due(market)
        if due is None:
            return
        if due > now_ms:
            self._schedule(market)
            return
        if market.state == UNOPENED:
            self._enter(market, OPEN, "opened", now_ms, {})
        elif market.state in (OPEN, PAUSED):
            self.close(market.id, now_ms)
        elif market.state == CLOSED:
            self.determine(market.id, market.truth, now_ms)
        else:
            self.settle(market.id, now_ms)

    # --- changes; each raises WorldError where the state does not allow it

    def pause(self, market_id: str, now_ms: int) -> None:
        """No new orders until `resume`; resting orders stay where they are."""
        self._enter(self.market(market_id), PAUSED, "paused", now_ms, {})

    def resume(self, market_id: str, now_ms: int) -> None:
        """Trade again. Kalshi cancels every resting order first."""
        market = self.market(market_id)
        self._check(market, OPEN)
        if market.state != PAUSED:
            raise WorldError(f"{market_id} is {market.state}, not paused")
        if market.platform == KALSHI:
            self.engine.cancel_all(at_ms=now_ms, market_id=market_id, reason=o.MARKET_RESUMED)
        self._enter(market, OPEN, "resumed", now_ms, {})

    def close(self, market_id: str, now_ms: int) -> None:
        """End trading; resting orders are cancelled. A short-lived pair gets its successor."""
        market = self.market(market_id)
        market.closed_ms = now_ms
        self._enter(market, CLOSED, "closed", now_ms, {})
        self.engine.cancel_all(at_ms=now_ms, market_id=market_id, reason=o.MARKET_CLOSED)
        self._roll(market, now_ms)

    def reopen(self, market_id: str, close_ms: int, now_ms: int) -> None:
        """Move the close; a market that had closed trades again."""
        market = self.market(market_id)
        if close_ms <= now_ms or market.state not in (OPEN, PAUSED, CLOSED):
            raise WorldError(f"{market_id} is {market.state}: its close cannot move to {close_ms}")
        market.close_ms = close_ms
        self.engine.announce(market_id, "dates", {"close_ms": close_ms}, at_ms=now_ms)
        if market.state == CLOSED:
            self._enter(market, OPEN, "resumed", now_ms, {})
        self._schedule(market)

    def determine(self, market_id: str, value: int, now_ms: int) -> None:
        """Set the result: one YES will pay `value` micro-dollars after the timer. Closes it first."""
        market = self.market(market_id)
        self._check_value(value)
        if market.state in (OPEN, PAUSED):
            self.close(market_id, now_ms)
        again = market.state == DISPUTED
        self._check(market, AMENDED if again else DETERMINED)
        market.settlement_value, market.result = value, _result(value)
        market.determined_ms = now_ms
        detail = {"value": value, "result": market.result}
        state, what = (AMENDED, "amended") if again else (DETERMINED, "determined")
        self._enter(market, state, what, now_ms, detail)

    def dispute(self, market_id: str, now_ms: int) -> None:
        """Somebody challenges the result: nothing is paid until `determine` is called again."""
        market = self.market(market_id)
        self._enter(market, DISPUTED, "disputed", now_ms, {})
        market.disputed_once = True

    def settle(self, market_id: str, now_ms: int) -> None:
        """Pay out now."""
        market = self.market(market_id)
        self._check(market, SETTLED)
        market.settled_ms = now_ms
        detail = {"value": market.settlement_value, "result": market.result}
        self._enter(market, SETTLED, "settled", now_ms, detail)

    def set_tick(self, market_id: str, tick: str, now_ms: int) -> None:
        """Another price grid: one of Kalshi's labels, or a Polymarket tick such as 0.001."""
        market = self.market(market_id)
        if market.state not in (OPEN, PAUSED):
            raise WorldError(f"{market_id} is {market.state}: its tick cannot change")
        old = market.bands
        if market.platform == KALSHI:
            market.bands = _known(KALSHI_GRIDS, tick)
            market.k.grid = tick
        else:
            market.bands = (Band(0, MICRO, _known(POLYMARKET_TICKS, tick)),)
            market.p.tick = tick
        market.updated_ms = now_ms
        self.engine.announce(market_id, "tick", {"old": old, "new": market.bands}, at_ms=now_ms)
        self.engine.set_bands(market_id, market.bands, at_ms=now_ms)

    # --- inside

    def _enter(
        self, market: SandboxMarket, state: str, what: str, now_ms: int, detail: Mapping[str, object]
    ) -> None:
        self._check(market, state)
        market.state, market.updated_ms = state, now_ms
        self.engine.set_state(market.id, _engine_state(state))
        self._schedule(market)
        self.engine.announce(market.id, what, dict(detail), at_ms=now_ms)

    @staticmethod
    def _check(market: SandboxMarket, state: str) -> None:
        if state not in NEXT[market.state]:
            raise WorldError(f"{market.id} is {market.state} and cannot become {state}")

    @staticmethod
    def _check_value(value: int) -> None:
        if not 0 <= value <= MICRO:
            raise WorldError(f"a settlement value lies between 0 and {MICRO} micro-dollars, not {value}")

    def _schedule(self, market: SandboxMarket) -> None:
        due = self.next_due(market)
        if due is not None:
            heapq.heappush(self._timers, (due, market.listed, market.id))

    def _follow(self, batch: list[Event]) -> None:
        for event in batch:
            if type(event) is Trade:
                market = self.markets[event.market_id]
                market.last_price, market.last_size = event.price, event.size
                market.volume += event.size
                market.notional += event.price * event.size

    def _take_back(self, kept: Kept) -> None:
        """What was listed before goes on where it was; what came due meanwhile is done in the next step."""
        for event in kept.events:
            self.events[event.platform, event.id] = event
        for market in sorted(kept.markets, key=lambda one: one.listed):
            self._listed = market.listed
            self._shelve(market)
        self.pairs = {pair.id: pair for pair in kept.pairs}
        self.near_misses = {near.id: near for near in kept.near_misses}
        for pair in kept.pairs:
            self._generations[pair.slot] = max(pair.generation, self._generations.get(pair.slot, 0))

    def _populate(self) -> None:
        """Fill every place of the specification in which nothing trades."""
        spec, now_ms = self.spec, self.started_ms
        taken = {
            market.place
            for market in self.markets.values()
            if market.state in (UNOPENED, OPEN, PAUSED) and market.close_ms > now_ms
        }
        for slot in range(spec.pairs):
            if _pair_place(slot) not in taken:
                self._list_pair(slot, self._generations.get(slot, -1) + 1, now_ms)
        for platform, count in ((KALSHI, spec.extra_kalshi), (POLYMARKET, spec.extra_polymarket)):
            for number, first in enumerate(range(0, count, EXTRA_EVENT_SIZE)):
                size = min(EXTRA_EVENT_SIZE, count - first)
                made = self._generator.make_extra(platform, number, size, now_ms)
                self._offer(f"extra-{platform}-{number}", taken, made)
        for number in range(spec.near_misses):
            near, *both = make_near_miss(self._generator, number, now_ms)
            if self._offer(f"near-{number}", taken, *both):
                self.near_misses[near.id] = near
        for number in range(spec.wide):
            for kind in wide.KINDS:
                made = wide.make_wide(self._generator, kind, number, now_ms)
                self._offer(f"{kind}-{number}", taken, made)

    def _offer(self, place: str, taken: set[str], *made: Made) -> bool:
        """List what was made for a place; not where something trades there, or this very thing has traded."""
        if place in taken or any(market.id in self.markets for _, markets in made for market in markets):
            return False
        for one in made:
            self._list(one, place)
        return True

    def _list_pair(self, slot: int, generation: int, now_ms: int) -> None:
        while self._generator.pair_id(slot, stamp(now_ms, seconds=True)) in self.pairs:
            now_ms += 1_000  # names carry the second; its predecessor was closed within its first
        pair, kalshi, polymarket = self._generator.make_pair(slot, generation, now_ms)
        if pair.id in self.pairs:
            return  # closed before its time, and its week has no other
        self.pairs[pair.id] = pair
        self._generations[slot] = generation
        self._list(kalshi, _pair_place(slot))
        self._list(polymarket, _pair_place(slot))
        if generation:
            for market in (*kalshi[1], *polymarket[1]):
                self.engine.announce(market.id, "created", {}, at_ms=now_ms)
                self._enter(market, OPEN, "opened", now_ms, {})

    def _list(self, made: Made, place: str) -> None:
        event, markets = made
        self.events[event.platform, event.id] = event
        for market in markets:
            self._listed += 1
            market.place, market.listed, market.updated_ms = place, self._listed, market.created_ms
            self._shelve(market)

    def _shelve(self, market: SandboxMarket) -> None:
        """Make a market known under all its names, with a book and its timer."""
        if market.id in self.markets:
            raise WorldError(f"market {market.id} exists twice")
        self.markets[market.id] = market
        self._by_platform[market.platform].append(market)
        if market.polymarket is not None:
            self._index(market, market.polymarket.token_ids)
        lot = KALSHI_LOT if market.platform == KALSHI else POLYMARKET_LOT
        self.engine.add_market(
            market.id, bands=market.bands, min_size=lot, lot=lot, state=_engine_state(market.state)
        )
        self._schedule(market)

    def _index(self, market: SandboxMarket, token_ids: Iterable[str]) -> None:
        for place, token in enumerate(token_ids):
            self.tokens[token] = (market, place)
        self.gamma_ids[market.p.gamma_id] = market
        self.slugs[market.p.slug] = market

    def _roll(self, market: SandboxMarket, now_ms: int) -> None:
        pair = self.pairs.get(market.pair_id)
        if pair is None or not pair.short_lived or not self.spec.rolling or pair.slot >= self.spec.pairs:
            return
        if pair.generation == self._generations[pair.slot]:  # its other market did not close before
            self._list_pair(pair.slot, pair.generation + 1, now_ms)


def _pair_place(slot: int) -> str:
    return f"pair-{slot}"


def _engine_state(state: str) -> str:
    return {OPEN: states.OPEN, PAUSED: states.PAUSED}.get(state, states.CLOSED)


def _result(value: int) -> str:
    return {MICRO: "YES", 0: "NO"}.get(value, "SCALAR")


def _known(table: dict[str, T], name: str) -> T:
    if name not in table:
        raise WorldError(f"{name!r} is not a price grid here; use one of {', '.join(table)}")
    return table[name]

"""The sandbox's background traders: makers on both platforms, noise takers, and gaps between the platforms.

Driven by `step(now_ms)`; everything random comes from one seed, so the same seed and the same steps give the same
world. Per pair one fair value walks. Each platform's maker follows it with a lag and a bias of its own. Now and then
a maker is *dislocated*: for one to eight seconds all its quotes stand off by the fees, both spreads and two to six
cents, which is what a cross-platform gap is; then it comes back by itself. When somebody else than a background
trader takes from a dislocated maker, it withdraws sooner.

There is no YES+NO gap within one platform, on purpose: on both platforms YES and NO are two views of one book, so
asks of YES and NO that add to less than a dollar are a crossed book, and a matching engine never shows one.

`rate` is the target of level changes per second over all markets. Makers' own moves use up to a third of it; the
rest is spent on size changes at resting levels, the cheapest change there is. That is what the load bench turns up.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from markets.books import MICRO
from markets.platforms.base import KALSHI, OPEN, PAUSED, POLYMARKET
from markets.sandbox import orders as o
from markets.sandbox.engine import Engine
from markets.sandbox.market import Pair, SandboxMarket
from markets.sandbox.orders import BUY, SELL, Event, LevelChanged, MarketChanged, SandboxError, Trade
from markets.sandbox.quotes import CENT, HIGHEST, LOWEST, Fair, Quoter, Wanted
from markets.sandbox.world import World

MAKER_PREFIX = "maker:"
TAKER_ACCOUNT = "takers"
CONTROL_ACCOUNT = "control"
CHANGES_PER_REQUOTE = 4
SEEDED_PER_STEP = 400  # markets that get their first quotes in one step


class TraderError(SandboxError):
    """A wish the traders cannot fulfil; the message says why."""


@dataclass(frozen=True, slots=True)
class TraderSpec:
    """How lively the background is."""

    seed: int = 1
    levels: int = 5
    rate: float = 100.0  # level changes per second over all markets; 0 stands still but for forced gaps
    gap_every_s: float = 30.0  # mean time between dislocations of one pair; 0: none
    gap_seconds: tuple[float, float] = (1.0, 8.0)  # how long one lasts
    gap_edge: tuple[int, int] = (2 * CENT, 6 * CENT)  # net of fees, micro-dollars per contract
    taker_every_s: float = 15.0  # mean time between noise trades in one market; 0: none
    slowest_s: float = 30.0  # the longest mean time between two thoughts of a maker, however low the rate


class Traders:
    """All background traders of a world."""

    def __init__(self, spec: TraderSpec, world: World, engine: Engine, *, now_ms: int) -> None:
        self.spec = spec
        self.rate = spec.rate
        self.world = world
        self.engine = engine
        self.changes = 0  # level changes so far, whoever caused them
        self.gaps_opened = 0
        self.quoters: dict[str, Quoter] = {}  # by market id, of markets that are open or paused
        self._live: list[Quoter] = []
        self._rng = random.Random(f"traders-{spec.seed}")
        self._fairs: dict[str, Fair] = {}
        self._heap: list[tuple[int, int, Callable[[int], None]]] = []
        self._count = 0
        self._to_seed: list[str] = []
        self._credit = 0.0
        self._stepped_ms = now_ms
        engine.background |= {TAKER_ACCOUNT, CONTROL_ACCOUNT}
        engine.listeners.append(self._follow)
        self._to_seed = [market.id for market in world.markets.values()]
        self._to_seed.reverse()

    # --- time

    def step(self, now_ms: int) -> None:
        """Trade up to `now_ms`."""
        for _ in range(min(SEEDED_PER_STEP, len(self._to_seed))):
            self._seed(self._to_seed.pop(), now_ms)
        before = self.changes
        while self._heap and self._heap[0][0] <= now_ms:
            heapq.heappop(self._heap)[2](now_ms)
        elapsed, self._stepped_ms = max(now_ms - self._stepped_ms, 0), now_ms
        self._credit = min(self._credit + self.rate * elapsed / 1000, max(self.rate, 1.0))
        self._credit -= self.changes - before
        self._flicker(now_ms)

    def set_rate(self, rate: float) -> None:
        """Another target of level changes per second."""
        if not 0 <= rate <= 100_000:
            raise TraderError(f"a rate lies between 0 and 100000 changes per second, not {rate}")
        self.rate = rate
        self._credit = 0.0

    def _at(self, due_ms: int, do: Callable[[int], None]) -> None:
        self._count += 1
        heapq.heappush(self._heap, (due_ms, self._count, do))

    def _flicker(self, now_ms: int) -> None:
        """Spend the credit that is left on size changes of resting background orders."""
        rng, tries = self._rng, 0
        while self._credit >= 1 and self._live and tries < 3 * self.rate + 10:
            tries += 1
            quoter = self._live[int(rng.random() * len(self._live))]
            if quoter.frozen_until_ms > now_ms or quoter.market.state != OPEN:
                continue
            mine = list(self.engine.open_orders(quoter.account))
            if mine:
                order = mine[int(rng.random() * len(mine))]
                before = self.changes
                self.engine.amend(order.id, at_ms=now_ms, remaining=quoter.size(2, rng))
                self._credit -= self.changes - before

    # --- makers

    def _seed(self, market_id: str, now_ms: int) -> None:
        market = self.world.markets[market_id]
        if market_id in self.quoters or market.state not in (OPEN, PAUSED):
            return
        rng, pair, opinion = self._rng, self.world.pairs.get(market.pair_id), market.opinion
        kalshi = market.platform == KALSHI
        quoter = Quoter(
            market, f"{MAKER_PREFIX}{market_id}", self._fair(market, pair, now_ms),
            inverted=opinion.inverted if opinion else bool(pair and pair.inverted and kalshi),
            shift=opinion.shift if opinion else 0, lag_ms=rng.randint(200, 1_500),
            half_spread=rng.choice((4_000, 6_000, 9_000)), base_size=rng.choice((20, 60, 150, 400)), thought_ms=now_ms,
            number=len(self._live),
        )  # fmt: skip
        quoter.seen = quoter.fair.price
        self.engine.background.add(quoter.account)
        self.quoters[market_id] = quoter
        self._live.append(quoter)
        if market.state == OPEN:
            self._show(quoter, quoter.wanted(self.spec.levels, rng), now_ms)
        self._at(now_ms + self._pause(self._requote_s(quoter, now_ms)), lambda at: self._wake(quoter, at))
        if self.spec.taker_every_s:
            self._at(now_ms + self._pause(self._taker_s()), lambda at: self._take(quoter, at))
        if pair is not None and kalshi and self.spec.gap_every_s:
            self._at(now_ms + self._pause(self.spec.gap_every_s), lambda at: self._dislocate(pair, at))

    def _fair(self, market: SandboxMarket, pair: Pair | None, now_ms: int) -> Fair:
        """The fair value of a pair, in YES terms of its Polymarket side; of an unpaired market, its own."""
        opinion = market.opinion
        key = opinion.fair_id if opinion else pair.id if pair else market.id
        if key not in self._fairs and opinion:
            life = max(market.close_ms - now_ms, 1)
            self._fairs[key] = Fair(
                opinion.anchor,
                opinion.anchor,
                market.truth,
                market.close_ms,
                life,
                opinion.volatility,
                now_ms,
            )
        elif key not in self._fairs:
            rng = self._rng
            truth = self.world.markets[pair.polymarket_id].truth if pair else market.truth
            size = 1 if pair else len(self.world.event_of(market).market_ids)
            start = (
                rng.randint(20 * CENT, 80 * CENT) if size == 1 else MICRO // size + rng.randint(-5, 5) * CENT
            )
            traded = self.world.markets[pair.polymarket_id].last_price if pair else market.last_price
            if traded is not None:  # before a restart, or before it was closed and opened again
                start = min(max(traded, LOWEST), HIGHEST)
            life = max(market.close_ms - now_ms, 1)
            self._fairs[key] = Fair(
                start, start, truth, market.close_ms, life, rng.randint(800, 2_500), now_ms
            )
        return self._fairs[key]

    def _wake(self, quoter: Quoter, now_ms: int) -> None:
        if quoter.market.id not in self.quoters:
            return
        if self.rate and quoter.market.state == OPEN and quoter.frozen_until_ms <= now_ms:
            quoter.fair.move(now_ms, self._rng)
            quoter.think(now_ms, self._rng)
            self._show(quoter, quoter.wanted(self.spec.levels, self._rng), now_ms)
        self._at(now_ms + self._pause(self._requote_s(quoter, now_ms)), lambda at: self._wake(quoter, at))

    def _show(self, quoter: Quoter, wanted: Wanted, now_ms: int, *, exact: bool = False) -> None:
        """Cancel what is not wanted any more, then place what is missing. Kept levels keep size and priority.

        `exact` also replaces orders whose size differs.
        """
        missing = dict(wanted)
        for order in list(self.engine.open_orders(quoter.account)):
            size = wanted.get((order.side, order.price))
            if size is None or (exact and size != order.remaining):
                self.engine.cancel(order.id, at_ms=now_ms)
            else:
                missing.pop((order.side, order.price), None)
        for (side, price), size in missing.items():
            self.engine.submit(
                quoter.market.id, quoter.account, side, price, size, at_ms=now_ms, stp=o.STP_MAKER
            )  # fmt: skip

    def _requote_s(self, quoter: Quoter, now_ms: int) -> float:
        """Mean seconds between two thoughts of a maker, so that requotes use about a third of the rate.

        Shorter towards the close: the outcome shows, and who sleeps then would be dollars off, not cents.
        """
        if not self.rate:
            return 1.0
        usual = min(
            max(3 * CHANGES_PER_REQUOTE * max(len(self._live), 1) / self.rate, 0.25), self.spec.slowest_s
        )
        left_s = (quoter.market.close_ms - now_ms) / 1000
        return min(usual, max(left_s / 40, 0.25))

    def _taker_s(self) -> float:
        return max(self.spec.taker_every_s, 20 * len(self._live) / self.rate if self.rate else 1.0)

    def _pause(self, mean_s: float) -> int:
        return max(20, round(self._rng.expovariate(1 / mean_s) * 1000))

    # --- takers

    def _take(self, quoter: Quoter, now_ms: int) -> None:
        market, rng = quoter.market, self._rng
        if market.id not in self.quoters:
            return
        calm = quoter.frozen_until_ms <= now_ms and quoter.offset_until_ms <= now_ms
        if self.rate and calm and market.state == OPEN:
            side = BUY if rng.random() < 0.5 else SELL
            against = self.engine.book(market.id).against(side)
            whole = rng.randint(5, 60)
            size = (
                whole * MICRO
                if market.platform == POLYMARKET
                else whole * MICRO // 2 + rng.randint(0, 99) * 10_000
            )
            if against.prices:
                self.engine.submit(
                    market.id, TAKER_ACCOUNT, side, against.best, size, at_ms=now_ms, tif=o.IOC
                )
        self._at(now_ms + self._pause(self._taker_s()), lambda at: self._take(quoter, at))

    # --- gaps

    def _dislocate(self, pair: Pair, now_ms: int) -> None:
        both = self._pair_quoters(pair)
        if both is None:
            return
        rng, calm = self._rng, all(max(q.frozen_until_ms, q.offset_until_ms) <= now_ms for q in both)
        trading = all(q.market.state == OPEN for q in both)
        left = min(q.market.close_ms for q in both) - now_ms
        if self.rate and calm and trading and left > 5_000:
            quoter, other = both if rng.random() < 0.5 else both[::-1]
            edge = rng.randint(*self.spec.gap_edge)
            off = edge + quoter.half_spread + other.half_spread + CENT + self._fees(pair, quoter.fair.price)
            up = rng.random() < 0.5
            if not LOWEST + off < quoter.fair.price < HIGHEST - off:
                up = quoter.fair.price < MICRO // 2
            low, high = self.spec.gap_seconds
            quoter.offset = off if up else -off
            quoter.offset_until_ms = now_ms + round(1000 * low * (high / low) ** rng.random())
            self.gaps_opened += 1
            for each in both:
                each.think(now_ms, rng)
                self._show(each, each.wanted(self.spec.levels, rng), now_ms)
            self._at(quoter.offset_until_ms, lambda at: self._calm(quoter, at))
        self._at(now_ms + self._pause(self.spec.gap_every_s), lambda at: self._dislocate(pair, at))

    def _calm(self, quoter: Quoter, now_ms: int) -> None:
        """The dislocation is over (unless it was already)."""
        if quoter.offset and quoter.offset_until_ms <= now_ms and quoter.market.id in self.quoters:
            quoter.offset = 0
            if self.rate and quoter.market.state == OPEN and quoter.frozen_until_ms <= now_ms:
                self._show(quoter, quoter.wanted(self.spec.levels, self._rng), now_ms)

    def _fees(self, pair: Pair, price: int) -> int:
        """Both platforms' taker fees at a price, micro-dollars per contract, before rounding."""
        kalshi, polymarket = self.world.markets[pair.kalshi_ticker], self.world.markets[pair.polymarket_id]
        rate = Decimal("0.07") * Decimal(kalshi.k.fee_multiplier) + Decimal(polymarket.p.fee_rate)
        return int(rate * price * (MICRO - price) / MICRO)

    def _pair_quoters(self, pair: Pair) -> tuple[Quoter, Quoter] | None:
        polymarket, kalshi = self.quoters.get(pair.polymarket_id), self.quoters.get(pair.kalshi_ticker)
        return (polymarket, kalshi) if polymarket and kalshi else None

    def force_gap(
        self, pair_id: str, *, gap: int, size: int, cheap: str, now_ms: int, seconds: float = 30, ask: int = 0
    ) -> dict[str, int]:
        """Put an exact gap between the platforms and keep everybody's hands off for `seconds`.

        In YES terms of the Polymarket side: on the `cheap` platform one can buy `size` at the returned `ask`, on the
        other sell `size` at `ask + gap` (gross, before fees; whole cents, and 0 closes any gap: ask one cent above
        bid). No further level is on the profitable side. Other people's resting orders stay.
        """
        pair = self.world.pairs.get(pair_id)
        both = self._pair_quoters(pair) if pair else None
        if pair is None or both is None:
            raise TraderError(f"there is no pair {pair_id!r} that trades")
        if any(q.market.state != OPEN for q in both):
            raise TraderError(f"pair {pair_id} is not open on both platforms")
        if gap % CENT or not 0 <= gap <= 50 * CENT:
            raise TraderError(f"a gap is 0 to 50 whole cents, not {gap} micro-dollars")
        if size <= 0 or size % 10_000:
            raise TraderError(f"a size is a positive multiple of a hundredth contract, not {size}")
        middle = both[0].fair.price // CENT * CENT
        ask = ask or min(max(middle - gap // 2 // CENT * CENT, 10 * CENT), 90 * CENT - gap)
        if ask % CENT or not 2 * CENT <= ask <= 96 * CENT - gap:
            raise TraderError(f"an ask of {ask} micro-dollars leaves no room for the gap")
        bid = ask + gap if gap else ask - CENT
        for quoter in both:
            quoter.offset, quoter.frozen_until_ms = 0, now_ms + round(seconds * 1000)
            here = cheap == quoter.market.platform
            best_ask, best_bid = (ask, ask - CENT) if here else (max(bid + CENT, ask), bid)
            far_ask, far_bid = max(best_ask, bid + CENT) + CENT, min(best_bid, ask - CENT) - CENT
            self._show(
                quoter, self._forced(quoter, best_bid, best_ask, far_bid, far_ask, size), now_ms, exact=True
            )
        self.gaps_opened += 1
        return {"ask": ask, "bid": bid, "size": size}

    def _forced(
        self, quoter: Quoter, bid: int, ask: int, far_bid: int, far_ask: int, size: int
    ) -> Wanted:  # fmt: skip
        if quoter.inverted:
            bid, ask, far_bid, far_ask = MICRO - ask, MICRO - bid, MICRO - far_ask, MICRO - far_bid
        wanted = quoter.ladder(far_bid, far_ask, self.spec.levels - 1, self._rng)
        return {(BUY, bid): size, (SELL, ask): size, **wanted}

    # --- what is put into the books for a time

    def quoter(self, market_id: str) -> Quoter:
        """The maker of an open market. Raises TraderError."""
        quoter = self.quoters.get(market_id)
        if quoter is None or quoter.market.state != OPEN:
            raise TraderError(f"{market_id} does not trade")
        return quoter

    def fair_cents(self, market_id: str) -> int:
        """What the maker believes, in whole cents of YES. Raises TraderError."""
        quoter = self.quoter(market_id)
        price = MICRO - quoter.fair.price if quoter.inverted else quoter.fair.price
        return price // CENT

    def pin(
        self, market_id: str, *, bid: int, ask: int, size: int, reach: int, now_ms: int, until_ms: int
    ) -> None:
        """Show `size` at these best prices and nothing else within `reach`; the maker rests until `until_ms`."""
        if size <= 0 or size % 10_000:
            raise TraderError(f"a size is a positive multiple of a hundredth contract, not {size}")
        quoter = self.quoter(market_id)
        quoter.offset, quoter.frozen_until_ms = 0, until_ms
        far = quoter.ladder(bid - reach, ask + reach, self.spec.levels - 1, self._rng)
        self._show(quoter, {(BUY, bid): size, (SELL, ask): size, **far}, now_ms, exact=True)
        self.release_at(market_id, until_ms)

    def release_at(self, market_id: str, at_ms: int) -> None:
        """Have the maker go back to its usual quotes at `at_ms`, unless it is told to rest for longer."""
        self._at(at_ms, lambda now_ms: self._release(market_id, now_ms))

    def _release(self, market_id: str, now_ms: int) -> None:
        quoter = self.quoters.get(market_id)
        if quoter is not None and quoter.market.state == OPEN and quoter.frozen_until_ms <= now_ms:
            self._show(quoter, quoter.wanted(self.spec.levels, self._rng), now_ms)

    def move(self, pair_id: str, by: int, at_ms: int) -> None:
        """At `at_ms`, move what a pair is worth by micro-dollars (in YES terms of Polymarket), and all its quotes."""
        self._at(at_ms, lambda now_ms: self._move(pair_id, by, now_ms))

    def _move(self, pair_id: str, by: int, now_ms: int) -> None:
        pair = self.world.pairs[pair_id]
        both = self._pair_quoters(pair)
        if both is None:
            return
        fair = both[0].fair
        fair.price = fair.anchor = min(max(fair.price + by, LOWEST), HIGHEST)
        for quoter in both:
            quoter.seen, quoter.offset = fair.price, 0
            if quoter.market.state == OPEN and quoter.frozen_until_ms <= now_ms:
                self._show(quoter, quoter.wanted(self.spec.levels, self._rng), now_ms)

    # --- what happens around them

    def _follow(self, batch: list[Event]) -> None:
        for event in batch:
            kind = type(event)
            if kind is LevelChanged:
                self.changes += 1
            elif kind is Trade:
                self._taken(event)  # type: ignore[arg-type]
            elif kind is MarketChanged:
                self._market_changed(event)  # type: ignore[arg-type]

    def _taken(self, trade: Trade) -> None:
        if trade.taker.account in self.engine.background:
            return
        quoter = self.quoters.get(trade.market_id)
        if quoter is not None and quoter.offset and quoter.offset_until_ms > trade.at_ms:
            quoter.offset_until_ms = min(quoter.offset_until_ms, trade.at_ms + self._rng.randint(300, 1_500))
            self._at(quoter.offset_until_ms, lambda at: self._calm(quoter, at))

    def _market_changed(self, event: MarketChanged) -> None:
        if event.what in ("opened", "resumed"):
            if event.market_id not in self.quoters:
                self._to_seed.append(event.market_id)
        elif event.what == "closed":
            quoter = self.quoters.pop(event.market_id, None)
            if quoter is not None:
                self._live.remove(quoter)
                market = quoter.market
                key = market.opinion.fair_id if market.opinion else market.pair_id or market.id
                self._fairs.pop(key, None)

"""A day of the sandbox at speed: its own frames through the real feeds, books, detection and decision, in world time.

Nothing sleeps and nothing uses a socket: the world is stepped by hand, `Link` is what a connector does with one
connection (subscribe, read, ping, repair over REST, vouch), and `Trader` is what the chain does with the books.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

import msgspec

from execution.orders import paper
from execution.plans.planning import Ticket
from markets.bets import Bet, MarketKey
from markets.books import MICRO, YES, BookView, Ladder, dollars
from markets.clients import feed_market
from markets.platforms.base import CLOSED, KALSHI, PLATFORMS, POLYMARKET, Feed, MarketInfo
from markets.platforms.kalshi import parse as kalshi_parse
from markets.platforms.kalshi import wire as kalshi_wire
from markets.platforms.kalshi.stream import KalshiFeed
from markets.platforms.polymarket import parse as polymarket_parse
from markets.platforms.polymarket import wire as polymarket_wire
from markets.platforms.polymarket.stream import PolymarketFeed
from markets.sandbox.clock import ManualClock, Timers
from markets.sandbox.context import Sandbox
from markets.sandbox.kalshi import rows
from markets.sandbox.kalshi.app import exchange_of
from markets.sandbox.kalshi.frames import encode
from markets.sandbox.market import SandboxMarket
from markets.sandbox.polymarket import gamma_records
from markets.sandbox.polymarket.answers import encoded
from markets.sandbox.polymarket.face import face_of
from markets.sandbox.scenario import Scenario
from markets.sandbox.wires import WIRES, Wire
from markets.streaming.connector import PING_AFTER_MS
from markets.streaming.pulse import Pulse
from signals.deciding import decision
from signals.deciding.decision import BetRisk, Context, Hurdles, Verdict
from signals.deciding.doubts import Evidence, Point
from signals.detection import detector
from signals.detection.certificates import Certificates
from signals.findings import Finding, Listing, Rules

DEPTH = 50
TRACK = 100  # mids kept of a market, as in the price cache
FEEDS: dict[str, Callable[[], Feed]] = {KALSHI: KalshiFeed, POLYMARKET: PolymarketFeed}


# --- reading the catalogue as the platforms print it


def market_info(sandbox: Sandbox, market: SandboxMarket) -> MarketInfo:
    """A market's listing, from the face's own JSON through our own parser."""
    if market.platform == POLYMARKET:
        record = gamma_records.market_record(face_of(sandbox), market, tags=True)
        return polymarket_parse.market_info(
            msgspec.json.decode(encoded(record), type=polymarket_wire.GammaMarket)
        )
    exchange = exchange_of(sandbox)
    shelf = exchange.catalog.event(market.event_id)
    series = exchange.catalog.series[market.k.series_ticker]
    return kalshi_parse.market(
        msgspec.json.decode(encode(rows.market_row(exchange, market)), type=kalshi_wire.Market),
        msgspec.json.decode(encode(rows.event_row(exchange, shelf, nested=False)), type=kalshi_wire.Event),
        msgspec.json.decode(encode(rows.series_row(series, volume=False)), type=kalshi_wire.Series),
    )


def true_view(sandbox: Sandbox, key: MarketKey, at_ms: int) -> BookView:
    """The book as it really stands on the exchange."""
    book = sandbox.engine.book(key[1])
    return BookView(*key, book.bids.levels(DEPTH), book.asks.levels(DEPTH), at_ms, at_ms)


# --- one connection, as a connector drives it


class Link:
    """A feed and its wire to the sandbox."""

    def __init__(self, sandbox: Sandbox, platform: str) -> None:
        self.sandbox = sandbox
        self.platform = platform
        self.feed = FEEDS[platform]()
        self.pulse = Pulse(numbered=self.feed.numbered)
        self.ladders: dict[str, tuple[Ladder, Ladder, int]] = {}
        self.reconnects = 0
        self._wire: Wire | None = None
        self._heard_ms = 0

    def open(self, now_ms: int) -> None:
        """A fresh connection."""
        self._wire = WIRES[self.platform](self.sandbox)
        self._heard_ms = now_ms
        self.pulse.opened(now_ms)
        self.feed.opened(now_ms)
        self.pump(now_ms)

    def pump(self, now_ms: int) -> set[str]:
        """Send what is to be sent, take what has come; returns the markets whose books changed or went."""
        feed, wire = self.feed, self._wire
        if wire is None or not wire.up:
            return self._reopen(now_ms)
        while feed.outbox or wire.frames:
            texts, feed.outbox[:] = list(feed.outbox), []
            for text in texts:
                wire.take(text)
            while wire.frames:
                feed.receive(wire.frames.popleft(), now_ms)
                self._heard_ms = now_ms
                (self.pulse.data if feed.last_data_ms == now_ms else self.pulse.alive)(now_ms)
        return self._gather()

    def tick(self, now_ms: int) -> None:
        """A connector's timed work: the feed's own, pings of a silent socket, repairs over REST, a new connection."""
        feed = self.feed
        feed.tick(now_ms)
        if now_ms - self._heard_ms >= PING_AFTER_MS:  # the socket answers, whatever became of the data
            self._heard_ms = now_ms
            self.pulse.alive(now_ms)
        needs: set[str] = getattr(feed, "needs_rest", set())
        for market_id in list(needs):
            needs.discard(market_id)
            if market_id in self.sandbox.world.markets:
                self._repair(market_id, now_ms)
        if feed.reconnect_wanted or self.pulse.doubted:
            feed.reconnect_wanted = ""
            self._reopen(now_ms)

    def view(self, market_id: str, now_ms: int) -> BookView | None:
        """The live book, with the moment to which the connection vouches for it."""
        found = self.ladders.get(market_id)
        if found is None:
            return None
        bids, asks, changed_ms = found
        confirmed = max(self.pulse.vouched_ms(now_ms), changed_ms)
        return BookView(self.platform, market_id, bids, asks, changed_ms, confirmed)

    def _gather(self) -> set[str]:
        feed = self.feed
        touched = feed.changed | feed.dropped
        for market_id in feed.dropped:
            self.ladders.pop(market_id, None)
        for market_id in feed.changed:
            book = feed.books.get(market_id)
            if book is None or not book.trusted:
                self.ladders.pop(market_id, None)
            else:
                self.ladders[market_id] = book.bid_ladder(DEPTH), book.ask_ladder(DEPTH), book.changed_ms
        feed.changed, feed.dropped = set(), set()
        feed.trades.clear()
        feed.changes.clear()
        return touched

    def _repair(self, market_id: str, now_ms: int) -> None:
        face = face_of(self.sandbox)
        raw = face.books.of(self.sandbox.world.markets[market_id]).rest(0).encode()
        book = msgspec.json.decode(raw, type=polymarket_wire.RestBook)
        self.feed.repair(polymarket_parse.rest_book(book, market_id), now_ms)

    def _reopen(self, now_ms: int) -> set[str]:
        self.reconnects += 1
        if self._wire is not None:
            self._wire.close()
        self.feed.closed(now_ms)
        gone = self._gather() | set(self.ladders)
        self.ladders.clear()
        self.open(now_ms)
        return gone | self._gather()


# --- what the chain does with the books


@dataclass(frozen=True, slots=True)
class Seen:
    """A finding as it was judged, and which of its books were not the exchange's own at that moment."""

    at_ms: int
    finding: Finding
    state: str
    reasons: tuple[str, ...]
    untrue: tuple[MarketKey, ...]


@dataclass(frozen=True, slots=True)
class Trade:
    """A paper trade on the true books: what it cost, and what each leg bought."""

    at_ms: int
    bet_id: str
    kind: str
    outlay: Decimal
    expected: Decimal  # the payoff that was to be guaranteed
    bought: tuple[tuple[str, str, Decimal], ...]  # market, outcome, contracts
    short: bool  # a leg filled less than planned


@dataclass
class Trader:
    """Looks at every bet that a change touches and buys each actionable gap once while it stands."""

    sandbox: Sandbox
    rules: Rules
    hurdles: Hurdles
    evidence_ms: int
    links: dict[str, Link] = field(default_factory=dict)
    listings: dict[MarketKey, Listing] = field(default_factory=dict)
    infos: dict[MarketKey, MarketInfo] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    looks: int = 0
    certificates: Certificates = field(default_factory=Certificates)
    refusals: Counter[str] = field(default_factory=Counter)
    _bets: dict[MarketKey, list[Bet]] = field(default_factory=dict)
    _risks: dict[str, BetRisk] = field(default_factory=dict)
    _standing: dict[tuple[str, str], int] = field(default_factory=dict)  # since when
    _bought: set[tuple[str, str]] = field(default_factory=set)
    _tracks: dict[MarketKey, deque[Point]] = field(default_factory=dict)

    def start(self, now_ms: int) -> None:
        """Follow every market there is, on both platforms."""
        for platform in PLATFORMS:
            self.links[platform] = Link(self.sandbox, platform)
        self.follow(self.sandbox.world.markets.values())
        for link in self.links.values():
            link.open(now_ms)

    def follow(self, markets: Iterable[SandboxMarket]) -> None:
        """Learn markets from the catalogue and subscribe to them."""
        for market in list(markets):
            info = market_info(self.sandbox, market)
            key = (market.platform, market.id)
            self.infos[key], self.listings[key] = info, Listing.of(info)
            self.links[market.platform].feed.follow([feed_market(info)])

    def closed(self, market: SandboxMarket) -> None:
        """The platform says that trading ended."""
        key = (market.platform, market.id)
        self.listings[key] = replace(self.listings[key], status=CLOSED)
        self.links[market.platform].feed.unfollow([market.id])
        self.links[market.platform].ladders.pop(market.id, None)

    def approve(self, bet: Bet, risk: BetRisk) -> None:
        """From now on this bet is detected."""
        self._risks[bet.id] = risk
        for market in bet.markets:
            self._bets.setdefault(market, []).append(bet)

    def step(self, now_ms: int) -> None:
        """Take the frames of this step, and look at the bets they touch."""
        touched: dict[str, Bet] = {}
        for platform, link in self.links.items():
            link.tick(now_ms)
            for market_id in link.pump(now_ms):
                self._remember(platform, market_id, now_ms)
                for bet in self._bets.get((platform, market_id), ()):
                    touched[bet.id] = bet
        for bet in touched.values():
            self._look(bet, now_ms)

    def _remember(self, platform: str, market_id: str, now_ms: int) -> None:
        bids, asks, _ = self.links[platform].ladders.get(market_id, ((), (), 0))
        if bids and asks:
            mid = dollars(bids[0][0] + asks[0][0]) / 2
            self._tracks.setdefault((platform, market_id), deque(maxlen=TRACK)).append(Point(now_ms, mid))

    def _look(self, bet: Bet, now_ms: int) -> None:
        self.looks += 1
        views = ((key, self.links[key[0]].view(key[1], now_ms)) for key in bet.markets)
        books = {key: view for key, view in views if view is not None}
        result = detector.find(bet, books, self.listings, self.rules, now_ms, self.certificates)
        self.refusals.update(refusal.code for refusal in result.refusals)
        found = {(bet.id, finding.direction) for finding in result.findings}
        for key in [key for key in self._standing if key[0] == bet.id and key not in found]:
            del self._standing[key]
            self._bought.discard(key)
        for finding in result.findings:
            if (bet.id, finding.direction) not in self._bought:  # who has bought waits until the gap is gone
                self._judge(bet, finding, books, now_ms)

    def _judge(self, bet: Bet, finding: Finding, books: dict[MarketKey, BookView], now_ms: int) -> None:
        key = (bet.id, finding.direction)
        since = self._standing.setdefault(key, now_ms)
        markets = [(leg.platform, leg.market_id) for leg in finding.legs]
        risk = self._risks[bet.id]
        evidence = Evidence({one: self._track(one, now_ms) for one in markets})
        context = Context(
            m0=risk.m0, m0_upper=risk.m0_upper, settlement=risk.settlement, read_by_person=risk.read_by_person,
            origin=risk.origin, evidence=evidence,
            alive_ms=now_ms - since,
        )  # fmt: skip
        verdict = decision.decide(finding, self.hurdles, now_ms, context)
        self._note(finding, verdict, books, now_ms)
        if verdict.state == decision.QUARANTINED and decision.clearable(verdict, finding, risk):
            finding, verdict = self._look_again(bet, finding, context, verdict, now_ms)
        if verdict.state == decision.ACTIONABLE:
            self._bought.add(key)
            self._buy(bet, finding, now_ms)

    def _track(self, market: MarketKey, now_ms: int) -> list[Point]:
        since = now_ms - self.evidence_ms
        return [point for point in self._tracks.get(market, ()) if point.at_ms >= since]

    def _look_again(
        self, bet: Bet, finding: Finding, context: Context, verdict: Verdict, now_ms: int
    ) -> tuple[Finding, Verdict]:
        """The books of a doubted finding read over REST, where they are the exchange's own whatever the stream does."""
        books = {key: true_view(self.sandbox, key, now_ms) for key in bet.markets}
        for again in detector.find(bet, books, self.listings, self.rules, now_ms).findings:
            if again.direction == finding.direction:
                cleared = replace(context, cleared=frozenset(reason.code for reason in verdict.reasons))
                second = decision.decide(again, self.hurdles, now_ms, cleared)
                self._note(again, second, books, now_ms)
                return again, second
        return finding, verdict

    def _note(
        self, finding: Finding, verdict: Verdict, books: dict[MarketKey, BookView], now_ms: int
    ) -> None:
        keys = [(leg.platform, leg.market_id) for leg in finding.legs]
        untrue = tuple(key for key in keys if not self._true(books[key], now_ms))
        reasons = tuple(reason.code for reason in verdict.reasons)
        self.seen.append(Seen(now_ms, finding, verdict.state, reasons, untrue))

    def _true(self, view: BookView, now_ms: int) -> bool:
        true = true_view(self.sandbox, (view.platform, view.market_id), now_ms)
        return (view.bids, view.asks) == (true.bids, true.asks)

    def _buy(self, bet: Bet, finding: Finding, now_ms: int) -> None:
        """Paper orders of every leg against the exchange's own books."""
        outlay, bought, short = Decimal(0), [], False
        for leg in finding.legs:
            key = (leg.platform, leg.market_id)
            notional = leg.size * leg.limit_price
            ticket = Ticket(
                bet.id, *key, leg.outcome, leg.side, leg.size, leg.limit_price, notional, leg.cost.cash
            )
            fees = self.listings[key].fees
            assert fees is not None
            result = paper.fill(ticket, true_view(self.sandbox, key, now_ms), fees)
            outlay += result.cost.cash
            bought.append((leg.market_id, leg.outcome, result.filled))
            short = short or result.filled < leg.size
        trade = Trade(now_ms, bet.id, bet.kind, outlay, finding.payoff, tuple(bought), short)
        self.trades.append(trade)


# --- the day


def run(
    sandbox: Sandbox, trader: Trader, scenario: Scenario, *, hours: int, step_ms: Callable[[int], int]
) -> None:
    """Step world, makers and trader through the hours; `step_ms` says how far to step from a time since the start."""
    start, clock, timers = sandbox.now_ms(), sandbox.clock, sandbox.later
    assert isinstance(timers, Timers) and isinstance(clock, ManualClock)
    while clock.at_ms < start + hours * 3_600_000:
        now_ms = clock.advance(step_ms(clock.at_ms - start))
        sandbox.world.step(now_ms)
        scenario.step(now_ms)
        sandbox.traders.step(now_ms)
        timers.run_due()
        trader.step(now_ms)


def paid(trade: Trade, pays: Callable[[str], int]) -> Decimal:
    """What a trade is paid, dollars; `pays` says how many micro-dollars a YES of a market is paid."""
    total = Decimal(0)
    for market_id, outcome, size in trade.bought:
        value = pays(market_id) if outcome == YES else MICRO - pays(market_id)
        total += size * dollars(value)
    return total

"""Recorded frames through the very same parse → book → detect code as live ones; the same input gives the same digest.

Nothing here reads a clock or a database: time is the recording's own, and what is not recorded (fees, ticks) is an
argument. Changes are conflated in windows of recorded time, as the connector does.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from markets.bets import Bet, MarketKey, yes_no
from markets.books import Book, BookView
from markets.platforms.base import Feed, FeedStats
from markets.recordings import Recorded
from signals.deciding import decision
from signals.deciding.decision import ACTIONABLE, BetRisk, Context, Hurdles, Verdict
from signals.deciding.joining import NEUTRAL, Joined
from signals.detection import detector
from signals.detection.certificates import Certificates
from signals.findings import Finding, Listing, Rules

DEPTH = 50


@dataclass(slots=True)
class Setup:
    """What a replay needs besides its frames. `feed` makes a feed that follows whatever it hears."""

    platform: str
    feed: Callable[[], Feed]
    listing: Callable[[str, str], Listing]  # platform, market id
    window_ms: int = 100
    bets: tuple[Bet, ...] = ()  # besides YES + NO of every market
    rules: Rules = field(default_factory=Rules)
    hurdles: Hurdles = field(default_factory=Hurdles)
    own_bets: bool = True  # look at YES + NO of every market too


class Listener(Protocol):
    """Somebody who acts on what a replay sees. Times are Unix ms of the recording; nothing that is done changes a book."""

    def moment(self, at_ms: int, books: Mapping[MarketKey, BookView]) -> None:
        """A window closes and its books are about to change: `books` are those that have stood until now."""
        ...

    def judged(self, bet: Bet, finding: Finding, verdict: Verdict, context: Context, at_ms: int) -> None:
        """A finding was made on the books of now, and this was thought of it."""
        ...

    def gone(self, bet_id: str, directions: Iterable[str], at_ms: int) -> None:
        """Gaps that stood before are not there any more."""
        ...


# What evidence did to a finding at a moment (Unix ms)
Bearing = Callable[[Finding, int], Joined]


@dataclass(slots=True)
class Tally:
    """What was found and what was thought of it. A signal is one gap, from found to gone."""

    kinds: Counter[str] = field(default_factory=Counter)  # signals by kind of bet
    verdicts: Counter[str] = field(default_factory=Counter)  # every look at a finding
    reasons: Counter[str] = field(default_factory=Counter)  # why one was not acted on
    refusals: Counter[str] = field(default_factory=Counter)  # why there was no finding
    lifetimes: list[int] = field(default_factory=list)  # ms, of the signals that ended
    best: dict[str, Any] = field(default_factory=dict)  # the finding with the largest edge

    def as_json(self, still_open: int) -> dict[str, Any]:
        """The figures of the report."""
        ended = sorted(self.lifetimes)
        return {
            "signals_by_kind": dict(sorted(self.kinds.items())),
            "verdicts": dict(sorted(self.verdicts.items())),
            "reasons": dict(sorted(self.reasons.items())),
            "refusals": dict(sorted(self.refusals.items())),
            "best": self.best or None,
            "lifetimes_ms": {
                "ended": len(ended),
                "still_open": still_open,
                "p50": ended[len(ended) // 2] if ended else None,
                "p90": ended[len(ended) * 9 // 10] if ended else None,
                "longest": ended[-1] if ended else None,
            },
        }


@dataclass(slots=True)
class Outcome:
    """What a replay saw and decided."""

    stats: FeedStats
    signals: int
    seconds: float  # of recorded time
    digest: str
    found: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The figures of the report."""
        return {
            "frames": self.stats.frames,
            "book_updates": self.stats.book_updates,
            "gaps": self.stats.gaps,
            "resyncs": self.stats.resyncs,
            "malformed": self.stats.malformed,
            "crossed": self.stats.crossed,
            "signals": self.signals,
            "seconds": round(self.seconds, 3),
            "digest": self.digest,
            **self.found,
        }


class Replay:
    """Feeds of any number of connections and platforms, one detector, one digest."""

    def __init__(
        self,
        setups: Iterable[Setup],
        risks: Mapping[str, BetRisk] | None = None,
        listener: Listener | None = None,
        bear: Bearing | None = None,
    ) -> None:
        self.listener = listener
        self.bear = bear
        self.setups = {setup.platform: setup for setup in setups}
        self.feeds: dict[tuple[str, str], Feed] = {}
        self.books: dict[MarketKey, BookView] = {}
        self.listings: dict[MarketKey, Listing] = {}
        self.bets: dict[MarketKey, list[Bet]] = {}
        self.signals = 0
        self.certificates = Certificates()
        self.tally = Tally()
        self._contexts = {
            bet_id: Context(risk.m0, risk.m0_upper, risk.settlement, risk.read_by_person)
            for bet_id, risk in (risks or {}).items()
        }
        self._open: dict[str, dict[str, int]] = {}  # the signals that stand: bet → direction → since when, ms
        self._first_ms = self._last_ms = 0
        self._window_end: dict[str, int] = {}
        self._hash = hashlib.sha256()
        for setup in self.setups.values():
            for bet in setup.bets:
                for market in bet.markets:
                    self.bets.setdefault(market, []).append(bet)

    def take(self, platform: str, recorded: Recorded) -> None:
        """One recorded line."""
        at_ms = recorded.at_ms
        self._first_ms = self._first_ms or at_ms
        self._last_ms = max(self._last_ms, at_ms)
        end = self._window_end.get(platform, 0)
        if end and at_ms >= end:
            self._close_window(platform, end)
            end = 0
        feed = self._feed(platform, recorded)
        if not recorded.control:
            feed.receive(recorded.raw, at_ms)
        feed.outbox.clear()
        if not end and (feed.changed or feed.dropped):
            self._window_end[platform] = at_ms + self.setups[platform].window_ms

    def show(self, views: Iterable[BookView], at_ms: int) -> None:
        """Books as somebody knows them, without frames: they replace what stood of their markets, and are looked at."""
        self._first_ms = self._first_ms or at_ms
        self._last_ms = max(self._last_ms, at_ms)
        if self.listener is not None:
            self.listener.moment(at_ms, self.books)
        touched: dict[str, list[MarketKey]] = {}
        for view in views:
            key = view.platform, view.market_id
            self.books[key] = view
            touched.setdefault(view.platform, []).append(key)
            self._hash.update(f"{at_ms} {view.market_id} {view.bids[:1]} {view.asks[:1]}\n".encode())
        for platform, markets in sorted(touched.items()):
            self._detect(platform, markets, at_ms)

    def finish(self) -> Outcome:
        """Close what is open and report."""
        for platform in self.setups:
            self._close_window(platform, self._last_ms)
        stats = FeedStats()
        for feed in self.feeds.values():
            for name, value in feed.stats.as_json().items():
                setattr(stats, name, getattr(stats, name) + value)
        self._hash.update(repr(sorted(stats.as_json().items())).encode())
        seconds = (self._last_ms - self._first_ms) / 1_000
        still_open = sum(len(directions) for directions in self._open.values())
        found = self.tally.as_json(still_open)
        return Outcome(stats, self.signals, seconds, self._hash.hexdigest(), found)

    def _feed(self, platform: str, recorded: Recorded) -> Feed:
        key = (platform, recorded.connection)
        feed = self.feeds.get(key)
        if feed is None:
            # A new connection takes the place of the platform's earlier one: its books are worth nothing any more
            for (other, _), old in self.feeds.items():
                if other == platform:
                    old.closed(recorded.at_ms)
            feed = self.feeds[key] = self.setups[platform].feed()
            feed.opened(recorded.at_ms)
        return feed

    def _close_window(self, platform: str, at_ms: int) -> None:
        self._window_end[platform] = 0
        if self.listener is not None:
            self.listener.moment(at_ms, self.books)
        touched: list[MarketKey] = []
        for (name, _), feed in self.feeds.items():
            if name != platform:
                continue
            for market_id in feed.dropped:
                self.books.pop((platform, market_id), None)
            touched += [(platform, market_id) for market_id in sorted(feed.changed | feed.dropped)]
            for market_id in feed.changed:
                self._view(platform, market_id, feed.books.get(market_id), at_ms)
            feed.changed, feed.dropped = set(), set()
            feed.trades.clear()
            feed.changes.clear()
            feed.bad.clear()
        if touched:
            self._detect(platform, touched, at_ms)

    def _view(self, platform: str, market_id: str, book: Book | None, at_ms: int) -> None:
        if book is None or not book.trusted:
            self.books.pop((platform, market_id), None)
            return
        view = BookView(
            platform, market_id, book.bid_ladder(DEPTH), book.ask_ladder(DEPTH), book.changed_ms, at_ms
        )
        self.books[platform, market_id] = view
        self._hash.update(f"{at_ms} {market_id} {view.bids[:1]} {view.asks[:1]}\n".encode())

    def _detect(self, platform: str, touched: list[MarketKey], at_ms: int) -> None:
        setup = self.setups[platform]
        seen: set[str] = set()
        for market in touched:
            for bet in self._bets_of(market):
                if bet.id in seen:
                    continue
                seen.add(bet.id)
                result = detector.find(bet, self.books, self.listings, setup.rules, at_ms, self.certificates)
                for refusal in result.refusals:
                    self.tally.refusals[refusal.code] += 1
                if result.findings or bet.id in self._open:
                    self._note(bet, result.findings, setup.hurdles, at_ms)

    def _bets_of(self, market: MarketKey) -> list[Bet]:
        if market not in self.listings:
            self.listings[market] = self.setups[market[0]].listing(*market)
            known = self.bets.setdefault(market, [])
            if self.setups[market[0]].own_bets:
                known.append(yes_no(f"own:{market[1]}", *market))
        return self.bets[market]

    def _note(self, bet: Bet, findings: tuple[Finding, ...], hurdles: Hurdles, at_ms: int) -> None:
        """Count signals as they open and end, and put every decision into the digest."""
        standing = self._open.pop(bet.id, {})
        found = {finding.direction for finding in findings}
        ended = [name for name in standing if name not in found]
        self.tally.lifetimes += [at_ms - standing[name] for name in ended]
        if ended and self.listener is not None:
            self.listener.gone(bet.id, ended, at_ms)
        if findings:
            self._open[bet.id] = {name: standing.get(name, at_ms) for name in found}
        context = self._contexts.get(bet.id, decision.CALM)
        for finding in findings:
            key = (finding.bet_id, finding.direction)
            if finding.direction not in standing:
                self.signals += 1
                self.tally.kinds[bet.kind] += 1
            verdict, borne = self._judge(finding, hurdles, at_ms, context)
            if self.listener is not None:
                self.listener.judged(bet, finding, verdict, borne, at_ms)
            self._count(finding, verdict, at_ms)
            self._hash.update(
                f"{at_ms} {key} {finding.size} {finding.outlay} {finding.net_profit} {verdict.state}\n".encode()
            )

    def _judge(
        self, finding: Finding, hurdles: Hurdles, at_ms: int, context: Context
    ) -> tuple[Verdict, Context]:
        """As live: evidence is heard of what the figures alone let pass."""
        verdict = decision.decide(finding, hurdles, at_ms, context)
        if self.bear is None or verdict.state != ACTIONABLE:
            return verdict, context
        joined = self.bear(finding, at_ms)
        if joined is NEUTRAL:
            return verdict, context
        borne = replace(context, joined=joined)
        return decision.decide(finding, hurdles, at_ms, borne), borne

    def _count(self, finding: Finding, verdict: Verdict, at_ms: int) -> None:
        self.tally.verdicts[verdict.state] += 1
        for reason in verdict.reasons:
            self.tally.reasons[reason.code] += 1
        best = self.tally.best
        if not best or finding.edge > best["edge"]:
            self.tally.best = {
                "edge": finding.edge,
                "net_profit": finding.net_profit,
                "size": finding.size,
                "profit_pct": finding.profit_pct,
                "bet": finding.bet_id,
                "direction": finding.direction,
                "verdict": verdict.state,
                "at_ms": at_ms,
            }

"""Which books may be trusted: the bookkeeping of sids, numbers and snapshots behind `stream.KalshiFeed`.

`seq` rises by one with EVERY frame of a sid, replies included, and is shared by all its markets. A hole makes every
book of the sid worthless until its next snapshot; a frame that cannot be used makes its own market's book worthless.
"""

from collections.abc import Iterable
from typing import cast

from markets.books import Book, Ladder
from markets.platforms.base import BadFrame, Feed
from markets.platforms.kalshi import wire
from markets.platforms.kalshi.subscriptions import BOOKS, Subscriptions

STALE_CLOCK_MS = (
    5_000  # how long after a snapshot a delta with an older clock counts as already contained in it
)
TIME_SLACK_MS = 1_000  # shards stamp their own times; a step back by more than this is reported
BEHIND = 20  # repeated numbers in a row that are no repetition any more: the numbering began anew
CROSSED_MS = 5_000  # a book crossed for longer is wrong, not busy


class Sub:
    """Continuity of one sid."""

    __slots__ = ("behind", "broken", "channel", "last", "sid", "stuck", "ts_ms")

    def __init__(self, sid: int, channel: str, last: int) -> None:
        self.sid = sid
        self.channel = channel
        self.last = last  # number of the last frame; -1: none yet, and the first need not be number 1
        self.broken = -1  # number of the last frame that could not be used
        self.behind = 0  # frames with an old number since `last` was `stuck`
        self.stuck = -1
        self.ts_ms = 0  # the exchange's time of the last delta


class ClockedBook(Book):
    """A book with the exchange clock of its last snapshot; -1 where the server sends no clocks."""

    __slots__ = ("clock",)

    def __init__(self) -> None:
        super().__init__()
        self.clock = -1


class Continuity(Feed):
    """The part of the feed that decides whether a frame may be used and a book be trusted."""

    def __init__(self, *, follow_all: bool, shared_seq: bool, use_yes_price: bool) -> None:
        super().__init__()
        self._live: dict[str, ClockedBook] = {}
        self.books = cast(dict[str, Book], self._live)  # the same books, as the owner reads them
        self.follow_all = follow_all
        self.shared_seq = shared_seq
        self.use_yes_price = use_yes_price
        self.duplicates = 0  # frames whose number was seen before
        self.backwards = 0  # deltas whose exchange time fell
        self.discarded = 0  # deltas that came while their book waited for a snapshot, and the like
        self.subscriptions = Subscriptions(self.outbox, use_yes_price=use_yes_price)
        self._subs: dict[int, Sub] = {}
        self._sid_of: dict[str, int] = {}  # by market: the sid of its last snapshot
        self._snapshot_ms: dict[str, int] = {}  # by market: when its last snapshot came
        self._leaving: set[str] = set()  # unfollowed, frames may still be under way
        self._doubted: set[str] = set()  # dropped for a reason; their next snapshot is a resync
        self._crossed: dict[str, int] = {}  # crossed books, and since when
        self._now = 0

    def _advance(self, sid: int, seq: int, channel: str, at_ms: int) -> Sub | None:
        """Account for a numbered frame; None where it must not be used (a repetition, or a dead sid)."""
        sub = self._subs.get(sid)
        if sub is None:
            sub = self._learn(sid, channel, at_ms)
            if sub is None:
                self.discarded += 1
                return None
        if self.shared_seq or sub.last < 0 or seq == sub.last + 1:
            sub.last = seq
        elif seq > sub.last:
            sub.last = seq
            self.stats.gaps += 1
            self._doubt(sub, at_ms)
        elif seq == sub.last and seq == sub.broken:
            sub.broken = -1  # a frame that could not be used had taken this number; here is the real one
        else:
            self.duplicates += 1
            return self._restarted(sub, seq, at_ms)
        return sub

    def _restarted(self, sub: Sub, seq: int, at_ms: int) -> Sub | None:
        """A frame with an old number. Many in a row are a numbering that fell, and books that silently stood still."""
        if sub.stuck != sub.last:
            sub.stuck, sub.behind = sub.last, 0
        sub.behind += 1
        if sub.behind < BEHIND:
            return None
        sub.last, sub.broken = seq, -1
        self.stats.gaps += 1
        self._doubt(sub, at_ms)
        return sub

    def _learn(self, sid: int, channel: str, at_ms: int) -> Sub | None:
        """A sid that no `subscribed` announced: its announcement was lost, or this is a recorded file."""
        if not self.follow_all:
            known = self.subscriptions.channels.get(channel)
            if known is None or known.sid is not None or sid in self.subscriptions.dead:
                return None
            self.subscriptions.subscribed(None, channel, sid, at_ms)
        sub = self._subs[sid] = Sub(sid, channel, -1)
        return sub

    def _doubt(self, sub: Sub, at_ms: int) -> None:
        """Frames of this sid are lost: none of its books may be used before its next snapshot."""
        if sub.channel != BOOKS:
            return
        lost = [ticker for ticker, sid in self._sid_of.items() if sid == sub.sid]
        # A market without a book may have lost its first snapshot: its deltas are then no fault of the platform.
        self._doubted.update(ticker for ticker, book in self.books.items() if not book.trusted)
        self._doubt_markets(lost, at_ms)

    def _doubt_markets(self, tickers: Iterable[str], at_ms: int) -> None:
        """These books may be wrong: drop them and ask for snapshots."""
        lost = list(tickers)
        for ticker in lost:
            self._drop(ticker)
            self._doubted.add(ticker)
        if self.subscriptions.connected:
            self.subscriptions.ask(lost, at_ms)

    def _drop(self, ticker: str) -> None:
        book = self.books.get(ticker)
        if book is not None and book.trusted:
            book.drop()
            self.dropped.add(ticker)
            self.changed.discard(ticker)
        self._crossed.pop(ticker, None)

    def _begin(self, at_ms: int) -> None:
        """Between two connections: nothing is known."""
        self._now = at_ms
        for ticker in self.books:
            self._drop(ticker)
        self._doubted.clear()  # a reconnect is counted as such, not as a resync of every book
        self._subs.clear()
        self._sid_of.clear()
        self._snapshot_ms.clear()
        self._leaving.clear()
        self.outbox.clear()
        self.subscriptions.reset()
        self.reconnect_wanted = ""

    def _forget(self, ticker: str) -> None:
        self._sid_of.pop(ticker, None)
        self._snapshot_ms.pop(ticker, None)
        self._doubted.discard(ticker)
        self._crossed.pop(ticker, None)
        self.dropped.discard(ticker)

    # --- books

    def _take(self, ticker: str, book: Book, bids: Ladder, asks: Ladder, at_ms: int) -> None:
        """A whole book arrived: from here on it is trusted."""
        book.replace(bids, asks)
        book.trusted = True
        book.changed_ms = self.last_data_ms = at_ms
        self._crossed.pop(ticker, None)
        self._watch_crossing(ticker, book, at_ms)
        if ticker in self._doubted:
            self._doubted.discard(ticker)
            self.stats.resyncs += 1
        self.dropped.discard(ticker)
        self.changed.add(ticker)
        self.stats.book_updates += 1

    def _watch_crossing(self, ticker: str, book: Book, at_ms: int) -> None:
        """Count a crossing once, when it begins."""
        if book.best_bid < book.best_ask:
            self._crossed.pop(ticker, None)
        elif ticker not in self._crossed:
            self._crossed[ticker] = at_ms
            self.stats.crossed += 1

    def _uncross(self, at_ms: int) -> None:
        """Books that stay crossed are wrong: drop them and ask anew."""
        stuck = [ticker for ticker, since in self._crossed.items() if at_ms - since > CROSSED_MS]
        if stuck:
            self._doubt_markets(stuck, at_ms)

    def _applicable(self, msg: wire.DeltaMsg, book: ClockedBook, sub: Sub, raw: bytes, at_ms: int) -> bool:
        """The rare questions about a delta: is there a book to change, is it news, does time run forwards?"""
        ticker = msg.market_ticker
        if not book.trusted:
            self._too_early(ticker, sub, raw, at_ms)
            return False
        if msg.clock and msg.clock <= book.clock:
            self.discarded += 1
            if at_ms - self._snapshot_ms.get(ticker, 0) > STALE_CLOCK_MS:
                # Not an echo of before the snapshot: the clock fell, as it may during maintenance.
                self._doubt_markets([ticker], at_ms)
            return False
        if msg.ts_ms:
            if sub.ts_ms - msg.ts_ms > TIME_SLACK_MS:
                self.backwards += 1
                self._keep("time", f"exchange time fell by {sub.ts_ms - msg.ts_ms} ms", raw, at_ms)
            sub.ts_ms = msg.ts_ms
        return True

    def _too_early(self, ticker: str, sub: Sub, raw: bytes, at_ms: int) -> None:
        """A delta for a book that waits for its snapshot: expected after a gap, odd before the first snapshot."""
        if ticker in self._doubted or self.follow_all:
            self.discarded += 1
            return
        self._spoiled(sub, ticker, "level", f"a delta of {ticker} before its snapshot", raw, at_ms)

    # --- what cannot be used

    def _keep(self, kind: str, detail: str, raw: bytes, at_ms: int) -> None:
        """Count a bad frame and keep its bytes."""
        self.stats.malformed += 1
        self._note(kind, detail, raw, at_ms)

    def _note(self, kind: str, detail: str, raw: bytes, at_ms: int) -> None:
        """Keep a frame for people to see."""
        self.bad.append(BadFrame(kind, detail, raw, at_ms))

    def _spoiled(self, sub: Sub, ticker: str, kind: str, detail: str, raw: bytes, at_ms: int) -> None:
        """A numbered frame that cannot be used: its market's book cannot be trusted any more."""
        self._keep(kind, detail, raw, at_ms)
        sub.broken = sub.last
        if ticker in self.books:
            self._doubt_markets([ticker], at_ms)

    def _stranger(self, ticker: str, sub: Sub, raw: bytes, at_ms: int) -> None:
        """A frame of a market that we do not follow."""
        if ticker in self._leaving or self.follow_all:
            self.discarded += 1
            return
        self._keep("unknown_market", ticker[:80], raw, at_ms)
        sub.broken = sub.last

"""One followed token: its book, where its stream stands, and what its book hash is made of."""

from collections import deque
from collections.abc import Iterator, Mapping

from markets.books import MICRO, Book
from markets.platforms.base import FeedMarket
from markets.platforms.polymarket.bookhash import Members, begun, matching, padded
from markets.platforms.polymarket.units import micro_text
from markets.platforms.polymarket.wire import Change

MAX_WAITING = 1_000  # changes kept for a book that is being read over REST
MAX_LASTS = 6  # last trade prices worth trying
MAX_GUESSES = 40  # prices that a trade may have happened at
# Tried in this order where the stream has not said and nobody told us; a SHA-1 match proves the guess.
USUAL_MIN_SIZES = ("5", "15", "1", "10")
USUAL_TICKS = ("0.01", "0.001", "0.005", "0.0025", "0.0001", "0.1")


class Token:
    """The stream state of one token. Attributes are public to the feed's layers, its only users."""

    __slots__ = (
        "asked_ms", "book", "checked_ms", "crossed", "floor", "frame", "hash", "key", "lasts", "market",
        "members", "meta", "new_tick", "overflowed", "pending", "stale_reads", "subscribed_ms", "suspect", "tick",
        "timestamp", "token_id", "ts", "waiting",
    )  # fmt: skip

    def __init__(self, key: str, market: str, token_id: str, meta: FeedMarket, now_ms: int) -> None:
        self.key = key  # the book's key in Feed.books
        self.market = market  # condition id as the platform spells it
        self.token_id = token_id
        self.meta = meta
        self.tick = meta.tick
        self.book = Book()
        self.members: Members | None = None  # proven by a book's hash; None: this book cannot be hash-checked
        self.lasts: list[str] = [""]  # candidates of the market's last trade price, likeliest first
        self.asked_ms = -(10**12)
        self.checked_ms = -(10**12)
        self.stale_reads = 0
        self.new_tick = ""  # announced by the stream; a REST book with another tick is an old one
        self.subscribed_ms = now_ms
        self.waiting: deque[tuple[int, str, Change]] = deque(maxlen=MAX_WAITING)
        self.forget()

    def forget(self) -> None:
        """A fresh connection: nothing from before counts."""
        self.hash = ""
        self.timestamp = ""  # of the last applied frame, as printed
        self.ts = 0
        self.floor = 0  # frames older than a REST book are expected for a moment after it, not errors
        self.frame = -1  # number of the last frame that touched the book
        self.suspect = -1  # number of the frame after which our best prices differed from the platform's
        self.pending = False  # changed since the last comparison
        self.crossed = False
        self.overflowed = False
        self.waiting.clear()

    def wait(self, ts: int, timestamp: str, change: Change) -> None:
        """Keep a change until a whole book is there to apply it to."""
        if len(self.waiting) == MAX_WAITING:
            self.overflowed = True
        self.waiting.append((ts, timestamp, change))

    def traded_at(self, price: str) -> None:
        """The stream named a trade price: of this token, or of its mirror."""
        self.prefer(padded(price))
        mirror = padded(micro_text(MICRO - _micro(price)))
        if mirror not in self.lasts:
            self.lasts.insert(1, mirror)
        del self.lasts[MAX_LASTS:]

    def prefer(self, last_price: str) -> None:
        """Put one candidate of the last trade price first."""
        if last_price in self.lasts:
            self.lasts.remove(last_price)
        self.lasts.insert(0, last_price)
        del self.lasts[MAX_LASTS:]

    def matches(self) -> bool:
        """Is the platform's hash that of our book? Call only when `members` are known."""
        if self.members is None:
            return False
        hasher = begun(self.market, self.token_id, self.timestamp, self.book.bids, self.book.asks)
        known = self.members
        found = matching(hasher, (known.with_last(last) for last in self.lasts), self.hash)
        if found is None:
            return False
        if found is not known:
            self.members = found
            self.prefer(found.last_price)
        return True

    def learn(self, version: str, guesses: list[str]) -> bool:
        """Find the hash's other members from a whole book just taken; False: no candidate gives its hash.

        Dumps lack the minimum size and the neg-risk flag, books after a trade also tick and last price, so
        we try what we were told, then what is usual.
        """
        hasher = begun(self.market, self.token_id, self.timestamp, self.book.bids, self.book.asks)
        self.members = matching(hasher, self._candidates(version, guesses), self.hash)
        if self.members is None:
            return False
        self.tick = self.members.tick
        self.prefer(self.members.last_price)
        return True

    def _candidates(self, version: str, guesses: list[str]) -> Iterator[Members]:
        lasts = [*self.lasts, *(guess for guess in guesses if guess not in self.lasts)]
        known = self.members
        if known is not None:
            for last in lasts:
                yield known.with_last(last)
        version = version or self.meta.version
        versions = ("v2", "") if version == "v2" else ("",)
        sizes = _first(self.meta.min_size, USUAL_MIN_SIZES)
        ticks = (self.tick,) if self.tick else USUAL_TICKS
        flags = (self.meta.neg_risk, not self.meta.neg_risk)
        for last in lasts:
            for tick in ticks:
                for size in sizes:
                    for flag in flags:
                        for name in versions:
                            yield Members(size, tick, flag, last, name)


def traded_prices(old: Mapping[int, int], new: Mapping[int, int]) -> list[str]:
    """Prices at which one side lost size: where the trade behind a new book may have happened, and their
    mirrors.
    """
    lost = [price for price, size in old.items() if new.get(price, 0) < size]
    texts: list[str] = []
    for price in lost[-MAX_GUESSES:]:
        texts += [padded(micro_text(price)), padded(micro_text(MICRO - price))]
    return texts


def _first(known: str, usual: tuple[str, ...]) -> tuple[str, ...]:
    return (known, *(text for text in usual if text != known)) if known else usual


def _micro(price: str) -> int:
    whole, _, part = price.partition(".")
    return int(whole) * MICRO + int(part.ljust(6, "0")[:6])

"""Which tokens are followed, and whether their books can be trusted.

The market channel has no sequence numbers. Continuity is proven by the book hash (`bookhash.py`): the state after
the last frame that carries a hash must have that hash. Where a book cannot be hashed, the best prices that come with
each change are compared with ours.
"""

from collections import deque
from collections.abc import Iterable
from typing import ClassVar

from markets.books import MICRO, NO, YES
from markets.platforms.base import POLYMARKET, BadFrame, Feed, FeedMarket
from markets.platforms.polymarket import frames
from markets.platforms.polymarket.tokens import Token
from markets.platforms.polymarket.units import condition_id, token_id
from markets.platforms.polymarket.wire import Event

HASH_SAMPLE, HASH_MIN_CHECKS, HASH_BROKEN_PCT = 50, 20, 90
MAX_GONE = 20_000


class Continuity(Feed):
    """The lowest layer of the feed: tokens, and the judgement over their books."""

    platform: ClassVar[str] = POLYMARKET  # type: ignore[misc]

    def __init__(self, *, follow_all: bool, hash_check_ms: int) -> None:
        super().__init__()
        self.follow_all = follow_all
        self.hash_check_ms = hash_check_ms
        self.needs_rest: set[str] = set()
        self.hash_broken = False
        self.hash_checks = 0
        self.hash_matches = 0
        self.last_gap = ""
        self._tokens: dict[str, Token] = {}  # by token id
        self._by_market: dict[str, Token] = {}  # by condition id, which is also the key in `books`
        self._gone: dict[str, None] = {}  # ids unfollowed of late: their frames in flight are no error
        self._recent: deque[tuple[bool, str]] = deque(maxlen=HASH_SAMPLE)
        self._unchecked: set[Token] = set()  # changed since they were last compared
        self._now = 0

    # Who is who

    def _add(self, token: Token) -> None:
        self._tokens[token.token_id] = token
        self._by_market[token.key] = token
        self.books[token.key] = token.book
        for name in (token.key, token.token_id):
            self._gone.pop(name, None)

    def _remove(self, token: Token) -> None:
        del self._tokens[token.token_id], self._by_market[token.key], self.books[token.key]
        self._unchecked.discard(token)
        for names in (self.changed, self.dropped, self.needs_rest):
            names.discard(token.key)
        for name in (token.key, token.token_id):
            self._gone[name] = None
        while len(self._gone) > MAX_GONE:
            del self._gone[next(iter(self._gone))]

    def _discover(self, event: Event, raw: bytes, at_ms: int) -> Token | None:
        """Replay: a market's first book makes it known; that token is taken as YES, the other is its mirror."""
        try:
            market_id, name = condition_id(event.market), token_id(event.asset_id)
        except ValueError as error:
            self._bad("shape", str(error), raw, at_ms)
            return None
        if market_id in self._by_market:
            return None
        token = Token(market_id, event.market, name, FeedMarket(market_id, name), at_ms)
        self._add(token)
        return token

    def _owner(self, event: Event) -> tuple[Token, str] | None:
        """The followed token an event is about, and which outcome of it: YES, or NO for its mirror token."""
        token = self._tokens.get(event.asset_id)
        if token is not None:
            return token, YES
        try:
            token = self._by_market.get(condition_id(event.market))
        except ValueError:
            return None
        return (token, NO) if token is not None else None

    def _check_known(self, market: str, asset_id: str, raw: bytes, at_ms: int) -> None:
        """Count a frame about a market nobody follows, unless it was followed a moment ago or is a mirror's."""
        name = market.lower().ljust(66, "0")
        known = name in self._by_market or name in self._gone or asset_id in self._gone
        if not known and not self.follow_all:
            self._bad("unknown_market", f"market {market[:70]!r}", raw, at_ms)

    # Rubbish

    def _bad(self, kind: str, detail: str, raw: bytes, at_ms: int) -> None:
        self.stats.malformed += 1
        self.bad.append(BadFrame(kind, detail, raw, at_ms))

    def _late(self, token: Token, ts: int, raw: bytes, at_ms: int) -> None:
        """A frame older than what was applied: expected just after a REST book, otherwise things were reordered."""
        if ts >= token.floor:
            self._bad("time", f"{token.key}: {ts} after {token.ts}", raw, at_ms)

    # Judgement

    def _due(self, token: Token, at_ms: int) -> bool:
        return token.suspect >= 0 or at_ms - token.checked_ms >= self.hash_check_ms

    def _compare(self, token: Token, at_ms: int, *, patient: bool = False) -> None:
        """Judge the book as it stands: by its hash where we can, by best prices where not.

        `patient`: the rest of a batch may still be on its way, so only agreement counts.
        """
        hashed = token.members is not None and token.hash != ""
        ok = token.matches() if hashed else token.suspect < 0
        if not ok and patient:
            return
        token.pending, token.checked_ms = False, at_ms
        self._unchecked.discard(token)
        if hashed:
            self._count_check(token, ok)
            if ok:
                token.suspect = -1
            elif not self.hash_broken:
                self._gap(token, "the book hash differs: a frame was lost or reordered")
                return
        if token.suspect >= 0:
            self._gap(token, "best prices differ from the platform's")

    def _compare_best(self, token: Token, bid: str, ask: str, number: int) -> None:
        """Their best prices against ours; how they spell an empty side is not known, so several spellings do."""
        agree = frames.same_best(bid, token.book.best_bid, 0) and frames.same_best(
            ask, token.book.best_ask, MICRO
        )
        if not agree:
            token.suspect = number
        elif token.suspect == number:
            token.suspect = -1

    def _count_check(self, token: Token, ok: bool) -> None:
        """Keep score: when nearly all checks fail on several tokens, the hash has changed, not the books."""
        self.hash_checks += 1
        self.hash_matches += ok
        recent = self._recent
        recent.append((ok, token.token_id))
        if ok and not self.hash_broken:
            return
        failed = [name for good, name in recent if not good]
        many = len(recent) >= HASH_MIN_CHECKS and len(failed) * 100 > HASH_BROKEN_PCT * len(recent)
        self.hash_broken = many and len(set(failed)) >= min(3, len(self._tokens))

    def _count_crossed(self, token: Token) -> None:
        if not token.crossed:
            token.crossed = True
            self.stats.crossed += 1

    # What follows from it

    def _gap(self, token: Token, why: str) -> None:
        self.stats.gaps += 1
        self.last_gap = f"{token.key}: {why}"
        self._drop(token)
        self._ask(token)

    def _ask(self, token: Token) -> None:
        """Have the book read over REST."""
        token.asked_ms = self._now
        self.needs_rest.add(token.key)

    def _drop(self, token: Token) -> None:
        if token.book.trusted:
            self.dropped.add(token.key)
        self.changed.discard(token.key)
        token.book.drop()
        token.pending, token.suspect, token.crossed, token.overflowed = False, -1, False, False
        token.waiting.clear()
        self._unchecked.discard(token)

    def _forget_all(self) -> None:
        for token in self._tokens.values():
            self._drop(token)
            token.forget()
        self.needs_rest.clear()

    def _distrust(self, token_ids: Iterable[str], why: str) -> None:
        """An update of these tokens could not be used: their books are no longer complete."""
        for name in token_ids:
            token = self._tokens.get(name)
            if token is None:
                continue
            if token.book.trusted:
                self._gap(token, why)
            else:
                self._ask(token)  # what could not be used may have been the very book we wait for

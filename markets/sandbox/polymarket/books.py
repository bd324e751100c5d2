"""Order books as Polymarket prints them: two mirrored tokens of one book, best level last, with real hashes.

Only the ladder that changed is printed again, and levels are printed once per (price, size), so that a hash of
both tokens costs two joins and two SHA-1 sums.
"""

import hashlib

from markets.books import MICRO
from markets.platforms.polymarket.units import micro_text
from markets.sandbox.engine import Engine
from markets.sandbox.ladder import Ladder, MarketBook
from markets.sandbox.market import SandboxMarket
from markets.sandbox.orders import BUY

YES_PLACE, NO_PLACE = 0, 1
_MAX_CACHED = 200_000


class _LevelTexts(dict[tuple[int, int], str]):
    """(price, size) to the level's compact JSON."""

    def __missing__(self, level: tuple[int, int]) -> str:
        text = f'{{"price":"{micro_text(level[0])}","size":"{micro_text(level[1])}"}}'
        if len(self) >= _MAX_CACHED:
            self.clear()
        self[level] = text
        return text


class _PriceTexts(dict[int, str]):
    """Micro-dollars to text."""

    def __missing__(self, price: int) -> str:
        text = self[price] = micro_text(price)
        return text


LEVELS = _LevelTexts()
PRICES = _PriceTexts()


def spaced(text: str) -> str:
    """The separators of single objects on the stream: a space after each comma (no value holds a comma)."""
    return text.replace(",", ", ")


def last_text(price: int | None) -> str:
    """A market's last price as books carry it: at least three decimals, empty when it never traded."""
    if price is None:
        return ""
    whole, _, part = PRICES[price].partition(".")
    return f"{whole}.{part.ljust(3, '0')}"


class WireBook:
    """One market's book in wire form. `touched` must be told of every change; texts are made on demand."""

    __slots__ = ("_hashes", "_heads", "_sides", "_stale", "_tail", "book", "changed_ms", "market", "tokens")

    def __init__(self, market: SandboxMarket, book: MarketBook) -> None:
        self.market = market
        self.book = book
        self.tokens = market.p.token_ids
        self.changed_ms = market.created_ms
        self._heads = [
            f'{{"market":"{market.id}","asset_id":"{token}","timestamp":"' for token in self.tokens
        ]
        self._sides = ["", "", "", ""]  # YES bids, NO asks (the same ladder), YES asks, NO bids
        self._stale = {True, False}  # ladders to print again: True for the YES bids
        self._hashes: tuple[str, str] | None = None
        self._tail = ""

    def touched(self, side: str, at_ms: int) -> None:
        """The ladder of `side` changed."""
        self._stale.add(side == BUY)
        self._hashes = None
        self.changed_ms = at_ms

    def renewed(self, at_ms: int) -> None:
        """Something besides the levels changed (last price, tick)."""
        self._hashes, self._tail = None, ""
        self.changed_ms = at_ms

    def hashes(self) -> tuple[str, str]:
        """The book hashes of the YES and the NO token."""
        if self._hashes is None:
            sides, tail = self._printed(), self._members()
            self._hashes = (
                self._hash(YES_PLACE, sides[0], sides[2], tail),
                self._hash(NO_PLACE, sides[3], sides[1], tail),
            )
        return self._hashes

    def best(self, place: int) -> tuple[str, str]:
        """Best bid and best ask of a token; "0" and "1" where a side is empty."""
        bid, ask = self.book.best_bid, self.book.best_ask
        if place == NO_PLACE:
            bid, ask = MICRO - ask, MICRO - bid
        return PRICES[bid], PRICES[ask]

    def rest(self, place: int) -> str:
        """The book as REST answers it."""
        bids, asks = self._of(place)
        return (
            f'{self._heads[place]}{self.changed_ms}","hash":"{self.hashes()[place]}","bids":[{bids}],"asks":[{asks}],'
            f"{self._members()}}}"
        )

    def dump(self, place: int) -> str:
        """The book as the first answer to a subscription carries it."""
        bids, asks = self._of(place)
        version = ',"version":"v2"' if self.market.p.version == "v2" else ""
        return (
            f'{self._heads[place]}{self.changed_ms}","hash":"{self.hashes()[place]}","bids":[{bids}],"asks":[{asks}],'
            f'"tick_size":"{self.market.p.tick}","event_type":"book",'
            f'"last_trade_price":"{last_text(self.market.last_price)}"{version}}}'
        )

    def after_trade(self, place: int) -> str:
        """The book as it is sent after a trade: without tick and last price."""
        bids, asks = self._of(place)
        return spaced(
            f'{{"market":"{self.market.id}","asset_id":"{self.tokens[place]}","bids":[{bids}],"asks":[{asks}],'
            f'"hash":"{self.hashes()[place]}","timestamp":"{self.changed_ms}","event_type":"book"}}'
        )

    def _of(self, place: int) -> tuple[str, str]:
        sides = self._printed()
        return (sides[0], sides[2]) if place == YES_PLACE else (sides[3], sides[1])

    def _printed(self) -> list[str]:
        """Texts of the four sides, each with its best level last.

        A bid for YES at p is an ask for NO at 1 - p, so one ladder gives two sides in the same order.
        """
        if self._stale:
            if True in self._stale:
                self._sides[0:2] = _both(self.book.bids)
            if False in self._stale:
                self._sides[2:4] = _both(self.book.asks)
            self._stale.clear()
        return self._sides

    def _members(self) -> str:
        if not self._tail:
            p = self.market.p
            version = ',"version":"v2"' if p.version == "v2" else ""
            self._tail = (
                f'"min_order_size":"{PRICES[self.market.min_size]}","tick_size":"{p.tick}",'
                f'"neg_risk":{"true" if p.neg_risk else "false"},'
                f'"last_trade_price":"{last_text(self.market.last_price)}"{version}'
            )
        return self._tail

    def _hash(self, place: int, bids: str, asks: str, tail: str) -> str:
        text = f'{self._heads[place]}{self.changed_ms}","hash":"","bids":[{bids}],"asks":[{asks}],{tail}}}'
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _both(ladder: Ladder) -> tuple[str, str]:
    """A ladder as its own side and as the other token's opposite side, best last."""
    totals = ladder.totals
    prices = ladder.prices if ladder.side == BUY else ladder.prices[::-1]
    own = ",".join([LEVELS[price, totals[price]] for price in prices])
    mirrored = ",".join([LEVELS[MICRO - price, totals[price]] for price in prices])
    return own, mirrored


class Books:
    """The wire books of all markets, made when first asked for."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._books: dict[str, WireBook] = {}

    def of(self, market: SandboxMarket) -> WireBook:
        """The market's wire book."""
        found = self._books.get(market.id)
        if found is None:
            found = self._books[market.id] = WireBook(market, self._engine.book(market.id))
        return found

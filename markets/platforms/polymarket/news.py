"""What the market channel tells besides book changes: trades, tick changes, new and resolved markets, rubbish."""

from typing import Any

import msgspec

from markets.books import NO, YES, dollars
from markets.platforms.base import MarketChange, PublicTrade
from markets.platforms.polymarket.frames import kind_of
from markets.platforms.polymarket.snapshots import Snapshots
from markets.platforms.polymarket.units import condition_id, level_price, to_micro, unix_ms
from markets.platforms.polymarket.wire import Change, Event

MAX_SEEN_TRADES = 10_000
DATA_EVENTS = frozenset(("book", "price_change", "last_trade_price", "tick_size_change", "best_bid_ask"))
KNOWN_EVENTS = DATA_EVENTS | {"new_market", "market_resolved"}


class News(Snapshots):
    """The slow half of the feed: everything but `price_change`."""

    def __init__(self, *, follow_all: bool, hash_check_ms: int) -> None:
        super().__init__(follow_all=follow_all, hash_check_ms=hash_check_ms)
        self._seen: dict[tuple[str, ...], None] = {}
        self._pong_ms = 0

    # Events

    def _event(self, event: Event, raw: bytes, at_ms: int) -> None:
        kind = event.event_type
        if kind in DATA_EVENTS:
            self.last_data_ms = at_ms  # news of all markets say nothing about ours, so they do not count
        if kind == "book":
            self._book(event, raw, at_ms)
        elif kind == "price_change":
            self._old_or_new_change(event, raw, at_ms)
        elif kind == "last_trade_price":
            self._trade(event, raw, at_ms)
        elif kind == "tick_size_change":
            self._tick_size(event, raw, at_ms)
        elif kind == "best_bid_ask":
            self._best_prices(event)
        elif kind in ("new_market", "market_resolved"):
            self._market_news(event, raw, at_ms)
        elif kind:
            self.stats.unknown += 1
        else:
            self._bad("shape", "an event without event_type", raw, at_ms)

    def _old_or_new_change(self, event: Event, raw: bytes, at_ms: int) -> None:
        """The shapes before September 2025: one flat change, or `changes` beside one asset id."""
        changes = event.price_changes
        if changes is None and event.changes is not None:
            changes = [
                Change(event.asset_id, old.price, old.size, old.side, event.hash) for old in event.changes
            ]
        elif changes is None and event.asset_id and event.price:
            changes = [Change(event.asset_id, event.price, event.size, event.side, event.hash)]
        if changes is None:
            self._distrust([event.asset_id], "a price_change without changes")
            self._bad("shape", "a price_change without changes", raw, at_ms)
            return
        self._price_change(event, changes, raw, at_ms)

    def _trade(self, event: Event, raw: bytes, at_ms: int) -> None:
        found = self._owner(event)
        if found is None:
            self._check_known(event.market, event.asset_id, raw, at_ms)
            return
        token, outcome = found
        try:
            price, size, ts = level_price(event.price), to_micro(event.size), unix_ms(event.timestamp)
            if event.side not in ("BUY", "SELL"):
                raise ValueError(f"side {event.side[:20]!r}")
        except ValueError as error:
            self._bad(kind_of(event.price, event.size), str(error), raw, at_ms)
            return
        token.traded_at(event.price)
        trade_id = event.transaction_hash or ""
        name = (trade_id or event.timestamp, event.asset_id, event.price, event.size)
        if name in self._seen:
            return
        self._seen[name] = None
        if len(self._seen) > MAX_SEEN_TRADES:
            del self._seen[next(iter(self._seen))]
        self.stats.trades += 1
        self.trades.append(
            PublicTrade(token.key, outcome, dollars(price), dollars(size), event.side, ts, trade_id)
        )

    def _tick_size(self, event: Event, raw: bytes, at_ms: int) -> None:
        """Every level of the old grid is worthless: drop the book and read a new one."""
        found = self._owner(event)
        if found is None:
            self._check_known(event.market, event.asset_id, raw, at_ms)
            return
        token, _ = found
        try:
            level_price(event.new_tick_size)
        except ValueError as error:
            self._bad("number", str(error), raw, at_ms)
            return
        if event.new_tick_size == token.tick and (event.asset_id != token.token_id or not token.book.trusted):
            return  # the mirror token's copy of news we have had
        token.tick = token.new_tick = event.new_tick_size
        token.members = None
        self._drop(token)
        self._ask(token)
        detail = {"old": event.old_tick_size, "new": event.new_tick_size}
        self.changes.append(MarketChange(token.key, "tick", detail))

    def _best_prices(self, event: Event) -> None:
        """A second opinion on a book that stands at the very same moment."""
        token = self._tokens.get(event.asset_id)
        if token is not None and token.book.trusted and event.timestamp == token.timestamp and token.pending:
            self._compare_best(token, event.best_bid, event.best_ask, token.frame)

    def _market_news(self, event: Event, raw: bytes, at_ms: int) -> None:
        try:
            market_id = condition_id(event.condition_id or event.market)
        except ValueError as error:
            self._bad("shape", str(error), raw, at_ms)
            return
        if event.event_type == "new_market":
            detail = {"slug": event.slug, "question": event.question}
            self.changes.append(MarketChange(market_id, "created", detail))
            return
        token = self._by_market.get(market_id)
        result = ""
        if token is not None and event.winning_asset_id:
            result = YES if event.winning_asset_id == token.token_id else NO
        detail = {"result": result, "winning_outcome": event.winning_outcome}
        self.changes.append(MarketChange(market_id, "settled", detail | {"token": event.winning_asset_id}))

    # Rubbish

    def _undecodable(self, raw: bytes, at_ms: int, error: Exception) -> None:
        """Not one of our shapes. Say which kind of bad, save what can be saved of an array, distrust what
        it names.
        """
        try:
            frame = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if raw.strip() == b"PONG":
                self._pong_ms = at_ms
                return
            self._bad("json", str(error), raw, at_ms)
            return
        for item in frame if isinstance(frame, list) else [frame]:
            self._loose(item, raw, at_ms)

    def _loose(self, item: Any, raw: bytes, at_ms: int) -> None:
        if not isinstance(item, dict):
            self._bad("shape", f"a frame of type {type(item).__name__}", raw, at_ms)
            return
        kind = item.get("event_type")
        if isinstance(kind, str) and kind and kind not in KNOWN_EVENTS:
            self.stats.unknown += 1
            return
        try:
            event = msgspec.convert(item, Event)
        except msgspec.ValidationError as error:
            self._distrust(_mentioned(item), "an update had the wrong shape")
            self._bad("shape", str(error), raw, at_ms)
            return
        self._event(event, raw, at_ms)


def _mentioned(item: dict[str, Any]) -> list[str]:
    """Token ids that a frame of the wrong shape names."""
    changes = item.get("price_changes")
    parts = [item, *(changes if isinstance(changes, list) else [])]
    names = [part.get("asset_id") for part in parts if isinstance(part, dict)]
    return [name for name in names if isinstance(name, str)]

"""Kalshi's frames in their true shape, and a small exchange that answers a feed's commands, for these tests."""

import json
from dataclasses import dataclass, field
from typing import Any

from markets.platforms.base import Feed

BOOKS, TRADES, LIFECYCLE = "orderbook_delta", "trade", "market_lifecycle_v2"
MARKET_ID = "9b0f6a52-7f3f-4a5c-9d3e-0c8a1f2b3c4d"
Levels = list[tuple[str, str]]


def encode(**document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def subscribed(sid: int = 1, channel: str = BOOKS, number: int = 1) -> bytes:
    return encode(type="subscribed", id=number, msg={"channel": channel, "sid": sid})


def snapshot(
    seq: int, ticker: str, yes: Levels | None = None, no: Levels | None = None, sid: int = 1, **extra: Any
) -> bytes:
    """A side of None is left out, as the platform leaves out an empty one."""
    msg = {"market_ticker": ticker, "market_id": MARKET_ID, **extra}
    if yes is not None:
        msg["yes_dollars_fp"] = yes
    if no is not None:
        msg["no_dollars_fp"] = no
    return encode(type="orderbook_snapshot", sid=sid, seq=seq, msg=msg)


def delta(seq: int, ticker: str, side: str, price: str, change: str, sid: int = 1, **extra: Any) -> bytes:
    msg = {
        "market_ticker": ticker, "market_id": MARKET_ID, "price_dollars": price, "delta_fp": change, "side": side,
        "ts": "2026-10-01T12:00:00.123456Z", "ts_ms": 1_790_856_000_123,
    }  # fmt: skip
    return encode(type="orderbook_delta", sid=sid, seq=seq, msg={**msg, **extra})


def trade(seq: int, ticker: str, taker: str = "yes", sid: int = 2, **extra: Any) -> bytes:
    msg = {
        "trade_id": "t-1", "market_ticker": ticker, "yes_price_dollars": "0.4800", "no_price_dollars": "0.5200",
        "count_fp": "21.74", "taker_side": taker, "taker_outcome_side": taker, "taker_book_side": "bid",
        "is_block_trade": False, "ts": 1_790_856_000, "ts_ms": 1_790_856_000_620,
    }  # fmt: skip
    return encode(type="trade", sid=sid, seq=seq, msg={**msg, **extra})


def ok(seq: int, number: int, tickers: list[str], sid: int = 1) -> bytes:
    return encode(type="ok", id=number, sid=sid, seq=seq, msg={"market_tickers": tickers})


def error(code: int, number: int | None = None, sid: int | None = None, seq: int | None = None) -> bytes:
    scope = {name: value for name, value in (("id", number), ("sid", sid), ("seq", seq)) if value is not None}
    return encode(type="error", msg={"code": code, "msg": "refused for the test"}, **scope)


def lifecycle(seq: int, ticker: str, event_type: str, sid: int = 3, **extra: Any) -> bytes:
    msg = {"event_type": event_type, "market_ticker": ticker, **extra}
    return encode(type="market_lifecycle_v2", sid=sid, seq=seq, msg=msg)


def commands(feed: Feed) -> list[dict[str, Any]]:
    """What the feed wants to send, taken out of its outbox."""
    texts, feed.outbox[:] = list(feed.outbox), []
    return [json.loads(text) for text in texts]


def cents(value: int) -> str:
    return f"{value / 100:.4f}"


@dataclass
class Exchange:
    """One connection's other end: keeps true books, numbers every frame, answers commands as Kalshi does.

    Prices are cents and sizes hundredths of a contract; `states` holds every market's book after each number of the
    book subscription, in YES terms and the feed's units. With `september` frames carry the newer members.
    """

    september: bool = False
    use_yes_price: bool = False
    books: dict[str, dict[str, dict[int, int]]] = field(default_factory=dict)
    sids: dict[str, int] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    seqs: dict[int, int] = field(default_factory=dict)
    states: dict[int, dict[str, Any]] = field(default_factory=dict)
    clock: int = 100

    def answer(self, command: dict[str, Any]) -> list[bytes]:
        """The frames that answer a command, in the order of the platform."""
        params = command.get("params", {})
        if command["cmd"] == "subscribe":
            self.use_yes_price = params.get("use_yes_price", self.use_yes_price)
            (channel,) = params["channels"]
            return self._subscribe(channel, command["id"], params.get("market_tickers", []))
        if command["cmd"] == "list_subscriptions":
            listed = [{"channel": name, "sid": sid} for name, sid in self.sids.items()]
            return [encode(type="ok", id=command["id"], msg=listed)]
        return self._update(params["sid"], command["id"], params["action"], params["market_tickers"])

    def _subscribe(self, channel: str, number: int, tickers: list[str]) -> list[bytes]:
        sid = self.sids.setdefault(channel, len(self.sids) + 1)
        self.members.setdefault(channel, set()).update(tickers)
        first = subscribed(sid, channel, number)
        return [first, *(self._snapshot(one) for one in tickers if channel == BOOKS and one in self.books)]

    def _update(self, sid: int, number: int, action: str, tickers: list[str]) -> list[bytes]:
        channel = next(name for name, one in self.sids.items() if one == sid)
        if action == "get_snapshot":
            return [self._snapshot(one, id=number) for one in tickers if one in self.books]
        if action == "delete_markets":
            self.members[channel] -= set(tickers)
        else:
            self.members[channel] |= set(tickers)
        frames = [self._frame(channel, "ok", {"market_tickers": sorted(self.members[channel])}, id=number)]
        if action == "add_markets" and channel == BOOKS:
            frames += [self._snapshot(one) for one in tickers if one in self.books]
        return frames

    def change(self, ticker: str, side: str, price: int, by: int) -> bytes:
        """A level of a side's own book changes; never below nothing."""
        levels = self.books[ticker][side]
        by = max(by, -levels.get(price, 0))
        levels[price] = levels.get(price, 0) + by
        if not levels[price]:
            del levels[price]
        shown = 100 - price if side == "no" and self.use_yes_price else price
        msg = {
            "market_ticker": ticker, "market_id": MARKET_ID, "price_dollars": cents(shown), "side": side,
            "delta_fp": f"{by / 100:.2f}", "ts": "2026-10-01T12:00:00Z", "ts_ms": 1_790_856_000_000 + self.clock,
        }  # fmt: skip
        return self._frame(BOOKS, "orderbook_delta", self._dated(msg))

    def _snapshot(self, ticker: str, **extra: Any) -> bytes:
        msg: dict[str, Any] = {"market_ticker": ticker, "market_id": MARKET_ID}
        for side, key in (("yes", "yes_dollars_fp"), ("no", "no_dollars_fp")):
            turn = side == "no" and self.use_yes_price
            levels = [
                [cents(100 - price if turn else price), f"{size / 100:.2f}"]
                for price, size in sorted(self.books[ticker][side].items())
            ]
            if levels:
                msg[key] = levels
        return self._frame(BOOKS, "orderbook_snapshot", self._dated(msg), **extra)

    def _dated(self, msg: dict[str, Any]) -> dict[str, Any]:
        self.clock += 1
        return {**msg, "clock": self.clock} if self.september else msg

    def _frame(self, channel: str, kind: str, msg: dict[str, Any], **extra: Any) -> bytes:
        sid = self.sids[channel]
        seq = self.seqs[sid] = self.seqs.get(sid, 0) + 1
        if channel == BOOKS:
            self.states[seq] = {ticker: self.state(ticker) for ticker in self.books}
        if self.september:
            extra["sending_ts_ms"] = 1_790_856_000_000 + self.clock
        return encode(type=kind, sid=sid, seq=seq, msg=msg, **extra)

    def state(self, ticker: str) -> tuple[dict[int, int], dict[int, int]]:
        """The true book in YES terms: micro-dollars and micro-contracts."""
        book = self.books[ticker]
        return (
            {price * 10_000: size * 10_000 for price, size in book["yes"].items()},
            {(100 - price) * 10_000: size * 10_000 for price, size in book["no"].items()},
        )

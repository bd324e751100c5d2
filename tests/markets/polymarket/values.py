"""Our own frames in the platform's true shape, from a small book that hashes itself the slow and obvious way."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from markets.platforms.base import FeedMarket
from markets.platforms.polymarket.stream import PolymarketFeed

ROOT = Path(__file__).resolve().parents[3]
RECORDED = Path(os.environ.get("ARBSITE_SHARED", ROOT.parent / "shared")) / "recorded" / "polymarket"

MARKET = "0x" + "5a" * 32
YES_TOKEN, NO_TOKEN = "7" * 76, "8" * 77
OTHER_MARKET = "0x" + "6b" * 32
OTHER_YES, OTHER_NO = "31" * 38, "32" * 38
START_MS = 1_795_000_000_000


def recorded(name: str) -> Path:
    """A recorded file, or a skip where the recordings are not there."""
    path = RECORDED / name
    if not path.exists():
        pytest.skip(f"the recording {name} is not here")
    return path


def number(micro: int) -> str:
    """An integer of 1e-6 as the platform prints it."""
    whole, part = divmod(micro, 1_000_000)
    return f"{whole}.{part:06d}".rstrip("0") if part else str(whole)


class Venue:
    """One market as the platform holds it: YES ladders in micro-units, and the frames it sends about them."""

    def __init__(
        self, market: str = MARKET, yes: str = YES_TOKEN, no: str = NO_TOKEN, *, neg_risk: bool = False,
        version: str = "", tick: str = "0.01", last: str = "0.500",
    ) -> None:  # fmt: skip
        self.market, self.yes, self.no = market, yes, no
        self.neg_risk, self.version, self.tick, self.last = neg_risk, version, tick, last
        self.bids = {480_000: 120_000_000, 490_000: 35_500_000}
        self.asks = {510_000: 80_000_000, 530_000: 14_250_000}
        self.now = START_MS

    @property
    def followed(self) -> FeedMarket:
        """What a feed is told."""
        return FeedMarket(self.market, self.yes, self.tick, "5", self.neg_risk, self.version)

    def levels(self, token: str) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
        """Bids and asks of a token, best last."""
        bids, asks = self.bids, self.asks
        if token == self.no:
            bids, asks = (
                {1_000_000 - price: size for price, size in asks.items()},
                {1_000_000 - price: size for price, size in bids.items()},
            )
        return (
            [{"price": number(price), "size": number(bids[price])} for price in sorted(bids)],
            [{"price": number(price), "size": number(asks[price])} for price in sorted(asks, reverse=True)],
        )

    def whole(self, token: str) -> dict[str, Any]:
        """The REST book."""
        bids, asks = self.levels(token)
        book: dict[str, Any] = {
            "market": self.market, "asset_id": token, "timestamp": str(self.now), "hash": "", "bids": bids,
            "asks": asks, "min_order_size": "5", "tick_size": self.tick, "neg_risk": self.neg_risk,
            "last_trade_price": self.last,
        }  # fmt: skip
        if self.version:
            book["version"] = self.version
        text = json.dumps(book, separators=(",", ":")).encode()
        return book | {"hash": hashlib.sha1(text, usedforsecurity=False).hexdigest()}

    def dump(self, *tokens: str) -> bytes:
        """The first answer to a subscription."""
        books = []
        for token in tokens or (self.yes,):
            book = self.whole(token) | {"event_type": "book"}
            del book["min_order_size"], book["neg_risk"]
            books.append(book)
        return json.dumps(books, separators=(",", ":")).encode() + b"\n"

    def after_trade(self, token: str) -> bytes:
        """A whole book as sent after a trade."""
        book = self.whole(token)
        names = ("market", "asset_id", "bids", "asks", "hash", "timestamp")
        return spaced({name: book[name] for name in names} | {"event_type": "book"})

    def change(self, side: str, price: int, size: int, *, ms: int = 1) -> bytes:
        """Set one YES level and say so, the mirror included."""
        self.now += ms
        self.set(side, price, size)
        entries = [
            self.entry(self.yes, side, price, size),
            self.entry(self.no, "SELL" if side == "BUY" else "BUY", 1_000_000 - price, size),
        ]
        return self.frame(entries)

    def set(self, side: str, price: int, size: int) -> None:
        """Set one YES level without a word."""
        ladder = self.bids if side == "BUY" else self.asks
        ladder[price] = size
        if not size:
            del ladder[price]

    def entry(self, token: str, side: str, price: int, size: int) -> dict[str, str]:
        """One entry of a price_change, for the book as it stands."""
        bids, asks = self.levels(token)
        return {
            "asset_id": token, "price": number(price), "size": number(size), "side": side,
            "hash": self.whole(token)["hash"], "best_bid": bids[-1]["price"] if bids else "0",
            "best_ask": asks[-1]["price"] if asks else "1",
        }  # fmt: skip

    def frame(self, entries: list[dict[str, str]]) -> bytes:
        """A price_change with these entries."""
        return spaced(
            {
                "market": self.market,
                "price_changes": entries,
                "timestamp": str(self.now),
                "event_type": "price_change",
            }
        )

    def trade(self, token: str, price: str, size: str, side: str, tx: str = "0xfeed") -> bytes:
        """A trade print."""
        return spaced(
            {
                "market": self.market, "asset_id": token, "price": price, "size": size, "side": side,
                "fee_rate_bps": "0", "transaction_hash": tx, "timestamp": str(self.now),
                "event_type": "last_trade_price",
            }
        )  # fmt: skip

    def event(self, kind: str, **members: Any) -> bytes:
        """Any other event."""
        return spaced({"market": self.market, "timestamp": str(self.now), "event_type": kind} | members)


def spaced(event: dict[str, Any]) -> bytes:
    """A single event as the stream prints it."""
    return json.dumps(event, separators=(", ", ":")).encode()


def following(*venues: Venue, **options: Any) -> PolymarketFeed:
    """A connected feed that follows these markets; every comparable state is checked unless told otherwise."""
    feed = PolymarketFeed(**{"hash_check_ms": 0} | options)
    feed.follow([venue.followed for venue in venues])
    feed.opened(START_MS)
    return feed

"""The market channel's only continuity check: the book hash.

SHA-1 (hex) over the compact JSON of a book with exactly these members in this order: market, asset_id,
timestamp, hash (empty), bids (ascending), asks (descending), min_order_size, tick_size, neg_risk,
last_trade_price and, in V2 markets, version. Found out from recorded books; the platform documents nothing
of it. `last_trade_price` is the market's (in terms of the first outcome, on both tokens), padded to three
decimals, empty when the market never traded.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from markets.platforms.polymarket.units import TEXTS


class Sha1(Protocol):
    """What we use of a hashlib object."""

    def update(self, data: bytes, /) -> None: ...
    def copy(self) -> Any: ...
    def hexdigest(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Members:
    """What stands behind the levels in a book's hash, as texts."""

    min_size: str
    tick: str
    neg_risk: bool
    last_price: str  # as hashed: "" or at least three decimals
    version: str = ""  # "v2" or nothing

    def suffix(self) -> bytes:
        """The end of the hashed text."""
        version = f',"version":"{self.version}"' if self.version else ""
        flag = "true" if self.neg_risk else "false"
        return (
            f'"min_order_size":"{self.min_size}","tick_size":"{self.tick}",'
            f'"neg_risk":{flag},"last_trade_price":"{self.last_price}"{version}}}'
        ).encode()

    def with_last(self, last_price: str) -> "Members":
        """The same with another last price."""
        return replace(self, last_price=last_price)


def padded(price: str) -> str:
    """A last trade price as the hash has it: at least three decimals, empty when there was no trade."""
    if not price:
        return ""
    whole, _, part = price.partition(".")
    return f"{whole}.{part.ljust(3, '0')}"


def begun(
    market: str, asset_id: str, timestamp: str, bids: Mapping[int, int], asks: Mapping[int, int]
) -> Sha1:
    """The hash over everything up to and including the levels, to be finished with candidates of the
    members.
    """
    bid_text = _side_text(bids, sorted(bids))
    ask_text = _side_text(asks, sorted(asks, reverse=True))
    head = (
        f'{{"market":"{market}","asset_id":"{asset_id}","timestamp":"{timestamp}","hash":"",'
        f'"bids":[{bid_text}],"asks":[{ask_text}],'
    )
    return hashlib.sha1(head.encode(), usedforsecurity=False)


def _side_text(side: Mapping[int, int], prices: list[int]) -> str:
    texts = TEXTS
    return ",".join([f'{{"price":"{texts[price]}","size":"{texts[side[price]]}"}}' for price in prices])


def finished(hasher: Sha1, members: Members) -> str:
    """The hex digest with these members; `hasher` stays usable for the next candidate."""
    whole = hasher.copy()
    whole.update(members.suffix())
    return str(whole.hexdigest())


def book_hash(
    market: str,
    asset_id: str,
    timestamp: str,
    bids: Mapping[int, int],
    asks: Mapping[int, int],
    members: Members,
) -> str:
    """The hash of a whole book, levels in micro-units: what the sandbox sends and the feed compares."""
    return finished(begun(market, asset_id, timestamp, bids, asks), members)


def matching(hasher: Sha1, candidates: Iterable[Members], wanted: str) -> Members | None:
    """The first candidate that gives `wanted`, or None."""
    for members in candidates:
        if finished(hasher, members) == wanted:
            return members
    return None

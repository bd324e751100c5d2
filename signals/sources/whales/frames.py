"""Frames of Whale Alert's WebSocket. What a frame is, is told by what it holds: alerts come with and without a `type`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from signals.sources.base import Malformed, Transfer
from signals.sources.clean import plain
from signals.sources.whales import flows, rest_v2, wire
from signals.sources.whales.identity import positioned

SOURCE = "whale_alert"
MOST_AMOUNTS = 50  # assets that one transaction moves
TRANSACTION_TYPES = ("transfer", "mint", "burn", "lock", "unlock", "freeze", "unfreeze")


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The confirmation of a subscription, under the name we chose."""

    id: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert: a transfer for each asset that the transaction moved."""

    transfers: tuple[Transfer, ...]


@dataclass(frozen=True, slots=True)
class Social:
    """A text that the company posted."""

    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """An error frame; the socket is closed after it, and the same again would be refused again."""

    why: str


@dataclass(frozen=True, slots=True)
class Other:
    """A frame that nobody needs."""


Frame = Subscribed | Alert | Social | Refused | Other


def subscription(name: str, chains: Sequence[str], symbols: Sequence[str], min_usd: Decimal) -> str:
    """The message that asks for alerts. Empty filters are left out: an empty list is not "everything" there."""
    asked: dict[str, Any] = {"type": "subscribe_alerts", "id": name, "min_value_usd": int(min_usd)}
    if chains:
        asked["blockchains"] = [chain.lower() for chain in chains]
    if symbols:
        asked["symbols"] = [symbol.lower() for symbol in symbols]
    return json.dumps(asked)


def read(raw: bytes) -> Frame:
    """One frame. Raises Malformed for what is neither of the kinds, or an alert without a time, chain or amount."""
    frame = wire.decode(raw, SOURCE)
    if not isinstance(frame, dict):
        raise Malformed(f"{SOURCE}: a frame is not an object")
    if "error" in frame:
        return Refused(plain(str(frame["error"]), longest=200) or "an error without a text")
    if "amounts" in frame:
        return Alert(_alert(frame))
    if "urls" in frame:
        return Social(plain(frame.get("text"), longest=1_000))
    if frame.get("type") in ("subscribed_alerts", "subscribed_socials"):
        return Subscribed(str(frame.get("id", ""))[:64])
    return Other()


def _alert(frame: Mapping[str, Any]) -> tuple[Transfer, ...]:
    chain, at = wire.chain_name(frame.get("blockchain")), wire.moment(wire.whole(frame.get("timestamp")))
    amounts = wire.sequence(frame["amounts"])[:MOST_AMOUNTS]
    if not chain or at is None or not amounts:
        raise Malformed(f"{SOURCE}: an alert without a chain, a time or an amount")
    transaction = wire.mapping(frame.get("transaction"))
    if wire.sequence(transaction.get("sub_transactions")):
        return tuple(rest_v2.transfers(chain, transaction, SOURCE))
    sender, receiver = flows.owner_name(frame.get("from")), flows.owner_name(frame.get("to"))
    kind = str(frame.get("transaction_type", "")).lower()
    found = []
    for position, amount in enumerate(map(wire.mapping, amounts)):
        units = wire.number(amount.get("amount"))
        if units is None or units < 0:
            raise Malformed(f"{SOURCE}: an alert without an amount")
        found.append(
            Transfer(
                source=SOURCE, chain=chain, transaction_hash=wire.transaction_hash(transaction.get("hash")),
                position=position, block=wire.whole(transaction.get("height")), happened_at=at,
                symbol=plain(amount.get("symbol"), longest=16).upper(), contract="", units=units,
                usd=wire.number(amount.get("value_usd")), from_owner=sender, to_owner=receiver,
                from_kind=flows.kind_of(sender), to_kind=flows.kind_of(receiver),
                transaction_type=kind if kind in TRANSACTION_TYPES else "transfer",
                channel=plain(frame.get("channel_id"), longest=64),
            )
        )  # fmt: skip
    return tuple(positioned(found))

"""Whale Alert's REST v1: not sold any more, kept because recordings have this shape.

Its traps: no `0x`, `owner` missing where unknown, symbols that change case, an empty page without `transactions`,
amounts as JSON floats, `Multiple Addresses` for an address, and failures with HTTP 200.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from signals.sources.base import KeyRefused, LimitReached, Malformed, Transfer
from signals.sources.clean import plain
from signals.sources.whales import flows, wire
from signals.sources.whales.identity import positioned

SOURCE = "whale_alert"


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `cursor` is passed on even when the page is empty; `dropped` rows could not be read."""

    transfers: tuple[Transfer, ...]
    cursor: str
    dropped: int = 0


def page(raw: bytes) -> Page:
    """A page of transactions. Raises KeyRefused, LimitReached or Malformed."""
    body = wire.decode(raw, SOURCE)
    if not isinstance(body, dict) or body.get("result") not in ("success", "error"):
        raise Malformed(f"{SOURCE}: the answer has no result")
    if body["result"] == "error":
        raise _refusal(str(body.get("message", "")))
    seen: Counter[str] = Counter()
    found, dropped = [], 0
    for row in wire.sequence(body.get("transactions")):
        transfer = _transfer(wire.mapping(row), seen)
        if transfer is None:
            dropped += 1
        else:
            found.append(transfer)
    return Page(tuple(positioned(found)), str(body.get("cursor", ""))[:200], dropped)


def _refusal(message: str) -> Exception:
    text = message.lower()
    if "key" in text:
        return KeyRefused(f"{SOURCE}: the key is refused; check WHALE_ALERT_API_KEY")
    if "limit" in text or "usage" in text:
        return LimitReached(f"{SOURCE}: asked too often")
    return Malformed(f"{SOURCE}: it answers with an error")


def _transfer(row: Any, seen: Counter[str]) -> Transfer | None:
    chain, at = wire.chain_name(row.get("blockchain")), wire.moment(wire.whole(row.get("timestamp")))
    units, name = wire.number(row.get("amount")), wire.transaction_hash(row.get("hash"))
    if not chain or at is None or units is None or units < 0 or not name:
        return None
    sides: dict[str, str] = {}
    for side in ("from", "to"):
        told = wire.mapping(row.get(side))
        owner = flows.owner_name(told.get("owner"))
        sides |= {
            f"{side}_address": wire.address(told.get("address"), chain),
            f"{side}_owner": owner,
            f"{side}_kind": flows.kind_of(owner, told.get("owner_type")),
        }
    position, seen[name] = seen[name], seen[name] + 1
    return Transfer(
        source=SOURCE, chain=chain, transaction_hash=name, position=position, block=None, happened_at=at,
        symbol=plain(row.get("symbol"), longest=16).upper(), contract="", units=units,
        usd=wire.number(row.get("amount_usd")), transaction_type=str(row.get("transaction_type", "transfer"))[:32].lower(),
        **sides,
    )  # fmt: skip

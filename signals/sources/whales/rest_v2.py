"""Whale Alert's REST v2 (enterprise): pages by block height, amounts as decimal strings, dollars by unit price."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from signals.sources.base import Batch, Cursor, Fetch, Malformed, Transfer
from signals.sources.clean import plain
from signals.sources.whales import flows, wire
from signals.sources.whales.identity import positioned
from signals.sources.whales.reorganising import Vanished, remember, vanished

SOURCE = "whale_alert_rest"
ROWS = 256  # a page, at most
MOST_PAGES = 20  # in one poll and chain; the rest is for the next
CONFIRMATIONS = 12  # blocks that are read again, since they may be replaced


@dataclass(frozen=True, slots=True)
class Setup:
    """Where to ask, with which key, and for which chains."""

    url: str
    key: str = field(repr=False)  # it must not come out in an error
    chains: tuple[str, ...]
    min_usd: Decimal


def transfers(chain: str, transaction: Mapping[str, Any], source: str = SOURCE) -> list[Transfer]:
    """The movements of one transaction. Raises Malformed where it has no hash, time or height."""
    name, at = (
        wire.transaction_hash(transaction.get("hash")),
        wire.moment(wire.whole(transaction.get("timestamp"))),
    )
    if not name or at is None:
        raise Malformed(f"{source}: a transaction without a hash or a time")
    found: list[Transfer] = []
    for sub in map(wire.mapping, wire.sequence(transaction.get("sub_transactions"))):
        price = wire.number(sub.get("unit_price_usd"))
        kind = str(sub.get("transaction_type", "transfer"))[:32].lower()
        for giver, taker, units in _movements(sub, chain):
            sides = {**_side("from", giver, chain), **_side("to", taker, chain)}
            found.append(
                Transfer(
                    source=source, chain=chain, transaction_hash=name, position=len(found),
                    block=wire.whole(transaction.get("height")), happened_at=at,
                    symbol=plain(sub.get("symbol"), longest=16).upper(), contract="", units=units,
                    usd=units * price if price is not None and price > 0 else None, transaction_type=kind, **sides,
                )
            )  # fmt: skip
    return positioned(found)


def _movements(
    sub: Mapping[str, Any], chain: str
) -> list[tuple[Mapping[str, Any], Mapping[str, Any], Decimal]]:
    """Giver, taker and units of each movement: what goes back to an address that gave is change and moves nothing.

    With several givers the largest stands for all. A mint has no givers, a burn no takers.
    """
    givers = [wire.mapping(leg) for leg in wire.sequence(sub.get("inputs"))]
    takers = [wire.mapping(leg) for leg in wire.sequence(sub.get("outputs"))]
    giver = max(givers, key=_units, default={})
    if not takers:
        return [(leg, {}, _units(leg)) for leg in givers if _units(leg) > 0]
    gave = {wire.address(leg.get("address"), chain) for leg in givers} - {""}
    moved = [leg for leg in takers if wire.address(leg.get("address"), chain) not in gave]
    return [(giver, leg, _units(leg)) for leg in moved if _units(leg) > 0]


def _units(leg: Mapping[str, Any]) -> Decimal:
    return max(wire.number(leg.get("amount")) or Decimal(0), Decimal(0))


def _side(side: str, leg: Mapping[str, Any], chain: str) -> dict[str, Any]:
    # `address_type` is no owner: "coinbase" there is where coins are made, not the exchange
    owner = flows.owner_name(leg.get("owner"))
    return {
        f"{side}_address": wire.address(leg.get("address"), chain),
        f"{side}_owner": owner,
        f"{side}_kind": flows.kind_of(owner, leg.get("owner_type")),
    }


# --- asking


def poll(fetch: Fetch, cursor: Cursor, now: datetime, *, setup: Setup) -> Batch:
    """What is new on every chain since the height where each was left. Raises SourceError."""
    found: list[Transfer] = []
    gone: list[Vanished] = []
    dropped = 0
    for chain in setup.chains:
        place = cursor.place.setdefault(chain, {})
        newest = _newest(fetch, cursor, setup, chain)
        first = max(0, int(place.get("block", newest)) - CONFIRMATIONS + 1)
        rows, reached, left = _pages(fetch, cursor, setup, chain, first, newest)
        recent = place.get("recent", {})
        gone += vanished(chain, recent, rows, first, reached)
        place["recent"] = remember(recent, rows, first, reached, keep=CONFIRMATIONS)
        place["block"] = max(reached, first)
        found += rows
        dropped += left
    records = (*gone, *found)
    return Batch(records, dropped=dropped, gone=[(one.chain, one.block) for one in gone])


def _newest(fetch: Fetch, cursor: Cursor, setup: Setup, chain: str) -> int:
    body = _ask(fetch, cursor, f"{setup.url}/{chain}/status", {"api_key": setup.key})
    height = wire.whole(body.get("end_height"))
    if height is None:
        raise Malformed(f"{SOURCE}: the status of a chain has no end_height")
    return height


def _pages(
    fetch: Fetch, cursor: Cursor, setup: Setup, chain: str, first: int, newest: int
) -> tuple[list[Transfer], int, int]:
    """Movements of these heights, the height up to which they are complete, and how many rows could not be read."""
    address = f"{setup.url}/{chain}/transactions"
    wanted = {"start_height": first, "end_height": newest, "min_value": int(setup.min_usd), "limit": ROWS}
    found: list[Transfer] = []
    dropped, seen = 0, set()
    for _ in range(MOST_PAGES):
        body = _ask(fetch, cursor, address, {**wanted, "api_key": setup.key})
        for row in wire.sequence(body.get("transactions")):
            try:
                found += transfers(chain, wire.mapping(row))
            except Malformed:
                dropped += 1
        onward = body.get("next")
        if not isinstance(onward, str) or not onward:
            return found, newest, dropped
        address, wanted = _onward(setup.url, onward), {}
        if address in seen or not body.get("transactions"):
            return found, newest, dropped  # a cursor that does not move, or a page for the blocks to come
        seen.add(address)
    last = max((one.block for one in found if one.block is not None), default=first)
    return found, last - 1, dropped  # the last block may be cut


def _onward(base: str, onward: str) -> str:
    """The next page's address without the key. Raises Malformed for a foreign host: the key would go there."""
    parts, home = urlsplit(urljoin(f"{base}/", onward)), urlsplit(base)
    if (parts.scheme, parts.netloc) != (home.scheme, home.netloc):
        raise Malformed(f"{SOURCE}: the next page lies on another host")
    query = [(name, value) for name, value in parse_qsl(parts.query) if name != "api_key"]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(query), ""))


def _ask(fetch: Fetch, cursor: Cursor, address: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
    cursor.etag = cursor.last_modified = ""  # they belong to another address
    body = wire.decode(fetch.get(address, params=params).body, SOURCE)
    if not isinstance(body, dict):
        raise Malformed(f"{SOURCE}: the answer is not an object")
    return body

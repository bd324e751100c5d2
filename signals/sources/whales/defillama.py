"""DeFi Llama: the supply of stablecoins as a slow regime input, and unit prices of the tokens that we follow.

Aggregates, hours old: nothing here speaks about a single transfer. Supply lies under the name of its peg, and the peg can
be a euro. Dates of charts come as integers and as texts. The regime is kept in the source's cursor.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from signals.sources.base import Batch, Cursor, Fetch, Malformed, SourceError
from signals.sources.whales import wire
from signals.sources.whales.assets import TOKENS

log = logging.getLogger(__name__)

SOURCE = "defillama"
EXPANDING, CONTRACTING, FLAT = "expanding", "contracting", "flat"  # supply of stablecoins
DAY = timedelta(hours=24)
LEAST_APART = timedelta(hours=20)  # daily points are not exactly a day apart
REGIME_HOLDS = timedelta(hours=48)
PRICE_HOLDS = timedelta(hours=2)
LEAST_CONFIDENCE = Decimal("0.9")
STEP = Decimal("0.000001")
PEGS = 20


@dataclass(frozen=True, slots=True)
class Supply:
    """Circulating units at one time, by peg: peggedUSD counts dollars, peggedEUR euros."""

    at: datetime
    pegs: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Regime:
    """How the supply of stablecoins changed in a day, by peg, as a fraction; `at` is the newer of the two points."""

    at: datetime
    change: Mapping[str, Decimal]

    @property
    def dollars(self) -> Decimal:
        """Of the stablecoins on the dollar."""
        return self.change.get("peggedUSD", Decimal(0))

    def word(self, flat: Decimal) -> str:
        """What the supply of dollars does, where a change within `flat` a day is none."""
        if abs(self.dollars) <= flat:
            return FLAT
        return EXPANDING if self.dollars > 0 else CONTRACTING


@dataclass(frozen=True, slots=True)
class Setup:
    """Where its hosts are."""

    stablecoins_url: str
    coins_url: str


# --- reading


def chart(raw: bytes) -> list[Supply]:
    """`/stablecoincharts/{all|chain}`: supply over time, oldest first; points that cannot be read are left out."""
    points = wire.decode(raw, SOURCE)
    if not isinstance(points, list):
        raise Malformed(f"{SOURCE}: the chart is not a list")
    found = []
    for point in map(wire.mapping, points):
        at, pegs = wire.moment(wire.whole(point.get("date"))), _pegs(point.get("totalCirculating"))
        if at is not None and pegs:
            found.append(Supply(at, pegs))
    return sorted(found, key=lambda supply: supply.at)


def circulating(raw: bytes) -> dict[str, Decimal]:
    """`/stablecoins`: what circulates now, summed by peg."""
    body = wire.decode(raw, SOURCE)
    coins = wire.mapping(body).get("peggedAssets")
    if not isinstance(coins, list):
        raise Malformed(f"{SOURCE}: the list of stablecoins has no peggedAssets")
    total: dict[str, Decimal] = {}
    for coin in map(wire.mapping, coins):
        for peg, units in _pegs(coin.get("circulating")).items():
            total[peg] = total.get(peg, Decimal(0)) + units
    return total


def prices(raw: bytes, now: datetime) -> dict[tuple[str, str], Decimal]:
    """`/prices/current`: dollars for one token, by (chain, contract); doubtful and old ones are left out."""
    coins = wire.mapping(wire.decode(raw, SOURCE)).get("coins")
    if not isinstance(coins, dict):
        raise Malformed(f"{SOURCE}: the prices have no coins")
    found = {}
    for name, told in coins.items():
        chain, _, contract = str(name).partition(":")
        told = wire.mapping(told)
        price, sure = wire.number(told.get("price")), wire.number(told.get("confidence"))
        stamp = wire.number(told.get("timestamp"))
        at = wire.moment(int(stamp)) if stamp is not None else None
        if price is None or price <= 0 or (sure is not None and sure < LEAST_CONFIDENCE):
            continue
        if at is None or now - at <= PRICE_HOLDS:  # its own example gives 0.99 for a time: then ours counts
            found[chain.lower(), contract.lower()] = price
    return found


def _pegs(value: object) -> dict[str, Decimal]:
    found = {}
    for peg, units in list(wire.mapping(value).items())[:PEGS]:
        amount = wire.number(units)
        if (
            isinstance(peg, str)
            and peg.startswith("pegged")
            and len(peg) <= 16
            and amount is not None
            and amount > 0
        ):
            found[peg] = amount
    return found


# --- the regime


def change(points: list[Supply]) -> Regime | None:
    """The change from about a day before the newest point to it; None where there is no point a day before."""
    if not points:
        return None
    newest = points[-1]
    before = next((point for point in reversed(points) if newest.at - point.at >= LEAST_APART), None)
    if before is None or newest.at - before.at > 2 * DAY:
        return None
    days = Decimal((newest.at - before.at) / DAY).quantize(STEP)
    return Regime(
        newest.at,
        {
            peg: ((units / before.pegs[peg] - 1) / days).quantize(STEP)
            for peg, units in newest.pegs.items()
            if peg in before.pegs
        },
    )


def regime(place: Mapping[str, Any], now: datetime) -> Regime | None:
    """The regime as the source's cursor has it; None where there is none, or it is too old."""
    told = wire.mapping(place.get("regime"))
    at = wire.moment(wire.whole(told.get("at")))
    if at is None or now - at > REGIME_HOLDS:
        return None
    return Regime(at, {peg: Decimal(text) for peg, text in wire.mapping(told.get("change")).items()})


def known_prices(place: Mapping[str, Any], now: datetime) -> dict[tuple[str, str], Decimal]:
    """Unit prices as the source's cursor has them; empty where they are too old. Never an assumed 1.0."""
    at = wire.moment(wire.whole(place.get("priced_at")))
    if at is None or now - at > PRICE_HOLDS:
        return {}
    found = {}
    for name, text in wire.mapping(place.get("prices")).items():
        chain, _, contract = name.partition(":")
        found[chain, contract] = Decimal(text)
    return found


def poll(fetch: Fetch, cursor: Cursor, now: datetime, *, setup: Setup) -> Batch:
    """Prices, then supply; each is kept though the other fails. Raises SourceError where both do."""
    failed: list[SourceError] = []
    for step in (_read_prices, _read_supply):
        cursor.etag = cursor.last_modified = ""  # they belong to the other address
        try:
            step(fetch, cursor, now, setup)
        except SourceError as error:
            log.warning("not read", extra={"source": SOURCE, "error": str(error)})
            failed.append(error)
    if len(failed) == 2:
        raise failed[0]
    return Batch(dropped=len(failed))


def _read_prices(fetch: Fetch, cursor: Cursor, now: datetime, setup: Setup) -> None:
    names = ",".join(f"{chain}:{contract}" for chain, contract in TOKENS)
    found = prices(fetch.get(f"{setup.coins_url}/prices/current/{names}").body, now)
    cursor.place["prices"] = {f"{chain}:{contract}": str(price) for (chain, contract), price in found.items()}
    cursor.place["priced_at"] = int(now.astimezone(UTC).timestamp())


def _read_supply(fetch: Fetch, cursor: Cursor, now: datetime, setup: Setup) -> None:
    found = change(chart(fetch.get(f"{setup.stablecoins_url}/stablecoincharts/all").body))
    if found is not None:
        cursor.place["regime"] = {
            "at": int(found.at.timestamp()),
            "change": {peg: str(value) for peg, value in found.change.items()},
        }

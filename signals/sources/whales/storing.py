"""Keeping transfers: each once, valued, linked to markets, with its claims. Safe to repeat after a crash.

People are told of the large ones by the whale monitor (`signals.subagents`), nobody else.

PostgreSQL's unique key stops duplicates. A filter in Redis stands in front of it (5.1: one minute): an exact key for each
transfer, read before the insert and set after the commit, so that nothing that was not stored is ever held back by it.
Losing Redis costs some inserts that conflict, nothing else.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction

from arbsite import bulk, keys
from arbsite.connections import REDIS_GONE, redis_client
from signals.correlating import predictions
from signals.language.base import Link
from signals.models import WhaleAlert
from signals.sources.base import Claim, Kept, Transfer
from signals.sources.whales import assets, peeling, publishing, regimes, rows, saying, sizes, tables, wallets
from signals.sources.whales.flows import NEUTRAL
from signals.sources.whales.reorganising import Vanished

log = logging.getLogger(__name__)

CHUNK = 1_000  # transfers of one transaction
STATEMENT = 100  # rows of one INSERT: psycopg's search for placeholders is quadratic in a statement's length
Links = Callable[[str, datetime], Sequence[Link]]


@dataclass(slots=True)
class Stored:
    """What became of transfers. `ids` maps a key to its row, those that were there already as well."""

    new: list[WhaleAlert] = field(default_factory=list)
    repeats: int = 0
    lies: int = 0
    ids: dict[str, int] = field(default_factory=dict)


def links_of(asset: str, now: datetime) -> Sequence[Link]:
    """Markets on the price of a crypto asset; `direction` is what a rise of it does to YES."""
    from signals.language.linking import (
        about_asset,
    )  # language is read where it is needed, not where apps load

    return about_asset(asset, now)


def keep(records: Sequence[Any], now: datetime, *, links: Links | None = None) -> Kept:
    """A source's records: what vanished is withdrawn, transfers are stored and told. See `base.Keep`."""
    withdraw([one for one in records if isinstance(one, Vanished)], now)
    told = [one for one in records if isinstance(one, Transfer)]
    stored = take(told, now, links=links)
    publishing.publish(now)
    spans = [now - row.happened_at for row in stored.new if row.happened_at is not None]
    return Kept(
        new=len(stored.new),
        repeats=stored.repeats,
        late=sum(not row.fresh for row in stored.new),
        lies=stored.lies,
        newest=max((one.happened_at for one in told if one.happened_at <= now), default=None),
        latencies_ms=tuple(max(0, span // timedelta(milliseconds=1)) for span in spans),
    )


def take(
    transfers: Iterable[Transfer], now: datetime, *, links: Links | None = None, least: Decimal | None = None
) -> Stored:
    """Store those that count (`least` dollars, WHALES_MIN_USD where not given), each once, with its claims."""
    told = list(transfers)
    stored = Stored()
    for start in range(0, len(told), CHUNK):
        _chunk(told[start : start + CHUNK], now, links or links_of, least, stored)
    return stored


def _chunk(told: list[Transfer], now: datetime, links: Links, least: Decimal | None, stored: Stored) -> None:
    config = settings.ARBSITE.whales
    floor = config.min_usd if least is None else least
    latest = now + timedelta(seconds=settings.ARBSITE.sources.future_seconds)
    honest = [one for one in told if one.happened_at <= latest]
    stored.lies += len(told) - len(honest)
    known = wallets.of(honest)
    judged: dict[str, rows.Judged] = {}
    for transfer in honest:
        one = rows.judge(transfer, known)
        if rows.counts(one, floor) or (least is not None and one.usd is None):
            stored.repeats += one.key in judged
            judged.setdefault(one.key, one)
    seen = _seen(judged)
    stored.ids |= seen
    stored.repeats += len(seen)
    fresh = [one for key, one in judged.items() if key not in seen]
    if not fresh:
        return
    cached: dict[str, list[Link]] = {}
    with transaction.atomic():
        usual = tables.usual((one.asset for one in fresh), now)
        signs = tables.signs()
        made = [
            rows.row(
                one, now=now, fresh_for=timedelta(minutes=config.fresh_minutes),
                half_life=timedelta(minutes=config.half_life_minutes), usual=usual, signs=signs,
                links=_concerning(one.asset, now, links, cached),
            )
            for one in fresh
        ]  # fmt: skip
        new = _insert(made)
        _collapse(new)
        _learn(new, usual)
        _say(new, {one.key: one for one in fresh}, now, usual, signs, cached)
        if len(new) < len(made):
            stored.ids |= _there_already(fresh, {row.key for row in new}, now)
    stored.new += new
    stored.repeats += len(made) - len(new)
    stored.ids |= {row.key: row.pk for row in new if row.key}
    _remember({one.key: stored.ids[one.key] for one in fresh if one.key in stored.ids})


# --- the filter in front


def _seen(judged: Mapping[str, Any]) -> dict[str, int]:
    """Keys of the last minute with their rows."""
    if not judged:
        return {}
    names = list(judged)
    try:
        values = redis_client().mget([keys.whale_seen(name) for name in names])
    except REDIS_GONE as error:
        log.warning("the filter is not asked, Redis is away", extra={"error": type(error).__name__})
        return {}
    return {name: int(value) for name, value in zip(names, values, strict=True) if value is not None}


def _remember(found: Mapping[str, int]) -> None:
    try:
        pipe = redis_client().pipeline(transaction=False)
        for name, pk in found.items():
            pipe.set(keys.whale_seen(name), pk, nx=True, ex=keys.WHALE_SEEN_TTL)
        pipe.execute()
    except REDIS_GONE as error:
        log.warning("the filter is not filled, Redis is away", extra={"error": type(error).__name__})


# --- rows


def _insert(made: list[WhaleAlert]) -> list[WhaleAlert]:
    """Store what is new; returns it with its ids."""
    ids = {
        key: pk
        for start in range(0, len(made), STATEMENT)
        for pk, key in bulk.insert(
            made[start : start + STATEMENT], suffix="ON CONFLICT DO NOTHING RETURNING id, key"
        )
    }
    new = [row for row in made if row.key in ids]
    for row in new:
        row.pk, row._state.adding = ids[row.key], False
    return new


def _there_already(fresh: list[rows.Judged], new: set[str | None], now: datetime) -> dict[str, int]:
    """Ids of rows that were there. One that had vanished and is told again has happened after all, maybe elsewhere."""
    by_key = {one.key: one for one in fresh if one.key not in new}
    found = {}
    for row in WhaleAlert.objects.filter(key__in=by_key):
        found[str(row.key)] = row.pk
        if row.gone_at is not None:
            row.gone_at, row.block_number = None, by_key[str(row.key)].transfer.block
            row.save(update_fields=["gone_at", "block_number"])
    return found


def withdraw(gone: Sequence[Vanished], now: datetime) -> int:
    """Mark the rows of transactions whose block was replaced; they make no signal and no pattern any more."""
    count = 0
    for one in gone:
        hashes = [rows.shown_hash(one.chain, name) for name in one.hashes]
        found = WhaleAlert.objects.filter(
            chain=one.chain, block_number=one.block, transaction_hash__in=hashes, gone_at__isnull=True
        )
        names = [keys.whale_seen(key) for key in found.values_list("key", flat=True) if key]
        count += found.update(gone_at=now)
        try:
            if names:
                redis_client().delete(*names)  # told again, it must pass
        except REDIS_GONE:
            log.warning("the filter is not emptied, Redis is away")
    return count


def _learn(new: Iterable[WhaleAlert], usual: Mapping[str, sizes.Usual]) -> None:
    """What is usual, with these transfers; O(1) for each. A movement counts once, and what is made or destroyed is none."""
    after = dict(usual)
    for row in sorted(new, key=lambda row: row.happened_at or row.created_at):
        moved = row.chained_to_id is None and row.transaction_type == "transfer"
        if row.asset and row.amount is not None and moved:
            after[row.asset] = sizes.learn(after[row.asset], row.amount, row.happened_at or row.created_at)
    changed = {name: one for name, one in after.items() if one != usual[name]}
    if changed:
        tables.learned(changed)


def _collapse(new: list[WhaleAlert]) -> None:
    """Tie the links of peel chains to the first one, also to one that came before."""
    open_ = [row for row in new if row.direction == NEUTRAL and not row.from_owner and row.from_address]
    if not open_:
        return
    earlier = WhaleAlert.objects.filter(
        asset__in={row.asset for row in open_}, chain__in={row.chain for row in open_},
        happened_at__gte=min(row.happened_at for row in open_ if row.happened_at) - peeling.WITHIN,
        to_address__in={row.from_address for row in open_}, gone_at__isnull=True,
    ).exclude(pk__in=[row.pk for row in new])  # fmt: skip
    by_pk = {row.pk: row for row in [*earlier, *new]}
    found = peeling.heads([_step(row) for row in by_pk.values() if row.happened_at and row.units])
    tied = []
    for row in open_:
        head = by_pk.get(found.get(row.pk))  # type: ignore[call-overload]
        if head is not None:
            row.chained_to_id = head.chained_to_id or head.pk
            tied.append(row)
    WhaleAlert.objects.bulk_update(tied, ["chained_to"])


def _step(row: WhaleAlert) -> peeling.Step:
    assert row.units is not None and row.happened_at is not None
    return peeling.Step(
        row.pk, row.chain, row.asset, row.from_address or "", row.to_address or "", row.units, row.happened_at,
        open=row.direction == NEUTRAL and not row.from_owner and not row.to_owner,
    )  # fmt: skip


# --- what they say


def _concerning(asset: str, now: datetime, links: Links, cached: dict[str, list[Link]]) -> list[Link]:
    """The markets that a flow of an asset may say something about, the surest first, each once."""
    if asset not in cached:
        found: dict[str, Link] = {}
        for name in assets.concerned(asset):
            for link in links(name, now):
                found.setdefault(link.market_id, link)
        cached[asset] = sorted(found.values(), key=lambda link: (-link.score, link.market_id))[
            : rows.MOST_LINKS
        ]
    return cached[asset]


def _say(
    new: list[WhaleAlert], judged: Mapping[str, rows.Judged], now: datetime, usual: Mapping[str, sizes.Usual],
    signs: Mapping[tuple[str, str], int], cached: Mapping[str, list[Link]],
) -> None:  # fmt: skip
    """Claims, in the transaction that stores the rows."""
    config = settings.ARBSITE.whales
    claims: list[Claim] = []
    supply = regimes.supply(now) if any(assets.is_stable(row.asset) for row in new) else ""
    for row in new:
        if row.chained_to_id is None:
            claims += saying.claims(
                row, sign=sizes.sign_of(signs, assets.class_of(row.asset), row.direction or ""),
                size=rows.size(judged[str(row.key)], usual), links=cached.get(row.asset, ()),
                horizon=timedelta(minutes=config.horizon_minutes), half_life=timedelta(minutes=config.half_life_minutes),
                supply=supply,
            )  # fmt: skip
    if claims:
        predictions.record(claims, now=now)

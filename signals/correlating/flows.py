"""Repeated flows among new transfers: stored as patterns, and what their transfers claimed is claimed again.

People are told of a pattern by the whale monitor (`signals.subagents`), nobody else. `followed` is this module's own
mark: `processed` says that the stream was told, which happens at once after a transfer is stored.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction

from signals.correlating import patterns, predictions
from signals.correlating.patterns import Repeated
from signals.models import FlowPattern, Prediction, WhaleAlert
from signals.models.whales import INFLOW, OUTFLOW
from signals.sources.base import Claim
from signals.times import unix_ms, utc

BATCH = 2_000
USUAL = timedelta(milliseconds=patterns.USUAL_MS)
FOUR, EIGHT = Decimal("0.0001"), Decimal("0.00000001")
PATTERN = "pattern"  # the kind of a claim


class Flow(NamedTuple):
    """What repeats."""

    asset: str
    exchange: str
    direction: str


class Seen(NamedTuple):
    """One transfer of a flow."""

    pk: int
    at_ms: int
    usd: Decimal
    source: str


def follow(*, now: datetime) -> list[FlowPattern]:
    """Look at the transfers that nobody has looked at yet; returns the new patterns. Safe to run twice.

    A transfer is looked at once; read beside it is one day of the same assets, however much is stored.
    """
    with transaction.atomic():
        rows = list(
            WhaleAlert.objects.select_for_update(skip_locked=True)
            .filter(followed=False)
            .order_by("pk")
            .values(
                "pk", "asset", "exchange", "direction", "happened_at", "fresh", "chained_to_id", "gone_at"
            )[:BATCH]
        )
        WhaleAlert.objects.filter(pk__in=[row["pk"] for row in rows]).update(followed=True)
        newest: dict[Flow, datetime] = {}
        for row in rows:
            if _counts(row):
                flow = Flow(row["asset"], row["exchange"], row["direction"])
                newest[flow] = max(newest.get(flow, row["happened_at"]), row["happened_at"])
        found, transfers = [], _transfers(newest)
        for flow, repeated in _repeated(transfers).items():
            pattern = _stored(flow, repeated, transfers[flow])
            if pattern is not None:
                found.append((pattern, flow))
    for pattern, flow in found:
        _claim(pattern, transfers[flow], now)
    return [pattern for pattern, _ in found]


def _counts(row: Mapping) -> bool:
    """Fresh, whole, and of an exchange: a late one makes no signal, and a chain of changes is one movement."""
    return bool(
        row["asset"]
        and row["exchange"]
        and row["direction"] in (INFLOW, OUTFLOW)
        and row["happened_at"]
        and row["fresh"]
        and row["chained_to_id"] is None
        and row["gone_at"] is None
    )


def _transfers(newest: Mapping[Flow, datetime]) -> dict[Flow, list[Seen]]:
    """The transfers of these flows in the day up to the newest of each, in one query."""
    found: dict[Flow, list[Seen]] = {flow: [] for flow in newest}
    if not newest:
        return found
    rows = WhaleAlert.objects.filter(
        asset__in={flow.asset for flow in newest},
        happened_at__gt=min(newest.values()) - USUAL,
        happened_at__lte=max(newest.values()),
        exchange__in={flow.exchange for flow in newest},
        chained_to__isnull=True,
        gone_at__isnull=True,
    ).values_list("pk", "asset", "exchange", "direction", "happened_at", "amount", "source")
    for pk, asset, exchange, direction, at, usd, source in rows:
        flow = Flow(asset, exchange, direction)
        if flow in found and at <= newest[flow]:
            found[flow].append(Seen(pk, unix_ms(at), usd or Decimal(0), source))
    return found


def _repeated(transfers: Mapping[Flow, Sequence[Seen]]) -> dict[Flow, Repeated]:
    found = {flow: patterns.found([one.at_ms for one in seen]) for flow, seen in transfers.items()}
    return {flow: repeated for flow, repeated in found.items() if repeated is not None}


def _stored(flow: Flow, found: Repeated, seen: Iterable[Seen]) -> FlowPattern | None:
    """The new pattern; None where one that goes on was only brought up to date."""
    figures = {
        "last_at": utc(found.last_ms),
        "count": found.count,
        "usd": sum((one.usd for one in seen if one.at_ms >= found.began_ms), Decimal(0)),
        "usual": Decimal(found.usual).quantize(FOUR),
        "chance": Decimal(found.chance).quantize(EIGHT),
    }
    going_on = (
        FlowPattern.objects.filter(**flow._asdict(), last_at__gte=utc(found.began_ms))
        .order_by("-last_at")
        .first()
    )
    if going_on is not None:
        if going_on.last_at <= figures["last_at"]:
            FlowPattern.objects.filter(pk=going_on.pk).update(**figures)
        return None
    pattern, made = FlowPattern.objects.get_or_create(
        **flow._asdict(), began_at=utc(found.began_ms), defaults=figures
    )
    return pattern if made else None


def _claim(pattern: FlowPattern, seen: Iterable[Seen], now: datetime) -> None:
    """Say again, as one claim, what the pattern's transfers said about each market; with half the strength more."""
    inside = {f"whale:{one.pk}": one for one in seen if one.at_ms >= unix_ms(pattern.began_at)}
    strongest: dict[str, Prediction] = {}
    for row in Prediction.objects.filter(item__in=inside).order_by("strength"):
        strongest[row.market_id] = row
    claims = [
        Claim(
            row.source, PATTERN, f"pattern:{pattern.pk}", row.market_id, row.direction,
            min(Decimal(1), row.strength * Decimal("1.5")).quantize(FOUR), pattern.last_at, now,
            timedelta(seconds=row.horizon_seconds), timedelta(seconds=row.half_life_seconds), str(pattern),
        )
        for row in strongest.values()
    ]  # fmt: skip
    predictions.record(claims, now=now)

"""Fits: which one speaks at a moment, and making new ones from what is scored. A fit is never changed."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from operator import itemgetter

from django.conf import settings
from django.db.models import F

from signals.correlating import calibrating
from signals.correlating.calibrating import Sample
from signals.models import Prediction, SourceFit
from signals.sources.base import plain_kind
from signals.times import unix_ms

FOUR = Decimal("0.0001")
Name = tuple[str, str]  # source and kind

_ACTIVE = """
SELECT f.* FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS w(source, kind, at) CROSS JOIN LATERAL (
  SELECT * FROM source_fits WHERE source = w.source AND kind = w.kind AND active_from <= w.at
  ORDER BY active_from DESC LIMIT 1
) f
"""
FIELDS = (
    "source", "kind", "strength", "happened_at", "seen_at", "horizon_seconds", "half_life_seconds", "outcome", "base_hit",
    "lag_ms",
)  # fmt: skip


def active(moments: Mapping[Name, datetime]) -> dict[Name, SourceFit]:
    """The fit that was active for each source and kind at its moment; those without one are left out. One query."""
    if not moments:
        return {}
    names = list(moments)
    columns = [[source for source, _ in names], [kind for _, kind in names], list(moments.values())]
    return {(fit.source, fit.kind): fit for fit in SourceFit.objects.raw(_ACTIVE, columns)}


def of_claim(known: Mapping[Name, SourceFit], source: str, kind: str) -> SourceFit | None:
    """The fit that speaks for a claim: its circumstance's own once enough of it is scored, until then the plain kind's."""
    own, plain = known.get((source, kind)), known.get((source, plain_kind(kind)))
    if own is None or own.samples < settings.ARBSITE.evidence.fewest_scored:
        return plain or own
    return own


def fit_all(*, now: datetime, every: timedelta = timedelta(0)) -> list[SourceFit]:
    """Fit every source and kind on what was judged in the last `EVIDENCE_FIT_DAYS`; returns the new fits.

    With `every`, those that have a fit younger than that keep it.

    Nothing after `now` exists yet, and they speak from `now` on: what they are scored on they have not seen. As on the
    scorecard, what was written down after it was due teaches nothing. A kind with a circumstance (`inflow:expanding`) is
    fitted by itself and teaches the plain one (`inflow`) as well.
    """
    config = settings.ARBSITE.evidence
    start = now - timedelta(days=config.fit_days)
    rows = (
        Prediction.objects.filter(
            seen_at__gte=start,
            judged_at__lte=now,
            outcome__in=(Prediction.HIT, Prediction.MISS),
            created_at__lt=F("due_at"),
        )
        .order_by("source", "seen_at")
        .values_list(*FIELDS)
    )
    young = set(SourceFit.objects.filter(active_from__gt=now - every).values_list("source", "kind"))
    made = []
    for source, part in groupby(rows.iterator(chunk_size=5_000), key=itemgetter(0)):
        kinds: dict[str, list[Sample]] = defaultdict(list)
        for row in part:
            for kind in {row[1], plain_kind(row[1])}:
                if (source, kind) not in young:
                    kinds[kind].append(_sample(row))
        for kind, samples in sorted(kinds.items()):
            found = calibrating.fit(
                samples, level=float(config.confidence_level), fewest=config.fewest_scored
            )
            if found is not None:
                made.append(_fit(source, kind, found, start, now))
    # Two beats may ring at once: the second finds them made
    return list(SourceFit.objects.bulk_create(made, ignore_conflicts=True))


def cluster(source: str, seen_ms: int, horizon_ms: int) -> str:
    """What a prediction depends on: everything its source said within the same stretch as long as the horizon.

    So one story about ten markets is one occasion, and so are ten alarms during one move.
    """
    return f"{source} {seen_ms // max(horizon_ms, 1)}"


def _sample(row: tuple) -> Sample:
    source, _, strength, happened, seen, horizon, half_life, outcome, base_hit, lag_ms = row
    seen_ms, horizon_ms = unix_ms(seen), horizon * 1_000
    return Sample(
        float(strength), seen_ms - unix_ms(happened), horizon_ms, half_life * 1_000, outcome == Prediction.HIT,
        base_hit, lag_ms, cluster(source, seen_ms, horizon_ms),
    )  # fmt: skip


def _fit(source: str, kind: str, found: calibrating.Fit, start: datetime, now: datetime) -> SourceFit:
    return SourceFit(
        source=source, kind=kind, fitted_from=start, fitted_until=now, active_from=now, samples=found.samples,
        hits=found.hits, base_hits=found.base_hits, lower=_four(found.lower), upper=_four(found.upper),
        base_rate=_four(found.base_rate), weight=Decimal(found.weight).quantize(FOUR),
        half_life_seconds=max(1, found.half_life_ms // 1_000),
        curve=[[round(strength, 6), round(probability, 6)] for strength, probability in found.curve], created_at=now,
    )  # fmt: skip


def _four(share: float | None) -> Decimal | None:
    return None if share is None else Decimal(share).quantize(FOUR)

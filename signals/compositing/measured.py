"""How far mids have gone after a source's claims, from those that were judged; looked up at most every ten minutes."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import Avg, Count, F, Q

from signals.compositing.opportunities import Moves
from signals.models import Prediction
from signals.sources.base import plain_kind

KEPT = timedelta(minutes=10)
DOLLAR_STEP = Decimal("0.000001")
ZERO = Decimal(0)

_known: dict[tuple[str, str], tuple[datetime, Moves | None]] = {}


def moves(source: str, kind: str, now: datetime) -> Moves | None:
    """The mean moves after this source's claims of this kind; None where too few were judged.

    Of a circumstance that has too few of its own, those of the plain kind, as its fit is.
    """
    found = _known.get((source, kind))
    if found is None or not timedelta(0) <= now - found[0] < KEPT:
        plain = plain_kind(kind)
        measured = _measure(source, Q(kind=kind), now)
        if measured is None and plain != kind:
            measured = _measure(source, Q(kind=plain) | Q(kind__startswith=f"{plain}:"), now)
        found = _known[source, kind] = now, measured
    return found[1]


def forget() -> None:
    """Drop what was looked up."""
    _known.clear()


def _measure(source: str, kind: Q, now: datetime) -> Moves | None:
    config = settings.ARBSITE.evidence
    judged = Prediction.objects.filter(
        kind, source=source, outcome__in=(Prediction.HIT, Prediction.MISS), mid__isnull=False,
        end_mid__isnull=False, seen_at__gte=now - timedelta(days=config.fit_days), seen_at__lt=now,
    ).exclude(direction=0)  # fmt: skip
    rows = judged.values("outcome").annotate(
        move=Avg((F("end_mid") - F("mid")) * F("direction")), count=Count("id")
    )
    by_outcome = {row["outcome"]: row for row in rows}
    samples = sum(row["count"] for row in by_outcome.values())
    if samples < config.fewest_scored or Prediction.HIT not in by_outcome:
        return None
    miss = -by_outcome[Prediction.MISS]["move"] if Prediction.MISS in by_outcome else ZERO
    hit = by_outcome[Prediction.HIT]["move"]
    return Moves(max(ZERO, hit).quantize(DOLLAR_STEP), max(ZERO, miss).quantize(DOLLAR_STEP), samples)

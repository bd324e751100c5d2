"""What is old enough to be forgotten: judged predictions, patterns, and fits that nobody refers to any more."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef

from signals.models import FlowPattern, Prediction, SourceFit

AT_ONCE = 10_000


def forget(*, now: datetime) -> int:
    """Remove what is older than `EVIDENCE_KEEP_DAYS`; returns how many rows. The newest fit of a source always stays."""
    limit = now - timedelta(days=settings.ARBSITE.evidence.keep_days)
    gone = 0
    while True:
        old = Prediction.objects.filter(seen_at__lt=limit).exclude(outcome=Prediction.OPEN)
        count, _ = Prediction.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:AT_ONCE])).delete()
        gone += count
        if count < AT_ONCE:
            break
    gone += FlowPattern.objects.filter(last_at__lt=limit).delete()[0]
    newer = SourceFit.objects.filter(
        source=OuterRef("source"), kind=OuterRef("kind"), active_from__gt=OuterRef("active_from")
    )
    unused = SourceFit.objects.filter(
        Exists(newer), ~Exists(Prediction.objects.filter(fit=OuterRef("pk"))), active_from__lt=limit
    )
    return gone + unused.delete()[0]

"""Transfers and stories that are old enough to be forgotten, as everything else that signals are made of: 90 days."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from signals.models import NewsCarrier, NewsEvent, WhaleAlert

AT_ONCE = 5_000  # rows of one statement: the table must not stand still for long


def forget(*, now: datetime) -> int:
    """Remove what is older than `EVIDENCE_KEEP_DAYS`; returns how many rows.

    A story goes when nobody has carried it since. One that a feed still shows afterwards comes back as what it is: late.
    """
    limit = now - timedelta(days=settings.ARBSITE.evidence.keep_days)
    carried = NewsCarrier.objects.filter(event=OuterRef("pk"), seen_at__gte=limit)
    return _emptied(lambda: WhaleAlert.objects.filter(created_at__lt=limit)) + _emptied(
        lambda: NewsEvent.objects.filter(~Exists(carried), created_at__lt=limit)
    )


def _emptied(old: Callable[[], QuerySet]) -> int:
    """Delete in pieces, the oldest first; what others delete meanwhile is simply gone."""
    gone = 0
    while ids := list(old().order_by("created_at").values_list("pk", flat=True)[:AT_ONCE]):
        gone += old().filter(pk__in=ids).delete()[0]
    return gone

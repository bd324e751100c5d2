"""What is old enough to be forgotten of all that evidence is made of: one task, in pieces so that no table stands still."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from signals.models import (
    CalendarEvent,
    FlowPattern,
    NewsCarrier,
    NewsEvent,
    Prediction,
    PriceMove,
    SourceFit,
    WhaleAlert,
)
from signals.sources.calendar.topics import LOW

AT_ONCE = 5_000  # rows of one statement
CLOSES_KEPT = timedelta(days=30)  # past closes of markets: most of the calendar, and nothing refers to them


def forget(*, now: datetime) -> int:
    """Remove what is older than `EVIDENCE_KEEP_DAYS`; returns how many rows.

    A story goes when nobody has carried it since; one that a feed still shows afterwards comes back as what it is: late.
    An open prediction stays until it is judged, a fit while a prediction refers to it or it is the newest of its source.
    """
    limit = now - timedelta(days=settings.ARBSITE.evidence.keep_days)
    carried = NewsCarrier.objects.filter(event=OuterRef("pk"), seen_at__gte=limit)
    newer = SourceFit.objects.filter(
        source=OuterRef("source"), kind=OuterRef("kind"), active_from__gt=OuterRef("active_from")
    )
    referred = Prediction.objects.filter(fit=OuterRef("pk"))
    old = (  # predictions before the fits that they refer to
        Prediction.objects.filter(seen_at__lt=limit).exclude(outcome=Prediction.OPEN),
        SourceFit.objects.filter(Exists(newer), ~Exists(referred), active_from__lt=limit),
        FlowPattern.objects.filter(last_at__lt=limit),
        WhaleAlert.objects.filter(created_at__lt=limit),
        NewsEvent.objects.filter(~Exists(carried), created_at__lt=limit),
        PriceMove.objects.filter(happened_at__lt=limit),
        CalendarEvent.objects.filter(importance=LOW, starts_at__lt=now - CLOSES_KEPT),
    )
    return sum(map(_emptied, old))


def _emptied(old: QuerySet) -> int:
    """Delete in pieces; what others delete meanwhile is simply gone."""
    gone = 0
    while ids := list(old.order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
        gone += old.filter(pk__in=ids).delete()[0]
    return gone

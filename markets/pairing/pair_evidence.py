"""What the market says against a proposed pair, written where its reader looks: the pair's notices."""

from datetime import datetime, timedelta
from decimal import Decimal

from arbsite.models import MEDIUM, Notice
from markets.models import Pair

KIND = "pair_gap"
ONCE_IN = timedelta(days=1)


def note_gap(pair_id: int, gap: Decimal, now: datetime) -> bool:
    """Note on a proposed pair that its mids are `gap` dollars apart, at most once a day; False where nothing was noted."""
    pair = Pair.objects.filter(pk=pair_id, status=Pair.PROPOSED).first()
    if pair is None:
        return False
    subject = str(pair)[:200]
    if Notice.objects.filter(kind=KIND, subject=subject, created_at__gt=now - ONCE_IN).exists():
        return False
    message = (
        f"The mid prices are {gap:.4f} dollars apart: two markets that are the same bet hardly ever are."
    )
    Notice.objects.record(KIND, subject, message, severity=MEDIUM, at=now, pair=pair.pk, gap=str(gap))
    return True

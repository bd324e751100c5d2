"""Claims become predictions: one row for each item and market, with the probability that was given before the fact."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from signals.models import Prediction
from signals.sources.base import Claim

PRIOR = Decimal("0.5")


def record(claims: Sequence[Claim], *, now: datetime) -> int:
    """Store these claims; what was claimed before is left as it is. Returns how many are new."""
    rows = [
        Prediction(
            source=claim.source, kind=claim.kind, item=claim.item, market_id=claim.market_id, direction=claim.direction,
            strength=claim.strength, probability=PRIOR, note=claim.note[:255], happened_at=claim.happened_at,
            seen_at=claim.seen_at, horizon_seconds=int(claim.horizon.total_seconds()),
            half_life_seconds=int(claim.half_life.total_seconds()), due_at=claim.seen_at + claim.horizon,
        )
        for claim in claims
    ]  # fmt: skip
    return len(Prediction.objects.bulk_create(rows, ignore_conflicts=True))

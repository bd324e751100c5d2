"""How often legs fill and what unwinding costs, measured from what execution reports."""

from collections.abc import Sequence

from signals.models import LegOutcome


def record(outcomes: Sequence[LegOutcome]) -> None:
    """Keep what became of orders; the same order told twice counts once."""
    LegOutcome.objects.bulk_create(outcomes, ignore_conflicts=True)

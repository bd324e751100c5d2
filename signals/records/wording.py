"""Figures of a signal in the words of its tables."""

from signals.models import Signal

MOST_SAID = (
    10  # times the outlay in a year: above that a figure says only that the money is back within hours
)


def a_year(row: Signal) -> str:
    """Simple interest a year as people read it; where there is none, why."""
    if row.annualised is None:
        return "at once" if row.metadata.get("frees_now") else "day unknown"
    return f"> {MOST_SAID:.0%}" if row.annualised > MOST_SAID else f"{row.annualised:.0%}"

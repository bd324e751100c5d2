"""How urgent a text is and how much it can move: a sum of points that anybody can follow, with its values in YAML.

Urgency adds points for who says it (an office itself), how (`breaking`), and what (a decision told as done, a measure that
markets wait for, a surprise), takes some away for hedges, and names the sum high, medium or low. Impact adds parts of 1: a
base, the weightiest topic, surprise, a figure, names, the source, the colour; a hedge shrinks the whole.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from signals.language import tables
from signals.language.base import HIGH, LOW, MEDIUM
from signals.language.texts import Said

MOST_NAMES = 4
_FINE = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Weight:
    """Urgency as a word, impact from 0 to 1, and the points that were given, for people."""

    urgency: str
    impact: Decimal
    why: tuple[str, ...]


def weigh(
    said: Said, topics: Sequence[str], sentiment: Decimal, outlet: str = "", hints: Sequence[str] = ()
) -> Weight:
    """Weigh one text. `outlet` is who wrote it; the hint `official` says that it is the office's own feed."""
    signs = _signs(said, outlet, hints)
    points = sum(float(_values()["urgency"][sign]) for sign in signs if sign in _values()["urgency"])
    urgency = (
        HIGH
        if points >= _values()["urgency"]["high"]
        else MEDIUM
        if points >= _values()["urgency"]["medium"]
        else LOW
    )
    return Weight(urgency, _impact(said, topics, sentiment, signs), tuple(signs))


@cache
def _values() -> Mapping[str, Any]:
    return tables.document("weighing.yaml")  # type: ignore[no-any-return]


def _signs(said: Said, outlet: str, hints: Sequence[str]) -> list[str]:
    found = []
    name = f" {outlet.lower()[:200]} "
    if "official" in hints or any(part in name for part in _values()["official"]):
        found.append("official")
    found += [
        sign for sign in ("breaking", "decision", "surprise", "hedge") if _any(said.flat, _values()[sign])
    ]
    if said.kinds.get("measure", set()) & set(_values()["measures"]):
        found.append("measure")
    return found


def _any(flat: str, phrases: Iterable[str]) -> bool:
    return any(f" {phrase} " in flat for phrase in phrases)


def _impact(said: Said, topics: Sequence[str], sentiment: Decimal, signs: Sequence[str]) -> Decimal:
    values = _values()["impact"]
    total = values["base"] + max((values["topic"].get(topic, 0.0) for topic in topics), default=0.0)
    total += sum(values[sign] for sign in ("surprise", "official", "breaking") if sign in signs)
    total += values["number"] if said.bounds else 0.0
    total += values["entity"] * min(MOST_NAMES, len(said.entities)) + values["sentiment"] * abs(
        float(sentiment)
    )
    if "hedge" in signs:
        total *= values["hedge"]
    return Decimal(max(0.0, min(1.0, total))).quantize(_FINE)

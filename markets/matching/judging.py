"""The verdict on one pair, with its score, settlement class and reasons."""

from dataclasses import dataclass
from typing import Any

from rapidfuzz import fuzz

from markets.matching.facts import Facts, facts_of
from markets.matching.gate import Findings, compare
from markets.matching.questions import Question
from markets.platforms.base import POLYMARKET

SAME, INVERTED, REVIEW, DIFFERENT = "same", "inverted", "review", "different"
CLEAN, CORRELATED, TIMING, UNKNOWN = "clean", "correlated", "timing", "unknown"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Two markets and what the matcher says of them; a person decides.

    `vetoes` are contradictions and unanswered needs, each with a stable code before its sentence: with any of them the
    verdict is `review` or `different`.
    """

    polymarket_id: str
    kalshi_id: str
    score: float  # 0 to 1, for ordering only
    verdict: str  # same, inverted, review, different
    settlement: str  # clean, correlated, timing, unknown
    reasons: tuple[str, ...]
    vetoes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The shape that `manage.py match --json` prints."""
        return {
            "polymarket_id": self.polymarket_id,
            "kalshi_id": self.kalshi_id,
            "score": self.score,
            "verdict": self.verdict,
            "settlement": self.settlement,
            "reasons": list(self.reasons),
            "vetoes": list(self.vetoes),
        }


def judge(a: Question, b: Question, *, this_year: int | None = None) -> Candidate:
    """Compare two questions fact by fact; which of them is Polymarket's is seen from their platforms.

    `this_year` is the year now: `in 2026` and `before 2027` are one window once 2026 has begun. Not given, it has not.
    """
    if b.platform == POLYMARKET and a.platform != POLYMARKET:
        a, b = b, a
    return judge_facts(facts_of(a), facts_of(b), this_year)


def judge_facts(a: Facts, b: Facts, this_year: int | None = None) -> Candidate:
    """The same for facts that are read already; `a` is Polymarket's."""
    found = compare(a, b, this_year)
    similarity = similar(a.folded, b.folded)
    verdict = _verdict(found)
    reasons = (f"title: {similarity:.2f} similar", *dict.fromkeys(found.reasons))
    return Candidate(
        a.question.id, b.question.id, _score(similarity, found, verdict), verdict, _settlement(a, b, found, verdict),
        reasons, tuple(dict.fromkeys(found.vetoes + found.doubts)),
    )  # fmt: skip


def similar(one: str, two: str) -> float:
    """Mean of the token-sort ratio and the share of common letter triples, 0 to 1."""
    triples = [{text[i : i + 3] for i in range(max(1, len(text) - 2))} for text in (one, two)]
    shared = 2 * len(triples[0] & triples[1]) / (len(triples[0]) + len(triples[1]))
    return (fuzz.token_sort_ratio(one, two) / 100 + shared) / 2


def _verdict(found: Findings) -> str:
    if found.vetoes:
        return DIFFERENT
    if found.doubts or not any(not reason.startswith("year") for reason in found.reasons):
        return REVIEW
    return INVERTED if found.flips % 2 else SAME


def _score(similarity: float, found: Findings, verdict: str) -> float:
    """Agreement of facts beside similarity: a veto halves it, each doubt takes a tenth."""
    if verdict in (SAME, INVERTED):
        return round(0.6 + 0.4 * similarity, 4)
    if verdict == REVIEW:
        return round(max(0.0, (0.3 + 0.5 * similarity) * 0.9 ** len(found.doubts)), 4)
    return round(similarity / 2 * 0.8 ** (len(found.vetoes) - 1), 4)


def _settlement(a: Facts, b: Facts, found: Findings, verdict: str) -> str:
    """Clean needs both rule texts, one shared source, and nothing that differs in time or voids."""
    if "source" in found.flags:
        return CORRELATED
    if "timing" in found.flags:
        return TIMING
    shared = any(a.sources[kind] & b.sources[kind] for kind in a.sources.keys() & b.sources.keys())
    shared = shared or any(reason.startswith("source:") for reason in found.reasons)
    complete = bool(a.question.rules and b.question.rules) and shared
    if (
        not complete
        or found.flags
        or verdict not in (SAME, INVERTED)
        or (a.is_price and not (a.hours and b.hours))
    ):
        return UNKNOWN
    return CLEAN

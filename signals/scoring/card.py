"""The scorecard of sources: how often each was right, against what would have been right anyway, and what it earned.

Only predictions that were written down before they could be judged are handed in: what the figures say is out of sample.
Shares and levels are fractions, money is Decimal dollars, times are milliseconds.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Any

from signals.scoring import brier, intervals
from signals.scoring.brier import Bin, Parts

HIT, MISS, VOID = "HIT", "MISS", "VOID"
INFORMATIVE, NOISE, WORSE, TOO_FEW = "informative", "noise", "worse than nothing", "too few"
DEFINITION = (
    "Right: within the stated horizon the market's mid moved in the stated direction (direction 0: either way) by more "
    "than the spread at the moment the item was seen."
)
SIX = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Scored:
    """One judged prediction. `cluster` names what it depends on; `fitted` says whether a frozen fit gave `probability`."""

    source: str
    kind: str
    outcome: str
    probability: float
    fitted: bool
    cluster: str
    base_hit: bool | None = None
    profit: Decimal | None = None
    lead_ms: int | None = None
    moved_first: str = ""
    peak: Decimal | None = None
    lasted_ms: int | None = None
    why_void: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """What one source, or one kind of it, is worth. What cannot be said yet is None."""

    hits: int
    total: int
    accuracy: float | None
    interval: intervals.Interval
    base_hits: int
    base_total: int
    base_rate: float | None
    advantage: (
        intervals.Interval | None
    )  # accuracy minus base rate of those with a control, at the same level
    effective_total: float  # independent results that these are worth
    brier: float | None
    brier_base: float | None  # of saying the base rate every time
    parts: Parts | None
    bins: tuple[Bin, ...]
    calibration_error: float | None
    calibration_chance: float | None  # what perfect forecasts would show by chance
    fitted: int
    profit_per_signal: Decimal | None
    profit_total: Decimal | None
    traded: int  # of which there is a profit
    lead_ms_p50: int | None
    lasted_ms_p50: int | None
    peak_p50: Decimal | None
    moved_first: dict[str, int]
    late: int  # the move was over before we saw the item
    void: dict[str, int]
    verdict: str
    sentence: str


def score(rows: Sequence[Scored], *, level: float, fewest: int) -> Score:
    """Score these predictions as one source. `fewest` results are needed before it is called anything."""
    judged = [row for row in rows if row.outcome in (HIT, MISS)]
    hits = sum(row.outcome == HIT for row in judged)
    results = [(row.cluster, row.outcome == HIT) for row in judged]
    controls = [(row.cluster, row.base_hit) for row in judged if row.base_hit is not None]
    # A market too new to have a control may be livelier than the others: beside their base rate it would look informed
    beside = [(row.cluster, row.outcome == HIT) for row in judged if row.base_hit is not None]
    base_hits = sum(right for _, right in controls)
    effective = intervals.effective(results)
    interval = intervals.wilson(*effective, level)
    advantage = (
        intervals.difference(intervals.effective(beside), intervals.effective(controls), level)
        if controls
        else None
    )
    accuracy = hits / len(judged) if judged else None
    base_rate = base_hits / len(controls) if controls else None
    forecasts = [(row.probability, row.outcome == HIT) for row in judged]
    found = tuple(brier.bins(forecasts))
    profits = [row.profit for row in judged if row.profit is not None]
    leads = [row.lead_ms for row in judged if row.lead_ms is not None and row.lead_ms >= 0]
    clusters = len({row.cluster for row in judged})
    enough = len(judged) >= fewest and len(controls) >= fewest / 2 and clusters >= intervals.FEWEST_CLUSTERS
    verdict = _verdict(advantage) if enough else TOO_FEW
    return Score(
        hits=hits,
        total=len(judged),
        accuracy=accuracy,
        interval=interval,
        base_hits=base_hits,
        base_total=len(controls),
        base_rate=base_rate,
        advantage=advantage,
        effective_total=effective[1],
        brier=brier.score(forecasts) if forecasts else None,
        brier_base=brier.score([(base_rate, came) for _, came in forecasts])
        if forecasts and base_rate is not None
        else None,
        parts=brier.decompose(forecasts) if forecasts else None,
        bins=found,
        calibration_error=brier.calibration_error(found) if found else None,
        calibration_chance=brier.chance_error(found) if found else None,
        fitted=sum(row.fitted for row in judged),
        profit_per_signal=(sum(profits, Decimal(0)) / len(profits)).quantize(SIX) if profits else None,
        profit_total=sum(profits, Decimal(0)).quantize(SIX) if profits else None,
        traded=len(profits),
        lead_ms_p50=_middle(leads),
        lasted_ms_p50=_middle([row.lasted_ms for row in judged if row.lasted_ms is not None]),
        peak_p50=median(peaks) if (peaks := [row.peak for row in judged if row.peak is not None]) else None,
        moved_first=dict(Counter(row.moved_first for row in judged if row.moved_first)),
        late=sum(row.lead_ms is not None and row.lead_ms < 0 for row in judged),
        void=dict(Counter(row.why_void or "unknown" for row in rows if row.outcome == VOID)),
        verdict=verdict,
        sentence=_sentence(verdict, accuracy, interval, base_rate, len(judged), fewest, level),
    )


def by_source(
    rows: Sequence[Scored], *, level: float, fewest: int
) -> dict[str, tuple[Score, dict[str, Score]]]:
    """Each source's score, and that of each of its kinds, by name."""
    sources: dict[str, dict[str, list[Scored]]] = {}
    for row in rows:
        sources.setdefault(row.source, {}).setdefault(row.kind, []).append(row)
    found = {}
    for name, kinds in sorted(sources.items()):
        every = [row for part in kinds.values() for row in part]
        whole = score(every, level=level, fewest=fewest)
        found[name] = (
            whole,
            {kind: score(part, level=level, fewest=fewest) for kind, part in sorted(kinds.items())},
        )
    return found


def _middle(values: Sequence[int]) -> int | None:
    return int(median(values)) if values else None


def _verdict(advantage: intervals.Interval | None) -> str:
    if advantage is None:
        return TOO_FEW
    lower, upper = advantage
    if lower > 0:
        return INFORMATIVE
    return WORSE if upper < 0 else NOISE


def _sentence(
    verdict: str,
    accuracy: float | None,
    interval: intervals.Interval,
    base: float | None,
    total: int,
    fewest: int,
    level: float,
) -> str:
    if verdict == TOO_FEW or accuracy is None or base is None:
        return (
            f"Too few: {total} judged where {fewest} on several occasions, with controls, are needed. It may veto or "
            "shrink, never enlarge."
        )
    said = (
        f"right {accuracy:.1%} of {total} times ({level:.4g} interval {interval[0]:.1%} to {interval[1]:.1%}), "
        f"and {base:.1%} without a reason"
    )
    return {
        INFORMATIVE: f"Informative: {said}: the difference is beyond chance.",
        NOISE: f"Noise: {said}: the difference may be chance.",
        WORSE: f"Worse than nothing: {said}: what it says happens less often than without it.",
    }[verdict]


# --- as JSON


def as_json(found: Score) -> dict[str, Any]:
    """A score as JSON types; shares to six digits."""
    parts = found.parts
    return {
        "definition": DEFINITION,
        "hits": found.hits,
        "total": found.total,
        "accuracy": _share(found.accuracy),
        "interval": [_share(bound) for bound in found.interval],
        "base_rate": _share(found.base_rate),
        "base_hits": found.base_hits,
        "base_total": found.base_total,
        "advantage": None if found.advantage is None else [_share(bound) for bound in found.advantage],
        "effective_total": round(found.effective_total, 1),
        "brier": _share(found.brier),
        "brier_base": _share(found.brier_base),
        "reliability": _share(parts.reliability if parts else None),
        "resolution": _share(parts.resolution if parts else None),
        "uncertainty": _share(parts.uncertainty if parts else None),
        "calibration_error": _share(found.calibration_error),
        "calibration_chance": _share(found.calibration_chance),
        "bins": [
            {"count": one.count, "said": _share(one.said), "came": _share(one.came)} for one in found.bins
        ],
        "fitted": found.fitted,
        "profit_per_signal": found.profit_per_signal,
        "profit_total": found.profit_total,
        "traded": found.traded,
        "lead_ms_p50": found.lead_ms_p50,
        "lasted_ms_p50": found.lasted_ms_p50,
        "peak_p50": found.peak_p50,
        "moved_first": found.moved_first,
        "late": found.late,
        "void": found.void,
        "verdict": found.verdict,
        "sentence": found.sentence,
    }


def sources_json(found: Mapping[str, tuple[Score, Mapping[str, Score]]]) -> dict[str, Any]:
    """Every source's score with those of its kinds."""
    return {
        name: {**as_json(whole), "kinds": {kind: as_json(one) for kind, one in kinds.items()}}
        for name, (whole, kinds) in found.items()
    }


def _share(value: float | None) -> float | None:
    return None if value is None else round(value, 6)

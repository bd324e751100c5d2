"""The specification's four objectives (1.1), measured, with the honest sentence where one is missed.

Each is {"target", "value", "met", "sentence", …}; `met` is None where nothing was measured (`value` is None, too) or where
what was measured proves neither. Shares are fractions, latencies seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from signals.scoring import intervals

OPPORTUNITIES, ACCURACY, LATENCY_SECONDS, UPTIME = 50, 0.70, 300.0, 0.999
UPTIME_MINUTES = 1_000  # of which one may be missed; fewer prove nothing


@dataclass(frozen=True, slots=True)
class Counted:
    """Opportunities of a period: shown on the screen, and those that passed every hurdle; refusals by reason."""

    shown: int
    executable: int
    days: float
    refused: Mapping[str, int]


def opportunities(counted: Counted) -> dict[str, Any]:
    """More than 50 a day. It is met by executable ones alone: what is only shown earns nothing. Less than a day of records
    says nothing of a day: the rates are told, `met` is None.
    """
    if counted.days <= 0:
        return _unmeasured(f"> {OPPORTUNITIES} a day", "Nothing ran in this period.")
    shown, executable = counted.shown / counted.days, counted.executable / counted.days
    met = executable > OPPORTUNITIES if counted.days >= 1 else None
    most = sorted(counted.refused.items(), key=lambda one: (-one[1], one[0]))[:3]
    reasons = ", ".join(f"{code} ({number})" for code, number in most)
    sentence = f"{shown:.1f} a day were shown, {executable:.1f} a day were executable after every hurdle"
    if met is None:
        sentence += f", reckoned from {counted.days * 24:.1f} hours: a day has not been seen yet"
    elif not met:
        sentence += ": the target is missed" + (f"; most were refused for {reasons}" if reasons else "")
        if shown > OPPORTUNITIES:
            sentence += "; counted as shown it would be met, but those cannot be traded at a profit"
    return {
        "target": f"> {OPPORTUNITIES} a day",
        "value": round(executable, 2),
        "met": met,
        "sentence": sentence + ".",
        "shown": counted.shown,
        "executable": counted.executable,
        "shown_a_day": round(shown, 2),
        "executable_a_day": round(executable, 2),
        "days": round(counted.days, 4),
        "refused_for": dict(most),
    }


def accuracy(groups: Mapping[str, tuple[float, float]], *, level: float) -> dict[str, Any]:
    """More than 70 %, by group (`whale`, `news`, …): (hits, total), which may be effective numbers.

    The specification asks it of whale signals. It is met only when the lower bound passes, missed only when the upper one
    does not: 8 of 10 prove neither.
    """
    target = f"> {ACCURACY:.0%} of whale signals right"
    parts = {
        name: {
            "hits": round(hits, 1),
            "total": round(total, 1),
            "accuracy": round(hits / total, 6) if total else None,
            "interval": [round(bound, 6) for bound in intervals.wilson(hits, total, level)],
        }
        for name, (hits, total) in groups.items()
    }
    hits, total = groups.get("whale", (0.0, 0.0))
    if not total:
        return {**_unmeasured(target, "No whale signal has been judged in this period."), "by_kind": parts}
    lower, upper = intervals.wilson(hits, total, level)
    share = hits / total
    met = True if lower > ACCURACY else False if upper <= ACCURACY else None
    said = f"{share:.1%} of whale signals were right ({level:.4g} interval {lower:.1%} to {upper:.1%})"
    if met:
        sentence = f"{said}."
    elif met is False:
        sentence = (
            f"{said}: the target is missed, and published studies of whale flows support no such accuracy."
        )
    else:
        sentence = f"{said}: the target is not proven, since the interval reaches below {ACCURACY:.0%}."
    return {
        "target": target, "value": round(share, 6), "met": met, "sentence": sentence, "by_kind": parts
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Latency:
    """One news source: medians and 95th percentiles, in seconds, over `items` that tell their time exactly."""

    items: int
    seen_p50: float  # from published to seen
    seen_p95: float
    predicted_p50: float | None  # from seen to the prediction written down; None where it led to none
    predicted_p95: float | None
    whole_p95: float  # from published to predicted, or to seen where nothing was predicted


def latency(sources: Mapping[str, Latency]) -> dict[str, Any]:
    """From published to a signal within five minutes, for 95 % of the items of every source."""
    target = f"< {LATENCY_SECONDS / 60:.0f} min from published to signal"
    if not sources:
        return {**_unmeasured(target, "No news with a time of its own came in this period."), "sources": {}}
    slow = {name: one for name, one in sources.items() if one.whole_p95 >= LATENCY_SECONDS}
    worst = max(one.whole_p95 for one in sources.values())
    if slow:
        named = ", ".join(f"{name} {_long(one.whole_p95)}" for name, one in sorted(slow.items())[:5])
        sentence = (
            f"{len(slow)} of {len(sources)} sources miss it (95 % of their items within {named}): they publish late or may "
            "not be asked more often."
        )
    else:
        sentence = f"95 % of the items of each of {len(sources)} sources were a signal within {_long(worst)}."
    return {
        "target": target,
        "value": round(worst, 3),
        "met": not slow,
        "sentence": sentence,
        "sources": {
            name: {
                "items": one.items,
                "published_to_seen_p50": round(one.seen_p50, 3),
                "published_to_seen_p95": round(one.seen_p95, 3),
                "seen_to_prediction_p50": _rounded(one.predicted_p50),
                "seen_to_prediction_p95": _rounded(one.predicted_p95),
                "published_to_signal_p95": round(one.whole_p95, 3),
                "met": one.whole_p95 < LATENCY_SECONDS,
            }
            for name, one in sorted(sources.items())
        },
    }


@dataclass(frozen=True, slots=True)
class Alive:
    """One component: minutes in which it said it was healthy, of the minutes since it was first seen in the period."""

    healthy: int
    minutes: int

    @property
    def share(self) -> float:
        """The part of the time that it was up."""
        return min(1.0, self.healthy / self.minutes) if self.minutes > 0 else 0.0


def uptime(components: Mapping[str, Alive]) -> dict[str, Any]:
    """99.9 % of the minutes, by the component that was up least: a chain is as good as that. Missed by a record that is
    long enough; a short one proves nothing.
    """
    target = f"{UPTIME:.1%} of minutes"
    if not components:
        return {**_unmeasured(target, "No component has sent a heartbeat in this period."), "components": {}}
    worst = min(components, key=lambda name: (components[name].share, name))
    share, minutes = components[worst].share, max(one.minutes for one in components.values())
    below = [one for one in components.values() if one.share < UPTIME]
    met: bool | None = not below
    if not any(one.minutes >= UPTIME_MINUTES for one in below or components.values()):
        met = None
    sentence = f"{worst} was up least, {share:.2%} of its minutes; the longest record has {minutes}"
    if below:
        sentence += f": {len(below)} of {len(components)} components are below the target"
    if met is None:
        sentence += ": too short to prove three nines, of which one minute in a thousand is the measure"
    return {
        "target": target,
        "value": round(share, 6),
        "met": met,
        "sentence": sentence + ".",
        "components": {
            name: {
                "healthy_minutes": one.healthy, "minutes": one.minutes, "uptime": round(one.share, 6)
            }
            for name, one in sorted(components.items())
        },
    }  # fmt: skip


def word(one: Mapping[str, Any]) -> str:
    """What a person reads of an objective."""
    if one["met"] is None:
        return "not measured" if one["value"] is None else "not proven yet"
    return "met" if one["met"] else "MISSED"


def _unmeasured(target: str, sentence: str) -> dict[str, Any]:
    return {"target": target, "value": None, "met": None, "sentence": sentence}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _long(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"

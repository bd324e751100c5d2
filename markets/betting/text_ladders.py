"""Ladders read from texts: "above $90k" and "above $100k", "by June 30" and "by July 31". Proposed only, never assumed.

The questions of such markets are the same but for one number or one date, and so are their rules. A person reads them all
before the bet is used; what cannot be read leaves a sentence.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from markets import bets
from markets.bets import DATE_LADDER, LADDER
from markets.pairing import terms
from markets.platforms.base import MarketInfo

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = re.compile(
    r"\b(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?"
    r"(?:,?\s+(?P<year>\d{4}))?\b|\b(?P<iso>\d{4}-\d{2}-\d{2})\b",
    re.IGNORECASE,
)
_UNTIL = re.compile(
    r"\b(on or before|before|by|until|through|no later than)\s+(?:the\s+)?(?:end of\s+)?$", re.IGNORECASE
)
_YEAR = re.compile(r"(?<![\d.,$])(?:19|20)\d\d(?![\d,]*\d)")
_NUMBER = re.compile(
    r"(?<![\w.])\$?(\d[\d,]*(?:\.\d+)?)\s?(k|m|b|bn|thousand|million|billion|trillion)?(?![\w])",
    re.IGNORECASE,
)
_SCALE = {"k": 3, "thousand": 3, "m": 6, "million": 6, "b": 9, "bn": 9, "billion": 9, "trillion": 12}
# Comparing words: whether the value must lie above, and whether the threshold itself pays
_COMPARED = (
    (re.compile(r"\b(?:at least|or more|or higher|or above|reach(?:es)?|hits?)\b|≥|\d\+", re.IGNORECASE), True, True),
    (re.compile(r"\b(?:above|over|more than|greater than|exceeds?|higher than)\b|>", re.IGNORECASE), True, False),
    (re.compile(r"\b(?:at most|or (?:less|fewer|lower|below)|(?:dip|drop|fall)s? to)\b|≤", re.IGNORECASE), False, True),
    (re.compile(r"\b(?:below|under|less than|fewer than|lower than)\b|<", re.IGNORECASE), False, False),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Read:
    """A market's one changing part, and what stays of its texts without it."""

    info: MarketInfo
    kind: str
    step: bets.Step
    rest: str


def groups(members: Sequence[MarketInfo], why_not: dict[str, str]) -> list[tuple[str, str, list[bets.Step]]]:
    """Ladders as (kind, stable name, steps); a sentence in `why_not` for each kind that could not be read."""
    by_rest: dict[tuple[str, str], list[_Read]] = defaultdict(list)
    for info in members:
        read = _date(info) or _threshold(info)
        if read is not None and not terms.unreadable(terms.of(info)):
            by_rest[read.kind, read.rest].append(read)
    found = []
    for (kind, rest), reads in sorted(by_rest.items()):
        distinct = {(one.step.low, one.step.high) for one in reads}
        if len(reads) < 2:
            continue
        if len(distinct) < len(reads):
            why_not[kind] = f"Several markets name the same step, like {reads[0].info.id}."
        else:
            name = hashlib.sha256(rest.encode()).hexdigest()[:10]
            found.append((kind, name, [one.step for one in reads]))
    return found


def _date(info: MarketInfo) -> _Read | None:
    """“… by June 30, 2026?”: pays where the event comes at or before that day (before: strictly)."""
    named = list(_DATE.finditer(info.question))
    if len(named) != 1:
        return None
    until = _UNTIL.search(info.question[: named[0].start()])
    day = _day(named[0], info)
    if until is None or day is None:
        return None
    included = until.group(1).lower() != "before"
    step = bets.Step((info.platform, info.id), None, False, Decimal(day.toordinal()), included)
    return _Read(info, DATE_LADDER, step, _without(_DATE, info))


def _day(found: re.Match[str], info: MarketInfo) -> date | None:
    try:
        if found["iso"]:
            return date.fromisoformat(found["iso"])
        year = int(found["year"]) if found["year"] else info.end.year if info.end else 0
        return date(year, _MONTHS.index(found["month"].lower()) + 1, int(found["day"]))
    except ValueError:
        return None


def _threshold(info: MarketInfo) -> _Read | None:
    """“… above $100k …?”: the one number beside dates and years, and a word that says on which side it pays."""
    text = _YEAR.sub(" ", _DATE.sub(" ", info.question))
    numbers = list(_NUMBER.finditer(text))
    sides = [(up, included) for pattern, up, included in _COMPARED if pattern.search(text)]
    if len(numbers) != 1 or not sides or len({up for up, _ in sides}) > 1:
        return None
    try:
        value = Decimal(numbers[0][1].replace(",", "")).scaleb(_SCALE.get((numbers[0][2] or "").lower(), 0))
    except InvalidOperation:
        return None
    up, included = sides[0]
    key = (info.platform, info.id)
    step = (
        bets.Step(key, value, included, None, False) if up else bets.Step(key, None, False, value, included)
    )
    return _Read(info, LADDER, step, _without(_NUMBER, info))


def _without(pattern: re.Pattern[str], info: MarketInfo) -> str:
    """Question and rules without what changes from step to step; dates that do not change must agree."""
    if pattern is _DATE:
        texts = [_DATE.sub("#", text) for text in (info.question, info.rules)]
    else:
        kept = sorted({found.group(0).lower() for found in _DATE.finditer(f"{info.question} {info.rules}")})
        texts = [_NUMBER.sub("#", _DATE.sub("@", text)) for text in (info.question, info.rules)] + kept
    return "\n".join([*(terms.plain(text).casefold() for text in texts), terms.plain(info.resolution_source)])

"""Kalshi's structured strikes as intervals of one value, and which markets of an event look at the same value.

One event may ask for the hits of ten players, each with strikes of its own. Two markets belong to one ladder only where
their rules say the same, word for word, once the strike itself and the words of comparison around it are taken out,
and where they end at the same minute by the same source.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from itertools import pairwise

from markets import bets
from markets.pairing import terms
from markets.platforms.base import MarketInfo

STRUCTURED = ("greater", "greater_or_equal", "less", "less_or_equal", "between")
_TOKEN = re.compile(r"\d[\d,]*(?:\.\d+)?|[^\W\d_]+|\S")
_SCALES = (0, 3, 6, 9, 12)
# Words that tell how the value is compared with the strike, and signs that stand beside it
_COMPARING = frozenset(
    [
        "above",
        "below",
        "over",
        "under",
        "greater",
        "less",
        "more",
        "fewer",
        "than",
        "at",
        "least",
        "most",
        "between",
        "and",
        "to",
        "or",
        "higher",
        "lower",
        "exceeds",
        "exceed",
        "equal",
        "exactly",
        "strictly",
        "inclusive",
        "up",
        "down",
        "from",
        "through",
        "the",
        "is",
        "of",
        "k",
        "m",
        "b",
        "thousand",
        "million",
        "billion",
        "trillion",
        "percent",
        "points",
        "$",
        "€",
        "£",
        "%",
        "+",
        "-",
        "–",
        "—",
        "≥",
        "≤",
        ">",
        "<",
        "=",
        "°",
        "º",
        "(",
        ")",
        ",",
        ".",
    ]
)


def step_of(info: MarketInfo) -> bets.Step | str:
    """A market's strike as an interval, or a sentence why it is none.

    `floor_strike` and `cap_strike` are the least and the greatest value that still pay YES for `between`, `…_or_equal`;
    `greater` and `less` leave the strike itself out.
    """
    kind = info.extra.get("strike_type")
    low, high = _number(info.extra.get("floor_strike")), _number(info.extra.get("cap_strike"))
    key = (info.platform, info.id)
    if kind in ("greater", "greater_or_equal"):
        if low is not None:
            return bets.Step(key, low, kind == "greater_or_equal", None, False)
    elif kind in ("less", "less_or_equal"):
        if high is not None:
            return bets.Step(key, None, False, high, kind == "less_or_equal")
    elif kind == "between":
        if low is not None and high is not None and low <= high:
            return bets.Step(key, low, True, high, True)
    else:
        return f"{info.id} has no structured strike"
    return f"{info.id} is {kind!r} but its strikes are {low} and {high}"


def _number(value: object) -> Decimal | None:
    if value is None or value == "":
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def overlap(steps: Sequence[bets.Step]) -> tuple[str, str] | None:
    """Two markets that one value would pay both, by their ids."""
    ordered = sorted(steps, key=lambda one: (one.low is not None, one.low or 0, not one.low_inclusive))
    for one, two in pairwise(ordered):
        if one.high is None or two.low is None or two.low < one.high:
            return one.market[1], two.market[1]
        if two.low == one.high and two.low_inclusive and one.high_inclusive:
            return one.market[1], two.market[1]
    return None


def groups(members: Sequence[MarketInfo]) -> tuple[list[tuple[str, list[bets.Step]]], list[MarketInfo], str]:
    """Ladders by a stable name, the markets without structured strikes, and why others are in none (or nothing)."""
    by_text: dict[str, list[bets.Step]] = defaultdict(list)
    rest, odd = [], []
    for info in members:
        step = step_of(info)
        if isinstance(step, bets.Step):
            if problem := terms.unreadable(terms.of(info)):
                odd.append(f"{info.id}: {problem}")
            else:
                by_text[_subject(info)].append(step)
        elif info.extra.get("strike_type") in STRUCTURED:
            odd.append(step)
        else:
            rest.append(info)
    found = []
    for subject, steps in sorted(by_text.items()):
        if len({(one.low, one.low_inclusive, one.high, one.high_inclusive) for one in steps}) >= 2:
            found.append((hashlib.sha256(subject.encode()).hexdigest()[:10], steps))
        else:
            odd += [
                f"{one.market[1]} stands alone: no other market has its rules with another strike"
                for one in steps
            ]
    return found, rest, f"{len(odd)} markets are in no ladder, like {odd[0]}." if odd else ""


def _subject(info: MarketInfo) -> str:
    """What the value is, when and by whom: the rules without the strike, the end, the source, whom it is about."""
    return json.dumps(
        [
            masked(info.rules, _spellings(info)),
            info.end.isoformat(timespec="minutes") if info.end else "",
            str(info.extra.get("latest_expiration_time") or ""),
            terms.plain(info.resolution_source),
            info.extra.get("custom_strike") or "",
        ],
        sort_keys=True,
        default=str,
    )


def _spellings(info: MarketInfo) -> frozenset[Decimal]:
    """The numbers by which the text may name the strike: "2+" is greater than 1.5, "78° or above" greater than 77."""
    found: set[Decimal] = set()
    for name in ("floor_strike", "cap_strike"):
        strike = _number(info.extra.get(name))
        if strike is not None:
            for off in ("0", "0.5", "1", "0.1", "0.01", "0.001"):
                found |= {strike + Decimal(off), strike - Decimal(off)}
    return frozenset(found)


def masked(text: str, numbers: frozenset[Decimal]) -> str:
    """The text in lower case with each run of these numbers and comparing words around them as one `#`."""
    return " ".join(_runs(_TOKEN.findall(terms.plain(text)), numbers))


def _runs(tokens: Iterable[str], numbers: frozenset[Decimal]) -> Iterator[str]:
    run: list[str] = []
    held = False
    for token in tokens:
        lower = token.lower()
        hit = token[0].isdigit() and _names(token, numbers)
        if hit or lower in _COMPARING:
            run.append(lower)
            held = held or hit
            continue
        yield from ["#"] if held else run
        run, held = [], False
        yield lower
    yield from ["#"] if held else run


def _names(token: str, numbers: frozenset[Decimal]) -> bool:
    value = _number(token.replace(",", "").rstrip("."))
    return value is not None and any(value.scaleb(scale) in numbers for scale in _SCALES)

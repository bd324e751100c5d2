"""Direction × measure: what a headline says by which way what went, not by the colour of its words.

`jobless claims fall` is a falling thing that is better small; `Moody's downgrades` is an event. A text is cut into its
main part and its asides (`as …`, `after …`, `citing …`); in each, verbs are joined with the nearest measure they can go
with, and negations turn them. The tables are `data/signs.yaml`. Work grows with the length of the text alone: one pass
over bounded tokens, no regular expression that can look back.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from signals.language import tables

MOST_TOKENS = 80  # of a headline; the rest is summary
ASIDE = 0.35  # what an aside counts beside the main part
EVENT = 0.8  # an event word beside a verb with its measure
DENIED = 0.3  # one that is denied
REACH_BEFORE, REACH_AFTER = 6, 5  # tokens between a verb and its measure
_TOKEN = re.compile(r"[a-z0-9$%&][a-z0-9$%&.,'+-]{0,40}|[;:|–—]")
_VERBS = {"up": "up", "down": "down", "stop": "stop", "start": "start", "beat": "beat", "miss": "miss",
          "expected": "expected", "negations": "negation", "neutral": "neutral", "less": "less"}  # fmt: skip
_BREAKS = frozenset(";:|–—")
_LONGEST = 3  # words of the longest entry of a table


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing said: its sign for the world, how much it counts, and the words it came from."""

    sign: int
    weight: float
    words: str


@dataclass(frozen=True, slots=True)
class _Spot:
    place: int
    length: int
    word: str
    role: str  # up, down, stop, start, beat, miss, measure, thing, event, negation, expected
    value: int = 0


def read(title: str) -> tuple[Finding, ...]:
    """What a headline says, part by part."""
    tokens = _TOKEN.findall(title[:600].lower().replace("’", "'"))[:MOST_TOKENS]
    tokens = [token.rstrip(".,'").removesuffix("'s") for token in tokens]
    found: list[Finding] = []
    for aside, part in _parts(tokens):
        found += _part(part, ASIDE if aside else 1.0)
    return tuple(found)


def score(findings: Sequence[Finding]) -> float:
    """-1 to 1: the weighted mean of the signs, drawn towards nothing where little was said."""
    weight = sum(one.weight for one in findings)
    return sum(one.sign * one.weight for one in findings) / (weight + 0.35) if weight else 0.0


def _parts(tokens: Sequence[str]) -> Iterator[tuple[bool, list[str]]]:
    asides = tables.words("signs.yaml", "asides")
    part: list[str] = []
    aside = False
    for place, token in enumerate(tokens):
        if token in _BREAKS or (token in asides and place):
            if part:
                yield aside, part
            part, aside = [], token not in _BREAKS
        elif token == "but" or token == "and":
            if part:
                yield aside, part
            part = []
        else:
            part.append(token)
    if part:
        yield aside, part


@cache
def _roles() -> dict[str, tuple[tuple[str, int], ...]]:
    rows = tables.document("signs.yaml")
    roles: dict[str, list[tuple[str, int]]] = {}
    for name, role in _VERBS.items():
        for word in rows[name]:
            roles.setdefault(str(word), []).append((role, 0))
    for name, role in (("measures", "measure"), ("things", "thing"), ("events", "event")):
        for word, value in rows[name].items():
            roles.setdefault(str(word), []).append((role, int(value)))
    return {word: tuple(of) for word, of in roles.items()}


def _spots(part: Sequence[str]) -> list[_Spot]:
    """Every entry of the tables in a part; a longer entry hides the shorter ones inside it."""
    roles, spots, place = _roles(), [], 0
    while place < len(part):
        for length in range(min(_LONGEST, len(part) - place), 0, -1):
            word = " ".join(part[place : place + length])
            if word in roles:
                spots += [_Spot(place, length, word, role, value) for role, value in roles[word]]
                place += length
                break
        else:
            place += 1
    return spots


def _part(part: Sequence[str], weight: float) -> list[Finding]:
    spots = _spots(part)
    found: list[Finding] = []
    used: set[int] = set()
    for spot in sorted(spots, key=lambda spot: spot.place):
        if spot.place in used:
            continue
        finding = _verb(spot, spots, weight, used)
        if finding is not None:
            found.append(finding)
            used.add(spot.place)
    for spot in spots:
        if spot.role == "event" and spot.place not in used:
            turned, counts = (-1, DENIED) if _negated(spot.place, spots) else (1, EVENT)
            used.add(spot.place)
            found.append(Finding(spot.value * turned, counts * weight, spot.word))
    return found


def _verb(spot: _Spot, spots: Sequence[_Spot], weight: float, used: set[int]) -> Finding | None:
    """A verb with the measure or thing it goes with, if there is one."""
    turned = -1 if _negated(spot.place, spots) else 1
    here = {one.role for one in spots if one.place == spot.place}
    expected = any(one.role == "expected" and one.place > spot.place for one in spots)
    if spot.role in ("beat", "miss") and (expected or "up" not in here):
        measure = _nearest(spot, spots, "measure", used)
        sign = 1 if spot.role == "beat" else -1
        if measure is not None:
            return _finding(sign * measure.value * turned, weight, measure, spot, used)
        return Finding(sign * turned, weight * 0.8, spot.word) if expected or spot.role == "miss" else None
    if spot.role in ("stop", "start"):
        thing = _nearest(spot, spots, "thing", used, after_first=True)
        measure = _nearest(spot, spots, "measure", used) if here & {"up", "down"} else None
        if thing is not None and (measure is None or _far(spot, thing) <= _far(spot, measure)):
            sign = -1 if spot.role == "stop" else 1
            return _finding(sign * thing.value * turned, weight, thing, spot, used)
        return None
    if spot.role in ("up", "down"):
        measure = _nearest(spot, spots, "measure", used)
        if measure is not None:
            sign = 1 if spot.role == "up" else -1
            if any(one.role == "less" and 0 < one.place - spot.place <= 3 for one in spots) and expected:
                sign = -sign  # `rise less than expected` is good news where a rise is bad
            return _finding(sign * measure.value * turned, weight, measure, spot, used)
    return None


def _finding(sign: int, weight: float, noun: _Spot, verb: _Spot, used: set[int]) -> Finding:
    used.add(noun.place)
    return Finding(sign, weight, f"{noun.word} {verb.word}")


def _far(one: _Spot, two: _Spot) -> int:
    return abs(one.place - two.place)


def _nearest(
    verb: _Spot, spots: Sequence[_Spot], role: str, used: set[int], *, after_first: bool = False
) -> _Spot | None:
    """The closest noun in reach: what rises stands before it, what is cut after it."""
    best: tuple[float, _Spot] | None = None
    for spot in spots:
        if spot.role != role or spot.place == verb.place or spot.place in used:
            continue
        gap = spot.place - verb.place
        if not -REACH_BEFORE <= gap <= REACH_AFTER:
            continue
        far = abs(gap) + (0.0 if (gap > 0) == after_first else 0.5)
        if best is None or far < best[0]:
            best = (far, spot)
    return best[1] if best else None


def _negated(place: int, spots: Sequence[_Spot]) -> bool:
    return sum(spot.role == "negation" and 0 < place - spot.place <= 4 for spot in spots) % 2 == 1

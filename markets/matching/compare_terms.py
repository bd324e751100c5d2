"""Source, station, hour, cut-off and void rules: the same question under another rule is not the same bet."""

from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rapidfuzz import fuzz

from markets.matching import rules
from markets.matching.dates import AREAS, DAY, Window, last_day
from markets.matching.facts import Facts
from markets.matching.text import say

if TYPE_CHECKING:
    from markets.matching.gate import Findings

Hours = frozenset[tuple[int, str]]


def source(found: "Findings", a: Facts, b: Facts) -> None:
    """Who decides. Two exchanges, or an index and an exchange, are correlated and never one source."""
    for kind in sorted(a.sources.keys() & b.sources.keys()):
        one, two = a.sources[kind], b.sources[kind]
        if one & two:
            found.agree("source", say(set(one & two)))
        else:
            usual = " (the platforms' usual sources)" if a.assumed_source or b.assumed_source else ""
            found.doubt("source", f"{say(one)} against {say(two)}{usual}", "source")
    _stated(found, a, b)
    if a.is_weather or b.is_weather:
        _station(found, a, b)


def _stated(found: "Findings", a: Facts, b: Facts) -> None:
    """`according to X` against `according to Y`, where no table knows both of them as one."""
    if not (a.stated and b.stated):
        return
    shared = [(x, y) for x in sorted(a.stated) for y in sorted(b.stated) if _one_name(x, y)]
    if shared:
        found.agree("source", shared[0][0])
    elif not (_known(a.stated, a) and _known(b.stated, b) and a.sources.keys() & b.sources.keys()):
        found.doubt(
            "source", f"{', '.join(sorted(a.stated))} against {', '.join(sorted(b.stated))}", "source"
        )


def _known(stated: frozenset[str], facts: Facts) -> bool:
    """Whether all that is named are sources of the table, which were compared already."""
    return all(rules.sources(name) for name in stated)


def _one_name(one: str, two: str) -> bool:
    """Whether two texts name one source: the table's, the same letters, or about the same words."""
    known = [
        {(kind, name) for kind, names in rules.sources(text).items() for name in names} for text in (one, two)
    ]
    if known[0] and known[1]:
        return bool(known[0] & known[1])
    return fuzz.token_set_ratio(one, two) >= 85 or _initials(one) == two or _initials(two) == one


def _initials(name: str) -> str:
    return "".join(word[0] for word in name.split() if word not in ("of", "the", "for", "and"))


def _station(found: "Findings", a: Facts, b: Facts) -> None:
    if a.stations and b.stations:
        if a.stations.isdisjoint(b.stations):
            found.veto("station", f"{say(a.stations)} against {say(b.stations)}")
            found.flags.add("source")
        else:
            found.agree("station", say(set(a.stations & b.stations)))
    elif not any(_one_name(x, y) for x in a.stated for y in b.stated):
        found.doubt("station", "the weather station is not named on both platforms")


def hour(found: "Findings", a: Facts, b: Facts) -> None:
    """At which hour it is measured. Hours of a title contradict; those of rule texts may also be of something else."""
    priced = a.is_price or b.is_price
    days = [facts.when.windows for facts in (a, b)]
    one, two = (_instants(facts.when.hours, days) for facts in (a, b))
    if one and two and not priced and not _meet(one, two):
        _other_hours(found, one, two)
        return
    one, two = (_instants(facts.hours, days) for facts in (a, b))
    told = [_instants(facts.midnights, days) for facts in (a, b)]
    if not priced and bool(one) != bool(two) and told[one != frozenset()]:  # noon here, midnight there
        one, two = one or told[0], two or told[1]
    if one and two:
        if not _meet(one, two):
            _other_hours(found, one, two)
        elif not _meet(one - two, two - one) and one - two and two - one:
            found.doubt("hour", f"{_clock(one)} against {_clock(two)}", "timing")
    elif priced and (one or two) and (a.bounds or "move" in a.kinds):
        found.doubt("hour", f"{_clock(one or two)} is said by one platform only")


def _other_hours(found: "Findings", one: Hours, two: Hours) -> None:
    zones = {zone for _, zone in one | two if zone}
    if zones == {"ET"} or not zones:
        found.veto("hour", f"{_clock(one)} against {_clock(two)}")
    else:
        found.doubt("hour", f"{_clock(one)} against {_clock(two)}")
    found.flags.add("timing")


def _meet(one: Hours, two: Hours) -> bool:
    return any(x == y and (not zx or not zy or zx == zy) for x, zx in one for y, zy in two)


def _instants(hours: AbstractSet[tuple[int, str]], days: list[list[Window]]) -> Hours:
    """Hours as New York's where the day is known: noon UTC in January is 07:00 ET, in July 08:00 ET."""
    day = next((w for windows in days for w in windows if w.kind == DAY and w.year), None)
    if day is None:
        return frozenset(hours)
    return frozenset(
        (_in_new_york(second, zone, day), "ET") if zone else (second, zone) for second, zone in hours
    )


def _in_new_york(second: int, zone: str, day: Window) -> int:
    year = day.year or 2027
    date = datetime(year, day.month, min(day.day, last_day(year, day.month)), tzinfo=ZoneInfo(AREAS[zone]))
    there = date.replace(hour=second // 3_600, minute=second // 60 % 60, second=second % 60)
    here = there.astimezone(ZoneInfo(AREAS["ET"]))
    return here.hour * 3_600 + here.minute * 60 + here.second


def _clock(hours: frozenset[tuple[int, str]]) -> str:
    return ", ".join(
        f"{second // 3600:02}:{second // 60 % 60:02}{f':{second % 60:02}' if second % 60 else ''} {zone}".strip()
        for second, zone in sorted(hours)
    )


def cutoff(found: "Findings", a: Facts, b: Facts) -> None:
    """The zone in which the last day ends, and when counting begins."""
    if a.cutoffs and b.cutoffs and a.cutoffs.isdisjoint(b.cutoffs):
        found.doubt("cutoff", f"the day ends in {say(a.cutoffs)} against {say(b.cutoffs)}", "timing")
    if a.start_rule and b.start_rule and a.start_rule != b.start_rule:
        found.doubt("window", f"counts {a.start_rule} against {b.start_rule}", "timing")


def void(found: "Findings", a: Facts, b: Facts) -> None:
    """What a cancelled, postponed or walked-over game pays, or a figure that is never published."""
    if a.voids and b.voids and a.voids != b.voids:
        found.doubt("void", f"without a result it pays {say(a.voids)} against {say(b.voids)}", "void")
    elif a.voids != b.voids:
        if a.fixture or b.fixture:
            found.doubt("void", "only one platform says what a game not played pays", "void")
        elif (a.voids | b.voids) != {"no"}:  # the other's silence may well mean NO
            found.flags.add("void")


def terms(found: "Findings", a: Facts, b: Facts) -> None:
    """What only the rule texts settle: the boundary, announcement or deed, which release of a figure."""
    for term in sorted(a.terms.keys() & b.terms.keys()):
        one, two = a.terms[term], b.terms[term]
        if one == two:
            found.agree(term, say(one))
        elif term == "announcement":
            found.veto(term, f"{say(one)} against {say(two)}")
        else:
            found.doubt(term, f"{say(one)} against {say(two)}", "timing" if term == "release" else "terms")
    for term in sorted(a.terms.keys() ^ b.terms.keys()):
        if term == "announcement":
            found.doubt(term, f"only one platform's rules say that {say(a.terms.get(term) or b.terms[term])}")

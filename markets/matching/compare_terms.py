"""Source, station, hour, cut-off and void rules: the same question under another rule is not the same bet."""

from typing import TYPE_CHECKING

from rapidfuzz import fuzz

from markets.matching.facts import Facts
from markets.matching.text import say

if TYPE_CHECKING:
    from markets.matching.gate import Findings


def source(found: "Findings", a: Facts, b: Facts) -> None:
    """Who decides. Two exchanges, or an index and an exchange, are correlated and never one source."""
    for kind in sorted(a.sources.keys() & b.sources.keys()):
        one, two = a.sources[kind], b.sources[kind]
        if one & two:
            found.agree("source", say(set(one & two)))
        else:
            usual = " (the platforms' usual sources)" if a.assumed_source or b.assumed_source else ""
            found.doubt("source", f"{say(one)} against {say(two)}{usual}", "source")
    if a.stated and b.stated and not a.sources.keys() & b.sources.keys():
        if _one_name(a.stated, b.stated):
            found.agree("source", a.stated)
        else:
            found.doubt("source", f"{a.stated} against {b.stated}", "source")
    if a.is_weather or b.is_weather:
        _station(found, a, b)


def _one_name(one: str, two: str) -> bool:
    """Whether two texts name one source in about the same words."""
    return fuzz.token_set_ratio(one, two) >= 85


def _station(found: "Findings", a: Facts, b: Facts) -> None:
    if a.stations and b.stations:
        if a.stations.isdisjoint(b.stations):
            found.veto("station", f"{say(a.stations)} against {say(b.stations)}")
            found.flags.add("source")
        else:
            found.agree("station", say(set(a.stations & b.stations)))
    elif not (a.stated and b.stated and _one_name(a.stated, b.stated)):
        found.doubt("station", "the weather station is not named on both platforms")


def hour(found: "Findings", a: Facts, b: Facts) -> None:
    """At which hour a price is taken."""
    priced = a.is_price or b.is_price
    one, two = (a.hours, b.hours) if priced else (frozenset(a.when.hours), frozenset(b.when.hours))
    if one and two:
        if not any(x == y and (not zx or not zy or zx == zy) for x, zx in one for y, zy in two):
            if {zone for _, zone in one | two if zone} == {"ET"} or not {
                zone for _, zone in one | two if zone
            }:
                found.veto("hour", f"{_clock(one)} against {_clock(two)}")
            else:
                found.doubt("hour", f"{_clock(one)} against {_clock(two)}")
            found.flags.add("timing")
    elif priced and (one or two) and (a.bounds or "move" in a.kinds):
        found.doubt("hour", f"{_clock(one or two)} is said by one platform only")


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
    """What a cancelled, postponed or walked-over game pays."""
    if a.voids and b.voids and a.voids != b.voids:
        found.doubt("void", f"a game not played pays {say(a.voids)} against {say(b.voids)}", "void")
    elif a.voids != b.voids:
        found.doubt("void", "only one platform says what a game not played pays", "void")


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

"""Whether a headline is about a market, and how surely: a rule that can be read, with its values in `data/linking.yaml`.

Precision first. A market's subjects must be named (by weight: rare names weigh more), something of what it asks must be
spoken of, and nothing may contradict: another office, seat, league or group, another year, another month.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cache
from typing import Any

from markets.matching.dates import AFTER, DAY, DEADLINE, MONTH, QUARTER, YEAR
from signals.language import figures, tables
from signals.language.index import Index
from signals.language.items import Items, kinds
from signals.language.texts import Said

CLOSE = 3  # words between an asset and the verb that moves it
_TRADED = ("coin:", "index:", "commodity:", "fx:")
_BROAD_OFFICES = frozenset(["parliament"])
_PARTY_AND_OFFICE = frozenset(f"{kind}:{value}" for kind, values in (
    ("party", ("democratic", "republican")), ("office", ("house", "senate", "president"))) for value in values)  # fmt: skip
_HOUSES = frozenset(["polity:majority", "polity:midterms"])
_RELEASES = ("measure:", "policy:")


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a headline and a market agree. `shared` are the subjects and contexts of both."""

    score: float
    subjects: float
    contexts: float
    shared: tuple[str, ...]


@cache
def values() -> Mapping[str, Any]:
    """The rule's values."""
    return tables.document("linking.yaml")  # type: ignore[no-any-return]


def _titles() -> Mapping[str, str]:
    """Title → league."""
    return tables.document("kinds.yaml")["leagues_of_titles"]  # type: ignore[no-any-return]


def judge(said: Said, named: Mapping[str, float], items: Items, index: Index) -> Agreement | None:
    """How surely the headline is about this market; None if it is not."""
    cover, weights = values()["cover"], values()["weights"]
    if any(key.startswith("polity:") and key not in named and key not in _HOUSES for key in items.subjects):
        return None  # turnout, margin, seats: another quantity is another question
    subjects, shared = _subjects(named, items, index)
    if subjects < cover["subjects"] or _contradicts(said, items):
        return None
    contexts, spoken = _contexts(said, items, index)
    if contexts < cover["contexts"]:
        return None
    score = weights["subjects"] * subjects + weights["contexts"] * contexts
    return Agreement(score, subjects, contexts, (*shared, *spoken)) if score >= cover["score"] else None


def _subjects(named: Mapping[str, float], items: Items, index: Index) -> tuple[float, tuple[str, ...]]:
    regions = values()["regions"]
    if items.either:  # `A or B first?`: either is what it is about
        found = tuple(key for key in sorted(items.subjects) if named.get(key, 0.0) >= 1.0)
        return (1.0 if found else 0.0), found
    by_name = any(key.startswith(("name:", "person:", "team:", "club:", "seat:")) for key in items.subjects)
    total = met = 0.0
    shared = []
    for key in sorted(items.subjects):
        weight = index.weight(key)
        if by_name and key.split(":")[0] in regions:
            weight *= values()["weights"]["region"]
        total += weight
        if key in named:
            met += weight * named[key]
            shared.append(key)
    return (met / total if total else 0.0), tuple(shared)


def _contexts(said: Said, items: Items, index: Index) -> tuple[float, tuple[str, ...]]:
    weights = values()["weights"]
    if any(key.startswith(_TRADED) for key in items.subjects):
        return (weights["price"], ("price",)) if _moves(said, items) else (0.0, ())
    if any(key.startswith(_RELEASES) for key in items.subjects):
        return _release(said, items)
    total = met = 0.0
    spoken = []
    for key in sorted(items.contexts):
        weight = index.weight(key)
        total += weight
        if _speaks(said, key):
            met += weight
            spoken.append(key)
    years = {year for year in items.years if year in said.when.all_years}
    part = met / total if total else 0.0
    if years and (met or said.arenas & items.arenas):
        part = min(1.0, part + 0.25)
        spoken.append(f"year:{min(years)}")
    field = said.arenas & items.arenas
    if _other_act(said, items):
        field = frozenset()
    only_places = all(key.split(":")[0] in values()["regions"] for key in items.subjects)
    if field and "price" not in field and not only_places:
        part = max(part, weights["arena"])
        spoken.append(f"field:{min(field)}")
    if not total and not items.arenas:
        part = weights["bare"]
    return part, tuple(spoken)


def _other_act(said: Said, items: Items) -> bool:
    """Whether both speak of acts, and of different ones: a pardon is no resignation."""
    here, there = (
        said.kinds.get("act", set()) & kinds("acts"),
        items.facts.kinds.get("act", set()) & kinds("acts"),
    )
    return bool(here and there and not here & there)


def _speaks(said: Said, key: str) -> bool:
    kind, _, value = key.partition(":")
    if kind == "word":
        return value in said.words
    if kind == "stage":
        return bool(said.kinds.get("stage", set()) & {"nominee", "primary", "runoff", "caucus"})
    if kind == "title" and value in _titles() and _titles()[value] in said.kinds.get("league", ()):
        return True
    return value in said.kinds.get(kind, ())


def _moves(said: Said, items: Items) -> bool:
    """Whether the headline speaks of this asset's price: it or what flows with it moves, or dollars are traded for it."""
    if any(bound.unit == "$" for bound in said.bounds) and "price" in said.arenas:
        return True
    if figures.verb_behind(said, figures.nouns(items), CLOSE):
        return True
    nouns = figures.nouns(items) | tables.words("cues.yaml", "flows")
    findings = said.findings
    return any(nouns & set(finding.words.split()) for finding in findings)


def _release(said: Said, items: Items) -> tuple[float, tuple[str, ...]]:
    """Economic figures and decisions: the measure is the subject, its move or its number the context."""
    if any(key.startswith("policy:") for key in items.subjects):
        about = bool(said.kinds.get("move", set()) & {"cut", "hike", "hold"}) or "fed_rate" in said.kinds.get(
            "measure", ()
        )
        rate = "fed_rate" in said.kinds.get("measure", ()) or "policy_rate" in said.kinds.get("measure", ())
        if not about or not rate:
            return 0.0, ()
        return (0.9 if said.kinds.get("move", set()) & items.facts.kinds.get("move", set()) else 0.6), (
            "interest rate",
        )
    if said.bounds or said.findings:
        return 0.8, ("figure",)
    return 0.0, ()


def _contradicts(said: Said, items: Items) -> bool:
    for kind in values()["exclusive"]:
        if kind == "office" and items.facts.kinds.get("act", set()) & kinds("acts"):
            continue  # the House may impeach a president
        here, there = said.kinds.get(kind, set()), items.facts.kinds.get(kind, set())
        if kind == "office":
            here, there = here - _BROAD_OFFICES, there - _BROAD_OFFICES
        if here and there and not here & there:
            return True
    leagues = {
        _titles().get(title, "") for title in items.facts.kinds.get("title", set())
    } | items.facts.kinds.get("league", set())
    leagues.discard("")
    if leagues and said.kinds.get("league") and not leagues & said.kinds["league"]:
        return True
    parties = items.facts.kinds.get("party", set()), said.kinds.get("party", set())
    if (
        any(key.startswith("party:") for key in items.subjects)
        and all(parties)
        and not parties[0] & parties[1]
    ):
        return True
    if items.subjects <= _PARTY_AND_OFFICE and (
        said.kinds.keys() & {"state", "seat"} or "stage" in said.kinds
    ):
        return True  # one state's race is not the majority
    if any(key.startswith("measure:") for key in items.subjects) and _other_country(said, items):
        return True
    return _other_time(said, items)


def _other_country(said: Said, items: Items) -> bool:
    """A figure of another country; where a question names none, it is one of the United States."""
    here = said.kinds.get("country", set())
    there = {key.partition(":")[2] for key in items.subjects if key.startswith("country:")} or {"us"}
    return bool(here and not here & there)


def _other_time(said: Said, items: Items) -> bool:
    release = any(key.startswith(_RELEASES) for key in items.subjects)
    if release and _other_release(said, items):
        return True
    months = _months(said)
    if items.months and months and not _meet(months, items.months):
        return not _reported(said, items)
    quarters = _quarters(said)
    if items.quarters and quarters and not _meet(quarters, items.quarters):
        return True
    years = said.when.all_years
    if not years or not items.years or years & items.years:
        return False
    if all(year < said.at.year for year in years):
        return True  # a look back
    # `delayed to 2028` is news for `by 2027`
    return not any(one.kind in (DEADLINE, AFTER) for one in items.facts.when.windows)


def _other_release(said: Said, items: Items) -> bool:
    """Whether a figure or decision is of another period than the market's."""
    months, quarters = _months(said), _quarters(said)
    until = {(one.year, one.month) for one in said.when.windows if one.kind in (DEADLINE, YEAR)}
    if (items.months and quarters and not months) or (items.quarters and months and not quarters):
        return True
    if not items.months or months:
        return False
    if until:  # what is expected by the end of the year is not the next meeting
        return not _meet(until, items.months)
    decided = {(said.at.year, said.at.month)}  # `Fed cuts rates`: at this month's meeting
    return not quarters and _decides(said) and not _meet(decided, items.months)


def _months(said: Said) -> set[tuple[int | None, int]]:
    return {(one.year, one.month) for one in said.when.windows if one.kind in (DAY, MONTH)}


def _quarters(said: Said) -> set[tuple[int | None, int]]:
    return {(one.year, one.month) for one in said.when.windows if one.kind == QUARTER}


def _decides(said: Said) -> bool:
    return any(
        f" {word} " in said.flat
        for word in ("cuts", "holds", "leaves", "raises", "hikes", "keeps", "lowers", "maintains")
    )


def _reported(said: Said, items: Items) -> bool:
    """Whether the month named is the one a figure is of, and the market's is another one that is named as well."""
    return any(token.word in _month_words(items) for token in said.tokens)


def _month_words(items: Items) -> set[str]:
    names = (
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    )
    return {names[month - 1] for _, month in items.months}


def _meet(one: Set[tuple[int | None, int]], two: Set[tuple[int | None, int]]) -> bool:
    return any(a[1] == b[1] and (a[0] is None or b[0] is None or a[0] == b[0]) for a in one for b in two)

"""Facts against facts. A contradiction vetoes, whatever the wording; a needed fact that only one side gives is a doubt."""

from collections.abc import Callable
from dataclasses import dataclass, field

from markets.matching import compare_dates, fixtures, numbers
from markets.matching.compare_words import compare_words
from markets.matching.facts import Facts
from markets.matching.text import shown


@dataclass(slots=True)
class Findings:
    """What the gate saw. `vetoes` refuse; `doubts` send the pair to a person; `flips` counts swaps of YES and NO."""

    reasons: list[str] = field(default_factory=list)
    vetoes: list[str] = field(default_factory=list)  # known facts that contradict: another bet
    doubts: list[str] = field(default_factory=list)  # unknown, or the same question under another rule
    flips: int = 0
    flags: set[str] = field(default_factory=set)  # source, timing, void: for the settlement class

    def agree(self, code: str, text: str) -> None:
        """Both sides say the same."""
        self.reasons.append(f"{code}: {text}")

    def veto(self, code: str, text: str) -> None:
        """Both sides are known and differ."""
        self.vetoes.append(f"{code}: {text}")

    def doubt(self, code: str, text: str, flag: str = "") -> None:
        """Not the same for certain."""
        self.doubts.append(f"{code}: {text}")
        if flag:
            self.flags.add(flag)


# May be written on one side only; they never differ between two sides of one bet
OPTIONAL = {"league", "gender", "sport", "edition", "actor", "station", "city", "phase"}
# Kinds compared as one: what is won
COMPETITION = ("title", "conf", "div", "group")
CODE = {"act": "event", "ord": "event", "move": "direction", "game": "market_kind", "rank": "rank", "part": "part",
        "seat": "place", "state": "place", "country": "place", "stage": "stage", "office": "office", "party": "party",
        "coin": "subject", "index": "subject", "commodity": "subject", "person": "subject", "club": "subject",
        "team": "subject", "measure": "measure", "stat": "measure", "polity": "measure", "league": "league",
        "gender": "gender", "edition": "season"}  # fmt: skip
NAMES = ("person", "club", "team", "company")  # compared together with the words that are left


def compare(a: Facts, b: Facts) -> Findings:
    """Every check, in the order in which a person would ask."""
    found = Findings()
    for check in CHECKS:
        check(found, a, b)
    return found


def _say(values: set[str]) -> str:
    return ", ".join(shown(value) for value in sorted(values)) or "nothing"


def readable(found: Findings, a: Facts, b: Facts) -> None:
    """An unfilled template cannot be judged by anybody."""
    for facts in (a, b):
        if facts.placeholder:
            found.doubt("placeholder", f"the {facts.question.platform} rules hold an unfilled {facts.placeholder!r}")
        if facts.blank:
            found.doubt("open_title", f"the {facts.question.platform} title leaves {facts.blank!r} open")
        if facts.alternatives:
            found.doubt("outcome_order", f"{facts.alternatives!r}: which of them YES stands for is not said")
        if facts.strike_clash:
            found.doubt("strike_field", f"{facts.question.platform}: {facts.strike_clash}")


def bundle(found: Findings, a: Facts, b: Facts) -> None:
    """An event page with many kinds of markets is no counterpart of one question."""
    for one, two in ((a, b), (b, a)):
        if len(one.child_kinds) > 1 and one.child_kinds != two.child_kinds:
            found.doubt("bundle", f"the {one.question.platform} event holds several kinds of markets: "
                        f"{_say(set(one.child_kinds))}")  # fmt: skip
            return
    if a.child_kinds and b.child_kinds and a.child_kinds.isdisjoint(b.child_kinds) and a.fixture and b.fixture:
        found.veto("market_kind", f"{_say(set(a.child_kinds))} against {_say(set(b.child_kinds))}")


def stage(found: Findings, a: Facts, b: Facts) -> None:
    """Nomination, primary, caucus, election. A party's primary for a state's office makes its nominee."""
    one, two = set(a.kinds.get("stage", ())), set(b.kinds.get("stage", ()))
    if "president" not in a.kinds.get("office", set()) | b.kinds.get("office", set()):
        merged = {"primary", "nominee"}
        if one & merged and two & merged and "party" in a.kinds and "party" in b.kinds:
            one, two = one - merged, two - merged
    if one != two:
        found.veto("stage", f"{_say(one)} against {_say(two)}")
    elif a.kinds.get("stage"):
        found.agree("stage", _say(a.kinds["stage"]))


def event(found: Findings, a: Facts, b: Facts) -> None:
    """What happens: announcing is not doing, retiring is not resigning."""
    one, two = a.kinds.get("act", set()), b.kinds.get("act", set())
    if one == two:
        if one:
            found.agree("event", _say(one))
        return
    if "announce" in one ^ two:
        found.veto("announcement", f"{_say(one)} against {_say(two)}: announcing is not doing")
    elif _told_by_children("act", one, two, a, b):
        found.agree("event", _say(one | two))
    elif one and two and one.isdisjoint(two):
        found.veto("event", f"{_say(one)} against {_say(two)}")
    else:
        found.doubt("event", f"{_say(one)} against {_say(two)}")


def _told_by_children(kind: str, one: set[str], two: set[str], a: Facts, b: Facts) -> bool:
    """Whether an event's own markets say what its title leaves out."""
    return (not one or not two) and (one or two) <= (b if one else a).child_facts.get(kind, set())


def kinds(found: Findings, a: Facts, b: Facts) -> None:
    """Places, offices, parties, measures, leagues …: one by one."""
    done = {"stage", "act", *COMPETITION, *NAMES}
    for kind in sorted((a.kinds.keys() | b.kinds.keys()) - done):
        one, two = a.kinds.get(kind, set()), b.kinds.get(kind, set())
        if one == two:
            found.agree(CODE.get(kind, kind), _say(one))
        elif one and two and (one.isdisjoint(two) or kind in ("game", "seat", "coin", "rank", "party", "state")):
            found.veto(CODE.get(kind, kind), f"{_say(one)} against {_say(two)}")
        elif kind == "game" and not _silent_game(one ^ two):
            found.veto("market_kind", f"{_say(one)} against {_say(two)}")
        elif kind not in OPTIONAL and not _told_by_children(kind, one, two, a, b) and not _implied(kind, one ^ two, a, b):
            found.doubt(CODE.get(kind, kind), f"{_say(one)} against {_say(two)}")


def _silent_game(values: set[str]) -> bool:
    return values <= {"moneyline", "series"}


def _implied(kind: str, extra: set[str], a: Facts, b: Facts) -> bool:
    """What the rest of the question says anyway: `U.S. House`, `out as President`, `round 2` of a series."""
    both = [facts.kinds for facts in (a, b)]
    if kind == "country" and extra == {"us"}:
        if all(facts.get("act", set()) & {"recession", "shutdown", "default"} for facts in both):
            return True
        return all(facts.keys() & {"office", "measure", "party", "polity", "actor", "stage"} for facts in both)
    if kind == "country" and (a.fixture or all(facts.keys() & {"title", "league"} for facts in both)):
        return True
    if kind == "office":
        return all("leave" in facts.get("act", ()) for facts in both) or (
            extra == {"president"} and all("nominee" in facts.get("stage", ()) for facts in both)
        ) or all("seat" in facts for facts in both)  # fmt: skip
    if kind == "polity" and extra <= {"majority", "midterms"}:
        return all(facts.get("office", set()) & {"house", "senate"} and not facts.keys() & {"seat", "state"} for facts in both)
    if kind == "part":
        return all("series" in facts.get("game", ()) for facts in both)
    return kind == "move" and extra <= {"up", "down"} and all("up_or_down" in facts.get("move", ()) for facts in both)


def competition(found: Findings, a: Facts, b: Facts) -> None:
    """Which title, conference, division or group is won."""
    one, two = (
        {value for kind in COMPETITION for value in facts.kinds.get(kind, ()) if value not in ("playoffs", "final")}
        for facts in (a, b)
    )
    groups = [facts.kinds.get("group", set()) for facts in (a, b)]
    if one == two:
        if one:
            found.agree("competition", _say(one))
    elif (one and two and (one.isdisjoint(two) or (one - two and two - one))) or groups[0] != groups[1]:
        found.veto("competition", f"{_say(one)} against {_say(two)}")
    else:
        found.doubt("competition", f"{_say(one)} against {_say(two)}")


def game(found: Findings, a: Facts, b: Facts) -> None:
    """The same two sides, and the side that YES stands for."""
    one, two = a.fixture, b.fixture
    if one is None or two is None:
        if one is not None or two is not None:
            found.doubt("fixture", f"only one side names a game: {one or two}")
        return
    order = fixtures.pairing(one, two, a.league or b.league)
    if order is None:
        found.veto("fixture", f"{one} against {two}")
        return
    found.agree("fixture", str(one))
    _yes_side(found, a, b)


def _yes_side(found: Findings, a: Facts, b: Facts) -> None:
    one, two = a.fixture, b.fixture
    assert one is not None and two is not None
    league = a.league or b.league
    if one.yes and two.yes:
        if fixtures.alike(one.yes, two.yes, league):
            found.agree("outcome", f"YES is {shown(' '.join(one.yes))} on both")
            return
        known = [any(fixtures.alike(f.yes, side, league) for side in (f.first, f.second)) for f in (one, two)]
        two_way = any(_names_both(facts, league) for facts in (a, b))
        if all(known) and two_way:
            found.flips += 1
            found.agree("outcome", f"YES is {shown(' '.join(one.yes))} here, {shown(' '.join(two.yes))} there")
        else:
            found.veto("outcome", f"YES is {shown(' '.join(one.yes))} here, {shown(' '.join(two.yes))} there")
    elif one.yes or two.yes or not (a.kinds.get("game") or a.question.children or b.question.children):
        found.doubt("outcome_order", "which side YES stands for is not named on both platforms")


def _names_both(facts: Facts, league: str) -> bool:
    """Whether the market's outcomes are the two sides, so that one of them must win."""
    fixture, question = facts.fixture, facts.question
    assert fixture is not None
    other = question.other_label or ("listed" if "outcomes" in question.rules.lower() else "")
    return bool(fixture.yes and other) and "draw" not in question.rules.lower()


def values(found: Findings, a: Facts, b: Facts) -> None:
    """Numbers, units, comparison; complementary intervals are one bet with YES and NO swapped."""
    one, two = list(a.bounds), list(b.bounds)
    for bound in a.bounds:
        twin = next((other for other in two if numbers.equal(bound, other)), None)
        if twin is not None:
            two.remove(twin)
            one.remove(bound)
            found.agree("number", str(bound))
    if not one and not two:
        _unread_comparison(found, a, b)
        return
    if len(one) == len(two) == 1:
        _one_against_one(found, one[0], two[0], counts=a.counts or b.counts)
    elif one and two:
        found.veto("number", f"{'; '.join(map(str, one))} against {'; '.join(map(str, two))}")
    else:
        side = a if one else b
        found.doubt("number", f"{'; '.join(map(str, one or two))} is said by {side.question.platform} only")


def _unread_comparison(found: Findings, a: Facts, b: Facts) -> None:
    if a.bounds and (a.assumed_bound or b.assumed_bound):
        found.doubt("comparator", "the comparison is not written, only the number in the ticker")


def _one_against_one(found: Findings, one: numbers.Bound, two: numbers.Bound, *, counts: bool) -> None:
    if numbers.complementary(one, two, counts=counts or not (one.unit or two.unit)):
        found.flips += 1
        found.agree("number", f"{one} is the opposite of {two}")
    elif not numbers.same_unit(one, two):
        found.veto("unit", f"{one} against {two}")
    elif one.values != two.values:
        found.veto("number", f"{one} against {two}")
    elif one.low == one.high or two.low == two.high:
        found.veto("comparator", f"{one} against {two}: one of them is a single value")
    else:
        found.veto("comparator", f"{one} against {two}")


def polarity(found: Findings, a: Facts, b: Facts) -> None:
    """`Will it not happen` is the same bet, inverted."""
    if a.negated != b.negated:
        found.flips += 1
        found.agree("polarity", "one of the questions is negated")


def source(found: Findings, a: Facts, b: Facts) -> None:
    """Who decides. Two exchanges, or an index and an exchange, are correlated and never one source."""
    for kind in sorted(a.sources.keys() & b.sources.keys()):
        one, two = a.sources[kind], b.sources[kind]
        if one & two:
            found.agree("source", _say(set(one & two)))
        else:
            usual = " (the platforms' usual sources)" if a.assumed_source or b.assumed_source else ""
            found.doubt("source", f"{_say(set(one))} against {_say(set(two))}{usual}", "source")
    if a.is_weather or b.is_weather:
        _station(found, a, b)


def _station(found: Findings, a: Facts, b: Facts) -> None:
    if a.stations and b.stations:
        if a.stations.isdisjoint(b.stations):
            found.veto("station", f"{_say(set(a.stations))} against {_say(set(b.stations))}")
            found.flags.add("source")
        else:
            found.agree("station", _say(set(a.stations & b.stations)))
    else:
        found.doubt("station", "the weather station is not named on both platforms")


def hour(found: Findings, a: Facts, b: Facts) -> None:
    """At which hour a price is taken."""
    if not (a.is_price or b.is_price):
        return
    one, two = a.hours, b.hours
    if one and two:
        if not any(x == y and (not zx or not zy or zx == zy) for x, zx in one for y, zy in two):
            if {zone for _, zone in one | two if zone} == {"ET"} or not {zone for _, zone in one | two if zone}:
                found.veto("hour", f"{_clock(one)} against {_clock(two)}")
            else:
                found.doubt("hour", f"{_clock(one)} against {_clock(two)}")
            found.flags.add("timing")
    elif (one or two) and (a.bounds or "move" in a.kinds):
        found.doubt("hour", f"{_clock(one or two)} is said by one platform only")


def _clock(hours: frozenset[tuple[int, str]]) -> str:
    return ", ".join(f"{minute // 60:02}:{minute % 60:02} {zone}".strip() for minute, zone in sorted(hours))


def cutoff(found: Findings, a: Facts, b: Facts) -> None:
    """The zone in which the last day ends, and when counting begins."""
    if a.cutoffs and b.cutoffs and a.cutoffs.isdisjoint(b.cutoffs):
        found.doubt("cutoff", f"the day ends in {_say(set(a.cutoffs))} against {_say(set(b.cutoffs))}", "timing")
    if a.start_rule and b.start_rule and a.start_rule != b.start_rule:
        found.doubt("window", f"counts {a.start_rule} against {b.start_rule}", "timing")


def void(found: Findings, a: Facts, b: Facts) -> None:
    """What a cancelled, postponed or walked-over game pays."""
    if a.voids and b.voids and a.voids != b.voids:
        found.doubt("void", f"a game not played pays {_say(set(a.voids))} against {_say(set(b.voids))}", "void")
    elif a.voids != b.voids:
        found.doubt("void", "only one platform says what a game not played pays", "void")


CHECKS: tuple[Callable[[Findings, Facts, Facts], None], ...] = (
    readable, bundle, game, stage, event, kinds, competition, compare_words, values, compare_dates.compare, hour, polarity,
    source, cutoff, void,
)  # fmt: skip

"""Facts against facts. A contradiction vetoes, whatever the wording; a needed fact that only one side gives is a doubt."""

from collections.abc import Callable
from dataclasses import dataclass, field

from markets.matching import compare_dates, compare_game, compare_terms, compare_values, implied, tables
from markets.matching.compare_words import compare_words
from markets.matching.facts import Facts
from markets.matching.text import say


@dataclass(slots=True)
class Findings:
    """What the gate saw. `vetoes` refuse; `doubts` send the pair to a person; `flips` counts swaps of YES and NO."""

    reasons: list[str] = field(default_factory=list)
    vetoes: list[str] = field(default_factory=list)  # known facts that contradict: another bet
    doubts: list[str] = field(default_factory=list)  # unknown, or the same question under another rule
    flips: int = 0
    flags: set[str] = field(default_factory=set)  # source, timing, void: for the settlement class
    this_year: int | None = None  # the year now, where it is known

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
WOMENS = {"wta", "wnba", "lpga", "womensworldcup", "ncaaw"}
DIRECTED = {"strike", "invade", "acquire", "declare_war"}  # one does it to the other
SINGLES = {"wimbledon", "us_open", "french_open", "australian_open", "grand_slam"}  # players, not teams
NAMES = ("person", "club", "team", "company")  # compared together with the words that are left


def compare(a: Facts, b: Facts, this_year: int | None = None) -> Findings:
    """Every check, in the order in which a person would ask."""
    found = Findings(this_year=this_year)
    for check in CHECKS:
        check(found, a, b)
    return found


def readable(found: Findings, a: Facts, b: Facts) -> None:
    """An unfilled template cannot be judged by anybody."""
    for facts in (a, b):
        if facts.placeholder:
            found.doubt(
                "placeholder", f"the {facts.question.platform} rules hold an unfilled {facts.placeholder!r}"
            )
        if facts.blank:
            found.doubt("open_title", f"the {facts.question.platform} title leaves {facts.blank!r} open")
        if facts.alternatives:
            found.doubt("outcome_order", f"{facts.alternatives!r}: which of them YES stands for is not said")
        if facts.strike_clash:
            found.doubt("strike_field", f"{facts.question.platform}: {facts.strike_clash}")


def stage(found: Findings, a: Facts, b: Facts) -> None:
    """Nomination, primary, caucus, election. A party's primary for a state's office makes its nominee."""
    one, two = set(a.kinds.get("stage", ())), set(b.kinds.get("stage", ()))
    if "president" not in a.kinds.get("office", set()) | b.kinds.get("office", set()):
        merged = {"primary", "nominee"}
        if one & merged and two & merged and "party" in a.kinds and "party" in b.kinds:
            one, two = one - merged, two - merged
    if one != two:
        found.veto("stage", f"{say(one)} against {say(two)}")
    elif a.kinds.get("stage"):
        found.agree("stage", say(a.kinds["stage"]))


def event(found: Findings, a: Facts, b: Facts) -> None:
    """What happens: announcing is not doing, retiring is not resigning."""
    one, two = a.kinds.get("act", set()), b.kinds.get("act", set())
    if one == two:
        if one & DIRECTED and _swapped(a, b):
            found.veto("subject", f"{say(one)}: who does it to whom is the other way round")
        elif one:
            found.agree("event", say(one))
        return
    if one ^ two == {"release", "launch"}:
        found.agree("event", say(one))
    elif "announce" in one ^ two:
        found.veto("announcement", f"{say(one)} against {say(two)}: announcing is not doing")
    elif _told_by_children("act", one, two, a, b) or _goes_without_saying("act", one, two, a, b):
        found.agree("event", say(one | two))
    elif one and two and one.isdisjoint(two):
        found.veto("event", f"{say(one)} against {say(two)}")
    else:
        found.doubt("event", f"{say(one)} against {say(two)}")


def _swapped(a: Facts, b: Facts) -> bool:
    """Whether the same two parties stand in the other order."""
    parties = [
        [name for name in f.aliases if name.startswith(("country:", "person:", "company:"))] for f in (a, b)
    ]
    return len(parties[0]) > 1 and set(parties[0]) == set(parties[1]) and parties[0] != parties[1]


def _goes_without_saying(kind: str, one: set[str], two: set[str], a: Facts, b: Facts) -> bool:
    """Whether what one side adds is clear from what both say."""
    return (one < two or two < one) and all(
        implied.goes_without_saying(f"{kind}:{value}", a, b) for value in one ^ two
    )


def _told_elsewhere(kind: str, a: Facts, b: Facts) -> bool:
    one, two = a.kinds.get(kind, set()), b.kinds.get(kind, set())
    return _goes_without_saying(kind, one, two, a, b) or _told_by_children(kind, one, two, a, b)


def _told_by_children(kind: str, one: set[str], two: set[str], a: Facts, b: Facts) -> bool:
    """Whether an event's own markets say what its title leaves out."""
    return (not one or not two) and (one or two) <= (b if one else a).child_facts.get(kind, set())


def kinds(found: Findings, a: Facts, b: Facts) -> None:
    """Places, offices, parties, measures, leagues …: one by one."""
    done = {"stage", "act", *COMPETITION, *NAMES}
    for kind in sorted((a.kinds.keys() | b.kinds.keys()) - done):
        one, two = a.kinds.get(kind, set()), b.kinds.get(kind, set())
        if one == two:
            found.agree(CODE.get(kind, kind), say(one))
        elif kind == "gender" and "women" in one ^ two and not _of_one_gender(a, b):
            found.veto("gender", f"{say(one)} against {say(two)}")
        elif (
            one
            and two
            and (one.isdisjoint(two) or kind in ("game", "seat", "coin", "rank", "party", "state"))
        ):
            found.veto(CODE.get(kind, kind), f"{say(one)} against {say(two)}")
        elif kind == "game" and not _silent_game(one ^ two):
            found.veto("market_kind", f"{say(one)} against {say(two)}")
        elif (
            kind not in OPTIONAL
            and not _told_by_children(kind, one, two, a, b)
            and not _implied(kind, one ^ two, a, b)
            and not _goes_without_saying(kind, one, two, a, b)
        ):
            found.doubt(CODE.get(kind, kind), f"{say(one)} against {say(two)}")


def _of_one_gender(a: Facts, b: Facts) -> bool:
    """Whether it is about a person or a competition of which only women can be meant."""
    fields = [f.kinds.get("league", set()) | f.kinds.get("title", set()) for f in (a, b)]
    return all(bool(held & (SINGLES | WOMENS)) for held in fields)


def _silent_game(values: set[str]) -> bool:
    return values <= {"moneyline", "series"}


def _implied(kind: str, extra: set[str], a: Facts, b: Facts) -> bool:
    """What the rest of the question says anyway: `U.S. House`, `out as President`, `round 2` of a series."""
    both = [facts.kinds for facts in (a, b)]
    if kind == "country" and extra == {"us"}:
        if (
            a.bounds
            and b.bounds
            and not any("visit" in f.get("act", ()) or "hurricanes" in f.get("measure", ()) for f in both)
        ):
            return True  # a statistic that names no country is America's
        if all(facts.get("act", set()) & {"recession", "shutdown", "default"} for facts in both):
            return True
        return all(
            facts.keys() & {"office", "measure", "party", "polity", "actor", "stage"} for facts in both
        )
    if kind == "country" and (a.fixture or all(facts.keys() & {"title", "league"} for facts in both)):
        return True
    if kind in ("state", "country", "city") and _is_city_of_team(extra, kind, a, b):
        return True
    if kind == "ord" and extra == {"next"}:
        return all("election" in f"{f.folded} {f.question.event_title}".lower() for f in (a, b)) and all(
            f.get("office", set()) & {"president", "governor", "mayor"} for f in both
        )
    if kind == "office":
        return all(facts.get("act", set()) & {"leave", "retire", "resign"} for facts in both) or (
            extra == {"president"} and all("nominee" in facts.get("stage", ()) for facts in both)
        ) or all("seat" in facts for facts in both)  # fmt: skip
    if kind == "polity" and extra <= {"majority", "midterms"}:
        return all(
            facts.get("office", set()) & {"house", "senate"} and not facts.keys() & {"seat", "state"}
            for facts in both
        )
    if kind == "part":
        return all("series" in facts.get("game", ()) for facts in both)
    return (
        kind == "move"
        and extra <= {"up", "down"}
        and all("up_or_down" in facts.get("move", ()) for facts in both)
    )


def _is_city_of_team(extra: set[str], kind: str, a: Facts, b: Facts) -> bool:
    """`Colorado` beside `Colorado Avalanche`."""
    words = {word for facts in (a, b) for value in extra for word in facts.aliases.get(f"{kind}:{value}", ())}
    teams = [tables.team_by_id()[name] for facts in (a, b) for name in facts.kinds.get("team", ())]
    return bool(words) and any(words <= set(team.city) for team in teams)


def competition(found: Findings, a: Facts, b: Facts) -> None:
    """Which title, conference, division or group is won."""
    one, two = (
        {
            value
            for kind in COMPETITION
            for value in facts.kinds.get(kind, ())
            if value not in ("playoffs", "final")
        }
        for facts in (a, b)
    )
    groups = [facts.kinds.get("group", set()) for facts in (a, b)]
    if one == two:
        if one:
            found.agree("competition", say(one))
    elif (one and two and (one.isdisjoint(two) or (one - two and two - one))) or groups[0] != groups[1]:
        found.veto("competition", f"{say(one)} against {say(two)}")
    elif all(_told_elsewhere(kind, a, b) for kind in COMPETITION if a.kinds.get(kind) != b.kinds.get(kind)):
        found.agree("competition", say(one | two))
    else:
        found.doubt("competition", f"{say(one)} against {say(two)}")


CHECKS: tuple[Callable[[Findings, Facts, Facts], None], ...] = (
    readable, compare_game.bundle, compare_game.game, stage, event, kinds, competition, compare_words,
    compare_values.values, compare_dates.compare, compare_terms.hour, compare_values.polarity, compare_values.main_clause,
    compare_terms.source,
    compare_terms.cutoff, compare_terms.void, compare_terms.terms,
)  # fmt: skip

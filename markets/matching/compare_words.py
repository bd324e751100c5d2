"""The names and words that no table knows: each must have its counterpart on the other side."""

from typing import TYPE_CHECKING

from markets.matching import tables
from markets.matching.facts import Facts
from markets.matching.fixtures import FILLERS, close, team_names
from markets.matching.implied import adds_nothing, is_part_of_name
from markets.matching.text import shown

if TYPE_CHECKING:
    from markets.matching.gate import Findings

NAMES = ("person", "club", "team", "company")
PLACES = ("state:", "country:", "city:")
_SKIP = FILLERS - {"united", "city", "real", "athletic", "atletico", "racing", "sporting", "e", "town", "olympique",
                   "borussia"}  # fmt: skip
_GENERIC = frozenset(
    [
        "get",
        "gets",
        "become",
        "becomes",
        "their",
        "each",
        "into",
        "when",
        "after",
        "event",
        "events",
        "take",
        "s",
        "before",
        "so",
        "if",
        "then",
        "than",
        "more",
        "pro",
        "other",
        "others",
        "world",
        "sports",
        "tour",
        "annual",
        "international",
        "decision",
        "decisions",
        "rate",
    ]
)


def compare_words(found: "Findings", a: Facts, b: Facts) -> None:
    """Compare subjects and every other word that carries meaning."""
    one = [word for word in _left(a, b) if word not in b.child_words]
    two = [word for word in _left(b, a) if word not in a.child_words]
    league = a.league or b.league
    if one and two and league:
        teams = team_names(tuple(one), league), team_names(tuple(two), league)
        if len(teams[0]) == 1 and teams[0] == teams[1]:
            found.agree("subject", next(iter(teams[0])))
            return
    if one and two:
        one, two = ([word for word in left if not is_part_of_name(word, told, silent)]
                    for left, told, silent in ((one, a, b), (two, b, a)))  # fmt: skip
    if bool(one) != bool(two):
        told, silent = (a, b) if one else (b, a)
        one = two = [word for word in one or two if not adds_nothing(word, told, silent)]
        one, two = (one, []) if told is a else ([], two)
    if not one and not two:
        shared = _names(a) | (set(a.words) - tables.weak())  # `year` alone is no subject
        if shared:
            found.agree("subject", shown(", ".join(sorted(shared))))
        return
    if one and two:
        found.veto("subject", f"{shown(' '.join(one))} against {shown(' '.join(two))}")
    else:
        found.doubt("wording", f"{shown(' '.join(one or two))} is said by one platform only")


def _names(facts: Facts) -> set[str]:
    return {f"{kind}:{value}" for kind in NAMES for value in facts.kinds.get(kind, ())}


def _left(facts: Facts, other: Facts) -> list[str]:
    """What one side says and the other does not, by any spelling."""
    theirs = set(other.words)
    left = [name for name in sorted(_names(facts) - _names(other)) if not _named_by(name, facts, other)]
    mine = [word for word in facts.words if word not in theirs and word not in _GENERIC and word not in _SKIP]
    if not mine:
        return left
    spare = theirs | {word for name in _names(other) for word in _words_of(name, other)}
    spare |= {word for alias in other.aliases.values() for word in alias if len(word) > 3}
    if facts.fixture and other.fixture:
        spare |= set(other.fixture.first) | set(other.fixture.second)
        mine = [word for word in mine if word not in FILLERS and not _in_fixture(word, facts)]
        left = []  # the sides were compared already
    joined = "".join(other.words)
    left += [
        w
        for w in mine
        if not any(close(w, o) or _initial(w, o) for o in spare) and not (len(w) > 5 and w in joined)
    ]
    return left


def _in_fixture(word: str, facts: Facts) -> bool:
    return facts.fixture is not None and word in facts.fixture.first + facts.fixture.second


def _initial(one: str, two: str) -> bool:
    """`C` of `Chicago C` is explained by `cubs`."""
    return len(one) == 1 and two.startswith(one)


def _words_of(name: str, facts: Facts) -> tuple[str, ...]:
    """All words by which a name is known."""
    kind, _, value = name.partition(":")
    team = tables.team_by_id().get(value) if kind == "team" else None
    if team:
        return team.city + tuple(word for nickname in team.nicknames for word in nickname)
    return (*facts.aliases.get(name, ()), value)


def _named_by(name: str, facts: Facts, other: Facts) -> bool:
    """Whether the other side's words name it: a team by its city inside its league, or by its nickname."""
    kind, _, value = name.partition(":")
    words = set(other.words)
    words |= {word for fact, alias in other.aliases.items() if fact.startswith(PLACES) for word in alias}
    if kind != "team":
        alias = facts.aliases.get(name, ())
        return bool(alias) and set(alias) <= words
    team = tables.team_by_id()[value]
    if any(set(nickname) <= words for nickname in team.nicknames):
        return True
    league = other.league or facts.league
    moves = facts.kinds.get("act", set()) & other.kinds.get("act", set()) & {"trade", "sign_with"}
    if not league and moves:
        league = team.league  # where the player plays
    if league != team.league or not set(team.city) <= words:
        return False
    rivals = [t for t in tables.teams() if t.league == league and t.city == team.city and t != team]
    if not rivals:
        return True
    letters = words - set(team.city)
    mine = any(len(word) <= 2 and team.nicknames[0][0].startswith(word[0]) for word in letters)
    theirs = any(len(w) <= 2 and t.nicknames[0][0].startswith(w[0]) for w in letters for t in rivals)
    return (mine and not theirs) or _only_team_so_called(team)


def _only_team_so_called(team: tables.Team) -> bool:
    """Kalshi calls the Knicks `New York` and the Nets `Brooklyn`: the table gives them other cities already."""
    return sum(other.league == team.league and other.city == team.city for other in tables.teams()) == 1

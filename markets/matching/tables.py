"""The alias tables beside this module, read once: phrases, places, names, teams and sources.

A line is `kind:value = alias | alias`; aliases are lower case, folded as `text.fold` folds. Kind `-` means a word that
carries no fact, `=` that the words mean the one word behind it, `!` before a kind the opposite of that fact.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"
DROPPED = "-"
WORD = "="  # the value is an everyday word that stands for its synonyms
OPPOSITE = "!"  # before a kind: the fact, with YES and NO swapped
_SAID_IN_TITLES = ("polls", "ranking", "boxoffice")  # classes of sources that titles name
_TITLED = {"nba", "wnba", "mlb", "nhl", "nfl", "ncaab", "ncaaf"}  # leagues whose one champion is their title

Fact = tuple[str, str]  # (kind, value)


@dataclass(frozen=True, slots=True)
class Team:
    """A team of a North American league."""

    league: str
    city: tuple[str, ...]
    nicknames: tuple[tuple[str, ...], ...]

    @property
    def name(self) -> str:
        """City and nickname as people say it."""
        return " ".join(self.city + self.nicknames[0])


def lines(name: str) -> Iterator[str]:
    """The lines of a table without comments and blanks."""
    for line in (DATA / name).read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line


def _rows(name: str) -> Iterator[tuple[Fact, tuple[str, ...]]]:
    for line in lines(name):
        head, _, tail = line.partition(" = ")
        kind, _, value = head.strip().partition(":")
        for alias in tail.split("|"):
            if alias.strip():
                yield (kind, value), tuple(alias.split())


@cache
def teams() -> tuple[Team, ...]:
    """Every team of teams.txt."""
    found = []
    for line in lines("teams.txt"):
        league, city, *names = (part.strip() for part in line.split("|"))
        found.append(Team(league, tuple(city.split()), tuple(tuple(name.split()) for name in names)))
    return tuple(found)


def _inflect(table: dict[tuple[str, ...], Fact]) -> None:
    """`abolishes`, `abolished` and `abolishing` beside `abolish`; never a team's nickname."""
    nicknames = {word for team in teams() for nickname in team.nicknames for word in nickname}
    for alias, fact in list(table.items()):
        word = alias[-1]
        if (
            len(alias) > 1
            or len(word) < 4
            or fact[0] not in (WORD, "act")
            or word.endswith(("s", "ed", "ing"))
        ):
            continue
        stem = word[:-1] if word.endswith("e") else word
        for form in (f"{word}s", f"{stem}ed", f"{stem}ing", f"{word}es"):
            if form not in nicknames:
                table.setdefault((form,), fact)


@cache
def phrases() -> dict[tuple[str, ...], Fact]:
    """Alias words → fact; a team's full name is a fact, its city or nickname alone is not."""
    table: dict[tuple[str, ...], Fact] = {}
    for name in ("phrases.txt", "places.txt", "names.txt", "everyday.txt"):
        for fact, alias in _rows(name):
            if fact[0] != "~":
                table.setdefault(alias, fact)
    for fact, alias in _rows("sources.txt"):
        if fact[0] in _SAID_IN_TITLES:
            table.setdefault(alias, ("src", fact[1]))
    _inflect(table)
    for alias, (kind, league) in list(table.items()):
        if kind == "league" and league in _TITLED:
            for word in (
                "league championship",
                "championship",
                "champion",
                "champions",
                "finals",
                "final",
                "title",
                "championships",
            ):
                table.setdefault((*alias, *word.split()), ("title", league))
    for team in teams():
        for nickname in team.nicknames:
            table.setdefault(team.city + nickname, ("team", f"{team.league}.{'_'.join(team.nicknames[0])}"))
    return table


@cache
def weak() -> frozenset[str]:
    """Words that tell nothing beyond what the other title says, where that has no word of its own for it."""
    return frozenset(alias[0] for fact, alias in _rows("everyday.txt") if fact[0] == "~")


@cache
def given_names() -> frozenset[str]:
    """Names that people are given."""
    return frozenset(word for line in lines("given.txt") for word in line.split())


@cache
def implied() -> dict[str, tuple[str, ...]]:
    """`kind:value` → phrases (with a blank around them) beside which it goes without saying."""
    table: dict[str, tuple[str, ...]] = {}
    for (kind, value), alias in _rows("implied.txt"):
        table[f"{kind}:{value}"] = (*table.get(f"{kind}:{value}", ()), f" {' '.join(alias)} ")
    return table


@cache
def longest() -> dict[str, int]:
    """First word of an alias → words of the longest alias that begins with it."""
    table: dict[str, int] = {}
    for alias in phrases():
        table[alias[0]] = max(table.get(alias[0], 0), len(alias))
    return table


@cache
def with_digits() -> tuple[tuple[str, ...], ...]:
    """Aliases that hold a number and must not be read as one (`nasdaq 100`, `76ers`), longest first."""
    found = [alias for alias in phrases() if any(char.isdigit() for word in alias for char in word)]
    found += [
        nick for team in teams() for nick in team.nicknames if any(c.isdigit() for w in nick for c in w)
    ]
    return tuple(sorted(found, key=lambda alias: (-len(" ".join(alias)), alias)))


@cache
def sources() -> tuple[tuple[str, str, str], ...]:
    """(class, source, alias with a blank around it) of sources.txt."""
    return tuple((kind, value, f" {' '.join(alias)} ") for (kind, value), alias in _rows("sources.txt"))


@cache
def words(name: str) -> frozenset[str]:
    """The words of one list of words.txt."""
    rows = (line.partition(" = ") for line in lines("words.txt"))
    return frozenset(word for head, _, tail in rows if head == name for word in tail.split())


@cache
def stations() -> tuple[tuple[str, str], ...]:
    """(station, alias with a blank around it)."""
    return tuple(
        (value, f" {' '.join(alias).lower()} ")
        for (kind, value), alias in _rows("places.txt")
        if kind == "station"
    )


@cache
def team_by_id() -> dict[str, Team]:
    """`league.nickname` → team."""
    return {f"{team.league}.{'_'.join(team.nicknames[0])}": team for team in teams()}

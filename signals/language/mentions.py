"""Names and topics in a text: one pass over all aliases at once (Aho-Corasick), whole words only, the longest wins.

The automaton gives every alias that ends at a place; word boundaries, and the case of aliases that are words otherwise
("Fed", "ICE", "SOL"), are checked here. The work grows with the length of the text, not with the number of aliases.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Generic, TypeVar

import ahocorasick

from markets.matching import tables as market_tables
from signals.language import tables
from signals.language.tables import Entity

T = TypeVar("T")
LONGEST = 4_000  # characters that are looked at


@dataclass(frozen=True, slots=True)
class Hit(Generic[T]):
    """An alias found: `text[start:end]`."""

    start: int
    end: int
    value: T


class Finder(Generic[T]):
    """All aliases of one kind. One with a capital letter is found only as it is written."""

    def __init__(self, aliases: Mapping[str, T]) -> None:
        grouped: dict[str, list[tuple[str, T]]] = {}
        for alias, value in aliases.items():
            grouped.setdefault(_lower(alias), []).append((alias, value))
        self._automaton = ahocorasick.Automaton()
        for folded, group in grouped.items():
            self._automaton.add_word(folded, (len(folded), tuple(group)))
        self._automaton.make_automaton()

    def find(self, text: str) -> tuple[Hit[T], ...]:
        """The aliases in a text, in order, none inside another."""
        text = text[:LONGEST]
        found = []
        for last, (length, group) in self._automaton.iter(_lower(text)):
            start, end = last - length + 1, last + 1
            if not _whole(text, start, end):
                continue
            for alias, value in group:
                if alias == alias.lower() or text[start:end] == alias:
                    found.append(Hit(start, end, value))
        return tuple(_longest(found))


def _longest(found: Iterable[Hit[T]]) -> Iterable[Hit[T]]:
    reached = 0
    for hit in sorted(found, key=lambda hit: (hit.start, -hit.end)):
        if hit.start >= reached:
            reached = hit.end
            yield hit


def _lower(text: str) -> str:
    """Lower case, one letter for one letter, so that places stay the same."""
    lower = text.lower()
    return (
        lower if len(lower) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    )


def _whole(text: str, start: int, end: int) -> bool:
    before = text[start - 1] if start else " "
    after = text[end] if end < len(text) else " "
    return not (before.isalnum() or before == "_") and not (after.isalnum() or after == "_")


@cache
def entity_finder() -> Finder[Entity | None]:
    """Everybody with a name: our own table, and the matcher's teams and people."""
    aliases: dict[str, Entity | None] = {}
    sports = {
        "nba": "basketball",
        "wnba": "basketball",
        "mlb": "baseball",
        "nhl": "hockey",
        "nfl": "american-football",
    }
    for team in market_tables.teams():
        for nickname in team.nicknames:
            full = " ".join((*team.city, *nickname))
            entity = Entity(
                " ".join((*team.city, *team.nicknames[0])).title(), "team",
                ("sports", sports.get(team.league, "sports")),
                (f"team:{team.league}.{'_'.join(team.nicknames[0])}",),
            )  # fmt: skip
            aliases[full] = entity
    for words, (kind, value) in market_tables.phrases().items():
        if kind == "person" and len(words) > 1:
            aliases.setdefault(
                " ".join(words), Entity(" ".join(words).title(), "person", (), (f"{kind}:{value}",))
            )
    return Finder(aliases | tables.entities())


@cache
def topic_finder() -> Finder[tuple[str, ...]]:
    """Every alias of every topic."""
    return Finder(tables.topics())


def entities(text: str) -> tuple[Entity, ...]:
    """Who is named, in order of first mention."""
    return tuple(dict.fromkeys(hit.value for hit in entity_finder().find(text) if hit.value is not None))


def without_nobody(text: str) -> str:
    """The text with blanks for what only looks like a name: `Fed Up`."""
    for hit in entity_finder().find(text):
        if hit.value is None:
            text = text[: hit.start] + " " * (hit.end - hit.start) + text[hit.end :]
    return text


def topics(text: str, named: Iterable[Entity] = ()) -> tuple[str, ...]:
    """What a text is about: by its own words, then by who is named."""
    found = [topic for hit in topic_finder().find(text) for topic in hit.value]
    found += [topic for entity in named for topic in entity.topics]
    return tuple(dict.fromkeys(found))

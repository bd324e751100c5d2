"""A headline as the linker reads it: the matcher's own facts, who is named, and the words in order.

Both sides of a link go through the same tables (`markets.matching`), so `FOMC leaves rates unchanged` and `Will the Federal
Reserve hold rates` end as the same facts. Names are believed only where they are written as names: `Fed`, not `fed up`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from markets.matching import dates, numbers
from markets.matching import tables as market_tables
from markets.matching.dates import Dates
from markets.matching.numbers import Bound
from markets.matching.reading import canonical
from markets.matching.text import fold, name_numbers
from signals.language import mentions, signs, tables
from signals.language.signs import Finding
from signals.language.tables import Entity

LONGEST_TITLE, LONGEST_SUMMARY = 300, 700  # characters that are read
MOST_TOKENS = 200
_TOKEN = re.compile(r"[^\W_]+(?:[.'’&][^\W_]+)*")
_NUMBERED_CLASS = re.compile(
    r"\b(category|phase|tier|grade|chapter|article|section|type) \d{1,3}\b"
)  # no figures
_ORDINAL_QUARTER = re.compile(r"\b(first|second|third|fourth)[- ]quarter\b")
_QUARTERS = {"first": "q1", "second": "q2", "third": "q3", "fourth": "q4"}
# Kinds whose values are names: believed only with a capital letter
NAMED = frozenset(
    ["person", "team", "club", "company", "coin", "country", "state", "city", "actor", "index", "league"]
)
_LOWER_TOO = frozenset(["coin", "commodity"])  # bitcoin, ethereum: long names that are no words


@dataclass(frozen=True, slots=True)
class Token:
    """One word, folded; `capital` as written, `first` at the beginning of a sentence or a part of one."""

    word: str
    capital: bool
    first: bool


@dataclass(slots=True)
class Said:
    """One headline, read. `kinds` is as in the matcher's facts; `title` holds the tokens of the headline alone."""

    at: datetime
    title: tuple[Token, ...]
    tokens: tuple[Token, ...]  # headline and summary
    kinds: dict[str, set[str]] = field(default_factory=dict)
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)  # fact → the words that say it
    words: frozenset[str] = frozenset()
    bounds: tuple[Bound, ...] = ()
    title_bounds: tuple[Bound, ...] = ()  # of the headline alone
    when: Dates = field(default_factory=Dates)
    entities: tuple[Entity, ...] = ()
    arenas: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()  # subjects that are only named as whose something is
    of_money: bool = False  # of a central bank's rate, named or not
    stand_ins: frozenset[str] = frozenset()  # subjects for whom a house speaks: `White House says`
    findings: tuple[Finding, ...] = ()  # which way which measure went
    flat: str = ""  # the headline's words with blanks around them


def read(title: str, summary: str = "", *, at: datetime) -> Said:
    """Read a headline with its summary. `at` is when it was said: what `this month` and a bare `June` are relative to."""
    title, summary = title[:LONGEST_TITLE], summary[:LONGEST_SUMMARY]
    both = f"{title} . {summary}" if summary else title
    own = tuple(tokens(title))
    said = Said(at, own, own + tuple(tokens(summary)) if summary else own)
    said.flat = f" {' '.join(token.word for token in own)} "
    said.findings = signs.read(" ".join(token.word for token in own))
    said.entities = mentions.entities(both)
    said.words = frozenset(token.word for token in said.tokens)
    folded = _ORDINAL_QUARTER.sub(lambda match: _QUARTERS[match[1]], fold(mentions.without_nobody(both)))
    folded = _NUMBERED_CLASS.sub(r"\1", folded)
    named = name_numbers(folded)
    said.when, rest = dates.read(named)
    said.bounds, rest = numbers.read(rest)
    said.title_bounds = said.bounds
    if summary:
        alone = _NUMBERED_CLASS.sub(r"\1", name_numbers(fold(mentions.without_nobody(title))))
        said.title_bounds = numbers.read(dates.read(alone)[1])[0]
    found, left, aliases = canonical(rest)
    said.aliases = aliases
    said.words |= frozenset(left)
    said.kinds = _believed(found, aliases, said.tokens)
    for entity in said.entities:
        for fact in entity.facts:
            _add(said.kinds, fact)
    text = f" {' '.join(token.word for token in said.tokens)} "
    for phrase, facts in bridges().items():
        if phrase in text:
            for fact in facts:
                _add(said.kinds, fact)
    if phrases(text, tables.words("cues.yaml", "not_leaving")) and "out" in aliases.get("act:leave", ()):
        said.kinds.get("act", set()).discard("leave")
    said.of_money = bool(phrases(text, tables.words("cues.yaml", "rates_of_money")))
    said.stand_ins = frozenset(
        fact for phrase, fact in tables.document("cues.yaml")["stand_ins"].items() if f" {phrase} " in text
    )
    said.arenas = frozenset(_arenas(text))
    _add_teams(said)
    said.attributes = frozenset(_attributes(said))
    return said


def _attributes(said: Said) -> Iterator[str]:
    """`Trump cabinet`, `Real Madrid stadium`: named, but not what the headline is about."""
    behind = tables.words("cues.yaml", "attributes")
    for entity in said.entities:
        if entity.kind not in ("person", "company"):
            continue
        last = fold(entity.name).split()[-1]
        places = [place for place, token in enumerate(said.title) if token.word == last]
        if places and all(
            place + 1 < len(said.title) and said.title[place + 1].word in behind for place in places
        ):
            yield from entity.facts


def tokens(text: str) -> Iterator[Token]:
    """The words of a text, folded, hyphens taken apart."""
    first = True
    reached = 0
    capital = False
    for count, match in enumerate(_TOKEN.finditer(text)):
        if count >= MOST_TOKENS:
            return
        between = text[reached : match.start()]
        first = first or any(sign in ".!?:;|–—" for sign in between)
        capital = match.group()[0].isupper() or match.group()[0].isdigit() or (between == "-" and capital)
        word = fold(match.group()).replace(".", "").replace("&", "")
        if word:
            yield Token(word, capital, first)
        first, reached = False, match.end()


def phrases(flat: str, table: Iterable[str]) -> list[str]:
    """Which of these phrases stand in a flat text, as whole words."""
    return [phrase for phrase in table if f" {phrase} " in flat]


@cache
def bridges() -> Mapping[str, tuple[str, ...]]:
    """Phrase with blanks around it → facts it brings."""
    rows = tables.document("cues.yaml")["bridges"]
    return {f" {phrase} ": tuple(facts) for phrase, facts in rows.items() if facts}


@cache
def _arena_words() -> dict[str, tuple[tuple[str, ...], frozenset[str]]]:
    """Arena → its phrases, and its single words."""
    found = {}
    for arena, listed in tables.document("cues.yaml")["arenas"].items():
        words = frozenset(word for word in listed if " " not in word)
        found[arena] = (tuple(f" {phrase} " for phrase in listed if " " in phrase), words)
    return found


def _arenas(text: str) -> Iterator[str]:
    words = set(text.split())
    for arena, (listed, single) in _arena_words().items():
        if words & single or any(phrase in text for phrase in listed):
            yield arena


def _add(kinds: dict[str, set[str]], fact: str) -> None:
    kind, _, value = fact.partition(":")
    kinds.setdefault(kind, set()).add(value)


def _believed(
    found: Mapping[str, set[str]], aliases: Mapping[str, Sequence[str]], written: Sequence[Token]
) -> dict[str, set[str]]:
    """The facts whose names are written as names."""
    capital = {token.word for token in written if token.capital}
    kinds: dict[str, set[str]] = {}
    for kind, values in found.items():
        for value in values:
            alias = aliases.get(f"{kind}:{value}", ())
            if kind in NAMED and alias:
                long = kind in _LOWER_TOO and all(len(word) > 5 for word in alias)
                if not long and not all(
                    word in capital for word in alias if len(word) > 2 or len(alias) == 1
                ):
                    continue
                if kind == "person" and len(alias) == 1 and _other_first_name(alias[0], written):
                    continue
            kinds.setdefault(kind, set()).add(value)
    return kinds


def _other_first_name(surname: str, written: Sequence[Token]) -> bool:
    """Whether the surname stands behind a given name everywhere: `Harris Dickinson` is another Harris."""
    given = market_tables.given_names()
    before = [written[place - 1] for place, token in enumerate(written) if token.word == surname and place]
    return bool(before) and all(token.capital and token.word in given for token in before)


@cache
def _nicknames() -> dict[tuple[str, ...], tuple[str, ...]]:
    """Nickname as words → teams, as `nba.celtics`."""
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for key, team in market_tables.team_by_id().items():
        for nickname in team.nicknames:
            found[nickname] = (*found.get(nickname, ()), key)
    return found


def _add_teams(said: Said) -> None:
    """Teams by nickname alone: `Knicks`; a nickname that is a word needs a word of sport beside it."""
    everyday = tables.words("cues.yaml", "everyday_nicknames")
    leagues = said.kinds.get("league", set()) | said.kinds.get("title", set())
    sport = bool(leagues) or bool(said.words & tables.words("cues.yaml", "sure_sport"))
    listed = _nicknames()
    for place, token in enumerate(said.tokens):
        if not token.capital:
            continue
        for size in (2, 1):
            nickname = tuple(one.word for one in said.tokens[place : place + size])
            if len(nickname) < size or nickname not in listed:
                continue
            if nickname[-1] in everyday and not sport:
                continue
            teams = listed[nickname]
            inside = [team for team in teams if team.split(".")[0] in {one.split("_")[0] for one in leagues}]
            said.kinds.setdefault("team", set()).update(inside or teams)
            break

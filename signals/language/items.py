"""A market as the linker reads it: whom it is about (subjects), and what about them it asks (contexts).

Every subject and context is a key, `kind:value` in the matcher's words or `name:first last` for what no table knows.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache

from markets.matching import fixtures
from markets.matching import tables as market_tables
from markets.matching.dates import DAY, MONTH, QUARTER
from markets.matching.facts import Facts, facts_of
from markets.matching.numbers import PERCENT, Bound
from markets.matching.questions import Question
from signals.language import tables, texts
from signals.language.texts import Token

# `Will Player X win`, `Candidate A`, `another team`: names nobody yet
_PLACEHOLDER = re.compile(
    r"\b(?:Player|Candidate|Fighter|Chef|Person|Song|Show|Party|Company|Team|Artist) [A-Z]{1,2}\b"
    r"|\b[Aa]n?other\b|\bAny Other\b|^Will [A-Z] (?:win|be)\b|\bplayer [A-Z]{1,2}\b"
)
_BELOW_NOTHING = re.compile(
    r"\b(above|over|at least|more than|below|under|less than) [-−](\d{1,6}(?:\.\d{1,4})?)(%?)", re.IGNORECASE
)


def kinds(part: str) -> frozenset[str]:
    """The kinds of facts that play a part: see `data/kinds.yaml`."""
    return tables.words("kinds.yaml", part)


@dataclass(frozen=True, slots=True)
class MarketText:
    """What the linker needs of a market. `ends` is when it closes; None where unknown."""

    platform: str
    market_id: str
    title: str
    event_title: str = ""
    label: str = ""  # what YES is called where that is a name
    other_label: str = ""
    rules: str = ""
    ends: datetime | None = None
    strike_type: str = ""
    floor_strike: object = None
    cap_strike: object = None


@dataclass(frozen=True, slots=True)
class Items:
    """One market, read."""

    market: MarketText
    facts: Facts
    subjects: frozenset[str]
    contexts: frozenset[str]
    arenas: frozenset[str]
    months: frozenset[tuple[int | None, int]]  # (year, month) of the days and months that it asks about
    quarters: frozenset[tuple[int | None, int]]  # (year, last month) of the quarters
    years: frozenset[int]
    bounds: tuple[Bound, ...]
    either: bool  # `A or B first?`: about each of them, and which is YES is not said
    nobody: bool  # names a placeholder, or nothing at all


def read(market: MarketText) -> Items:
    """Read one market's question, its event's title and its outcome's name."""
    facts = facts_of(_question(market, market.title))
    names = _names(market.title, facts)
    if market.label and texts.fold(market.label) not in facts.folded and not facts.fixture:
        names |= _names(market.label, facts)
    own = _subjects(facts)
    names = {name for name in names if not _of_team(name, own)}
    subjects = _without(own, names, facts) | names
    if not subjects and market.event_title:  # `Will over 2.5 goals be scored?` is about its event's game
        event = facts_of(_question(market, market.event_title))
        facts_used, extra = event, _names(market.event_title, event)
        subjects = _subjects(event) | extra
    else:
        facts_used = facts
    contexts = {
        f"{kind}:{value}" for kind in kinds("contexts") for value in facts.kinds.get(kind, ())
    } | _words(facts, names)
    contexts |= {
        f"{kind}:{value}" for kind in ("league", "title") for value in facts_used.kinds.get(kind, ())
    }
    contexts = {_nomination(key) for key in contexts}
    if not any(
        key.partition(":")[0] in kinds("specific") for key in subjects
    ):  # `measles cases in the US`: the words say what it is about
        generic = tables.words("cues.yaml", "generic_subjects")
        subjects |= {
            key for key in contexts if key.startswith("word:") and key.partition(":")[2] not in generic
        }
        subjects |= {f"act:{act}" for act in facts.kinds.get("act", set()) & kinds("telling_acts")}
        if facts.kinds.get("act") and not any(key.startswith(("word:", "act:")) for key in subjects):
            subjects |= {
                holder
                for office, holder in tables.document("cues.yaml")["holders"].items()
                if office in contexts
            }
    if not any(key.partition(":")[0] in kinds("specific") for key in subjects) and "polity" in facts.kinds:
        subjects |= {
            f"{kind}:{value}" for kind in ("polity", "office") for value in facts.kinds.get(kind, ())
        }
    if "party" in facts.kinds and not names and "person" not in facts.kinds:
        subjects |= {f"party:{value}" for value in facts.kinds["party"]}
    if (
        subjects
        and all(key.startswith(("party:", "measure:")) for key in subjects)
        and "office" in facts.kinds
    ):
        subjects |= {f"office:{value}" for value in facts.kinds["office"]}
    windows = facts.when.windows
    return Items(
        market, facts, frozenset(subjects), frozenset(contexts - subjects),
        frozenset(_market_arenas(facts, facts_used)),
        frozenset((one.year, one.month) for one in windows if one.kind in (DAY, MONTH)),
        frozenset((one.year, one.month) for one in windows if one.kind == QUARTER),
        frozenset(facts.when.all_years), _bounds(facts, market.title),
        bool(facts.alternatives) and "up_or_down" not in facts.kinds.get("move", ()),
        not subjects or bool(_PLACEHOLDER.search(market.title)),
    )  # fmt: skip


def _bounds(facts: Facts, title: str) -> tuple[Bound, ...]:
    """The matcher's bounds; `above -0.2%` with its sign."""
    below_nothing = _BELOW_NOTHING.search(title)
    if below_nothing and facts.question.floor_strike is None and facts.question.cap_strike is None:
        value = -Decimal(below_nothing[2])
        unit = PERCENT if below_nothing[3] else ""
        if below_nothing[1].lower() in ("below", "under", "less than"):
            return (Bound(None, False, value, False, unit),)
        return (Bound(value, below_nothing[1].lower() == "at least", None, False, unit),)
    return facts.bounds


def _question(market: MarketText, title: str) -> Question:
    return Question(
        market.platform, market.market_id, title, market.rules, market.ends.isoformat() if market.ends else "",
        market.event_title, outcome_label=market.label, other_label=market.other_label, strike_type=market.strike_type,
        floor_strike=market.floor_strike, cap_strike=market.cap_strike,  # type: ignore[arg-type]
    )  # fmt: skip


def _nomination(key: str) -> str:
    """A primary decides the nomination: one word for both."""
    return "stage:nominee" if key in ("stage:primary", "stage:runoff") else key


def _subjects(facts: Facts) -> set[str]:
    found = {f"{kind}:{value}" for kind in kinds("subjects") for value in facts.kinds.get(kind, ())} - {
        f"measure:{flag}" for flag in kinds("flags")
    }
    if facts.kinds.get("actor") or "fed_rate" in facts.kinds.get("measure", ()):
        found -= {"measure:fed_rate", "measure:policy_rate"}
        found |= {f"policy:{actor}" for actor in facts.kinds.get("actor", {"fed"})}
    if "measure:gdp" in found and not facts.kinds.get("country"):
        found.add("country:us")
    if any(key.startswith("seat:") for key in found):
        found = {key for key in found if not key.startswith("state:")}
    sides = (facts.fixture.first, facts.fixture.second) if facts.fixture else ()
    if facts.fixture:
        found -= {f"city:{value}" for value in facts.kinds.get("city", ())}
    for side in sides if "person" not in facts.kinds else ():
        teams = _team_keys(side, facts.league)
        clubs = {
            key for key, alias in facts.aliases.items() if key.startswith("club:") and set(alias) & set(side)
        }
        if teams:
            found |= teams
        elif not clubs and not any(set(facts.aliases.get(key, ())) >= set(side) for key in found):
            found.add(f"name:{' '.join(side)}")
    if not sides and not facts.kinds.get("team") and facts.league:
        places = [alias for key, alias in facts.aliases.items() if key.startswith(("city:", "state:"))]
        teams = _team_keys(tuple(facts.words), facts.league)
        for alias in places if not teams else ():
            teams |= _team_keys((*alias, *(word for word in facts.words if len(word) == 1)), facts.league)
        if len(teams) == 1:
            found = {key for key in found if not key.startswith(("city:", "state:"))} | teams
    return found


def _of_team(name: str, subjects: set[str]) -> bool:
    """`Minnesota` beside the Timberwolves is their city."""
    cities = {word for key in subjects if key.startswith("team:") for word in _cities().get(key, ())}
    return all(word in cities or len(word) == 1 for word in name.removeprefix("name:").split())


@cache
def _cities() -> dict[str, frozenset[str]]:
    return {f"team:{key}": frozenset(team.city) for key, team in market_tables.team_by_id().items()}


def _without(found: set[str], names: set[str], facts: Facts) -> set[str]:
    """`Tom Holland` is no country, `Josh Green` no party: what is part of a longer name is not meant."""
    inside = [set(name.removeprefix("name:").split()) for name in names if " " in name]
    return {key for key in found if not any(set(facts.aliases.get(key, ("",))) < words for words in inside)}


def _team_keys(words: tuple[str, ...], league: str) -> set[str]:
    if not league:
        return set()
    names = fixtures.team_names(words, league)
    return {f"team:{key}" for name in names for key in _ids_by_name().get((league, name), ())}


@cache
def _ids_by_name() -> dict[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for key, team in market_tables.team_by_id().items():
        found[(team.league, team.name)] = (*found.get((team.league, team.name), ()), key)
    return found


def _names(title: str, facts: Facts) -> set[str]:
    """Runs of capitalised words that no table knows: people, clubs, works. Particles may stand inside."""
    plain, given, left = (
        tables.words("cues.yaml", "plain_names"),
        market_tables.given_names(),
        set(facts.words),
    )
    runs: list[list[Token]] = [[]]
    before: Token | None = None
    for token in texts.tokens(title):
        known = token.word not in left and not (runs[-1] and runs[-1][-1].word in given and token.capital)
        if token.capital and not known and token.word not in plain and not token.word[0].isdigit():
            if (
                not runs[-1]
                and before is not None
                and before.capital
                and before.word in given
                and before.word not in left
            ):
                runs[-1].append(before)  # `Max Fried`, where `max` is a word of the tables
            runs[-1].append(token)
        elif runs[-1] and token.word in kinds("particles"):
            runs[-1].append(token)
        elif runs[-1]:
            runs.append([])
        before = token
    found = set()
    for run in runs:
        while run and run[-1].word in kinds("particles"):
            run.pop()
        words = [token.word for token in run]
        if (
            words
            and (len(words) > 1 or len(words[0]) > 2)
            and not (facts.fixture and set(words) <= {*facts.fixture.first, *facts.fixture.second})
        ):
            found.add("name:" + " ".join(words))
    return found


def _words(facts: Facts, names: set[str]) -> set[str]:
    """What is left in lower case: the nouns and verbs of the question."""
    of_names = {word for name in names for word in name.removeprefix("name:").split()}
    sides = {*facts.fixture.first, *facts.fixture.second} if facts.fixture else set()
    plain = tables.words("cues.yaml", "plain_names") | tables.words("cues.yaml", "empty_words")
    return {
        f"word:{word}"
        for word in facts.words
        if len(word) > 1 and word not in of_names and word not in sides and word not in plain
    }


def _market_arenas(facts: Facts, used: Facts) -> set[str]:
    found = {
        arena
        for kind, arena in tables.document("kinds.yaml")["arenas"].items()
        if kind in facts.kinds or kind in used.kinds
    }
    if facts.fixture:
        found.add("sport")
    if facts.kinds.get("title", set()) & kinds("awards") or facts.kinds.get("rank"):
        found.add("award")
    if "price" in found and not (facts.bounds or facts.kinds.get("move")):
        found.discard("price")
    return found

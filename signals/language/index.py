"""An index over markets: which of them a headline could be about, in time that does not grow with all the others.

Every market stands under its subjects (names, teams, coins, countries, …). A headline looks up only what it names, and of
each no more than the markets that close next; rare names weigh more than frequent ones, as they do in any search.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

from markets.matching import tables as market_tables
from signals.language import tables
from signals.language.items import Items
from signals.language.texts import Said, Token

MOST_UNDER_ONE = 400  # markets of one subject that are looked at, the nearest to close first
LONGEST_NAME = 6  # words
SURNAME_ALONE = 0.85  # what a surname is worth beside the full name
SHORTEST_SURNAME = 4
STAND_IN = 0.5  # what the White House is worth where a market names its president
ATTRIBUTE = 0.3  # what a name is worth that only tells whose: `Trump cabinet`
Key = tuple[str, str]  # platform, market id
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class Index:
    """Markets by subject. `add` and `remove` one; `candidates` of a headline."""

    markets: dict[Key, Items] = field(default_factory=dict)
    under: dict[str, dict[Key, None]] = field(default_factory=lambda: defaultdict(dict))
    counts: dict[str, int] = field(
        default_factory=lambda: defaultdict(int)
    )  # subjects and contexts → markets
    names: dict[tuple[str, ...], str] = field(default_factory=dict)
    surnames: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    _sorted: dict[str, list[Key]] = field(default_factory=dict)

    def add(self, items: Items) -> None:
        """Put a market in, or in again."""
        key = items.market.platform, items.market.market_id
        self.remove(key)
        if items.nobody:
            return
        self.markets[key] = items
        for subject in items.subjects:
            self.under[subject][key] = None
            self._sorted.pop(subject, None)
            if subject.startswith(("name:", "person:")):
                self._name(subject)
        for item in items.subjects | items.contexts:
            self.counts[item] += 1

    def remove(self, key: Key) -> None:
        """Take a market out, if it is in."""
        items = self.markets.pop(key, None)
        if items is None:
            return
        for subject in items.subjects:
            self.under[subject].pop(key, None)
            self._sorted.pop(subject, None)
            if not self.under[subject]:
                del self.under[subject]
                self._forget(subject)
        for item in items.subjects | items.contexts:
            self.counts[item] -= 1
            if not self.counts[item]:
                del self.counts[item]

    def weight(self, item: str) -> float:
        """How telling an item is: the rarer among the markets, the more. Never nil."""
        return math.log(2.0 + len(self.markets) / (1.0 + self.counts.get(item, 0)))

    def named(self, said: Said) -> dict[str, float]:
        """The subjects that a headline names → how surely, 0 to 1."""
        found = {f"{kind}:{value}": 1.0 for kind, values in said.kinds.items() for value in values}
        if "actor" in said.kinds:
            found |= {f"policy:{actor}": 1.0 for actor in said.kinds["actor"]}
        elif said.of_money and said.kinds.get("country", {"us"}) <= {"us"}:
            found["policy:fed"] = 0.8
        for word in said.words:
            found[f"word:{word}"] = 1.0
        for place in range(len(said.tokens)):
            self._names_at(said.tokens, place, found)
        for subject in said.stand_ins:
            found.setdefault(subject, STAND_IN)
        for subject in said.attributes:
            found[subject] = min(found.get(subject, 0.0), ATTRIBUTE)
        return found

    def candidates(self, named: Iterable[str], now: datetime) -> set[Key]:
        """The markets not yet closed that one of these subjects could find."""
        found: set[Key] = set()
        for subject in named:
            if subject in self.under:
                found.update(self._nearest(subject, now))
        return found

    def of(self, subject: str, now: datetime, most: int) -> list[Items]:
        """The open markets on one subject, the nearest to close first."""
        return [self.markets[key] for key in self._nearest(subject, now, most)]

    def _nearest(self, subject: str, now: datetime, most: int = MOST_UNDER_ONE) -> list[Key]:
        ordered = self._sorted.get(subject)
        if ordered is None:
            ordered = sorted(self.under.get(subject, ()), key=lambda key: (self._ends(key), key))
            self._sorted[subject] = ordered
        low, high = 0, len(ordered)
        while low < high:  # the first that closes after now
            middle = (low + high) // 2
            if self._ends(ordered[middle]) <= now:
                low = middle + 1
            else:
                high = middle
        return ordered[low : low + most]

    def _ends(self, key: Key) -> datetime:
        return self.markets[key].market.ends or _NEVER

    def _name(self, subject: str) -> None:
        for words in _names_of(subject):
            self.names[words] = subject
            for part in _parts_of(words):
                self.surnames[part][subject] = None

    def _forget(self, subject: str) -> None:
        for words in _names_of(subject):
            self.names.pop(words, None)
            for part in _parts_of(words):
                self.surnames.get(part, {}).pop(subject, None)

    def _names_at(self, tokens: Sequence[Token], place: int, found: dict[str, float]) -> None:
        token = tokens[place]
        if not token.capital:
            return
        for size in range(min(LONGEST_NAME, len(tokens) - place), 0, -1):
            run = tokens[place : place + size]
            subject = self.names.get(tuple(one.word for one in run))
            if subject is not None and (size > 1 or self._alone(tokens, place)):
                found[subject] = 1.0
                if size > 1:
                    return
        surname = self.surnames.get(token.word)
        if (
            surname
            and len(surname) == 1
            and self._alone(tokens, place)
            and token.word not in tables.words("cues.yaml", "plain_names")
            and token.word not in tables.words("cues.yaml", "word_surnames")
        ):
            found.setdefault(next(iter(surname)), SURNAME_ALONE)

    def _alone(self, tokens: Sequence[Token], place: int) -> bool:
        """Whether a single name is not the tail of somebody else's: `Serena Williams` is not the Williams team."""
        if not place:
            return True
        before = tokens[place - 1]
        return not (before.capital and before.word in tables.given())


def _names_of(subject: str) -> Iterable[tuple[str, ...]]:
    """The full names of a subject, as words."""
    if subject.startswith("name:"):
        return (tuple(subject.removeprefix("name:").split()),)
    return _people().get(subject, ())


@cache
def _people() -> dict[str, tuple[tuple[str, ...], ...]]:
    """The matcher's people → their names of several words."""
    found: dict[str, tuple[tuple[str, ...], ...]] = {}
    for words, (kind, value) in market_tables.phrases().items():
        if kind == "person" and len(words) > 1:
            found[f"person:{value}"] = (*found.get(f"person:{value}", ()), words)
    return found


def _parts_of(words: tuple[str, ...]) -> Iterable[str]:
    """What a name is called by for short: the last word; the first, where that is no given name (`Fidesz-KDNP`)."""
    if len(words) > 1 and len(words[-1]) >= SHORTEST_SURNAME:
        yield words[-1]
    if len(words) == 2 and len(words[0]) >= SHORTEST_SURNAME and words[0] not in tables.given():
        yield words[0]

"""Acts that happen or not, relegation and the like, and contests that somebody wins: what became of a market's own side."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from signals.language import denials, tables
from signals.language.figures import CLEAR, FAINT, LIKELY, NOTHING, Opinion
from signals.language.items import Items, kinds
from signals.language.texts import Said

_RELEGATED = ("relegated", "relegation")
_LONGEST = 5  # words of the longest cue


@dataclass(frozen=True, slots=True)
class _Cue:
    start: int
    end: int
    sign: int
    kind: str  # good, bad, over, under


@cache
def _cues() -> dict[tuple[str, ...], tuple[str, ...]]:
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for kind in ("good", "bad", "over", "under"):
        for phrase in tables.document("cues.yaml")[kind]:
            words = tuple(str(phrase).split())
            found[words] = (*found.get(words, ()), kind)
    return found


def _found_cues(words: Sequence[str]) -> list[_Cue]:
    table, found, place = _cues(), [], 0
    while place < len(words):
        for size in range(min(_LONGEST, len(words) - place), 0, -1):
            kinds = table.get(tuple(words[place : place + size]))
            if kinds:
                found += [
                    _Cue(place, place + size, 1 if kind in ("good", "over") else -1, kind) for kind in kinds
                ]
                place += size
                break
        else:
            place += 1
    return found


def act(said: Said, items: Items) -> Opinion:
    acts = items.facts.kinds.get("act", set())
    left = said.kinds.get("act", set()) & tables.words("cues.yaml", "leavings")
    denied = denials.denied(said, _words_of(acts or left, said.aliases), _words_of(acts, items.facts.aliases))
    if not acts and left and _of_office(items):
        return (1, CLEAR, "does not leave the office") if denied else (-1, CLEAR, "leaves the office")
    if denied:
        return -1, CLEAR, "denied or put off"
    broken = any(f" {phrase} " in said.flat for phrase in tables.words("cues.yaml", "breakdowns"))
    if broken and acts & kinds("agreed_acts"):
        return -1, CLEAR, "talks break down"
    if acts & said.kinds.get("act", set()) or not acts:
        return 1, CLEAR, "it happens or comes nearer"
    if items.facts.negated:
        return (
            NOTHING  # `stays as CEO` beside `will he remain`: no act is named that a denial of it could turn
        )
    return 1, FAINT, "it is spoken of"


def _words_of(acts: Iterable[str], aliases: Mapping[str, Sequence[str]]) -> set[str]:
    return {word for act in acts for word in aliases.get(f"act:{act}", ())}


def _of_office(items: Items) -> bool:
    """Whether it is asked who holds an office: `Will Musk be CEO of Tesla on December 31?`."""
    words = tables.words("cues.yaml", "office_words")
    return "office" in items.facts.kinds or any(
        key.startswith("word:") and key.partition(":")[2] in words for key in items.contexts
    )


def harm(said: Said, items: Items, shared: Sequence[str]) -> Opinion:
    sign, strength, why = contest(said, items, shared)
    if " relegated " in said.flat or " relegation " in said.flat:
        if denials.denied(said, _RELEGATED, _RELEGATED):
            return -1, CLEAR, "relegation avoided"
        return 1, CLEAR, "relegated"
    if " survival " in said.flat or " safe " in said.flat:
        return -1, CLEAR, "survival"
    return -sign, strength * LIKELY, f"{why}, which relegation is the opposite of" if why else ""


def contest(said: Said, items: Items, shared: Sequence[str]) -> Opinion:
    """What happened to the market's own side: before a verb it acts, behind one it suffers."""
    words = [token.word for token in said.title]
    places = _places(words, items, shared)
    if not places:
        return _denial_of_act(said, items)
    if not items.arenas and not items.facts.fixture and not _found_cues(words):
        return act(said, items)
    starts = [place for place, token in enumerate(said.title) if token.first and place]
    total, told = 0, []
    for cue in _found_cues(words):
        part = _same_part(cue, places, starts)
        sign = _of_cue(cue, part, words)
        if sign:
            total += sign * (2 if cue.kind in ("over", "under") else 1)
            told.append(" ".join(words[cue.start : cue.end]))
    if not total:
        return NOTHING
    return (1 if total > 0 else -1), CLEAR if abs(total) > 1 else LIKELY, ", ".join(told[:3])


def _same_part(cue: _Cue, places: Sequence[tuple[int, int]], starts: Sequence[int]) -> list[tuple[int, int]]:
    """The mentions in the cue's part of the headline: `A collapses; B leads` says nothing of A that B does."""
    low = max((start for start in starts if start <= cue.start), default=0)
    high = min((start for start in starts if start > cue.start), default=10_000)
    return [place for place in places if low <= place[0] < high]


def _of_cue(cue: _Cue, places: Sequence[tuple[int, int]], words: Sequence[str]) -> int:
    before = [end for start, end in places if end <= cue.start]
    behind = [start for start, end in places if start >= cue.end]
    breaks = ("but", "while", "whereas", "as")
    if cue.kind in ("over", "under"):
        if before and not (behind and min(behind) - cue.end < cue.start - max(before)):
            return 0 if any(word in breaks for word in words[max(before) : cue.start]) else cue.sign
        if behind and min(behind) - cue.end <= 2:
            return -cue.sign
        return 0
    if before:
        return 0 if any(word in breaks for word in words[max(before) : cue.start]) else cue.sign
    if (
        behind
        and min(behind) - cue.end <= 2
        and not any(
            (cue.start, cue.end) == (other.start, other.end) and other.kind in ("over", "under")
            for other in _found_cues(words)
        )
    ):
        return cue.sign if cue.start == 0 or cue.sign < 0 else 0
    return 0


def _places(words: Sequence[str], items: Items, shared: Sequence[str]) -> list[tuple[int, int]]:
    """Where the headline names the market's own side: the outcome's, where the question has one."""
    names: list[tuple[str, ...]] = []
    people = [key for key in shared if key.startswith("person:") or (key.startswith("name:") and " " in key)]
    shared = people or shared  # beside a person, `Seoul` is where, not who
    fixture = items.facts.fixture
    for key in shared:
        kind, _, value = key.partition(":")
        if fixture and fixture.yes and kind in ("name", "team", "club") and not _is_side(key, fixture.yes):
            continue
        if kind in ("name", "person", "team", "club", "country", "company", "party"):
            names.append(tuple(value.replace(".", " ").replace("_", " ").split()))
            names += [tuple(alias) for fact, alias in items.facts.aliases.items() if fact == key]
    if fixture and not fixture.yes:
        return []
    found = []
    singles = {word for name in names for word in name if len(word) > 3 or len(name) == 1} | _aliases(shared)
    for place, word in enumerate(words):
        if word in singles:
            found.append((place, place + 1))
    return found


def _is_side(key: str, yes: Sequence[str]) -> bool:
    words = set(key.partition(":")[2].replace(".", " ").replace("_", " ").split())
    return bool(words & set(yes))


@cache
def _alias_words() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for alias, entity in tables.entities().items():
        for fact in entity.facts if entity else ():
            words = alias.lower().replace("-", " ").split()
            if len(words) == 1:
                found.setdefault(fact, set()).add(words[0].replace(".", ""))
    found.setdefault("party:republican", set()).update({"gop", "republicans", "republican"})
    found.setdefault("party:democratic", set()).update({"democrats", "democrat", "democratic"})
    return {fact: frozenset(words) for fact, words in found.items()}


def _aliases(shared: Sequence[str]) -> set[str]:
    return {word for key in shared for word in _alias_words().get(key, ())}


def _denial_of_act(said: Said, items: Items) -> Opinion:
    acts = items.facts.kinds.get("act", set())
    if acts & kinds("acts") or not items.arenas & {"sport", "election"}:
        return act(said, items)
    return NOTHING

"""Which way a headline speaks for a market's YES, and how strongly. Relative to the question, never to the world.

Five kinds of question, five rules: a price or figure against a bound, a central bank's decision, an act that happens or not,
relegation and the like, and a contest that somebody wins. What no rule settles is 0: no opinion is better than a wrong one.
The tables are `data/cues.yaml`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from markets.matching.facts import Facts
from markets.matching.numbers import PERCENT, USD, Bound
from markets.matching.polarity import Polarity
from signals.language import signs, tables
from signals.language.items import ACTS, Items
from signals.language.texts import Said

CERTAIN, CLEAR, LIKELY, FAINT = Decimal("0.9"), Decimal("0.7"), Decimal("0.5"), Decimal("0.3")
NOTHING = (0, Decimal(0), "")
Opinion = tuple[int, Decimal, str]  # direction, strength, why
_VALUED = ("coin:", "index:", "commodity:", "fx:", "measure:")
_HARM = frozenset(["relegate"])
_LONGEST = 5  # words of the longest cue


def of(said: Said, items: Items, shared: Sequence[str]) -> Opinion:
    """1, -1 or 0, a strength from 0 to 1, and why. `shared` are the subjects and contexts that both name."""
    sign, strength, why = _plain(said, items, shared)
    if sign and turned(items.facts):
        return -sign, strength, f"{why}, and the question is turned"
    if items.facts.main.polarity is Polarity.UNCLEAR:
        return NOTHING
    return sign, strength, why


def turned(facts: Facts) -> bool:
    """Whether YES means that what the title tells does not happen: by its own `not`, or by its rules."""
    return facts.negated != (facts.main.polarity is Polarity.SWAPPED)


def comparator(items: Items) -> int:
    """1 where YES needs a high value, -1 where it needs a low one, 0 where it needs one between, or is not said."""
    moves = items.facts.kinds.get("move", set())
    sides = {(one.low is not None) - (one.high is not None) for one in items.bounds if one.low != one.high}
    if len(sides) == 1 and (side := next(iter(sides))):
        return side
    if sides or not moves:
        return 0
    if moves & {"touch_high", "up", "up_or_down"}:
        return 1
    return -1 if moves & {"touch_low", "down"} else 0


def _plain(said: Said, items: Items, shared: Sequence[str]) -> Opinion:
    facts = items.facts
    if items.either:
        return NOTHING
    if any(key.startswith("policy:") for key in items.subjects):
        return _decision(said, items)
    if any(key.startswith(_VALUED) for key in items.subjects) and (items.bounds or facts.kinds.get("move")):
        return _figure(said, items)
    acts = facts.kinds.get("act", set())
    if not acts & _HARM and any(bound.low != bound.high for bound in items.bounds) and _count(said):
        return _against(_count(said), items.bounds, CLEAR)
    if acts & _HARM:
        return _harm(said, items, shared)
    if acts & ACTS and not facts.kinds.keys() & {"stage", "title", "league"}:
        return _act(said, items)
    return _contest(said, items, shared)


# --- figures and prices


def _figure(said: Said, items: Items) -> Opinion:
    """A number against the question's bound; else the movement against its comparator."""
    side = comparator(items)
    unit = USD if any(key.startswith("coin:") for key in items.subjects) else None
    reach = _moved(said, items)
    if "outperform" in items.facts.folded:
        return (reach, LIKELY, "its price moves") if reach else NOTHING
    told = [bound for bound in said.bounds if _fits(bound, items.bounds, unit)]
    if told and items.bounds:
        values = tuple(_signed(bound, said, items) for bound in told)
        opinion = _against(values, items.bounds, CERTAIN if unit is None else CLEAR)
        if opinion[0]:
            return opinion
        if side and reach:
            return side * reach, FAINT, "its price moves, short of the bound"
    if side and reach:
        return side * reach, LIKELY, "it moves"
    return NOTHING


def _fits(bound: Bound, asked: Iterable[Bound], unit: str | None) -> bool:
    units = {one.unit for one in asked}
    if unit == USD:
        return bound.unit == USD or (bound.unit == "" and _size(bound) > 500)
    return bound.unit in units or (bound.unit == PERCENT and PERCENT in units)


def _size(bound: Bound) -> Decimal:
    return max((abs(value) for value in (bound.low, bound.high) if value is not None), default=Decimal(0))


def _signed(bound: Bound, said: Said, items: Items) -> Bound:
    """`shrank 0.3%` is -0.3 %; `slides below $58,000` is at most 58,000."""
    if "measure:gdp" in items.subjects and bound.unit == PERCENT and _falls(said) and bound.low is not None and bound.low >= 0:
        return Bound(-(bound.high or bound.low), True, -bound.low, True, bound.unit)
    if bound.low == bound.high and bound.low is not None and bound.unit in (USD, "") and bound.unit != PERCENT:
        words = said.flat
        if any(f" {word} " in words for word in ("tops", "past", "breaks", "above", "crosses", "reclaims", "over")):
            return Bound(bound.low, True, None, False, bound.unit)
    return bound


def _falls(said: Said) -> bool:
    return any(f" {word} " in said.flat for word in ("fell", "falls", "shrank", "shrinks", "contracts", "contracted", "drops", "dropped", "declines", "declined", "down"))


def _count(said: Said) -> tuple[Bound, ...]:
    """Plain numbers of a headline, neither money nor percent."""
    return tuple(bound for bound in said.bounds if bound.unit == "")


def _against(told: Sequence[Bound], asked: Sequence[Bound], strength: Decimal) -> Opinion:
    """Whether what is told lies inside what is asked (1), outside (-1), or cannot be said (0)."""
    for bound in told:
        for one in asked:
            inside, outside = _inside(bound, one), _outside(bound, one)
            if inside or outside:
                return (1 if inside else -1), strength, f"{bound} against {one}"
    return NOTHING


def _inside(told: Bound, asked: Bound) -> bool:
    low = asked.low is None or (told.low is not None and (told.low > asked.low or (told.low == asked.low and asked.low_inclusive)))
    high = asked.high is None or (told.high is not None and (told.high < asked.high or (told.high == asked.high and asked.high_inclusive)))
    return low and high


def _outside(told: Bound, asked: Bound) -> bool:
    under = asked.low is not None and told.high is not None and (told.high < asked.low or (told.high == asked.low and not asked.low_inclusive))
    over = asked.high is not None and told.low is not None and (told.low > asked.high or (told.low == asked.high and not asked.high_inclusive))
    touching = asked.low is not None and told.high is not None and told.high == asked.low and told.low is None
    return under or over or touching


def _moved(said: Said, items: Items) -> int:
    """Which way what the market measures went: the sign of its own noun, not of the news."""
    text = " ".join(token.word for token in said.title)
    measure = any(key.startswith("measure:") for key in items.subjects)
    noun = _nouns(items)
    total = 0.0
    for finding in signs.read(text):
        words = finding.words.split()
        value = tables.document("signs.yaml")["measures"].get(" ".join(words[:-1])) or tables.document("signs.yaml")["measures"].get(words[0])
        if value is None or (noun and not noun & set(words)):
            if measure or finding.sign == 0:
                continue
            total += finding.sign * finding.weight * 0.5  # the news about an asset is the news of its price
            continue
        total += finding.sign * int(value) * finding.weight
    return (total > 0.1) - (total < -0.1)


def _nouns(items: Items) -> set[str]:
    found: set[str] = set()
    for key, alias in items.facts.aliases.items():
        if key.startswith(_VALUED):
            found |= set(alias)
    if "coin:btc" in items.subjects:
        found |= {"bitcoin", "btc"}
    if "coin:eth" in items.subjects:
        found |= {"ethereum", "ether", "eth"}
    if "measure:gdp" in items.subjects:
        found |= {"economy", "gdp", "growth"}
    return found


# --- decisions on rates


def _decision(said: Said, items: Items) -> Opinion:
    asked = items.facts.kinds.get("move", set()) & {"cut", "hike", "hold"}
    told = said.kinds.get("move", set()) & {"cut", "hike", "hold"}
    if not asked and items.bounds:
        values = tuple(bound for bound in said.bounds if bound.unit == PERCENT and _size(bound) > 1)
        return _against(values, items.bounds, LIKELY) if values else NOTHING
    if len(asked) != 1 or len(told) != 1:
        return NOTHING
    move, want = next(iter(told)), next(iter(asked))
    denied = _denied(said, ())
    if denied:
        return (-1, CLEAR, f"no {move}") if move == want else NOTHING
    if move != want:
        return -1, CLEAR, f"{move}, not {want}"
    steps = [bound for bound in said.bounds if bound.unit == PERCENT and _size(bound) <= 1 or bound.unit == "bps"]
    sizes = [bound for bound in items.bounds if bound.unit == PERCENT]
    if steps and sizes:
        return _against(steps, sizes, CLEAR)
    return 1, CLEAR, move


# --- what happens, and who wins


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
                for kind in kinds:
                    found.append(_Cue(place, place + size, 1 if kind in ("good", "over") else -1, kind))
                place += size
                break
        else:
            place += 1
    return found


def _denied(said: Said, beside: Iterable[str]) -> bool:
    """Whether the headline says that it does not happen. Two denials are none: `fails to block`."""
    listed = tables.document("cues.yaml")["denials"]
    words = [token.word for token in said.title]
    table = {tuple(str(phrase).split()) for phrase in listed}
    count, place = 0, 0
    while place < len(words):
        for size in range(min(3, len(words) - place), 0, -1):
            if tuple(words[place : place + size]) in table and not set(words[place : place + size]) & set(beside):
                count += 1
                place += size
                break
        else:
            place += 1
    return count % 2 == 1


def _act(said: Said, items: Items) -> Opinion:
    own = {word for key, alias in items.facts.aliases.items() if key.startswith("act:") for word in alias}
    if _denied(said, own):
        return -1, CLEAR, "denied or put off"
    acts = items.facts.kinds.get("act", set())
    if acts & said.kinds.get("act", set()) or not acts:
        return 1, CLEAR, "it happens or comes nearer"
    return 1, FAINT, "it is spoken of"


def _harm(said: Said, items: Items, shared: Sequence[str]) -> Opinion:
    sign, strength, why = _contest(said, items, shared)
    if " relegated " in said.flat or " relegation " in said.flat:
        if _denied(said, ("relegated", "relegation")):
            return -1, CLEAR, "relegation avoided"
        return 1, CLEAR, "relegated"
    if " survival " in said.flat or " safe " in said.flat:
        return -1, CLEAR, "survival"
    return -sign, strength * LIKELY, f"{why}, which relegation is the opposite of" if why else ""


def _contest(said: Said, items: Items, shared: Sequence[str]) -> Opinion:
    """What happened to the market's own side: before a verb it acts, behind one it suffers."""
    words = [token.word for token in said.title]
    places = _places(words, items, shared)
    if not places:
        return _denial_of_act(said, items)
    if not items.arenas and not items.facts.fixture and not _found_cues(words):
        return _act(said, items)
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
    if behind and min(behind) - cue.end <= 2 and not any((cue.start, cue.end) == (other.start, other.end) and other.kind in ("over", "under") for other in _found_cues(words)):
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
    if acts & ACTS or not items.arenas & {"sport", "election"}:
        return _act(said, items)
    return NOTHING

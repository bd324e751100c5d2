"""Whether the rules make YES of what the title asks, or NO of it, and what else their main condition says.

Only a condition that holds every word of the title, or its very number, proves an exchange of YES and NO. What merely
resembles it stays unclear, and a person reads it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from markets.matching import clauses, dates, numbers, tables
from markets.matching.clauses import Clause
from markets.matching.dates import Window
from markets.matching.fixtures import close
from markets.matching.numbers import Bound
from markets.matching.reading import canonical
from markets.matching.text import fold, name_numbers


class Polarity(StrEnum):
    """What YES means by the rules."""

    PLAIN = "plain"  # what the title asks
    SWAPPED = "swapped"  # its opposite
    UNCLEAR = "unclear"


class Relation(StrEnum):
    """A condition against the title."""

    IT = "it"  # the title's own
    OPPOSITE = "opposite"
    LIKE_IT = "like it"  # it resembles the title's
    LIKE_OPPOSITE = "like opposite"
    SIDE = "side"  # a cancelled event and the like
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class MainClause:
    """What the rules say of the question itself."""

    polarity: Polarity = Polarity.PLAIN
    text: str = ""  # the clauses, for a sentence to people and for comparison
    bound: Bound | None = None  # the number with its comparison
    windows: tuple[Window, ...] = ()


_NEGATION = re.compile(
    r"\b(?:not|no|never|fails?|failed|without|neither|nor|none|nobody|nothing|cannot|cant|wont|isnt|doesnt|didnt|dont"
    r"|hasnt|havent|wasnt|arent|false|unmet|untrue|other than|another|(?:any|some)(?:one|body) (?:else|but)|loses?|lost"
    r"|falls? short|misse[sd]|rejects?|rejected|refuses?)\b"
)
_ASIDE = re.compile(r"\([^()]*\)?|,? (?:and |but )?(?:does |do )?not (?:includ|count)[^,.;]*"
                    r"|\bnot (?:just|only|necessarily)\b"
                    r"|\bno (?:later|earlier|fewer|less|more) than\b(?! \$?\d)|whether or not"
                    r"|regardless of[^,.;]*")  # fmt: skip
_SIDE = re.compile(
    r"cancel|postpon|abandon|forfeit|walk ?over|no contest|\bvoid|withdr[ae]w|disqualif|inactive"
    r"|retire[sd] (?:before|during|from the match)"
    r"|impossible|eliminated|mathematically|no (?:longer|path)|ineligib|suspended|delayed|rescheduled"
    r"|does not (?:play|take|start|compete)"
    r"|(?:not|no \w+(?: \w+)?)(?: \w+)? (?:is |are |been |be |was )?"
    r"(?:published|released|available|announced|reported|played|held|completed)"
    r"|unavailable|\bdies\b|death of|\btie[sd]?\b|\bdraws?\b"
)
_MORE = re.compile(  # what follows makes a condition narrower than the title
    r",? (?:and|but|while|provided|as long as|so long as|despite|even if|except)\b"
)
_OTHERS = re.compile(
    r"\b(?:other than|another|else|anyone but|anybody but|loses?|lost|falls? short|misse[sd])\b"
)
_SOURCE = re.compile(
    r",? (?:according to|as (?:reported|published|measured|shown|determined)|based on|per the)\b.*"
)
_GENERIC = tables.words("generic")
_HOLDS = tables.words("holds")


@dataclass(frozen=True, slots=True)
class _Content:
    text: str
    items: frozenset[str]
    bounds: tuple[Bound, ...]
    windows: tuple[Window, ...]
    negations: int


def _content(text: str) -> _Content:
    folded = _ASIDE.sub(" ", fold(text))
    when, rest = dates.read(name_numbers(folded))
    bounds, rest = numbers.read(rest)
    kinds, words, _ = canonical(rest)
    kept = "keep" in kinds and not bounds  # to stay below 5 denies nothing
    items = {
        f"{kind}:{value}" for kind, values in kinds.items() if kind not in ("neg", "keep") for value in values
    }
    if kept:  # to stay in office is not to leave it
        items.add("act:leave")
    items |= {word for word in words if not _NEGATION.fullmatch(word) and len(word) > 1}
    return _Content(
        folded, frozenset(items), bounds, tuple(when.windows), len(_NEGATION.findall(folded)) + kept
    )


_NOT_LESS = re.compile(r"\bnot (?:be )?(?:less than|lower than|fewer than|smaller than|below|under)\b"
                       r"|(?:above|over|more|greater|higher)"
                       r"(?: than)?,? or equal to|equal to,? or (?:more|higher|larger) than"
                       r"|at or over|on or above")  # fmt: skip
_NOT_MORE = re.compile(r"\b(?:does |do |is |are )?not (?:be )?(?:more than|greater than|higher than|above|over|exceed)\b"
                       r"|(?:below|under|less|lower|fewer)(?: than)?,? or equal to|equal to,? or (?:less|lower|fewer) than"
                       r"|at or under|on or below")  # fmt: skip


def _plainly(condition: str) -> str:
    """`not below` is `at least`."""
    return _NOT_MORE.sub("at most", _NOT_LESS.sub("at least", fold(condition)))


def _near(said: tuple[Bound, ...], bounds: tuple[Bound, ...]) -> Bound | None:
    """The only comparison with the title's number, where a rule text has no sentence about YES and NO."""
    near = {one for one in said if _side(one) and any(one.values & two.values for two in bounds)}
    return next(iter(near)) if len(near) == 1 else None


def read(title: str, rules: str, bounds: tuple[Bound, ...]) -> MainClause:
    """The rules' clauses against the title; `bounds` are the question's own."""
    found = clauses.read(rules)
    if not found:
        return MainClause(bound=_near(_content(_plainly(rules)).bounds, bounds))
    asked = _content(title)
    contents = [_content(_plainly(clause.condition)) for clause in found]
    related = [
        Relation.OTHER if clause.otherwise else _related(clause, content, asked, bounds)
        for clause, content in zip(found, contents, strict=True)
    ]
    main = next((content for clause, content, how in zip(found, contents, related, strict=True)
                 if not clause.otherwise and how is not Relation.SIDE
                 and clause.yes == (how not in (Relation.OPPOSITE, Relation.LIKE_OPPOSITE))), None)  # fmt: skip
    polarity = _polarity(found, related)
    if main is None and polarity is Polarity.SWAPPED:
        main = contents[related.index(Relation.IT)] if Relation.IT in related else None
    told = "; ".join(
        f"{'YES' if clause.yes else 'NO'} {'if ' + clause.condition if clause.condition else 'otherwise'}"
        for clause, how in zip(found, related, strict=True)
        if how is not Relation.SIDE
    )
    return MainClause(polarity, told, _bound(main), main.windows if main else ())


def _polarity(found: tuple[Clause, ...], related: list[Relation]) -> Polarity:
    told = [(clause, how) for clause, how in zip(found, related, strict=True) if how is not Relation.SIDE]
    rest = {clause.yes for clause in found if clause.otherwise}
    plain = {(True, Relation.IT), (False, Relation.OPPOSITE)}
    swapped = {(False, Relation.IT), (True, Relation.OPPOSITE)}
    like = {(True, Relation.LIKE_IT), (False, Relation.LIKE_OPPOSITE)}
    unlike = {(False, Relation.LIKE_IT), (True, Relation.LIKE_OPPOSITE)}
    pairs = {(clause.yes, how) for clause, how in told if not clause.otherwise}
    if pairs & swapped and not pairs & (plain | like):
        both = len(pairs & swapped) == 2 or rest == {(True, Relation.OPPOSITE) not in pairs}
        return Polarity.SWAPPED if both else Polarity.UNCLEAR
    if pairs & plain:
        return Polarity.UNCLEAR if pairs & swapped and True in rest else Polarity.PLAIN
    if pairs & like and True not in rest:
        return Polarity.PLAIN
    if pairs & unlike:
        return Polarity.UNCLEAR
    if True in rest and (pairs or len(told) == len(found)):  # what is left is YES: then what is NO?
        return Polarity.UNCLEAR
    if pairs and all(not yes for yes, _ in pairs):
        return Polarity.UNCLEAR
    return Polarity.PLAIN


def _related(clause: Clause, said: _Content, asked: _Content, bounds: tuple[Bound, ...]) -> Relation:
    """Where a condition goes on (`… and …`), its first part may be the whole title; never to say NO of it."""
    condition = _SOURCE.sub("", clause.condition)
    if condition != clause.condition:
        said = _content(_plainly(condition))
    how = _relation(condition, said, asked, bounds)
    more = _MORE.search(condition)
    if more and how is not Relation.SIDE:
        head = condition[: more.start()]
        first = _relation(head, _content(_plainly(head)), asked, bounds)
        if (clause.yes, first) in ((True, Relation.IT), (False, Relation.OPPOSITE)):
            return first
    proves = (clause.yes, how) in ((False, Relation.IT), (True, Relation.OPPOSITE))
    if proves and ((more and not _MORE.search(asked.text)) or _OTHERS.search(condition)):
        return Relation.LIKE_IT if how is Relation.IT else Relation.LIKE_OPPOSITE
    if (
        how is Relation.OTHER
        and clause.yes
        and said.negations % 2
        and asked.items & said.items
        and not said.bounds
    ):
        return Relation.LIKE_OPPOSITE
    return how


def _relation(condition: str, said: _Content, asked: _Content, bounds: tuple[Bound, ...]) -> Relation:
    if _SIDE.search(condition) and not asked.items & said.items & {"postponed", "cancelled", "disqualified"}:
        return Relation.SIDE
    odd = (said.negations + asked.negations) % 2
    direction = _direction(bounds, said.bounds)
    left = {item for item in asked.items if not any(close(item, other) for other in said.items)}
    if odd and left and left <= _HOLDS and said.negations:  # `hold` and `not change`
        left, odd = set(), 0
    if direction:
        opposite = (direction < 0) != bool(odd)
        alike = len(left) * 2 <= len(asked.items) or said.items <= _GENERIC
        if not alike:
            return Relation.OTHER
        if left and not (said.items <= _GENERIC):
            return Relation.LIKE_OPPOSITE if opposite else Relation.LIKE_IT
        return Relation.OPPOSITE if opposite else Relation.IT
    if bounds and said.bounds:
        return Relation.OTHER  # another number: an example, a tie, a side clause
    if said.items <= _GENERIC and not said.windows:
        return Relation.OPPOSITE if said.negations % 2 else Relation.IT
    if asked.items and len(left) * 2 <= len(asked.items):
        if left or not said.items or (bounds and not said.bounds):
            return Relation.LIKE_OPPOSITE if odd else Relation.LIKE_IT
        return Relation.OPPOSITE if odd else Relation.IT
    return Relation.OTHER


def _direction(bounds: tuple[Bound, ...], said: tuple[Bound, ...]) -> int:
    """1 where the condition holds the title's number with its comparison, -1 with the opposite one, 0 for neither."""
    for one in bounds:
        for two in said:
            if not numbers.same_unit(one, two):
                continue
            if numbers.complementary(one, two, counts=True) or numbers.complementary(one, two, counts=False):
                return -1
            if one.values & two.values and _side(one) == _side(two):
                return 1
            if one.values & two.values and _side(one) * _side(two) < 0:
                return -1
    return 0


def _side(bound: Bound) -> int:
    if bound.low is not None and bound.high is not None:
        return 0
    return 1 if bound.low is not None else -1


def _bound(main: _Content | None) -> Bound | None:
    """The one number with a comparison that a condition names."""
    if main is None:
        return None
    compared = [bound for bound in main.bounds if bound.low != bound.high]
    return compared[0] if len(compared) == 1 and not main.negations else None

"""Whether two headlines tell the same story. Plain Python.

The usual measure, a token-set ratio, calls "Fed cuts rates by 25 bps" and "Fed cuts rates by 50 bps" alike: stories that
differ in one word share all others. So the ratio only opens the door; then every word that only one of them has must be
explained: as a spelling, as the tail of a title that was cut off, or as one of few words that add nothing. A number, date,
name, negation or hedge that only one has makes them two stories.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from decimal import Decimal

from rapidfuzz import fuzz

from signals.sources.clean import plain as cleaned
from signals.sources.news.vocabulary import Vocabulary, vocabulary

LONGEST = 1_000
SHORTEST_CUT = 4  # words that a cut-off title must have to be recognised
SHORTEST_HEAD = 5  # the same for one that ends with a whole word
LEAST_CUT, LEAST_HEAD = 0.35, 0.6  # share of the longer title's words
FEW = 0.2  # share of words that may be added anywhere
SPELLING = 86  # edit similarity of two spellings of one word

_QUOTES = " \"'“”‘’«»"
_DIGITS = re.compile(r"\D")
_ELLIPSIS = re.compile(r"\s*(…|\.{3,})[\s\"'”’»!.]*$")
_SEPARATOR = re.compile(r"\s+[-–—|·•:]+\s+|\s*\|\s*")
_LEAD = re.compile(
    r"^\W*(breaking( news)?|update( \d+)?|exclusive|just in|developing|watch|live( updates)?|alert|opinion|analysis)"
    r"\s*[:\-–—|]\s*",
    re.IGNORECASE,
)
_BRACKETS = re.compile(
    r"[\[(]\s*(exclusive|update[d]?|video|photos|live|opinion|analysis)\s*[\])]", re.IGNORECASE
)
_ACRONYM = re.compile(r"\b(?:[a-z]\.){2,}")
_NOT = re.compile(r"\b(?:ca|wo|do|does|did|is|are|was|were|has|have|could|would|should)n'?t\b")
_NUMBER = r"\d[\d,]*(?:\.\d+)?\s?(?:%|bps\b|million\b|billion\b|trillion\b|thousand\b|mln\b|mn\b|bn\b|tn\b|[kmbt]\b)?"
_TOKEN = re.compile(rf"[a-z]+\d[\w]*|{_NUMBER}(?:st|nd|rd|th)?|[^\W\d_]+|[€£¥]")
_PARTS = re.compile(r"(\d[\d,]*(?:\.\d+)?)\s?([a-z%]*)")
_SCALE = {
    "k": 3, "thousand": 3, "m": 6, "mn": 6, "mln": 6, "million": 6, "b": 9, "bn": 9, "billion": 9, "t": 12, "tn": 12,
    "trillion": 12,
}  # fmt: skip
_UNITS = (*_SCALE, "basis points", "bps", "percent", "per cent", "pct")
_CURRENCIES = {"€": "eur", "£": "gbp", "¥": "jpy"}


@dataclass(frozen=True, slots=True)
class Title:
    """A headline as it is compared. `words` in order, each as what stands for it; numbers begin with `#`."""

    words: tuple[str, ...]
    tail: str  # digits that a cut title ended in: the first ones of some number
    half: str  # the last word of a cut title, whole or not
    cut: bool  # it ends in an ellipsis
    negated: int
    pairs: frozenset[tuple[str, str, str]]  # (who, does, to whom)
    tokens: frozenset[str] = field(default_factory=frozenset)

    @property
    def exact(self) -> tuple[object, ...]:
        """What two headlines that say the very same have in common, whatever their order."""
        return self.tokens, self.negated, self.half, self.tail

    @property
    def text(self) -> str:
        """The words in one line, in their order: what is stored and hashed."""
        return " ".join(("not",) * self.negated + self.words)


def read(title: str, outlet: str = "", names: frozenset[str] = frozenset()) -> Title:
    """A headline made comparable: without its outlet, markup, case, punctuation and ways of writing numbers.

    `outlet`, or any of `names` (as `plain_name` makes them), may end or begin it, as in "Stocks fall - CNBC".
    """
    known = vocabulary()
    text = _BRACKETS.sub(" ", _LEAD.sub("", without_outlet(cleaned(title, longest=LONGEST), outlet, names)))
    text = _LEAD.sub("", text.strip(_QUOTES))
    cut = bool(_ELLIPSIS.search(text))
    written = [token.strip() for token in _TOKEN.findall(_folded(_ELLIPSIS.sub("", text), known))]
    half = written[-1] if cut and written else ""
    tail = _take_half(written) if cut else ""
    negated = sum(word in known.negations for word in written)
    words = [
        _standing(word, known) for word in written if word not in known.light and word not in known.negations
    ]
    pairs = frozenset(
        (words[at - 1], words[at], words[at + 1])
        for at in range(1, len(words) - 1)
        if words[at] in known.between
    )
    return Title(tuple(words), tail, half, cut, negated, pairs, frozenset(words))


def _take_half(written: list[str]) -> str:
    """Take off what a cut may have halved: the last word, or a number whose digits or unit may go on; its digits so far."""
    if not written:
        return ""
    half = written.pop()
    if not half[0].isdigit():
        if written and written[-1] == "basis" and "points".startswith(half):
            half = f"{written.pop()} {half}"
        if not (written and written[-1][-1].isdigit() and any(unit.startswith(half) for unit in _UNITS)):
            return ""
        half = written.pop()
    elif not half[-1].isdigit():  # with its unit it is whole
        written.append(half)
        return ""
    return _DIGITS.sub("", half)


def without_outlet(title: str, outlet: str, names: frozenset[str] = frozenset()) -> str:
    """The title without its outlet (or one of these names) at its end or beginning, behind a dash, bar or colon."""
    names = names | {plain_name(outlet)} - {""} if outlet else names
    for _ in range(2):  # " - Markets | CNBC - CNBC" happens
        parts = [*_SEPARATOR.finditer(title)]
        if not parts:
            return title
        head, tail = title[: parts[0].start()], title[parts[-1].end() :]
        if plain_name(tail) in names and title[: parts[-1].start()].strip():
            title = title[: parts[-1].start()]
        elif plain_name(head) in names:
            title = title[parts[0].end() :]
        else:
            return title
    return title


def same(one: Title, two: Title, ratio: int) -> bool:
    """Whether both tell the same story; `ratio` 0 to 100 is the token-set ratio they need at least."""
    if one.negated != two.negated and not (one.cut or two.cut):
        return False
    if len(one.tokens) < 2 or len(two.tokens) < 2 or swapped(one, two):
        return False
    mine, theirs = _left(one, two), _left(two, one)
    if not mine and not theirs:
        return True
    known = vocabulary()
    if mine and theirs:
        explained = _spellings(mine, theirs, known)
    else:
        explained = _within(one, two, theirs, known) if theirs else _within(two, one, mine, known)
    return explained and fuzz.token_set_ratio(one.text, two.text) >= ratio


def contrary(one: Title, two: Title) -> bool:
    """Whether each has words that the other has not, and no other spelling of them: they cannot be one story."""
    if swapped(one, two) or (one.negated != two.negated and not (one.cut or two.cut)):
        return True
    mine, theirs = _left(one, two), _left(two, one)
    return bool(mine and theirs) and not _spellings(mine, theirs, vocabulary())


def goes_on(cut: Title, whole: Title) -> bool:
    """Whether the last, perhaps halved word of a cut title begins one of the other's further words."""
    if len(cut.half) < 2 or cut.half[0].isdigit():
        return False
    word = vocabulary().standing(cut.half)
    return any(one == word or one.startswith(cut.half) for one in whole.tokens - cut.tokens)


def likeness(one: Title, two: Title) -> float:
    """The token-set ratio of both, 0 to 100."""
    return fuzz.token_set_ratio(one.text, two.text)


def swapped(one: Title, two: Title) -> bool:
    """Whether what one does to another there, the other does to the one here: "A sues B", "B sues A"."""
    return any((whom, does, who) in two.pairs for who, does, whom in one.pairs)


def _within(shorter: Title, longer: Title, extra: set[str], known: Vocabulary) -> bool:
    """Whether the shorter is the longer one, cut off or without a few words that add nothing."""
    count, most = len(shorter.tokens) + bool(shorter.tail), len(longer.tokens)
    head = shorter.words == longer.words[: len(shorter.words)]
    if shorter.cut and count >= SHORTEST_CUT and count >= LEAST_CUT * most:
        # What is lost lies at the end, unless the order was another
        return head or (shorter.negated == longer.negated and not extra & known.weighty)
    if shorter.negated != longer.negated:
        return False
    if head:
        return count >= SHORTEST_HEAD and count >= LEAST_HEAD * most and not extra & known.weighty
    heavy = known.weighty | known.names | known.dates
    return (
        count >= SHORTEST_CUT
        and len(extra) <= max(1, FEW * most)
        and not any(word in heavy or _counts(word) for word in extra)
    )


def _spellings(mine: set[str], theirs: set[str], known: Vocabulary) -> bool:
    """Whether the words that only one has are the same ones, spelt otherwise: at most two, none a name or number."""
    if len(mine) != len(theirs) or len(mine) > 2:
        return False
    firm = known.weighty | known.names | known.dates | known.same.keys()
    waiting = set(theirs)
    for word in mine:
        if word in firm or _counts(word) or len(word) < 5:
            return False
        near = max(waiting, key=lambda other: fuzz.ratio(word, other))
        if near in firm or _counts(near) or word[0] != near[0] or fuzz.ratio(word, near) < SPELLING:
            return False
        waiting.discard(near)
    return True


def _left(one: Title, two: Title) -> set[str]:
    """Words of the first that the second has not, and the digits it was cut off in if no number there begins so."""
    left = set(one.tokens - two.tokens)
    if one.tail and not (
        two.tail.startswith(one.tail)
        or any(_DIGITS.sub("", word).startswith(one.tail) for word in two.tokens)
    ):
        left.add(f"#{one.tail}")
    return left


def _counts(word: str) -> bool:
    """Whether it is a number or holds one, as `#25bps` and `q3`."""
    return any(sign.isdigit() for sign in word)


def _standing(word: str, known: Vocabulary) -> str:
    if word in _CURRENCIES:
        return _CURRENCIES[word]
    if not word[0].isdigit():
        return known.standing(word)
    match = _PARTS.match(word)
    if match is None:
        return word
    digits, unit = match.groups()
    value = Decimal(digits.replace(",", "") or "0").scaleb(_SCALE.get(unit, 0))
    kept = unit if unit in ("%", "bps") else ""
    return f"#{value.normalize():f}{kept}"


def _folded(text: str, known: Vocabulary) -> str:
    """Lower case, no accents, one form of apostrophes, negations, acronyms, hyphens and names of several words."""
    text = unicodedata.normalize("NFKD", text).casefold()
    text = (
        "".join(sign for sign in text if not unicodedata.combining(sign)).replace("’", "'").replace("‘", "'")
    )
    text = _NOT.sub(" not", text).replace("cannot", "not")
    text = re.sub(r"'s\b|s'(?=\s|$)", lambda found: "s" if found[0] == "s'" else "", text)
    text = _ACRONYM.sub(lambda found: found[0].replace(".", ""), text)
    text = re.sub(r"(?<=\b[a-z])&(?=[a-z]\b)|(?<=\bat)&(?=t\b)", "", text)
    text = re.sub(r"(?<=[^\W\d_])[-‐‑–—/](?=\w)|(?<=\d)[-‐‑](?=[^\W\d_])", " ", text.replace("'", ""))
    return known.phrase_pattern.sub(lambda found: known.phrases[found[1]], text)


def plain_name(text: str) -> str:
    """An outlet's name as names are compared: "Livescience.com" is "Live Science"."""
    folded = re.sub(r"^the\s+", "", text.casefold().strip())
    folded = re.sub(r"\.(com|co\.uk|org|net|io|co|news)$", "", folded)
    return re.sub(r"[\W_]+", "", folded)

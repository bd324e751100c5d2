"""What goes without saying: a fact that one title adds to what both titles say anyway."""

import re

from markets.matching import tables
from markets.matching.facts import Facts

_WORD = re.compile(r"[a-z0-9]+")
_SMALL = frozenset(["of", "the", "and", "for", "in", "to"])
# Before a surname they tell only what the person is
HONORIFICS = frozenset(["justice", "judge", "secretary", "coach", "king", "queen", "prince", "princess", "chancellor",
                        "minister", "pope", "general", "sir", "lord", "lady", "rapper", "singer", "actor", "actress",
                        "ceo", "congressman", "congresswoman", "representative", "mayor", "governor"])  # fmt: skip


def goes_without_saying(fact: str, a: Facts, b: Facts) -> bool:
    """Whether both titles hold a phrase beside which `kind:value` is no news (`GPT-6` is OpenAI's)."""
    phrases = tables.implied().get(fact, ())
    return bool(phrases) and all(_holds(facts, phrases) for facts in (a, b))


def _holds(facts: Facts, phrases: tuple[str, ...]) -> bool:
    words = f" {' '.join(_WORD.findall(facts.folded))} "
    return any(phrase in words for phrase in phrases)


def adds_nothing(word: str, told: Facts, silent: Facts) -> bool:
    """Whether a word that one side adds can stand for nothing that the other has not said.

    Everyday nouns (`company`, `division`), a given name before a surname that both name, a maker beside his product.
    """
    if word in tables.weak() or goes_without_saying(f"w:{word}", told, silent):
        return True
    if ":" in word:
        return goes_without_saying(word, told, silent)
    return is_part_of_name(word, told, silent)


def is_part_of_name(word: str, told: Facts, silent: Facts) -> bool:
    """A given name or a title before a surname, or a middle name, that only one side writes."""
    if word in tables.given_names() or word in HONORIFICS:
        return _names_same_family(word, told, silent)
    if 2 <= len(word) <= 6 and _abbreviates(word, silent):
        return True
    if _spelled_out(word, told, silent):
        return True
    words = _WORD.findall(told.folded)
    for before, middle, after in zip(words, words[1:], words[2:], strict=False):
        if middle == word and before in tables.given_names() and {before, after} <= set(silent.words):
            return True
    return False


def _abbreviates(short: str, silent: Facts) -> bool:
    """Whether the other side spells it out: `ECB` and `European Central Bank`."""
    letters = "".join(word[0] for word in _WORD.findall(silent.folded) if word not in _SMALL)
    return len(short) > 2 and short in letters


def _spelled_out(word: str, told: Facts, silent: Facts) -> bool:
    """The other way round: the word is part of what the other side's abbreviation stands for."""
    words = [text for text in _WORD.findall(told.folded) if text not in _SMALL]
    letters = "".join(text[0] for text in words)
    for short in silent.words:
        start = letters.find(short) if 2 < len(short) <= 6 else -1
        if start >= 0 and word in words[start : start + len(short)]:
            return True
    return False


def _names_same_family(given: str, told: Facts, silent: Facts) -> bool:
    """Whether a surname both name follows the given name here, and no other given name precedes it there."""
    mine, theirs = (_WORD.findall(facts.folded) for facts in (told, silent))
    for place, word in enumerate(mine[:-1]):
        family = mine[place + 1]
        if word == given and len(family) > 2 and family in silent.words and family not in tables.weak():
            if given in HONORIFICS:
                return True
            before = [theirs[i - 1] for i, other in enumerate(theirs) if other == family and i]
            if not any(other in tables.given_names() for other in before):
                return True
    return False

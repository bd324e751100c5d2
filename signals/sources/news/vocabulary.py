"""The words that headlines are compared by: `words.yaml`, read once."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

_FILE = Path(__file__).with_name("words.yaml")
_VOWELS = frozenset("aeiouy")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`same` maps a word to the one that stands for it; the rest are sets of such words."""

    phrases: dict[str, str]
    phrase_pattern: re.Pattern[str]
    same: dict[str, str]
    light: frozenset[str]
    weighty: frozenset[str]
    negations: frozenset[str]
    between: frozenset[str]
    dates: frozenset[str]
    names: frozenset[str]

    def standing(self, word: str) -> str:
        """The word that stands for this one: a synonym's head, or its stem."""
        found = self.same.get(word)
        return found if found is not None else stem(word)


@cache
def vocabulary() -> Vocabulary:
    """The file as sets and tables."""
    raw = yaml.load(_FILE.read_text(), yaml.BaseLoader)  # every word as it is written: "no" is not False
    same = {
        word: head for head, words in raw["synonyms"].items() for word in (head, *words) if " " not in word
    }
    phrases = {phrase: short for short, written in raw["phrases"].items() for phrase in written}

    def stood(name: str) -> frozenset[str]:
        return frozenset(same.get(word, stem(word)) for word in raw[name])

    return Vocabulary(
        phrases=phrases,
        phrase_pattern=re.compile(
            r"\b(" + "|".join(map(re.escape, sorted(phrases, key=len, reverse=True))) + r")\b"
        ),
        same=same,
        light=frozenset(raw["light"]),
        weighty=stood("weighty"),
        negations=frozenset(raw["negations"]),
        between=stood("between"),
        dates=stood("dates"),
        names=stood("names"),
    )


def stem(word: str) -> str:
    """A word without its commonest endings, so that "tariffs" is "tariff" and "banned" is "ban". Not a dictionary form."""
    if len(word) <= 3 or not word.isascii():
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("sses"):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and _VOWELS & set(word[: -len(ending)]):
            word = word[: -len(ending)]
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    return word[:-1] if word.endswith("e") and len(word) > 4 else word

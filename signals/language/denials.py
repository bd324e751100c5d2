"""Whether a headline says that something does not happen, or later than asked."""

from collections.abc import Collection, Iterator
from functools import cache

from signals.language import tables
from signals.language.texts import Said

_LONGEST = 3  # words of the longest denial


def denied(said: Said, about: Collection[str], own: Collection[str] = ()) -> bool:
    """Whether the headline says that it does not happen. Two denials are none: `fails to block`.

    `about` are the headline's words for what is asked; only what stands before them in their part of the headline
    denies them, and behind them what can (`ceasefire unlikely`): `resigns as pound falls`, `strikes Iran, kills 20` deny
    nothing. Where the headline has no such word, all of it counts. `own` are words of the question, which deny nothing.
    """
    words = [token.word for token in said.title]
    place = next((place for place, word in enumerate(words) if word in about), None)
    if place is None:
        return sum(1 for _ in _found(words, "denials", own)) % 2 == 1
    ends = [
        at
        for at, token in enumerate(said.title)
        if at and (token.first or token.word in tables.words("cues.yaml", "breaks"))
    ]
    low = max((at for at in ends if at <= place), default=0)
    high = min((at for at in ends if at > place), default=len(words))
    before = sum(low + at < place for at in _found(words[low:high], "denials", own))
    behind = sum(1 for _ in _found(words[place + 1 : high], "denials_behind", own))
    return (before + behind) % 2 == 1


def _found(words: list[str], table: str, own: Collection[str]) -> Iterator[int]:
    """Where a phrase of the table stands; a longer one hides those inside it."""
    listed, place = _phrases(table), 0
    while place < len(words):
        for size in range(min(_LONGEST, len(words) - place), 0, -1):
            phrase = tuple(words[place : place + size])
            if phrase in listed and not set(phrase) & set(own):
                yield place
                place += size
                break
        else:
            place += 1


@cache
def _phrases(table: str) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(phrase.split()) for phrase in tables.words("cues.yaml", table))

"""What the markets of an event ask about: one kind of question, or a bundle of many."""

import re

from markets.matching.questions import Question
from markets.matching.text import fold

# Markets of an event that ask different things: what each title says it is about
_CHILD_KINDS = (
    ("total", re.compile(r"\bo/u\b|over/under|total|\bover \d")), ("spread", re.compile(r"spread|handicap|wins? by over")),
    ("exact_score", re.compile(r"exact score")), ("btts", re.compile(r"both teams (?:to )?score")),
    ("halftime", re.compile(r"half ?time|first half|1st half")), ("props",
     re.compile(r": (?:points|assists|rebounds)|\d\+ \w+|odd/even|any player|both teams (?!to score|score)")),
    ("first_inning", re.compile(r"first inning")), ("part", re.compile(r"\b(?:game|map|set) \d")),
)  # fmt: skip


def kinds_of(question: Question, *, game: bool) -> frozenset[str]:
    """Kinds of market of an event; a game's rule text may list them line by line."""
    found = set()
    for child in question.children or (question.rules.splitlines() if game else ()):
        folded = fold(child)
        matching = {name for name, pattern in _CHILD_KINDS if pattern.search(folded)}
        if question.children:
            found |= matching or {"winner"}
        elif len(folded) < 120:  # a longer line is prose
            found |= matching
    return frozenset(found)

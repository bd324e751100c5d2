"""Two texts side by side, word by word: what both say, and what only one of them says."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

_WORDS = re.compile(r"\s*(?:[^\W_]+(?:[.,:'’/-][^\W_]+)*|\S)|\s+")  # each with the blanks before it
LONGEST = 20_000  # characters a side; beyond it nobody compares word by word
# Equal words of both sides, as pairs: a page of rules has a thousand or two. Beyond it the search for the longest common
# run takes seconds (minutes where one word is repeated), and words are only looked up
MOST_PAIRS = 30_000


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text; `differs` where the other side does not say it."""

    text: str
    differs: bool = False


Side = tuple[Piece, ...]


def compare(one: str, two: str) -> tuple[Side, Side]:
    """Both texts in pieces, each marked where it differs; joined again they are the texts, to the last blank.

    Case and white space make no difference. Texts too long to compare are marked as a whole; where too much is
    repeated, a word is marked if the other side does not have it at all.
    """
    if one == two:
        return _whole(one, differs=False), _whole(two, differs=False)
    if max(len(one), len(two)) > LONGEST:
        return _whole(one, differs=True), _whole(two, differs=True)
    left, right = _WORDS.findall(one), _WORDS.findall(two)
    keys = [_key(word) for word in left], [_key(word) for word in right]
    counts = Counter(keys[0]), Counter(keys[1])
    if sum(count * counts[1][key] for key, count in counts[0].items()) > MOST_PAIRS:
        return _looked_up(left, keys[0], counts[1]), _looked_up(right, keys[1], counts[0])
    pieces: tuple[list[Piece], list[Piece]] = ([], [])
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, *keys, autojunk=False).get_opcodes():
        for side, words in zip(pieces, (left[i1:i2], right[j1:j2]), strict=True):
            _add(side, "".join(words), differs=tag != "equal")
    return _joined(pieces[0]), _joined(pieces[1])


def _looked_up(words: Sequence[str], keys: Sequence[str], others: Counter[str]) -> Side:
    side: list[Piece] = []
    for word, key in zip(words, keys, strict=True):
        _add(side, word, differs=key not in others)
    return _joined(side)


def _add(side: list[Piece], text: str, *, differs: bool) -> None:
    """Blanks in front of a run are no part of the difference."""
    words = text.lstrip()
    if len(words) < len(text):
        side.append(Piece(text[: len(text) - len(words)]))
    if words:
        side.append(Piece(words, differs))


def _key(word: str) -> str:
    return word.strip().casefold()


def _whole(text: str, *, differs: bool) -> Side:
    return (Piece(text, differs and bool(text.strip())),) if text else ()


def _joined(pieces: list[Piece]) -> Side:
    """Neighbours of a kind in one piece; a blank between two differences belongs to them."""
    joined: list[Piece] = []
    for at, piece in enumerate(pieces):
        blank = not piece.text.strip() and 0 < at < len(pieces) - 1
        differs = (joined[-1].differs and pieces[at + 1].differs) if blank and joined else piece.differs
        if joined and joined[-1].differs == differs:
            joined[-1] = Piece(joined[-1].text + piece.text, differs)
        else:
            joined.append(Piece(piece.text, differs))
    return tuple(joined)

"""Two texts side by side, word by word: what both say, and what only one of them says."""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

_WORDS = re.compile(r"\s+|[^\W_]+(?:[.,:'’/-][^\W_]+)*|.", re.DOTALL)
LONGEST = 20_000  # characters a side; beyond it the comparison would take seconds


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text; `differs` where the other side does not say it."""

    text: str
    differs: bool = False


Side = tuple[Piece, ...]


def compare(one: str, two: str) -> tuple[Side, Side]:
    """Both texts in pieces, each marked where it differs; joined again they are the texts, to the last blank.

    Case and white space make no difference. Texts too long to compare are marked as a whole.
    """
    if one == two:
        return _whole(one, differs=False), _whole(two, differs=False)
    if max(len(one), len(two)) > LONGEST:
        return _whole(one, differs=True), _whole(two, differs=True)
    left, right = _WORDS.findall(one), _WORDS.findall(two)
    matcher = SequenceMatcher(
        None, [_key(word) for word in left], [_key(word) for word in right], autojunk=False
    )
    pieces: tuple[list[Piece], list[Piece]] = ([], [])
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        for side, words in zip(pieces, (left[i1:i2], right[j1:j2]), strict=True):
            text = "".join(words)
            if text:
                side.append(Piece(text, tag != "equal" and bool(text.strip())))
    return _joined(pieces[0]), _joined(pieces[1])


def _key(word: str) -> str:
    return " " if word.isspace() else word.casefold()


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

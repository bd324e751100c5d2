"""Whether a headline says that something does not happen, or later than asked."""

from collections.abc import Iterable

from signals.language import tables
from signals.language.texts import Said

_LONGEST = 3  # words of the longest denial


def denied(said: Said, beside: Iterable[str]) -> bool:
    """Whether the headline says that it does not happen. Two denials are none: `fails to block`."""
    listed = tables.document("cues.yaml")["denials"]
    words = [token.word for token in said.title]
    table = {tuple(str(phrase).split()) for phrase in listed}
    count, place = 0, 0
    while place < len(words):
        for size in range(min(_LONGEST, len(words) - place), 0, -1):
            if tuple(words[place : place + size]) in table and not set(words[place : place + size]) & set(
                beside
            ):
                count += 1
                place += size
                break
        else:
            place += 1
    return count % 2 == 1

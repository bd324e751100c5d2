"""Our own labelled batches that were written before the matcher saw them: `tests/markets/matching/blind/*.txt`.

`# series` (with ` event` behind it for events), `P` a Polymarket title, and below it the Kalshi titles to compare it
with: `K` the same bet, `I` the same with YES and NO swapped, `D` another bet. ` @@ ` begins further fields as JSON.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markets.matching import Question, judge, question_of_payload
from markets.matching_labels import LABELLED_IN, OURS
from markets.platforms.base import KALSHI, POLYMARKET

FOLDER = OURS / "blind"
WANTED = {"K": "same", "I": "inverted", "D": ""}


@dataclass(frozen=True, slots=True)
class BlindRow:
    """Two questions and the verdict they must get; `wanted` is empty where any but same and inverted is right."""

    series: str
    event: bool
    wanted: str
    polymarket: Question
    kalshi: Question

    @property
    def verdict(self) -> str:
        """What the matcher says."""
        return judge(self.polymarket, self.kalshi, this_year=LABELLED_IN).verdict


@dataclass(frozen=True, slots=True)
class Figures:
    """How verdicts of some rows fare: true pairs, those found, and wrong `same` or `inverted`."""

    true: int
    found: int
    wrong: int

    @property
    def recall(self) -> float:
        """Share of the true pairs that are found."""
        return self.found / max(1, self.true)

    @property
    def precision(self) -> float:
        """Share of `same` and `inverted` that are right."""
        return self.found / max(1, self.found + self.wrong)


def batches() -> list[Path]:
    """The files, in the order in which they were written."""
    return sorted(FOLDER.glob("batch*.txt"), key=lambda path: (len(path.name), path.name))


def rows(path: Path) -> Iterator[BlindRow]:
    """The pairs of one batch."""
    series, event, polymarket = "", False, None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        kind, _, rest = line.partition(" ")
        if kind == "#":
            series, event = rest.removesuffix(" event"), rest.endswith(" event")
        elif kind == "P":
            polymarket = _question(rest, POLYMARKET, f"p{number}")
        elif kind in WANTED and polymarket is not None:
            yield BlindRow(series, event, WANTED[kind], polymarket, _question(rest, KALSHI, f"k{number}"))


def _question(text: str, platform: str, name: str) -> Question:
    title, _, more = text.partition(" @@ ")
    return question_of_payload({"id": name, "title": title, **json.loads(more or "{}")}, platform)


def figures(chosen: Iterator[BlindRow] | list[BlindRow]) -> Figures:
    """Count verdicts."""
    true = found = wrong = 0
    for row in chosen:
        verdict = row.verdict
        true += bool(row.wanted)
        found += bool(row.wanted) and verdict == row.wanted
        wrong += verdict in ("same", "inverted") and verdict != row.wanted
    return Figures(true, found, wrong)

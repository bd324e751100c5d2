"""What the matcher is worth and what it costs: quality on labelled pairs, and how blocking grows per added market."""

import os
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from arbsite.config import BASE_DIR
from arbsite.registry import Figure
from markets import matching
from markets.matching import blocking
from markets.matching.facts import facts_of
from markets.matching_labels import LABELLED_IN, Row, Split, load, own_rows
from markets.platforms.base import KALSHI, POLYMARKET

SHARED = Path(os.environ.get("ARBSITE_SHARED", BASE_DIR.parent / "shared"))
SIZES = (5_000, 20_000, 80_000)
EVENT, MARKET = "event", "market"
SAME = ("same", "same_inverted")
FOUND = ("same", "inverted")


@dataclass(slots=True)
class Tally:
    """Verdicts beside labels."""

    right: int = 0  # same or inverted, and so labelled
    wrong: int = 0  # same or inverted, labelled otherwise
    missed: int = 0
    inverted: int = 0
    inverted_found: int = 0
    contradicting: int = 0  # `same` on a pair labelled different or related

    @property
    def precision(self) -> float:
        """Of the verdicts same and inverted, how many are labelled so."""
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        """Of the pairs labelled same or inverted, how many got that verdict."""
        return self.right / max(1, self.right + self.missed)


def matching_quality() -> list[Figure]:
    """Precision, recall, inverted pairs and candidates on labelled pairs; on our own where no recording is at hand.

    The held-out figures are of families that nobody read row by row; `docs/matching.md` says how few they are.
    """
    folder = SHARED / "recorded" / "pairs"
    if not folder.is_dir():
        return _figures(list(own_rows()), "own invented pairs: no recordings at hand")
    rows = load(folder)
    return [
        figure
        for split in Split
        for figure in _figures([row for row in rows if row.split is split], f"recorded pairs, {split.value}")
    ]


def _figures(rows: Sequence[Row], note: str) -> list[Figure]:
    figures = []
    for level, precision, recall in ((EVENT, 0.90, 0.85), (MARKET, 0.98, 0.95)):
        chosen = [row for row in rows if row.level == level]
        if chosen:
            true = sum(row.label in SAME for row in chosen)
            figures += _level_figures(
                level, tally(chosen), f"{note}: {true} of {len(chosen)} true", precision, recall
            )
    return [*figures, _candidates(rows, note)]


def tally(rows: Sequence[Row]) -> Tally:
    """Judge every row and count."""
    total = Tally()
    for row in rows:
        verdict = matching.judge(row.polymarket, row.kalshi, this_year=LABELLED_IN).verdict
        wanted, got = row.label in SAME, verdict in FOUND
        hit = wanted and verdict == ("same" if row.label == "same" else "inverted")
        total.right += hit
        total.wrong += got and not hit
        total.missed += wanted and not hit
        total.inverted += row.label == "same_inverted"
        total.inverted_found += row.label == "same_inverted" and verdict == "inverted"
        total.contradicting += verdict == "same" and row.label in ("different", "related", "same_inverted")
    return total


def _level_figures(level: str, seen: Tally, note: str, precision: float, recall: float) -> list[Figure]:
    figures = [
        Figure(f"{level}s: precision of same/inverted", seen.precision, "ratio", note, f"≥ {precision}",
               seen.precision >= precision),
        Figure(f"{level}s: recall of same/inverted", seen.recall, "ratio", note, f"≥ {recall}", seen.recall >= recall),
        Figure(f"{level}s: same where labelled otherwise", seen.contradicting, "pairs", note, "0", seen.contradicting == 0),
    ]  # fmt: skip
    if seen.inverted:
        share = seen.inverted_found / seen.inverted
        figures.append(
            Figure(
                f"{level}s: inverted pairs found",
                share,
                "ratio",
                f"{note}, {seen.inverted} pairs",
                "1",
                share == 1,
            )
        )
    return figures


def candidate_recall(rows: Sequence[Row]) -> float:
    """Share of the true pairs that are among five candidates per market, all rows of a level in one pot."""
    found = wanted = 0
    for level in (EVENT, MARKET):
        chosen = [row for row in rows if row.level == level]
        got = {
            (c.polymarket_id, c.kalshi_id)
            for c in matching.match(
                _unique(row.polymarket for row in chosen), _unique(row.kalshi for row in chosen)
            )
        }
        true = {(row.polymarket.id, row.kalshi.id) for row in chosen if row.label in SAME}
        found, wanted = found + len(true & got), wanted + len(true)
    return found / max(1, wanted)


def _unique(questions: Iterable[matching.Question]) -> list[matching.Question]:
    return list({question.id: question for question in questions}.values())


def _candidates(rows: Sequence[Row], note: str) -> Figure:
    share = candidate_recall(rows)
    return Figure("true pair among five candidates", share, "ratio", note, "≥ 0.98", share >= 0.98)


def blocking_growth() -> list[Figure]:
    """Seconds per market at 5k, 20k and 80k invented markets; per added market it must not grow."""
    per_market: list[float] = []
    for size in SIZES:
        left, right = invented(size // 2, POLYMARKET, 1), invented(size // 2, KALSHI, 2)
        one, two = [facts_of(q) for q in left], [facts_of(q) for q in right]
        began = time.process_time()
        blocking.candidates(one, two, 5, meaning=False)
        per_market.append((time.process_time() - began) / size)
    figures = []
    for before, after, small, large in zip(per_market, per_market[1:], SIZES, SIZES[1:], strict=False):
        added = (after * large - before * small) / (large - small)
        figures.append(Figure(
            f"blocking, a market added between {small:,} and {large:,}", added / before, "ratio",
            f"a market among the first {small:,}: {before * 1e6:.0f} µs", "≤ 1.2", added / before <= 1.2,
        ))  # fmt: skip
    return figures


_FIRST = ("Ada", "Bruno", "Clara", "Dario", "Elena", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kira", "Levi", "Mara",
          "Nico", "Olga", "Pavel", "Quinn", "Rosa", "Samir", "Tessa")  # fmt: skip
_SYLLABLES = ("bar", "cor", "dan", "fel", "gri", "hol", "jas", "kel", "lom", "mir", "nor", "pel", "qua", "ros", "sten",
              "tor", "ulm", "ves", "wil", "zan")  # fmt: skip
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December")  # fmt: skip
_STATES = ("Ohio", "Texas", "Maine", "Iowa")
_COINS = ("Bitcoin", "Ethereum", "Solana", "XRP", "Dogecoin", "BNB")


def invented(count: int, platform: str, seed: int) -> list[matching.Question]:
    """Markets in the proportions of the real universe: sport, politics, prices, entertainment; nothing from outside."""
    dice = random.Random(seed)
    names = [" ".join(pair) for pair in product(_FIRST, _surnames(max(40, count // 60)))]
    made = []
    for number in range(count):
        name, year, month = dice.choice(names), dice.choice((2027, 2028)), dice.choice(_MONTHS)
        strike, day = dice.randrange(100, 150_000, 50), dice.randrange(2, 29)
        title = dice.choice((
            f"Will {name} win the {dice.choice(names).split()[1]} Open in {month} {year}?",
            f"Will {name} be the Republican nominee for Senate in {dice.choice(_STATES)} {year}?",
            f"Will the price of {dice.choice(_COINS)} be above ${strike:,} on {month} {day}, {year}?",
            f"{dice.choice(names).split()[1]} FC vs. {dice.choice(names).split()[1]} FC",
            f"Will {name} release an album before {month} {day}, {year}?",
            f"Will {name} score at least {dice.randrange(5, 60)} goals in {year}?",
        ))  # fmt: skip
        made.append(matching.Question(platform, f"{platform}-{number}", title))
    return made


def _surnames(count: int) -> list[str]:
    return [
        "".join(parts).capitalize()
        for parts in list(product(_SYLLABLES, repeat=3))[:: max(1, 8_000 // count)]
    ]

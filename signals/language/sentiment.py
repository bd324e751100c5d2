"""The colour of a text for markets, -1 to 1, by one of three methods behind one function.

Which is best was measured on headlines of our own (tests/signals/language, docs/language.md); `BEST` is that one.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import cache

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from signals.language import signs, tables
from signals.language.base import NEGATIVE, NEUTRAL, POSITIVE

LONGEST = 600  # characters of a text that are looked at
SILENT = Decimal("0.05")  # VADER's own threshold: less than this is neutral
FALLBACK = 0.5  # what the lexicon's word counts where no verb and measure were found
_FINE = Decimal("0.0001")


def vader(text: str) -> float:
    """VADER as it comes."""
    return float(_plain().polarity_scores(text[:LONGEST])["compound"])


def lexicon(text: str) -> float:
    """VADER with our own words of markets."""
    return float(_ours().polarity_scores(text[:LONGEST])["compound"])


def direction_and_measure(text: str) -> float:
    """Which way which measure went (`signs`); where nothing of the kind is said, the lexicon at half its weight."""
    findings = signs.read(text)
    return signs.score(findings) if findings else FALLBACK * lexicon(text)


METHODS: dict[str, Callable[[str], float]] = {
    "vader": vader, "vader with lexicon": lexicon, "direction and measure": direction_and_measure,
}  # fmt: skip
BEST = "direction and measure"


def of(title: str, summary: str = "", *, method: str = BEST) -> Decimal:
    """Sentiment of a text, -1 to 1, to four places. The headline decides; the summary speaks where that is silent."""
    measure = METHODS[method]
    said = measure(title)
    if abs(said) < SILENT and summary:
        said = FALLBACK * measure(summary)
    return Decimal(max(-1.0, min(1.0, said))).quantize(_FINE)


def word(score: Decimal) -> str:
    """positive, negative or neutral."""
    if abs(score) < SILENT:
        return NEUTRAL
    return POSITIVE if score > 0 else NEGATIVE


@cache
def _plain() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()


@cache
def _ours() -> SentimentIntensityAnalyzer:
    analyzer = SentimentIntensityAnalyzer()
    analyzer.lexicon.update(tables.numbers("lexicon.yaml", "words"))
    return analyzer

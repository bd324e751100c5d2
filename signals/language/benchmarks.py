"""How fast headlines are read, and whether that depends on markets that have nothing to do with them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from arbsite.registry import Figure
from signals.language import items, linker, reading
from signals.language.index import Index
from signals.language.items import MarketText

FEW, MANY = 1_000, 20_000
RATIO, TEXTS_A_SECOND = 1.5, 200.0
NOW = datetime(2026, 6, 17, 18, tzinfo=UTC)
ROUNDS = 5

HEADLINES = (
    "Federal Reserve cuts rates by 25 basis points in June, citing cooling inflation",
    "Bitcoin slides below $58,000 as ETF outflows grow",
    "CPI rises 3.4% in May from a year earlier, hotter than expected",
    "Burt Jones drops out of Georgia governor race",
    "Commuters fed up with late trains in northern England",
    "Knicks beat Spurs in Game 7 to win NBA Finals",
    "Trump rules out Maxwell pardon",
    "Microsoft to invest $3 billion in Portuguese data centres",
    "Ethereum rallies past $1,650 ahead of upgrade",
    "Unemployment rate falls to 4.1%, lowest since 2024",
)
SUMMARY = (
    "The move was widely watched by investors, who had expected a different outcome after weeks of mixed data and heavy"
    " trading."
)
_SYLLABLES = ("ba", "co", "du", "fe", "gi", "ho", "ka", "lu", "mi", "no", "pa", "ri", "so", "ta", "vu", "ze")


def language() -> list[Figure]:
    """Whole readings a second with 20,000 markets, beside the same with 1,000 of them."""
    few, many = _index(FEW), _index(MANY)
    spent: dict[int, float] = {}
    for number in range(ROUNDS):  # in turn, so that a busy moment meets both
        for size, index in ((FEW, few), (MANY, many)):
            took = _read_all(index, number)
            spent[size] = min(took, spent.get(size, took))
    ratio, rate = spent[MANY] / spent[FEW], len(HEADLINES) / spent[MANY]
    beside = f"{FEW:,} markets instead of {MANY:,}"
    return [
        Figure("reading a headline", ratio, "ratio", beside, f"≤ {RATIO}", ratio <= RATIO),
        Figure("headlines read on one core", rate, "texts/s", f"{MANY:,} markets", f"≥ {TEXTS_A_SECOND:.0f}",
               rate >= TEXTS_A_SECOND),
    ]  # fmt: skip


def _read_all(index: Index, number: int) -> float:
    """Seconds for all headlines; the round's number makes each a text that was not met before."""
    began = time.perf_counter()
    for headline in HEADLINES:
        headline = f"{headline}, report {number}"
        reading.read_with(
            partial(linker.links, index=index, now=NOW), headline, SUMMARY, outlet="reuters", now=NOW
        )
    return time.perf_counter() - began


def _index(size: int) -> Index:
    index = Index()
    for number, title in enumerate(_titles(size)):
        index.add(items.read(MarketText("polymarket", str(number), title)))
    return index


def _titles(size: int) -> Iterator[str]:
    """The same markets that the headlines are about in every size; the rest are people in cups that nobody names."""
    about = [
        "Will the Fed cut rates in June 2026?",
        "Will CPI inflation be above 3.3% in May 2026?",
        "Will Burt Jones win the 2026 Georgia Governor Republican primary election?",
        "Will the New York Knicks win the 2026 NBA Finals?",
        "Will Trump pardon Ghislaine Maxwell by end of 2026?",
        "Will the unemployment rate be at least 4.5% in May 2026?",
        *(f"Will the price of Bitcoin be above ${50 + step},000 on July {1 + step}?" for step in range(20)),
        *(
            f"Will the price of Ethereum be above ${1_500 + 50 * step} on July {1 + step}?"
            for step in range(20)
        ),
    ]
    yield from about
    for number in range(size - len(about)):
        yield f"Will {_name(number)} {_name(7 * number + 3)} win the {2026 + number % 3} {_name(number % 50)} Cup?"


def _name(number: int) -> str:
    letters = "".join(_SYLLABLES[number >> shift & 15] for shift in (0, 4, 8, 12))
    return letters.capitalize()

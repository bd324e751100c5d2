"""What the scheduled events that move markets are called, and which words betray a market about them. Plain Python.

A small table of our own: the releases and decisions that our universe trades. What stands in no row has no topic: it is
shown, and touches only markets that its source names.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

HIGH, MEDIUM, LOW = "high", "medium", "low"
DECISION, RELEASE, CLOSE, RESOLUTION, MILESTONE = "decision", "release", "close", "resolution", "milestone"
KINDS = (DECISION, RELEASE, CLOSE, RESOLUTION, MILESTONE)


@dataclass(frozen=True, slots=True)
class Topic:
    """One series of events. `apart_days`: two dates closer than this are one occasion that somebody has wrong."""

    name: str
    event: re.Pattern[str]  # names of its events, as agencies write them
    market: re.Pattern[str]  # texts of markets (and headlines) about it
    words: frozenset[str]  # topics and entities of a reading, lower case
    importance: str
    kind: str = RELEASE
    apart_days: int = 14


def _topic(
    name: str, event: str, market: str, words: str, importance: str, kind: str = RELEASE, apart_days: int = 14
) -> Topic:
    return Topic(
        name, re.compile(event, re.IGNORECASE), re.compile(market, re.IGNORECASE | re.DOTALL),
        frozenset(words.split("|")), importance, kind, apart_days,
    )  # fmt: skip


# Others have inflation and rate decisions too; theirs are on other days
_ELSEWHERE = (
    r"\b(ecb|boe|boj|boc|rba|rbnz|snb|pboc|riksbank|norges|banxico|bank of (england|japan|canada|korea|mexico|russia)|"
    r"european central|uk|u\.k\.|britain|british|euro ?zone|euro area|china|chinese|japan|japanese|canada|canadian|turkey|"
    r"t\u00fcrkiye|argentina|germany|german|india|indian|brazil|mexico|australia|france|french|russia|korea|switzerland)\b"
)


def _here(pattern: str) -> str:
    """The pattern in texts that name no other country."""
    return rf"^(?!.*{_ELSEWHERE}).*(?:{pattern})"


_FED = (
    r"\bfomc\b|\bfederal (reserve|open market|funds)\b|\bkxfed|\bkxratecut|\b(fed|powell)('s)?\b.{0,60}"
    r"\b(rates?|cuts?|hikes?|decision|meeting|bps|basis points|pause)\b|"
    + _here(r"\b(rate|interest rate)s? (cut|hike|decision)s?\b")
)
_GDP = r"^(gdp|gross domestic product)\b(?!.{0,40}\bby (state|county|industry)\b)(?!.{0,30}\bfor (guam|american))"
# The first row that matches an event's name wins
TOPICS = (
    _topic("fomc_minutes", r"^(fomc|federal open market committee).{0,20}minutes|^minutes of the f", _FED,
           "fomc minutes", MEDIUM),
    _topic("fomc_press", r"^fomc press conference", _FED, "fomc press conference", HIGH, DECISION),
    _topic("fomc", r"^(fomc|federal open market committee)( meeting| statement|( rate)? decision)?\b", _FED,
           "federal reserve|fomc|fed|interest-rates|interest rates", HIGH, DECISION),
    _topic("cpi", r"^(us )?(consumer price index|cpi)\b",
           r"\bkxcpi|" + _here(r"\bcpi\b|\bconsumer price|\binflation\b"),
           "cpi|inflation|consumer price index", HIGH),
    _topic("jobs", r"^(the )?employment situation(?! of veterans)|^non-?farm payrolls?\b",
           r"\bkx(payroll|u3)|"
           + _here(r"\bnon-?farm\b|\bpayrolls?\b|\bjobs (report|added|numbers)\b|\bunemployment rate\b"),
           "jobs|employment|payrolls|unemployment|nonfarm payrolls", HIGH),
    _topic("gdp", _GDP, r"\bkxgdp|" + _here(r"\bgdp\b|\bgross domestic product\b|\brecession\b"),
           "gdp|gross domestic product|recession", HIGH),
    _topic("pce", r"^personal income and outlays\b", r"\bpce\b|\bkxpce|\bpersonal consumption\b",
           "pce|personal consumption", HIGH),
    _topic("ppi", r"^(us )?producer price index", r"\bppi\b|\bkxppi|\bproducer price", "ppi|producer price index", MEDIUM),
    _topic("retail", r"^(advance )?(monthly )?(sales for retail|retail sales|retail trade)",
           r"\bretail sales\b|\bkxretail", "retail sales", MEDIUM),
    _topic("claims", r"^(initial |unemployment insurance weekly )(jobless )?claims",
           r"\b(initial|jobless) claims\b|\bkxjobless", "jobless claims", MEDIUM, RELEASE, 0),
    _topic("jolts", r"^job openings and labor turnover", r"\bjolts\b|\bkxjolts|\bjob openings\b",
           "jolts|job openings", MEDIUM),
)  # fmt: skip
BY_NAME = {topic.name: topic for topic in TOPICS}
# FRED's release ids
FRED_RELEASES = {10: "cpi", 50: "jobs", 53: "gdp", 54: "pce", 9: "retail"}


@lru_cache(maxsize=4_096)
def of_event(name: str) -> Topic | None:
    """The topic of an event by its name; None where it is none of ours."""
    return next((topic for topic in TOPICS if topic.event.search(name.strip())), None)


def in_text(text: str) -> list[Topic]:
    """Every topic that a market's or a headline's text is about."""
    return [topic for topic in TOPICS if topic.market.search(text)]


def in_words(words: frozenset[str]) -> list[Topic]:
    """Every topic that one of these words (lower case) names."""
    return [topic for topic in TOPICS if topic.words & words]

"""GDELT DOC 2.0. Errors come as HTTP 200 with a sentence, a page or nothing; `{}` is an empty result.

`seendate` moves in steps of 15 minutes and says when GDELT saw it: a time, but an inexact one.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from signals.sources.base import LimitReached, Malformed, SourceError
from signals.sources.http import retry_after
from signals.sources.news.parts import OUTLET, TITLE, Parsed, decoded, item, moment, text_of

NAME = "gdelt"
SHORTEST_TIMEOUT = 20.0  # seconds: it is slow on good days
TOO_MANY = 900.0  # seconds to leave it alone after a 429: since summer 2026 it sheds load for a while
LANGUAGES = {
    "english": "en",
    "spanish": "es",
    "german": "de",
    "french": "fr",
    "chinese": "zh",
    "russian": "ru",
}


def query(words: str, minutes: int) -> dict[str, Any]:
    """One combined query for everything we look for. `minutes` back, at least a quarter of an hour."""
    return {
        "query": words, "mode": "artlist", "format": "json", "maxrecords": 250, "sort": "datedesc",
        "timespan": f"{max(15, minutes)}min",
    }  # fmt: skip


def parse(body: bytes, *, seen_at: datetime) -> Parsed:
    """The articles of a list; those without a title or address are left out. Raises Malformed, LimitReached."""
    if b"limit requests" in body[:500].lower():
        raise LimitReached(f"{NAME}: asked too often", TOO_MANY)
    read = decoded(NAME, body)
    if not isinstance(read, Mapping) or not isinstance(read.get("articles", []), list):
        raise Malformed(f"{NAME}: the answer has no list of articles")
    found, dropped = [], 0
    for article in read.get("articles", []):
        made = _article(article, seen_at) if isinstance(article, Mapping) else None
        if made is None:
            dropped += 1
        else:
            found.append(made)
    return Parsed(tuple(found), dropped)


def _article(article: Mapping[str, Any], seen_at: datetime) -> Any:
    language = text_of(article, "language", 32).lower()
    return item(
        NAME, None, text_of(article, "title", TITLE), seen_at=seen_at, url=article.get("url"),
        outlet=text_of(article, "domain", OUTLET), published=(moment(article.get("seendate"))[0], False),
        language=LANGUAGES.get(language, language or "en"),
    )  # fmt: skip


def explain(status: int, body: bytes, headers: Mapping[str, str]) -> SourceError | None:
    """A 429 is a long pause, not a quick second try."""
    if status == 429:
        return LimitReached(f"{NAME}: asked too often", retry_after(headers) or TOO_MANY)
    return None

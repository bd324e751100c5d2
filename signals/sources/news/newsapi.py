"""NewsAPI.org: `/v2/everything` and `/v2/top-headlines`. The key goes into a header, never into the address."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from signals.sources.base import KeyRefused, LimitReached, Malformed, SourceError
from signals.sources.http import retry_after
from signals.sources.news import titles
from signals.sources.news.parts import (
    OUTLET,
    SUMMARY,
    TITLE,
    Parsed,
    decoded,
    item,
    moment,
    nested,
    text_of,
)

NAME = "newsapi"
PATH = "/v2/everything"
PAGE_SIZE = 100
REMOVED = "[Removed]"
DAY = 86_400.0
# Codes of its documentation: the wording beside them changes
KEY_CODES = {
    "apiKeyMissing": "no key was sent; set NEWSAPI_API_KEY",
    "apiKeyInvalid": "the key is not accepted; look at NEWSAPI_API_KEY",
    "apiKeyDisabled": "the key is disabled",
}
QUERY_CODES = {
    "parametersMissing": "parameters are missing; look at NEWSAPI_QUERY",
    "parameterInvalid": "a parameter is not accepted; look at NEWSAPI_QUERY",
    "sourcesTooMany": "too many sources are asked for at once",
    "sourceDoesNotExist": "a source asked for does not exist",
}


def query(words: str) -> dict[str, Any]:
    """What is asked for: the newest in English."""
    return {"q": words, "language": "en", "sortBy": "publishedAt", "pageSize": PAGE_SIZE, "page": 1}


def parse(body: bytes, *, seen_at: datetime) -> Parsed:
    """Articles without tombstones; " - Outlet" is taken off their titles. Raises what an error inside a 200 means."""
    read = decoded(NAME, body)
    if not isinstance(read, Mapping):
        raise Malformed(f"{NAME}: the answer is no object")
    if read.get("status") == "error":
        raise _meaning(read, 200, {}) or Malformed(
            f"{NAME}: it reports an error ({text_of(read, 'code', 60) or 'without a code'})"
        )
    articles = read.get("articles")
    if not isinstance(articles, list):
        raise Malformed(f"{NAME}: the answer has no list of articles")
    found, dropped = [], 0
    for article in articles:
        made = _article(article, seen_at) if isinstance(article, Mapping) else None
        if made is None:
            dropped += 1
        else:
            found.append(made)
    return Parsed(tuple(found), dropped)


def _article(article: Mapping[str, Any], seen_at: datetime) -> Any:
    title, url = text_of(article, "title", TITLE), article.get("url")
    if title == REMOVED or (isinstance(url, str) and url.rstrip("/") == "https://removed.com"):
        return None
    source = nested(article, "source")
    outlet = text_of(source, "name", OUTLET)
    return item(
        NAME, None, titles.without_outlet(title, outlet), seen_at=seen_at, url=url,
        summary=text_of(article, "description", SUMMARY), outlet=outlet, published=moment(article.get("publishedAt")),
    )  # fmt: skip


def explain(status: int, body: bytes, headers: Mapping[str, str]) -> SourceError | None:
    """What a refusal means, by its `code`."""
    try:
        read = decoded(NAME, body)
    except Malformed:
        return None
    return _meaning(read, status, headers) if isinstance(read, Mapping) else None


def _meaning(read: Mapping[str, Any], status: int, headers: Mapping[str, str]) -> SourceError | None:
    code = text_of(read, "code", 60)
    if code in KEY_CODES:
        return KeyRefused(f"{NAME}: {KEY_CODES[code]}")
    if code == "apiKeyExhausted":
        return LimitReached(f"{NAME}: the plan's calls are used up", retry_after(headers) or DAY / 2)
    if code == "rateLimited":
        return LimitReached(f"{NAME}: asked too often", retry_after(headers))
    if code == "maximumResultsReached":  # status 426: pages past what the plan allows
        return LimitReached(f"{NAME}: the plan gives no further results", DAY / 2)
    if code in QUERY_CODES:
        return Malformed(f"{NAME}: {QUERY_CODES[code]}")
    if code == "unexpectedError" or status >= 500:
        return None
    return None

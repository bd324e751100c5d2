"""CryptoPanic v2. Its plan stands in the path; its answers hold our token in `next`, which is never looked at.

The free plan (`developer`) is a day late and lacks source, address and votes: the page's address is made from id and slug.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from signals.sources.base import KeyRefused, LimitReached, Malformed, SourceError, Unavailable
from signals.sources.http import retry_after
from signals.sources.news.parts import (
    OUTLET,
    SUMMARY,
    TITLE,
    Parsed,
    decoded,
    item,
    moment,
    nested,
    rows_of,
    text_of,
)

NAME = "cryptopanic"
PAGE = "https://cryptopanic.com/news"
DEVELOPER, GROWTH, ENTERPRISE = "developer", "growth", "enterprise"


def path(plan: str) -> str:
    """The address's path: v1 and `/api/free/` are gone."""
    return f"/api/{plan}/v2/posts/"


def query(plan: str, token: str, since: str = "") -> dict[str, str]:
    """What is asked for. Only the enterprise plan knows `last_pull`, which saves what was seen."""
    asked = {"auth_token": token, "kind": "news", "regions": "en", "public": "true"}
    if plan == ENTERPRISE and since:
        asked["last_pull"] = since
    return asked


def parse(body: bytes, *, seen_at: datetime) -> Parsed:
    """Posts of any version: v1 calls the coins `currencies`, v2 `instruments`; a list alone is a page, too.

    A post without a title, id or readable date is left out; missing votes and sources are not missed. Raises Malformed.
    """
    read = decoded(NAME, body)
    if isinstance(read, Mapping) and "results" not in read:
        said = text_of(read, "error", 120) or text_of(read, "info", 120) or text_of(read, "message", 120)
        raise Malformed(f"{NAME}: the answer has no results{f', it says {said!r}' if said else ''}")
    posts = read["results"] if isinstance(read, Mapping) else read
    if not isinstance(posts, list):
        raise Malformed(f"{NAME}: its results are no list")
    found, seen, dropped = [], set(), 0
    for post in posts:
        made = _post(post, seen_at) if isinstance(post, Mapping) else None
        if made is None:
            dropped += 1
        elif made.external_id not in seen:  # an id twice on one page: the first, which is the newer one
            seen.add(made.external_id)
            found.append(made)
    return Parsed(tuple(found), dropped)


def _post(post: Mapping[str, Any], seen_at: datetime) -> Any:
    number = post.get("id")
    published = moment(post.get("published_at"))
    if not isinstance(number, int) or isinstance(number, bool) or published[0] is None:
        return None
    source = nested(post, "source")
    slug = text_of(post, "slug", 200)
    coins = rows_of(post.get("instruments")) or rows_of(post.get("currencies"))
    content = nested(post, "content")
    return item(
        NAME, number, text_of(post, "title", TITLE), seen_at=seen_at,
        url=post.get("original_url") or post.get("url") or f"{PAGE}/{number}/{slug}",
        summary=text_of(post, "description", SUMMARY) or text_of(content, "clean", SUMMARY)
        or text_of(post, "body", SUMMARY),
        outlet=text_of(source, "title", OUTLET) or text_of(source, "domain", OUTLET) or text_of(post, "domain", OUTLET),
        published=published, language=text_of(source, "region", 16) or "en",
        hints=tuple(text_of(coin, "code", 16) for coin in coins),
    )  # fmt: skip


def explain(status: int, body: bytes, headers: Mapping[str, str]) -> SourceError | None:
    """What CryptoPanic's refusals mean; by the status, since their wording changes."""
    if status == 401:
        return KeyRefused(f"{NAME}: the token is not accepted; look at CRYPTOPANIC_TOKEN")
    if status == 403:
        return KeyRefused(f"{NAME}: the plan does not allow it; look at CRYPTOPANIC_PLAN")
    if status == 404:
        return KeyRefused(f"{NAME}: there is no such path; look at CRYPTOPANIC_PLAN and CRYPTOPANIC_URL")
    if status == 429:
        return LimitReached(
            f"{NAME}: asked too often, or the month's calls are used up", retry_after(headers)
        )
    if status >= 500:
        return Unavailable(f"{NAME}: it answers {status}")
    return None

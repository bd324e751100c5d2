"""CryptoPanic v2, NewsAPI and GDELT DOC 2.0: other people's stories, each with the traps of the true service."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from markets.sandbox.context import Sandbox
from markets.sandbox.generate import DAY_MS
from markets.sandbox.sources.handler import Page, SourceHandler, iso, json_page, moment_of
from markets.sandbox.sources.values import (
    CRYPTOPANIC,
    EXCHANGES,
    FREE_KEY,
    GDELT,
    KEY,
    NEWSAPI,
    OUTLETS,
    Story,
    slug,
)

# Exchanges' announcements are not carried; the echo comes from here by itself
CARRIED = tuple(name for name in OUTLETS if name not in EXCHANGES)
DELAYED_MS = DAY_MS  # what a free plan is behind
WORDS = re.compile(r'"([^"]+)"|([\w-]+)')
OPERATORS = {"and", "or", "not"}
QUARTER_MS = 900_000
PLANS = ("developer", "growth", "enterprise")


def matcher(query: str) -> Callable[[Story], bool]:
    """Whether a story has any of a query's words or phrases: enough of these services' languages for a test."""
    plain = re.sub(r"\b(sourcelang|domain|theme|sourcecountry):\S+", " ", query)
    wanted = [(phrase or word).lower() for phrase, word in WORDS.findall(plain)]
    wanted = [word for word in wanted if word not in OPERATORS]

    def fits(story: Story) -> bool:
        text = f"{story.title} {story.summary}".lower()
        return any(word in text for word in wanted)

    return fits


# --- CryptoPanic


def post(story: Story, plan: str) -> dict[str, Any]:
    """A post of v2; the developer's plan leaves nearly everything out."""
    outlet = OUTLETS[story.outlet]
    said: dict[str, Any] = {
        "id": story.number, "slug": slug(story.title), "title": story.title, "description": story.summary,
        "published_at": iso(story.published_ms), "created_at": iso(story.appears_ms), "kind": "news",
    }  # fmt: skip
    if plan == "developer":
        return said
    return said | {
        "original_url": story.link, "url": f"https://cryptopanic.com/news/{story.number}/{slug(story.title)}",
        "source": {
            "title": outlet.title, "region": "en", "domain": outlet.domain, "type": "feed",
        },
        "instruments": [
            {"code": tag, "title": tag, "slug": tag.lower(), "url": f"https://cryptopanic.com/news/{tag.lower()}/"}
            for tag in story.tags
        ],
        "votes": {
            "negative": 1, "positive": story.number % 9, "important": 0, "liked": 2, "disliked": 0, "lol": 0, "toxic": 0,
            "saved": 0, "comments": 0,
        },
        "panic_score": story.number % 100, "author": None, "content": {"original": None, "clean": None},
    }  # fmt: skip


class CryptoPanicPosts(SourceHandler):
    """GET /cryptopanic/api/{plan}/v2/posts/?auth_token="""

    source = CRYPTOPANIC

    def answer(self, plan: str = "", **_: str) -> Page:
        """Twenty posts, newest first, and `next` with the token in it."""
        token = self.arg("auth_token")
        if token not in (KEY, FREE_KEY):
            return json_page({"error": "Invalid auth token"}, 401)
        if token == FREE_KEY and plan != "developer":
            return json_page({"error": "Plan restricted"}, 403)
        until = self.now_ms - (DELAYED_MS if plan == "developer" else 0)
        asked = {word.strip().upper() for word in self.arg("currencies").split(",") if word.strip()}
        found = [
            story
            for story in self.archive.stories(CARRIED)
            if story.tags and story.appears_ms <= until and (not asked or asked & set(story.tags))
        ]
        page = min(max(1, self.number("page", 1, 50)), 50)
        shown = self.quirks.stories(found[(page - 1) * 20 : page * 20], "wire", self.now_ms)
        onward = page if self.quirks.stuck else page + 1
        more = len(found) > page * 20 or self.quirks.stuck
        kept = {name: self.arg(name) for name in ("currencies", "kind", "regions") if self.arg(name)}
        here = f"{self.request.protocol}://{self.request.host}{self.request.path}"
        return json_page(
            {
                "next": f"{here}?{urlencode({'auth_token': token, **kept, 'page': onward})}"
                if more
                else None,
                "previous": None,
                "results": [post(story, plan) for story in shown],
            }
        )


class CryptoPanicGone(SourceHandler):
    """The addresses of v1 and of the old free plan."""

    source = CRYPTOPANIC

    def answer(self, which: str = "", **_: str) -> Page:
        """404 for the free plan's, 403 for v1's."""
        return Page(b"<html><body>gone</body></html>", 404 if which == "free" else 403, "text/html")


# --- NewsAPI

TOMBSTONE = {
    "source": {"id": None, "name": "[Removed]"}, "author": None, "title": "[Removed]", "description": "[Removed]",
    "url": "https://removed.com", "urlToImage": None, "publishedAt": "1970-01-01T00:00:00Z", "content": "[Removed]",
}  # fmt: skip
TOMB_EVERY = 7


def article(story: Story) -> dict[str, Any]:
    """An article: its title ends in the outlet's name, its content is cut off."""
    outlet = OUTLETS[story.outlet]
    return {
        "source": {"id": None, "name": outlet.title}, "author": None, "title": f"{story.title} - {outlet.title}",
        "description": story.summary, "url": story.link, "urlToImage": f"https://{outlet.domain}/i.png",
        "publishedAt": iso(story.published_ms), "content": f"{story.summary[:160]} [+{1_000 + story.number % 4_000} chars]",
    }  # fmt: skip


class NewsApiArticles(SourceHandler):
    """GET /newsapi/v2/{everything|top-headlines}"""

    source = NEWSAPI

    def refusal(self, status: int) -> Page:
        """Errors have a code; the wording changes."""
        code = {401: "apiKeyInvalid", 429: "rateLimited", 426: "maximumResultsReached"}.get(
            status, "unexpectedError"
        )
        return self._error(status, code, "You have made too many requests recently.")

    @staticmethod
    def _error(status: int, code: str, message: str) -> Page:
        return json_page({"status": "error", "code": code, "message": message}, status)

    def answer(self, which: str = "", **_: str) -> Page:
        """Articles with any of the query's words, a tombstone among them now and then."""
        key = self.request.headers.get("X-Api-Key") or self.arg("apiKey")
        if not key:
            return self._error(401, "apiKeyMissing", "Your API key is missing.")
        if key not in (KEY, FREE_KEY):
            return self._error(401, "apiKeyInvalid", "Your API key is invalid or incorrect.")
        if which == "everything" and not any(self.arg(name) for name in ("q", "sources", "domains")):
            return self._error(400, "parametersMissing", "Required parameters are missing.")
        size, page = self.arg("pageSize", "100"), max(1, self.number("page", 1, 10_000))
        if not size.isdecimal() or not 1 <= int(size) <= 100:
            return self._error(400, "parameterInvalid", "pageSize must be between 1 and 100.")
        if key == FREE_KEY and page * int(size) > 100:
            return self._error(426, "maximumResultsReached", "You have requested too many results.")
        try:
            since = _moment_ms(self.arg("from"))
        except ValueError:
            return self._error(400, "parameterInvalid", "The from parameter is not a date.")
        until = self.now_ms - (DELAYED_MS if key == FREE_KEY else 0)
        fits = matcher(self.arg("q")) if self.arg("q") else lambda _: True
        found = [
            story
            for story in self.archive.stories(CARRIED)
            if since <= story.published_ms and story.appears_ms <= until and fits(story)
        ]
        start = 0 if self.quirks.stuck else (page - 1) * int(size)
        shown = self.quirks.stories(found[start : start + int(size)], "wire", self.now_ms)
        return json_page({"status": "ok", "totalResults": len(found), "articles": list(_with_tombs(shown))})


def _with_tombs(stories: Iterable[Story]) -> Iterable[dict[str, Any]]:
    for story in stories:
        yield article(story)
        if story.number % TOMB_EVERY == 0:
            yield TOMBSTONE


def _moment_ms(text: str) -> int:
    """An ISO date or time, UTC, as milliseconds; 0 where there is none. Raises ValueError."""
    if not text:
        return 0
    moment = datetime.fromisoformat(text)
    return round(moment.replace(tzinfo=moment.tzinfo or moment_of(0).tzinfo).timestamp() * 1000)


# --- GDELT

SPANS = {
    "min": 60_000,
    "h": 3_600_000,
    "hours": 3_600_000,
    "d": DAY_MS,
    "days": DAY_MS,
    "w": 7 * DAY_MS,
    "months": 30 * DAY_MS,
}


def gdelt_article(story: Story) -> dict[str, Any]:
    """An article: seen in steps of a quarter of an hour, spaces before commas, ports in addresses."""
    outlet = OUTLETS[story.outlet]
    seen = story.appears_ms // QUARTER_MS * QUARTER_MS
    return {
        "url": story.link.replace(outlet.domain, f"{outlet.domain}:443", 1), "url_mobile": "",
        "title": re.sub(r"(?<=\w),(?= )", " ,", story.title), "seendate": f"{moment_of(seen):%Y%m%dT%H%M%SZ}",
        "socialimage": "", "domain": outlet.domain, "language": "English", "sourcecountry": "United States",
    }  # fmt: skip


class GdeltDoc(SourceHandler):
    """GET /gdelt/api/v2/doc/doc?query=&mode=artlist&format=json"""

    source = GDELT

    def refusal(self, status: int) -> Page:
        """A sentence, never JSON."""
        said = "Please limit requests to one every 5 seconds or contact the operators for larger queries."
        return _sentence(said, status)

    def answer(self, **_: str) -> Page:
        """An article list; what is wrong with the query is said in a sentence with status 200."""
        query = self.arg("query").strip()
        bare = re.sub(r"\([^()]*\)", " ", query)
        if len(query) < 3:
            return _sentence("The specified phrase is too short or too long.")
        if re.search(r"\bOR\b", bare):
            return _sentence("Queries containing OR'd terms must be surrounded by ().")
        if query.count("(") != query.count(")") or query.count('"') % 2:
            return _sentence("Parentheses or quotation marks are not balanced.")
        if self.arg("mode", "artlist").lower() != "artlist" or self.arg("format", "html").lower() != "json":
            return Page(b"<html><body>List</body></html>", content_type="text/html")
        span = re.fullmatch(r"(\d+)([a-z]*)", self.arg("timespan", "3months").lower())
        if span is None or (span[2] or "min") not in SPANS:
            return _sentence("Invalid timespan.")
        since = self.now_ms - int(span[1]) * SPANS[span[2] or "min"]
        fits = matcher(query)
        found = [s for s in self.archive.stories(CARRIED) if s.appears_ms >= since and fits(s)]
        found = found[: max(1, self.number("maxrecords", 75, 250))]
        shown = self.quirks.stories(found, "wire", self.now_ms)
        return json_page({"articles": [gdelt_article(story) for story in shown]} if shown else {})


def _sentence(text: str, status: int = 200) -> Page:
    return Page(text.encode(), status, "text/html; charset=utf-8")


def routes(sandbox: Sandbox) -> list[Any]:
    """The three aggregators."""
    made = {"sandbox": sandbox}
    return [
        (rf"/cryptopanic/api/(?P<plan>{'|'.join(PLANS)})/v2/posts/", CryptoPanicPosts, made),
        (r"/cryptopanic/api/(?P<which>v1|free)/.*", CryptoPanicGone, made),
        (r"/newsapi/v2/(?P<which>everything|top-headlines)", NewsApiArticles, made),
        ("/gdelt/api/v2/doc/doc", GdeltDoc, made),
    ]

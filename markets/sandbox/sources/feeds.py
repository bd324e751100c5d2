"""RSS and Atom of the sandbox's outlets, with conditional requests, and the JSON of two exchanges' announcements.

Each feed has a trait of the real ones: markup in summaries, entities in titles, dates without a zone, ids that
are no links.
"""

from html import escape
from typing import Any

from markets.sandbox.context import Sandbox
from markets.sandbox.generate import digest
from markets.sandbox.sources.handler import Page, SourceHandler, http_date, iso, json_page, moment_of
from markets.sandbox.sources.values import ATOM, BINANCE, FEED_OUTLETS, FEEDS, OKX, OUTLETS, Outlet, Story

SHOWN = 30
EMPTY_MS = 1_790_000_000_000  # when a feed without a story last changed


def rss(outlet: Outlet, stories: list[Story]) -> bytes:
    """RSS 2.0."""
    items = "".join(
        f"<item><title>{escape(story.title)}</title><link>{escape(story.link)}</link>"
        f'<guid isPermaLink="false">{escape(story.guid)}</guid><pubDate>{_date(outlet, story)}</pubDate>'
        f'<description><![CDATA[<p>{escape(story.summary)}</p><img src="https://{outlet.domain}/i.png">]]></description>'
        f"{''.join(f'<category>{escape(tag)}</category>' for tag in story.tags)}</item>"
        for story in stories
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel>'
        f"<title>{escape(outlet.title)}</title><link>https://{outlet.domain}/</link>"
        f"<description>News of {escape(outlet.title)}</description>{items}</channel></rss>"
    ).encode()


def _date(outlet: Outlet, story: Story) -> str:
    if outlet.zoned:
        return http_date(story.published_ms)
    return f"{moment_of(story.published_ms):%a, %d %b %Y %H:%M:%S}"


def atom(outlet: Outlet, stories: list[Story]) -> bytes:
    """Atom 1.0."""
    entries = "".join(
        f'<entry><title type="html">{escape(escape(story.title))}</title>'
        f'<link rel="alternate" href="{escape(story.link)}"/>'
        f"<id>tag:{outlet.domain},2026:{escape(story.guid)}</id>"
        f"<published>{iso(story.published_ms)}</published><updated>{iso(story.published_ms)}</updated>"
        f'<summary type="html">&lt;p&gt;{escape(escape(story.summary))}&lt;/p&gt;</summary>'
        f"{''.join(map(_term, story.tags))}</entry>"
        for story in stories
    )
    changed = max((story.appears_ms for story in stories), default=EMPTY_MS)
    return (
        '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom">'
        f"<title>{escape(outlet.title)}</title><id>https://{outlet.domain}/</id><updated>{iso(changed)}</updated>"
        f"{entries}</feed>"
    ).encode()


def _term(tag: str) -> str:
    return f'<category term="{escape(tag)}"/>'


class Feed(SourceHandler):
    """GET /feeds/{outlet}.xml"""

    source = FEEDS

    def answer(self, outlet: str = "", **_: str) -> Page:
        """The outlet's newest stories."""
        if outlet not in FEED_OUTLETS:
            return Page(b"<html><body>404</body></html>", 404, "text/html")
        found = self.archive.stories([outlet])[:SHOWN]
        changed = max((story.appears_ms for story in found), default=EMPTY_MS)
        who, shown = OUTLETS[outlet], self.quirks.stories(found, outlet, self.now_ms)
        body, kind = (atom(who, shown), "atom") if who.form == ATOM else (rss(who, shown), "rss")
        return Page(
            body, content_type=f"application/{kind}+xml; charset=utf-8", conditional=True, changed_ms=changed
        )


class OkxAnnouncements(SourceHandler):
    """GET /okx/api/v5/support/announcements"""

    source = OKX

    def refusal(self, status: int) -> Page:
        """Errors have a code of five digits."""
        return json_page({"code": "50011", "msg": "Rate limit reached", "data": []}, status)

    def answer(self, **_: str) -> Page:
        """A page of twenty; times are milliseconds as text."""
        page = max(1, self.number("page", 1, 1_000))
        found = self.archive.stories([OKX])
        shown = self.quirks.stories(found[(page - 1) * 20 : page * 20], OKX, self.now_ms)
        details = [
            {
                "annType": "announcements-latest-announcements", "title": story.title, "url": story.link,
                "pTime": str(story.published_ms), "businessPTime": str(story.published_ms),
            }
            for story in shown
        ]  # fmt: skip
        total = str(max(1, -(-len(found) // 20)))
        return json_page({"code": "0", "msg": "", "data": [{"details": details, "totalPage": total}]})


class BinanceAnnouncements(SourceHandler):
    """GET /binance/bapi/composite/v1/public/cms/article/list/query; a POST is refused."""

    source = BINANCE

    def post(self, **_: str) -> None:
        """Forbidden, as on the true service."""
        self.set_status(403)
        self.finish("<html><body>403 Forbidden</body></html>")

    def answer(self, **_: str) -> Page:
        """Articles by catalogue, with a code that makes their address, and without a text."""
        size, page = max(1, self.number("pageSize", 20, 50)), max(1, self.number("pageNo", 1, 1_000))
        found = self.archive.stories([BINANCE])
        shown = self.quirks.stories(found[(page - 1) * size : page * size], BINANCE, self.now_ms)
        articles = [
            {
                "id": story.number, "code": f"{digest('article', story.guid):032x}"[:32], "title": story.title,
                "type": 1, "releaseDate": story.published_ms,
            }
            for story in shown
        ]  # fmt: skip
        catalog = {
            "catalogId": 49, "parentCatalogId": None, "icon": "", "catalogName": "Latest Binance News",
            "description": None, "catalogType": 1, "total": len(found), "articles": articles, "catalogs": [],
        }  # fmt: skip
        return json_page(
            {
                "code": "000000", "message": None, "messageDetail": None, "data": {"catalogs": [catalog]}, "success": True,
            }
        )  # fmt: skip


def routes(sandbox: Sandbox) -> list[Any]:
    """Feeds and announcements."""
    made = {"sandbox": sandbox}
    return [
        (r"/feeds/(?P<outlet>[a-z]+)\.xml", Feed, made),
        ("/okx/api/v5/support/announcements", OkxAnnouncements, made),
        ("/binance/bapi/composite/v1/public/cms/article/list/query", BinanceAnnouncements, made),
    ]

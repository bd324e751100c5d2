"""The news sources, made from the settings: feeds, exchange announcements, CryptoPanic, NewsAPI, GDELT."""

import math
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from arbsite.source_config import named_urls
from signals.sources.base import NEWS, Answer, Batch, Budget, Cursor, Fetch, Poll, Spec
from signals.sources.news import announcements, coindesk, cryptopanic, feeds, gdelt, keeping, newsapi
from signals.sources.news.parts import Parsed

HALF_DAY, DAY, MONTH = 43_200, 86_400, 2_592_000
SPARE = 1.1  # a cadence that just uses a quota up would break it by one restart
# A source's name is its row's and its score's: a feed must not take a calendar's
CALENDARS = frozenset({"fed", "bls", "bea", "fred", "majors"})
Ask = Callable[[Fetch, Cursor, datetime], Answer]
Parse = Callable[..., Parsed]


def specs() -> Iterator[Spec]:
    """Every news source of the settings, those that are off as well."""
    news = settings.ARBSITE.news
    for name, url in named_urls(news.feeds).items():
        yield _page(f"{name}_news" if name in CALENDARS else name, url, _feed, "RSS or Atom feed")
    for name, url in named_urls(news.announcements).items():
        yield _page(name, url, announcements.parse, "announcements of an exchange")
    yield _cryptopanic()
    yield _newsapi()
    yield _gdelt()


def _page(name: str, url: str, parse: Parse, about: str) -> Spec:
    """One address, asked as often as the settings say, with conditional requests."""
    every = settings.ARBSITE.news.every_seconds

    def ask(fetch: Fetch, cursor: Cursor, now: datetime) -> Answer:
        return fetch.get(url)

    return Spec(
        name=name, kind=NEWS, hosts=_hosts(url), every_seconds=every, budgets=(Budget(2, max(every, 1)),),
        poll=_polled(ask, partial(parse, name)), keep=keeping.keep, timeout_seconds=_timeout(), about=about,
    )  # fmt: skip


def _feed(name: str, body: bytes, *, seen_at: datetime) -> Parsed:
    """A feed, or CoinDesk's data service, which somebody may name as one."""
    if body.lstrip()[:1] == b"{":
        return coindesk.parse(name, body, seen_at=seen_at)
    return feeds.parse(name, body, seen_at=seen_at, most=settings.ARBSITE.sources.max_items)


def _cryptopanic() -> Spec:
    config = settings.ARBSITE.cryptopanic
    token = config.token.get_secret_value()
    delayed = config.plan == cryptopanic.DEVELOPER

    def ask(fetch: Fetch, cursor: Cursor, now: datetime) -> Answer:
        since = str(cursor.place.get("pulled", ""))
        answer = fetch.get(
            config.url.rstrip("/") + cryptopanic.path(config.plan),
            params=cryptopanic.query(config.plan, token, since),
        )
        cursor.place["pulled"] = now.isoformat(timespec="seconds")
        return answer

    return Spec(
        name=cryptopanic.NAME, kind=NEWS, hosts=_hosts(config.url), every_seconds=_cadence(MONTH, config.calls_per_month),
        budgets=(Budget(config.calls_per_month, MONTH), Budget(2, 1)), poll=_polled(ask, cryptopanic.parse),
        keep=partial(keeping.keep, delayed=delayed), explain=cryptopanic.explain,
        off="" if token else "Set CRYPTOPANIC_TOKEN (and CRYPTOPANIC_PLAN: the free one is a day late).",
        timeout_seconds=_timeout(), about=f"aggregator, plan {config.plan}{', a day late' if delayed else ''}",
    )  # fmt: skip


def _newsapi() -> Spec:
    config = settings.ARBSITE.newsapi
    key = config.api_key.get_secret_value()
    developer = config.plan == "developer"
    off = "" if key else "Set NEWSAPI_API_KEY."
    if key and developer and settings.PRODUCTION:
        off = (
            "NewsAPI's developer plan is for development only: set NEWSAPI_PLAN=business with a key of it,"
            " or leave NewsAPI off in production."
        )
    budgets = [Budget(config.calls_per_day, DAY)]
    if developer:  # half of the day's calls in each half
        budgets.append(Budget(max(1, config.calls_per_day // 2), HALF_DAY))

    def ask(fetch: Fetch, cursor: Cursor, now: datetime) -> Answer:
        return fetch.get(
            config.url.rstrip("/") + newsapi.PATH,
            params=newsapi.query(config.query),
            headers={"X-Api-Key": key},
        )

    return Spec(
        name=newsapi.NAME, kind=NEWS, hosts=_hosts(config.url), every_seconds=_cadence(DAY, config.calls_per_day),
        budgets=tuple(budgets), poll=_polled(ask, newsapi.parse), keep=partial(keeping.keep, delayed=developer),
        explain=newsapi.explain, off=off, timeout_seconds=_timeout(),
        about=f"aggregator, plan {config.plan}{', a day late' if developer else ''}",
    )  # fmt: skip


def _gdelt() -> Spec:
    config = settings.ARBSITE.gdelt

    def ask(fetch: Fetch, cursor: Cursor, now: datetime) -> Answer:
        minutes = math.ceil(2 * config.every_seconds / 60)
        return fetch.get(config.url, params=gdelt.query(config.query, min(minutes, 1_440)))

    return Spec(
        name=gdelt.NAME, kind=NEWS, hosts=_hosts(config.url), every_seconds=config.every_seconds,
        budgets=(Budget(1, 5),), poll=_polled(ask, gdelt.parse), keep=keeping.keep, explain=gdelt.explain,
        off="" if config.enabled else "Set GDELT_ENABLED=true.",
        timeout_seconds=max(gdelt.SHORTEST_TIMEOUT, _timeout()), about="articles as GDELT sees them, every 15 minutes",
    )  # fmt: skip


# --- common parts


def _polled(ask: Ask, parse: Parse) -> Poll:
    """Ask, then read: what was seen is dated when the answer was there, not when the poll began."""

    def poll(fetch: Fetch, cursor: Cursor, now: datetime) -> Batch:
        began = time.monotonic()
        answer = ask(fetch, cursor, now)
        if answer.status == 304:
            return Batch(unchanged=True)
        seen_at = now + timedelta(seconds=time.monotonic() - began)
        read: Any = parse(answer.body, seen_at=seen_at)
        return Batch(read.items, dropped=read.dropped)

    return poll


def _cadence(span: int, calls: int) -> int:
    """Seconds between two calls that leave some of the quota."""
    return max(settings.ARBSITE.news.every_seconds, math.ceil(SPARE * span / calls))


def _timeout() -> float:
    return float(settings.ARBSITE.sources.timeout_seconds)


def _hosts(url: str) -> tuple[str, ...]:
    """The address's own host, and the same with or without `www`: publishers redirect between the two."""
    host = urlsplit(url).netloc
    bare = host.removeprefix("www.")
    return (host, bare if bare != host else f"www.{host}")

"""The calendars as sources: what is asked for, how often, and what switches each on."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

from django.conf import settings

from arbsite.source_config import Calendars
from markets.platforms.base import KALSHI, PLATFORMS
from signals.sources.base import (
    CALENDAR,
    Batch,
    Budget,
    Cursor,
    Fetch,
    KeyRefused,
    Occasion,
    Poll,
    SourceError,
    Spec,
)
from signals.sources.calendar import fed, fred, keeping, linking_occasions, majors, platform_times
from signals.sources.calendar.topics import LOW

HORIZON = timedelta(days=400)
LOW_HORIZON = timedelta(days=30)  # what matters little is shown for a month
PAST = timedelta(days=2)
PLATFORM_HORIZON = timedelta(days=7)
PLATFORM_SECONDS = 300
FRED_PAGES = 6
MILESTONE_PAGES = 10
MILESTONE_SECONDS = 900
MILESTONE_HORIZON = timedelta(days=7)
POLITE = (Budget(12, 60),)


def specs() -> Iterable[Spec]:
    """Every calendar, by the settings as they are now."""
    config = settings.ARBSITE.calendars
    off = "" if config.enabled else "Set CALENDARS_ENABLED=true."
    yield _spec("fed", config.fed_url, _fed(config), config, off, "The Federal Reserve's calendar")
    for name, url, about in (
        ("bls", config.bls_url, "BLS: prices and jobs"),
        ("bea", config.bea_url, "BEA: GDP and personal consumption"),
    ):
        yield _spec(name, url, _ical(name, url), config, off, about)
    yield _fred(config, off)
    yield Spec(
        name=majors.SOURCE, kind=CALENDAR, hosts=(), every_seconds=config.every_seconds, budgets=(), poll=_majors,
        keep=keeping.keeper(majors.SOURCE, config.every_seconds), off=off, about="Major dates kept by hand",
    )  # fmt: skip
    for platform in PLATFORMS:
        name = platform_times.SOURCES[platform]
        yield Spec(
            name=name, kind=CALENDAR, hosts=(), every_seconds=PLATFORM_SECONDS, budgets=(), poll=_own(platform),
            keep=keeping.keeper(name, PLATFORM_SECONDS), off=off, about=f"Closes and starts as {platform} lists them",
        )  # fmt: skip
    yield _milestones(off)


def _spec(name: str, url: str, poll: Poll, config: Calendars, off: str, about: str) -> Spec:
    return Spec(
        name=name, kind=CALENDAR, hosts=(urlsplit(url).netloc,), every_seconds=config.every_seconds, budgets=POLITE,
        poll=poll, keep=keeping.keeper(name, config.every_seconds), explain=partial(_unknown_client, name), off=off,
        timeout_seconds=float(settings.ARBSITE.sources.timeout_seconds), about=about,
    )  # fmt: skip


def _unknown_client(name: str, status: int, *_: object) -> SourceError | None:
    """The statistical offices answer 403 to clients that do not say whom to write to."""
    if status != 403:
        return None
    return KeyRefused(f"{name}: refused with 403; set SOURCES_CONTACT to a mail address it can write to")


def wanted(occasions: Iterable[Occasion], now: datetime) -> list[Occasion]:
    """Those worth a row, the soonest first: a year ahead, of low importance a month."""
    return sorted(
        (
            one
            for one in occasions
            if now - PAST <= one.starts_at <= now + (LOW_HORIZON if one.importance == LOW else HORIZON)
        ),
        key=lambda one: one.starts_at,
    )


# --- agencies


def _fed(config: Calendars) -> Poll:
    def poll(fetch: Fetch, cursor: Cursor, now: datetime) -> Batch:
        answer = fetch.get(config.fed_url)
        if answer.status == 304:
            return Batch(unchanged=True)
        found, dropped = fed.occasions(answer.body)
        return Batch(wanted(found, now), dropped=dropped)

    return poll


def _ical(name: str, url: str) -> Poll:
    def poll(fetch: Fetch, cursor: Cursor, now: datetime) -> Batch:
        answer = fetch.get(url)
        if answer.status == 304:
            return Batch(unchanged=True)
        # Here, since `icalendar` takes a third of a second to import, which no other process should spend
        from signals.sources.calendar import ical

        found, dropped = ical.occasions(name, answer.body, now=now, horizon=HORIZON)
        return Batch(wanted(found, now), dropped=dropped)

    return poll


def _majors(fetch: Fetch, cursor: Cursor, now: datetime) -> Batch:
    return Batch(wanted(majors.occasions(), now))


# --- FRED


def _fred(config: Calendars, off: str) -> Spec:
    url = f"{settings.ARBSITE.fred.url.rstrip('/')}/releases/dates"
    key = settings.ARBSITE.fred.api_key.get_secret_value()
    off = off or ("" if key else "Set FRED_API_KEY to a free key of fred.stlouisfed.org.")

    def poll(fetch: Fetch, cursor: Cursor, now: datetime) -> Batch:
        rows: list[dict] = []
        for number in range(FRED_PAGES):
            answer = fetch.get(
                url,
                params={
                    "file_type": "json", "include_release_dates_with_no_data": "true", "sort_order": "asc",
                    "order_by": "release_date", "realtime_start": f"{now - PAST:%Y-%m-%d}",
                    "realtime_end": "9999-12-31", "limit": fred.PAGE, "offset": number * fred.PAGE, "api_key": key,
                },
            )  # fmt: skip
            if answer.status == 304:
                return Batch(unchanged=True)
            page, count = fred.page(answer.body)
            rows += page
            if not page or len(rows) >= count:
                break
        # Pages have no validators of their own: the next look begins anew
        cursor.etag = cursor.last_modified = ""
        found, dropped = fred.occasions(rows)
        return Batch(wanted(found, now), dropped=dropped)

    return Spec(
        name=fred.SOURCE, kind=CALENDAR, hosts=(urlsplit(url).netloc,), every_seconds=config.every_seconds,
        budgets=(Budget(120, 60),), poll=poll, keep=keeping.keeper(fred.SOURCE, config.every_seconds),
        explain=fred.explain, off=off, timeout_seconds=float(settings.ARBSITE.sources.timeout_seconds),
        about="FRED's release dates",
    )  # fmt: skip


# --- the platforms


def _own(platform: str) -> Poll:
    def poll(fetch: Fetch, cursor: Cursor, now: datetime) -> Batch:
        listed = linking_occasions.listed(platform, since=now - PAST, until=now + PLATFORM_HORIZON)
        found = platform_times.occasions(listed, since=now - PAST, until=now + PLATFORM_HORIZON)
        return Batch(sorted(found, key=lambda one: one.starts_at))

    return poll


def _milestones(off: str) -> Spec:
    base = settings.ARBSITE.kalshi.rest_url.rstrip("/")
    host = urlsplit(base).hostname or ""
    if not off and not settings.ARBSITE.kalshi.enabled:
        off = "Set KALSHI_ENABLED=true."
    if not off and not host.endswith("kalshi.com"):
        off = "KALSHI_REST_URL is not Kalshi's own: a local exchange has no milestones."

    def poll(fetch: Fetch, cursor: Cursor, now: datetime) -> Batch:
        followed = linking_occasions.followed_events(KALSHI)
        found: list[Occasion] = []
        dropped, place, seen = 0, "", set[str]()
        for _ in range(MILESTONE_PAGES if followed else 0):
            params = {"limit": 500, "minimum_start_date": f"{now - timedelta(hours=3):%Y-%m-%dT%H:%M:%SZ}"}
            answer = fetch.get(f"{base}/milestones", params=params | ({"cursor": place} if place else {}))
            if answer.status == 304:
                return Batch(unchanged=True)
            page, bad, place = platform_times.milestones(answer.body, followed)
            found, dropped = found + page, dropped + bad
            if not place or place in seen:  # a cursor that does not move
                break
            seen.add(place)
        cursor.etag = cursor.last_modified = ""
        return Batch(_near(found, now), dropped=dropped)

    return Spec(
        name=platform_times.MILESTONES, kind=CALENDAR, hosts=(urlsplit(base).netloc,), every_seconds=MILESTONE_SECONDS,
        budgets=(Budget(60, 60),), poll=poll, keep=keeping.keeper(platform_times.MILESTONES, MILESTONE_SECONDS),
        off=off, about="Kalshi's milestones of followed events",
    )  # fmt: skip


def _near(found: Sequence[Occasion], now: datetime) -> list[Occasion]:
    unique = {one.external_id: one for one in found if one.starts_at <= now + MILESTONE_HORIZON}
    return sorted(unique.values(), key=lambda one: one.starts_at)

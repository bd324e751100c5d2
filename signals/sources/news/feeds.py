"""RSS and Atom: `feedparser` on bytes that our own fetcher brought, never on an address.

What feedparser does with entities was looked at: its expat knows no external ones, and a body with a document type that
declares entities is refused here before it is parsed, since nested ones grow without bound ("billion laughs").
"""

import re
from calendar import timegm
from datetime import UTC, datetime
from typing import Any

import feedparser

from signals.sources.base import Malformed
from signals.sources.clean import plain
from signals.sources.news.parts import EARLIEST, MOST_HINTS, OUTLET, SUMMARY, TITLE, Parsed, item, moment

ZONED = re.compile(r"(Z|UTC|GMT|[A-Z]{3,4}|[+-]\d{2}:?\d{2})\s*$")
ENTITY = re.compile(rb"<!\s*ENTITY", re.IGNORECASE)
UTF16 = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")


def parse(name: str, body: bytes, *, seen_at: datetime, most: int = 500) -> Parsed:
    """The items of one feed; those without a title, or guid and link, are counted as dropped. Raises Malformed.

    A feed that is not well-formed (`bozo`) is read as far as it goes; one without any feed in it is none.
    """
    if body.startswith(UTF16) or b"\x00" in body[:512]:
        body = _as_utf8(name, body)
    if ENTITY.search(body):
        raise Malformed(f"{name}: the feed declares entities, which no feed needs")
    # Neither addresses in it are made absolute nor its markup cleaned: `clean.plain` takes all markup away
    read = feedparser.parse(body, sanitize_html=False, resolve_relative_uris=False)
    entries = read.get("entries", [])
    if not read.get("version") and not entries:
        said = plain(body[:2_000].decode("utf-8", "replace"), longest=120)
        raise Malformed(
            f"{name}: the answer is neither RSS nor Atom{f': {said!r}' if said else ', it is empty'}"
        )
    title = plain(read.get("feed", {}).get("title"), longest=OUTLET)
    language = plain(read.get("feed", {}).get("language"), longest=16)[:2].lower() or "en"
    found, dropped = [], max(0, len(entries) - most)
    for entry in entries[:most]:
        made = item(
            name,
            entry.get("id") or entry.get("link"),
            plain(entry.get("title"), longest=TITLE),
            seen_at=seen_at,
            url=entry.get("link", ""),
            summary=plain(entry.get("summary"), longest=SUMMARY),
            outlet=plain(entry.get("source", {}).get("title"), longest=OUTLET) or _outlet(name, title),
            published=_published(entry),
            language=language,
            hints=tuple(
                plain(tag.get("term"), longest=64) for tag in entry.get("tags", [])[:MOST_HINTS]
            ),
        )  # fmt: skip
        if made is None:
            dropped += 1
        else:
            found.append(made)
    return Parsed(tuple(found), dropped)


def _outlet(name: str, title: str) -> str:
    """Our own name for a feed is the outlet's; a feed's title is often a slogan."""
    return name or title


def _published(entry: Any) -> tuple[datetime | None, bool]:
    """When it was published (or, failing that, updated), and whether a zone was given."""
    for field in ("published", "updated"):
        text = entry.get(field)
        if not text:
            continue
        found, exact = moment(text)
        if found is not None:
            return found, exact and bool(ZONED.search(str(text)))
        parsed = entry.get(f"{field}_parsed")
        if parsed is not None and parsed[0] >= EARLIEST:  # a way of writing dates that only feedparser knows
            return datetime.fromtimestamp(timegm(parsed), UTC), bool(ZONED.search(str(text)))
    return None, False


def _as_utf8(name: str, body: bytes) -> bytes:
    """A feed in UTF-16 as UTF-8, so that what is looked for in it is found."""
    try:
        text = body.decode("utf-16")
    except UnicodeDecodeError:
        raise Malformed(f"{name}: the feed's bytes are no text") from None
    return re.sub(r"""(<\?xml[^>]*encoding=)["'][^"']*["']""", r'\1"utf-8"', text, count=1).encode()

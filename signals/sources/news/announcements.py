"""Announcements of exchanges, as JSON: OKX's documented endpoint and Binance's CMS behind its own pages.

OKX: `data[].details[]` with `pTime` (published) and `businessPTime` (shown on the page), both Unix ms as text; its address
carries the reader's region. Binance: `data.catalogs[].articles[]` with `code` and `releaseDate` in Unix ms; an older answer
had `data.articles` with no date at all. Which one it is, the answer shows.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from signals.sources.base import LimitReached, Malformed
from signals.sources.news.parts import TITLE, Parsed, decoded, item, moment, nested, rows_of, text_of

BINANCE_PAGE = "https://www.binance.com/en/support/announcement"
OKX_BUSY = ("50011", "50061")  # too many requests
_REGION = re.compile(r"(?<=okx\.com)/[a-z]{2}(-[a-z]{2})?(?=/help/)")


def parse(name: str, body: bytes, *, seen_at: datetime) -> Parsed:
    """Announcements of either exchange. Raises Malformed, LimitReached."""
    read = decoded(name, body)
    if not isinstance(read, Mapping):
        raise Malformed(f"{name}: the answer is no object")
    code = str(read.get("code", ""))
    if code in OKX_BUSY:
        raise LimitReached(f"{name}: asked too often ({code})")
    if code.strip("0"):
        raise Malformed(f"{name}: it reports error {code[:20]}")
    if isinstance(read.get("data"), list):
        rows = [row for block in rows_of(read["data"]) for row in rows_of(block.get("details"))]
        made = [_okx(name, row, seen_at) for row in rows]
    elif isinstance(read.get("data"), Mapping):
        data = nested(read, "data")
        catalogs = rows_of(data.get("catalogs"))
        # Catalogues may hold catalogues
        catalogs += [inner for catalog in catalogs for inner in rows_of(catalog.get("catalogs"))]
        rows = [row for block in [*catalogs, data] for row in rows_of(block.get("articles"))]
        made = [_binance(name, row, seen_at) for row in rows]
    else:
        raise Malformed(f"{name}: the answer holds no announcements")
    found = {one.external_id: one for one in made if one is not None}
    return Parsed(tuple(found.values()), sum(one is None for one in made))


def _okx(name: str, row: Mapping[str, Any], seen_at: datetime) -> Any:
    url = row.get("url")
    url = _REGION.sub("", url) if isinstance(url, str) else ""
    return item(
        name, None, text_of(row, "title", TITLE), seen_at=seen_at, url=url, outlet=name,
        published=moment(row.get("pTime") or row.get("businessPTime")), hints=(text_of(row, "annType", 64),),
    )  # fmt: skip


def _binance(name: str, row: Mapping[str, Any], seen_at: datetime) -> Any:
    code = text_of(row, "code", 64)
    return item(
        name, row.get("id") or code, text_of(row, "title", TITLE), seen_at=seen_at,
        url=f"{BINANCE_PAGE}/{code}" if code.isalnum() else "", outlet=name,
        published=moment(row.get("releaseDate") or row.get("publishDate")),
    )  # fmt: skip

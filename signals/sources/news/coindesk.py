"""The CoinDesk Data API's `news/v1/article/list`: upper-case names, Unix seconds. Any feed may be one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from signals.sources.base import Malformed
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


def parse(name: str, body: bytes, *, seen_at: datetime) -> Parsed:
    """Its articles; one without a readable time is left out, an id that comes twice counts once. Raises Malformed."""
    read = decoded(name, body)
    data = read.get("Data") if isinstance(read, Mapping) else None
    if not isinstance(data, list):
        said = text_of(nested(read, "Err") if isinstance(read, Mapping) else {}, "message", 120)
        raise Malformed(f"{name}: the answer has no Data{f', it says {said!r}' if said else ''}")
    found: dict[str, Any] = {}
    dropped = 0
    for row in data:
        made = _article(name, row, seen_at) if isinstance(row, Mapping) else None
        if made is None:
            dropped += 1
        else:
            found.setdefault(made.external_id, made)
    return Parsed(tuple(found.values()), dropped)


def _article(name: str, row: Mapping[str, Any], seen_at: datetime) -> Any:
    published = moment(row.get("PUBLISHED_ON"))
    if published[0] is None:
        return None
    return item(
        name, row.get("ID") or row.get("GUID"), text_of(row, "TITLE", TITLE), seen_at=seen_at, url=row.get("URL"),
        summary=text_of(row, "BODY", SUMMARY), outlet=text_of(nested(row, "SOURCE_DATA"), "NAME", OUTLET),
        published=published, language=text_of(row, "LANG", 16).lower() or "en",
        hints=tuple(text_of(one, "NAME", 64) for one in rows_of(row.get("CATEGORY_DATA"))),
    )  # fmt: skip

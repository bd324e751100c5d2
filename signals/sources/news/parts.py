"""What all news parsers share: times, texts, JSON that is not quite JSON. Plain Python."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from signals.sources.base import Item, Malformed
from signals.sources.clean import plain
from signals.sources.news import addresses, outlets

TITLE, SUMMARY, OUTLET, EXTERNAL = 1_000, 2_000, 64, 200
EARLIEST = 1990  # year
MOST_HINTS = 12


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one answer held: items, and how many could not be read."""

    items: tuple[Item, ...] = ()
    dropped: int = 0


def decoded(name: str, body: bytes) -> Any:
    """JSON as news services send it: a BOM, control characters and illegal escapes are forgiven. Raises Malformed."""
    text = body.decode("utf-8-sig", "replace")
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        pass
    said = plain(text, longest=120)
    raise Malformed(
        f"{name}: the answer is no JSON{f', it says {said!r}' if said else ', it is empty'}"
    ) from None


def moment(value: object) -> tuple[datetime | None, bool]:
    """A time and whether its zone was told: ISO 8601, RFC 2822, `20260828T091500Z`, Unix seconds or milliseconds.

    (None, False) for what cannot be read or cannot be, as a tombstone's 1970.
    """
    found, exact = None, True
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None, False
    text = str(value).strip()
    try:
        number = float(text) if text.replace(".", "", 1).isdigit() and len(text) < 20 else None
        if number is not None:
            found = datetime.fromtimestamp(number / 1_000 if number > 1e11 else number, UTC)
        elif len(text) == 16 and text[8] == "T" and text.endswith("Z"):
            found = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        else:
            found = _written(text)
    except (ValueError, OverflowError, OSError, TypeError, IndexError):
        return None, False
    if found is not None and found.tzinfo is None:
        found, exact = found.replace(tzinfo=UTC), False
    if found is None or not EARLIEST <= found.year < 2100:
        return None, False
    return found.astimezone(UTC), exact


def _written(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return parsedate_to_datetime(text[:64])


def _key(text: str) -> str:
    """A name within the column's length; of a longer one its beginning and its digest, so that no two become one."""
    text = plain(text, longest=20_000)
    return text if len(text) <= EXTERNAL else f"{text[:120]}#{hashlib.sha256(text.encode()).hexdigest()}"


def text_of(raw: Mapping[str, Any], name: str, longest: int) -> str:
    """A field as plain text; empty where it is missing or no text."""
    return plain(raw.get(name), longest=longest)


def nested(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside; an empty one where it is missing or something else."""
    value = raw.get(name)
    return value if isinstance(value, Mapping) else {}


def rows_of(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list; anything else is left out."""
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def item(
    source: str,
    external_id: object,
    title: str,
    *,
    seen_at: datetime,
    url: object = "",
    summary: str = "",
    outlet: str = "",
    published: tuple[datetime | None, bool] = (None, False),
    language: str = "en",
    hints: tuple[str, ...] = (),
) -> Item | None:
    """An item in its normal form; None without a title or anything to know it by."""
    address = addresses.canonical(url)
    key = _key(str(external_id) if isinstance(external_id, int | str) and external_id else address)
    if not title or not key:
        return None
    return Item(
        source=source,
        external_id=key,
        title=title,
        seen_at=seen_at,
        url=address,
        summary=summary,
        outlet=outlet[:OUTLET] or source,
        owner=outlets.owner_of(outlet or source, address),
        published_at=published[0],
        exact=published[1] and published[0] is not None,
        language=language[:16] or "en",
        hints=tuple(hint[:64] for hint in hints if hint)[:MOST_HINTS],
    )

"""A market as the matcher reads it, from our own values or from what a platform delivers."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from markets.platforms.base import KALSHI, POLYMARKET, MarketInfo

NEW_YORK = ZoneInfo("America/New_York")  # both platforms name games by the day there


class Unreadable(Exception):
    """A row that is no market: the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Question:
    """One market (or event) in words. Everything but id and title may be empty."""

    platform: str
    id: str
    title: str
    rules: str = ""
    close_time: str = ""  # ISO 8601, as delivered
    event_title: str = ""
    category: str = ""
    source: str = ""
    outcome_label: str = ""  # what YES means where that is a name: a team, a candidate
    other_label: str = ""  # what NO means where that is a name
    strike_type: str = ""  # Kalshi: greater, greater_or_equal, less, less_or_equal, between
    floor_strike: Decimal | None = None
    cap_strike: Decimal | None = None
    event_date: str = ""  # ISO date of the game or event, where the platform says it
    children: tuple[str, ...] = ()  # titles of an event's markets, where the question is an event


_PLAIN = {"yes", "no", ""}


def question_of(info: MarketInfo) -> Question:
    """The question of a market that we hold."""
    extra, yes = info.extra, info.outcomes[0].label if info.outcomes else ""
    no = info.outcomes[1].label if len(info.outcomes) > 1 else ""
    label = yes if yes.lower() not in _PLAIN else ""
    return Question(
        info.platform, info.id, info.question, info.rules, info.end.isoformat() if info.end else "",
        _text(extra.get("event_title")), info.category, info.resolution_source, label,
        no if label and no.lower() not in _PLAIN else "", _text(extra.get("strike_type")),
        _decimal(extra.get("floor_strike")), _decimal(extra.get("cap_strike")),
        _new_york_day(_text(extra.get("game_start"))),
    )  # fmt: skip


def question_of_payload(row: Mapping[str, Any], platform: str) -> Question:
    """The question of one object of a platform, or of `{id, title, rules, close_time, …}`. Raises Unreadable."""
    if not isinstance(row, Mapping):
        raise Unreadable(f"a market is an object, not {type(row).__name__}")
    if platform == POLYMARKET and "question" in row:
        return _gamma(row)
    if platform == KALSHI and "ticker" in row:
        return _kalshi(row)
    return _plain(row, platform)


def _gamma(row: Mapping[str, Any]) -> Question:
    event = _first(row.get("events")) or row.get("_event") or {}
    labels = _labels(row.get("outcomes"))
    yes = labels[0] if labels and labels[0].lower() not in _PLAIN else ""
    no = labels[1] if yes and len(labels) > 1 else ""
    return Question(
        POLYMARKET, _id(row, "conditionId", "condition_id", "id"), _title(row, "question", "title"),
        _text(row.get("description")), _text(row.get("endDate") or row.get("endDateIso")),
        _text(event.get("title")), _category(row, event),
        _text(row.get("resolutionSource") or event.get("resolutionSource")), yes, no,
        event_date=_new_york_day(_text(row.get("gameStartTime"))),
    )  # fmt: skip


def _kalshi(row: Mapping[str, Any]) -> Question:
    event = row.get("_event") or {}
    title = _text(row.get("title")) or _text(event.get("title")) or _text(row.get("yes_sub_title"))
    if not title:
        raise Unreadable("no title")
    label = _text(row.get("yes_sub_title")) or _text(row.get("subtitle"))
    rules = "\n".join(filter(None, (_text(row.get("rules_primary")), _text(row.get("rules_secondary")))))
    sources = event.get("settlement_sources") or row.get("settlement_sources") or ()
    names = [f"{s.get('name', '')} {s.get('url', '')}" for s in sources if isinstance(s, Mapping)]
    return Question(
        KALSHI, _id(row, "ticker"), title, rules or _text(row.get("rules")), _text(row.get("close_time")),
        _text(event.get("title")), _text(row.get("category") or event.get("category")), "; ".join(names),
        label if label.lower() not in _PLAIN else "", "", _text(row.get("strike_type")),
        _decimal(row.get("floor_strike")), _decimal(row.get("cap_strike")),
    )  # fmt: skip


def _plain(row: Mapping[str, Any], platform: str) -> Question:
    labels = _labels(row.get("outcomes"))
    label = _text(row.get("outcome_label") or row.get("yes_sub_title") or (labels[0] if labels else ""))
    children = row.get("children") or row.get("child_titles") or ()
    return Question(
        platform, _id(row, "id", "ticker", "market_id", "event_id", "event_ticker", "conditionId", "slug"),
        _title(row, "title", "question", "name"),
        _text(row.get("rules") or row.get("description") or row.get("rules_primary")),
        _text(row.get("close_time") or row.get("endDate") or row.get("end_date")),
        _text(row.get("event_title")), _text(row.get("category")),
        _text(row.get("source") or row.get("resolution_source")), label if label.lower() not in _PLAIN else "",
        labels[1] if len(labels) > 1 and labels[1].lower() not in _PLAIN else "", _text(row.get("strike_type")),
        _decimal(row.get("floor_strike")), _decimal(row.get("cap_strike")),
        _text(row.get("event_date") or row.get("date"))[:10] or _new_york_day(_text(row.get("game_start"))),
        tuple(child for child in children if isinstance(child, str)) if isinstance(children, list | tuple) else (),
    )  # fmt: skip


def _new_york_day(moment: str) -> str:
    """The day in New York of a platform's time (`2026-01-09 01:00:00+00`); empty where it cannot be read."""
    text = moment.strip().replace("Z", "+00:00")
    text = f"{text}:00" if re.search(r"[+-]\d\d$", text) and len(text) > 10 else text
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return ""
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(NEW_YORK).date().isoformat()


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _id(row: Mapping[str, Any], *names: str) -> str:
    for name in names:
        value = row.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    raise Unreadable(f"no {' or '.join(names[:2])}")


def _title(row: Mapping[str, Any], *names: str) -> str:
    for name in names:
        if _text(row.get(name)):
            return _text(row[name])
    raise Unreadable(f"no {names[0]}")


def _labels(value: object) -> list[str]:
    """Outcome names: Gamma sends them as a JSON text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return []
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _category(row: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    tags = row.get("tags") or event.get("tags") or ()
    names = (
        [_text(tag.get("label")) for tag in tags if isinstance(tag, Mapping)]
        if isinstance(tags, list)
        else []
    )
    return _text(row.get("category")) or _text(event.get("category")) or ", ".join(filter(None, names))


def _first(value: object) -> Mapping[str, Any] | None:
    return value[0] if isinstance(value, Sequence) and value and isinstance(value[0], Mapping) else None


def _decimal(value: object) -> Decimal | None:
    if value is None or isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def flatten(document: object) -> Iterable[object]:
    """The markets of a platform's answer: arrays, `{markets: […]}`, events with nested markets, single objects."""
    if isinstance(document, list):
        for item in document:
            yield from flatten(item)
        return
    if not isinstance(document, dict):
        yield document
        return
    wrapped = [
        name
        for name in ("events", "markets", "event", "market")
        if isinstance(document.get(name), list | dict)
    ]
    is_market = "question" in document or ("ticker" in document and "event_ticker" in document)
    if is_market or not wrapped:
        yield document
        return
    yield from _nested(document, wrapped)


def _nested(document: dict[str, Any], wrapped: Sequence[str]) -> Iterable[object]:
    event = document if "markets" in wrapped and ("title" in document or "event_ticker" in document) else None
    if isinstance(document.get("event"), dict):
        event = document["event"]
    for name in ("events", "market"):
        if name in wrapped:
            yield from flatten(document[name])
    if "event" in wrapped:
        yield from flatten(document["event"]) if document["event"].get("markets") else ()
    if "markets" in wrapped:
        head = {key: value for key, value in (event or {}).items() if key not in ("markets", "event")}
        for item in flatten(document["markets"]):
            yield {**item, "_event": head} if head and isinstance(item, dict) else item

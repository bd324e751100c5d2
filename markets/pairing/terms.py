"""The terms of a market: everything an approval is given for, and what changed between two readings.

Contractual, and so in the digest: question, rule text, sources, outcome labels, structured strikes, when trading ends at
the latest, and the conditions of an early end. Left out on purpose: volumes, prices, status, and every *estimate* of a
platform (expected expiration, occurrence, cash expected), because they move from refresh to refresh and would
suspend pairs that nobody changed. Times count to the minute, white space counts as one blank.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from markets.platforms.base import MarketInfo

Terms = dict[str, str]  # name → text; what is empty is left out

SHOWN = 160  # characters of a text in a sentence about its change

# What a platform says of strikes and time limits, by its own name in `MarketInfo.extra`
_STRIKES = ("strike_type", "floor_strike", "cap_strike", "functional_strike", "custom_strike", "line")
_LIMITS = ("latest_expiration_time", "can_close_early", "early_close_condition", "game_start")
_NAMES = {
    "question": "question",
    "rules": "rules",
    "resolution_source": "resolution source",
    "outcomes": "outcomes",
    "end": "end of trading",
    "strike_type": "kind of strike",
    "floor_strike": "lower strike",
    "cap_strike": "upper strike",
    "latest_expiration_time": "latest expiration",
}
_INVISIBLE = ("Cc", "Cf", "Co", "Cs")  # control, format, private use, half a pair
# A text that its author has not finished: `|| Count ||`, {{ team }}, [insert date]
_PLACEHOLDER = re.compile(
    r"\|\|[^|]{0,80}\|\||\{\{[^{}]{0,80}\}\}|\[\s*(?:insert|tbd|tba|placeholder)\b[^\]]{0,80}\]|<\s*(?:insert|tbd|tba)\b",
    re.IGNORECASE,
)
_NOTHING = re.compile(
    r"(?:tbd|tba|n/?a|none|null|to be (?:determined|announced|added)|coming soon|\W*)\.?", re.IGNORECASE
)


def of(info: MarketInfo) -> Terms:
    """The terms of a market as the platform states them now."""
    found = {
        "question": plain(info.question),
        "rules": plain(info.rules),
        "resolution_source": plain(info.resolution_source),
        "outcomes": ", ".join(f"{one.name}: {plain(one.label)}" for one in info.outcomes),
        "end": _minute(info.end),
    }
    for name in (*_STRIKES, *_LIMITS):
        found[name] = _text(info.extra.get(name))
    return {name: text for name, text in found.items() if text}


def plain(text: str) -> str:
    """One spelling of the same text: composed characters, single blanks."""
    return " ".join(unicodedata.normalize("NFC", text or "").split())


def visible(text: str) -> str:
    """The text with its invisible characters written out, like ⟨U+200B⟩.

    Rules are foreign text: an escape sequence must not drive a terminal, nor a direction mark turn words around.
    """
    text = text.replace("\r\n", "\n")
    return "".join(
        f"⟨U+{ord(char):04X}⟩" if unicodedata.category(char) in _INVISIBLE and char not in "\n\t" else char
        for char in text
    )


def _minute(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _text(value: Any) -> str:
    if value is None or value == "" or value == {}:
        return ""
    if isinstance(value, str):
        return plain(value)
    return json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)


def digest(terms: Mapping[str, Terms], **more: Any) -> str:
    """SHA-256 of the terms of several markets by their keys, and of what else the decision rests on (polarity, states)."""
    document = {"terms": {key: dict(sorted(one.items())) for key, one in sorted(terms.items())}, **more}
    return hashlib.sha256(json.dumps(document, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def changes(before: Terms, after: Terms, whose: str) -> list[str]:
    """What is different now, a sentence each, with the old and the new words shortened around the difference."""
    found = []
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name, ""), after.get(name, "")
        if old != new:
            was, now = _around(old, new)
            found.append(
                f"{whose} changed its {_NAMES.get(name, name.replace('_', ' '))}: “{was}” became “{now}”"
            )
    return found


def _around(old: str, new: str) -> tuple[str, str]:
    """Both texts from shortly before the first difference, at most SHOWN characters each."""
    same = next(
        (at for at, (one, two) in enumerate(zip(old, new, strict=False)) if one != two),
        min(len(old), len(new)),
    )
    start = max(0, same - SHOWN // 4)
    if max(len(old), len(new)) <= SHOWN:
        start = 0
    return _cut(old, start), _cut(new, start)


def _cut(text: str, start: int) -> str:
    part = visible(text[start : start + SHOWN])
    return f"{'…' if start and part else ''}{part}{'…' if start + SHOWN < len(text) else ''}" or "nothing"


def unreadable(terms: Terms) -> str:
    """Why nobody can have read these rules: a sentence; empty where they can be read."""
    rules = terms.get("rules", "")
    if not rules or _NOTHING.fullmatch(rules):
        return "it has no rules"
    held = _PLACEHOLDER.search(rules)
    if held is not None:
        return f"its rules still hold a placeholder, {held.group(0)[:60]!r}"
    return ""

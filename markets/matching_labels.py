"""Labelled pairs for the figures of the matcher: the recorded ones, split into two halves by family, and our own.

A family (a Kalshi series, an hour of a price series, else the row itself) lies in one half whole, so that no rule is
tuned on siblings of what it is measured on. Weak labels that we read by hand and found wrong are corrected by
`tests/markets/matching/labels.json`, which names row ids and reasons only.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import Any

from arbsite.config import BASE_DIR
from markets.matching import Question, question_of_payload
from markets.platforms.base import KALSHI, POLYMARKET

OURS = BASE_DIR / "tests" / "markets" / "matching"
LABELLED_IN = 2026  # the year in which the labels were given
FILES = (
    "events_2026-06.jsonl", "markets_discovery_2026.jsonl", "markets_embedding_candidates_2026.jsonl",
    "nominees_2026-08.jsonl", "crypto_hourly_traps_2026-07.jsonl", "crypto_monthly_strikes_2026-07.jsonl",
    "rule_text_traps.jsonl",
)  # fmt: skip
# Held out at first, read after their figures were seen: they count as tuning since
READ_LATER = {"KXSB", "HOUSEAKAL", "KXNBADRAFT1"}


class Split(Enum):
    """Which half a row belongs to."""

    TUNING = "tuning"
    HELD_OUT = "held out"


@dataclass(frozen=True, slots=True)
class Row:
    """Two questions and what a person says of them: same, same_inverted, related, different, bundle."""

    id: str
    file: str
    level: str  # event, market
    label: str
    polymarket: Question
    kalshi: Question
    split: Split
    raw_label: str = ""  # before our correction
    read: bool = True  # a person read it


def corrections() -> dict[str, dict[str, str]]:
    """Row id → {label, why}: weak labels that we read and found wrong."""
    return dict(json.loads((OURS / "labels.json").read_text(encoding="utf-8")))


def load(folder: Path) -> list[Row]:
    """Every usable row of the recorded pairs; rows without titles cannot be judged and are left out."""
    fixed = corrections()
    rows = []
    for name in FILES:
        path = folder / name
        if not path.is_file():
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            label = fixed.get(row["id"], {}).get("label", row["label"])
            one, two = _questions(row)
            rows.append(Row(row["id"], name, row["level"], label, one, two, split_of(row, name), row["label"],
                            row.get("reviewed", True)))  # fmt: skip
    return rows


def own_rows() -> Iterator[Row]:
    """Our own invented pairs, one or more per failure class."""
    for line in (OURS / "own_pairs.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        one = question_of_payload({"id": f"p-{row['id']}", **row["polymarket"]}, POLYMARKET)
        two = question_of_payload({"id": f"k-{row['id']}", **row["kalshi"]}, KALSHI)
        yield Row(
            row["id"], "own_pairs.jsonl", row.get("level", "market"), row["label"], one, two, Split.HELD_OUT
        )


def split_of(row: dict[str, Any], name: str) -> Split:
    """By the hash of the family. First bytes 1 mod 4 were held out for the first version, read after it, and count as
    tuning since; 3 mod 4 were never looked at row by row."""
    kalshi = row.get("kalshi") or {}
    ticker = kalshi.get("event_id") or kalshi.get("ticker") or ""
    family = ticker.split("-")[0] or row["id"]
    if name.startswith("crypto_hourly"):
        family = "-".join(ticker.split("-")[:2])
    if family in READ_LATER:
        return Split.TUNING
    return Split.HELD_OUT if sha256(family.encode()).digest()[0] % 4 == 3 else Split.TUNING


def _questions(row: dict[str, Any]) -> tuple[Question, Question]:
    one, two = row["polymarket"], row["kalshi"]
    if row["level"] == "event":
        return _event(one, POLYMARKET), _event(two, KALSHI)
    if "series_word" in two:
        return _monthly(row)
    return (
        question_of_payload({**one, "id": one.get("market_id") or f"p-{row['id']}", "date": ""}, POLYMARKET),
        question_of_payload({**two, "id": two.get("ticker") or f"k-{row['id']}", "date": ""}, KALSHI),
    )


def _event(event: dict[str, Any], platform: str) -> Question:
    """An event: its title, the titles of its markets, its day and its deadline."""
    return question_of_payload(
        {"id": event["event_id"], "title": event["title"], "children": event["children"],
         "date": event.get("date") or "", "close_time": event.get("deadline") or ""},
        platform,
    )  # fmt: skip


def _monthly(row: dict[str, Any]) -> tuple[Question, Question]:
    """The strike table names no titles: both are written in the platforms' usual words."""
    asset, one, two = row["asset"], row["polymarket"], row["kalshi"]
    high = two["series_word"] == "MAXMON"
    how = f"How {'high' if high else 'low'} will {asset} get in July? {'Above' if high else 'Below'} ${two['strike']:,}"
    title = f"Will {asset} {one['verb']} ${one['strike']:,} in July?"
    ticker = f"KX{asset}{two['series_word']}-{asset}-26JUL31-{row['id']}"
    return (
        question_of_payload({"id": row["id"], "title": title}, POLYMARKET),
        question_of_payload({"id": ticker, "title": how}, KALSHI),
    )

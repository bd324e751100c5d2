"""The real titles of both platforms as markets to link to, and the headlines that were labelled against them."""

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from signals.language import items, linker, texts
from signals.language.index import Index
from signals.language.items import MarketText

LABELS = Path(__file__).parent / "data" / "linking.yaml"
GRACE = timedelta(days=2)  # a recorded date is the day of the event, not the minute of its close


def name_of(platform, title, event):
    """What the labels call a title."""
    return hashlib.sha256(f"{platform}|{title}|{event}".encode()).hexdigest()[:10]


def markets(recorded):
    """Every recorded market once: as the linker's text, with its name in the labels."""
    found = {}
    for path in sorted((recorded / "pairs").glob("*.jsonl")):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            for platform in ("kalshi", "polymarket"):
                side = row.get(platform) or {}
                if not side.get("title"):
                    continue
                if side.get("children"):
                    ids = side.get("child_ids") or [""] * len(side["children"])
                    ends = side.get("date") or side.get("deadline") or ""
                    for title, market_id in zip(side["children"], ids, strict=False):
                        found[(platform, market_id, title, side["title"])] = ends
                else:
                    market_id = str(side.get("ticker") or side.get("market_id") or "")
                    found[(platform, market_id, side["title"], "")] = side.get("date") or ""
    for number, ((platform, market_id, title, event), ends) in enumerate(found.items()):
        closes = datetime.fromisoformat(ends).replace(tzinfo=UTC) + GRACE if ends else None
        yield (
            MarketText(platform, market_id or str(number), title, event, ends=closes),
            name_of(platform, title, event),
        )


@dataclass
class Result:
    """Counts over one half: titles linked rightly, wrongly, missed; directions right, silent, wrong; noise that linked."""

    headlines: int = 0
    right: int = 0
    wrong: int = 0
    missed: int = 0
    directed: int = 0
    silent: int = 0
    misdirected: int = 0
    noise: int = 0

    @property
    def precision(self):
        return self.right / (self.right + self.wrong)

    @property
    def recall(self):
        return self.right / (self.right + self.missed)

    def __str__(self):
        return (
            f"{self.headlines} headlines: precision {self.precision:.3f}, recall {self.recall:.3f}"
            f" ({self.right} right, {self.wrong} wrong, {self.missed} missed); {self.noise} of those about nothing linked;"
            f" direction right {self.directed}, silent {self.silent}, wrong {self.misdirected}"
        )


def measure(recorded):
    """Both halves against all recorded titles."""
    index, names = Index(), {}
    for market, name in markets(recorded):
        index.add(items.read(market))
        names[(market.platform, market.market_id)] = name
    halves = defaultdict(Result)
    for row in yaml.safe_load(LABELS.read_text()):
        at = datetime.combine(row["at"], datetime.min.time(), UTC) + timedelta(hours=12)
        found = {}
        for link in linker.links(texts.read(row["title"], at=at), index, at):
            found.setdefault(names[(link.platform, link.market_id)], link.direction)
        _count(halves[row["half"]], row["must"], set(row["may"]), found)
    return halves


def _count(result, must, may, found):
    result.headlines += 1
    result.right += len(found.keys() & must.keys())
    result.wrong += len(found.keys() - must.keys() - may)
    result.missed += len(must.keys() - found.keys())
    result.noise += bool(not must and found.keys() - may)
    for name, sign in must.items():
        if sign and name in found:
            result.directed += found[name] == sign
            result.silent += found[name] == 0
            result.misdirected += found[name] == -sign

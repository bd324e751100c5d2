"""What the demo shows of this room: the feeds' health."""

from datetime import datetime
from typing import Any

from arbsite.models import Component
from arbsite.registry import Panel
from markets.platforms.base import PLATFORMS

COUNTERS = ("frames", "gaps", "resyncs", "malformed")


def feeds(now: datetime) -> Panel:
    """One line for each platform's connector."""
    rows = []
    for platform in PLATFORMS:
        row = Component.objects.filter(pk=f"stream-{platform}").first()
        if row is None:
            rows.append((platform, "starting", "", "", "", "", "", ""))
            continue
        detail, silent = row.detail, (now - row.updated_at).total_seconds()
        state = row.state if silent < 10 else f"SILENT for {silent:.0f} s"
        age = detail.get("heard_ms_ago")
        rows.append(
            (platform, state, f"{detail.get('frames_per_second', 0)}", "–" if age is None else f"{age} ms",
             f"{detail.get('trusted', 0)}/{detail.get('followed', 0)}", str(detail.get("gaps", 0)),
             str(detail.get("resyncs", 0)), str(detail.get("malformed", 0)))
        )  # fmt: skip
    columns = ("feed", "state", "messages/s", "book age", "books live", "gaps", "resyncs", "malformed")
    return Panel("Feeds", columns, rows)


def summary(began: datetime) -> dict[str, Any]:
    """The counters of both connectors since each was started."""
    found = {row.pk: row.detail for row in Component.objects.filter(pk__startswith="stream-")}
    return {
        "feeds": {
            platform: {name: found.get(f"stream-{platform}", {}).get(name, 0) for name in COUNTERS}
            for platform in PLATFORMS
        }
    }

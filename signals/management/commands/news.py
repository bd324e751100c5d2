"""`manage.py news`: the stories that were read, and how long each source's take."""

from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db.models import Prefetch
from django.utils import timezone
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from arbsite.exact_json import encode
from arbsite.moments import since_when
from signals.models import NewsCarrier, NewsEvent
from signals.sources.news import latency

MOST = 200


class Command(BaseCommand):
    """Stories and latencies."""

    help = (
        "List stories with who carries them, or measure how long each source's news take to become a signal."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """What to show, and of which period."""
        parts = parser.add_subparsers(dest="part", required=True)
        listing = parts.add_parser("list", help="stories, newest first")
        listing.add_argument(
            "--fresh", action="store_true", help="only those that were young when first seen"
        )
        times = parts.add_parser("latency", help="from published to seen, from seen to signal, per source")
        for part in (listing, times):
            part.add_argument(
                "--since",
                metavar="D",
                default="24h",
                help="90m, 24h, 7d, or a date or time such as 2026-11-24",
            )
            part.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *_: Any, part: str, since: str, json: bool, fresh: bool = False, **__: Any) -> None:
        """Show it."""
        now = timezone.now()
        start = since_when(since, now)
        if part == "latency":
            self._latency(start, now, json)
        else:
            self._list(start, now, fresh, json)

    def _list(self, start: datetime, now: datetime, fresh: bool, json: bool) -> None:
        rows = NewsEvent.objects.filter(created_at__gte=start, **({"fresh": True} if fresh else {}))
        carriers = Prefetch("carriers", NewsCarrier.objects.order_by("seen_at", "pk"))
        found = list(rows.order_by("-created_at", "-pk").prefetch_related(carriers)[:MOST])
        if json:
            self.stdout.write(
                encode({"since": start, "until": now, "stories": [_story(row) for row in found]}).decode()
            )
            return
        shown = Table(title=f"Stories since {start:%Y-%m-%d %H:%M} UTC")
        for name in (
            "seen",
            "headline",
            "first by",
            "owners",
            "fresh",
            "sentiment",
            "urgency",
            "impact",
            "markets",
        ):
            shown.add_column(name)
        for row in found:
            shown.add_row(
                f"{row.seen_at or row.created_at:%m-%d %H:%M:%S}", escape((row.headline or "")[:90]),
                escape(f"{row.source} ({row.via})"), str(row.owners), "yes" if row.fresh else "no",
                str(row.sentiment or "-"),
                str(row.urgency or "-"), str(row.impact_estimate if row.impact_estimate is not None else "-"),
                str(len(row.related_markets)),
            )  # fmt: skip
        Console(file=self.stdout._out, width=200).print(shown)
        if not found:
            self.stdout.write(
                "No story was seen in this time: `manage.py source list` shows how the sources are."
            )
        elif len(found) == MOST:
            self.stdout.write(f"Only the newest {MOST} are shown.")

    def _latency(self, start: datetime, now: datetime, json: bool) -> None:
        rows = latency.by_source(since=start, until=now)
        if json:
            self.stdout.write(encode({"since": start, "until": now, "sources": rows}).decode())
            return
        shown = Table(title=f"News since {start:%Y-%m-%d %H:%M} UTC: median / 9 in 10 / 99 in 100")
        for name in (
            "source", "stories", "fresh", "signals", "published → seen", "seen → signal", "published → signal",
            "within 5 min",
        ):  # fmt: skip
            shown.add_column(name)
        for row in rows:
            within = row["within_target"]
            shown.add_row(
                escape(row["source"]), str(row["stories"]), str(row["fresh"]), str(row["signals"]),
                *(_spread(row[name]) for name in ("published_to_seen_ms", "seen_to_signal_ms", "published_to_signal_ms")),
                "-" if within is None else f"{within:.1%}",
            )  # fmt: skip
        Console(file=self.stdout._out, width=200).print(shown)
        if not rows:
            self.stdout.write("No story was seen in this time.")


def _spread(found: dict[str, int] | None) -> str:
    if found is None:
        return "-"
    return " / ".join(_span(found[name]) for name in ("p50", "p90", "p99"))


def _span(ms: int) -> str:
    return f"{ms} ms" if ms < 10_000 else str(timedelta(seconds=ms // 1_000))


def _story(row: NewsEvent) -> dict[str, Any]:
    return {
        "id": row.pk, "headline": row.headline, "source": row.source, "via": row.via, "url": row.url, "fresh": row.fresh,
        "published_at": row.published_at, "seen_at": row.seen_at, "owners": row.owners, "sentiment": row.sentiment,
        "sentiment_score": row.sentiment_score, "urgency": row.urgency, "impact_estimate": row.impact_estimate,
        "categories": row.categories, "entities": row.entities, "related_markets": row.related_markets,
        "carriers": [
            {"via": one.via, "outlet": one.outlet, "owner": one.owner, "title": one.title, "url": one.url,
             "published_at": one.published_at, "seen_at": one.seen_at}
            for one in row.carriers.all()
        ],
    }  # fmt: skip

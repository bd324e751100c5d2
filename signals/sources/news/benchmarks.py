"""What the news measure: items through parsing, deduplication, reading and storing, beside a bare bulk insert."""

import json
import time
from datetime import UTC, datetime, timedelta

from arbsite.registry import Figure
from signals.models import NewsCarrier, NewsEvent
from signals.sources.news import gdelt, keeping

ITEMS, PAGE = 2_000, 250
A_MINUTE = 2_000  # items that one worker must manage
TARGET = 20.0  # times a bare insert of the same rows; reading alone is language work that an insert has not
WORDS = (
    "treaty", "harbour", "senate", "copper", "drought", "ferry", "pension", "reactor", "tariff", "vaccine",
    "glacier", "orbit",
    "census", "timber", "embargo", "parade",
)  # fmt: skip


def news() -> list[Figure]:
    """Pages of a list of articles, seven in ten of them new, as one worker takes them."""
    now = datetime.now(UTC).replace(microsecond=0)
    pages = [_page(number, now) for number in range(ITEMS // PAGE)]
    began = time.perf_counter()
    kept = 0
    for body in pages:
        kept += keeping.keep(gdelt.parse(body, seen_at=now).items, now).new
    spent = time.perf_counter() - began
    assert kept == ITEMS
    events = list(NewsEvent.objects.filter(via=gdelt.NAME, seen_at=now))
    carriers = list(NewsCarrier.objects.filter(via=gdelt.NAME, seen_at=now))
    NewsEvent.objects.filter(pk__in=[event.pk for event in events]).delete()
    bare = _bare(events, carriers)
    NewsEvent.objects.filter(pk__in=[event.pk for event in events]).delete()
    rate, ratio = ITEMS / spent * 60, spent / bare
    return [
        Figure("news stored and read", rate, "items/min", "one worker", f"≥ {A_MINUTE:,}", rate >= A_MINUTE),
        Figure(
            "news beside their rows alone", ratio, "ratio", f"bulk insert, {bare / ITEMS * 1e6:.0f} µs an item",
            f"≤ {TARGET}", ratio <= TARGET,
        ),
    ]  # fmt: skip


def _bare(events: list[NewsEvent], carriers: list[NewsCarrier]) -> float:
    """Seconds that the same rows take in the same batches, nothing else."""
    began = time.perf_counter()
    for at in range(0, len(carriers), PAGE):
        page = carriers[at : at + PAGE]
        mine = {carrier.event_id for carrier in page}
        NewsEvent.objects.bulk_create([event for event in events if event.pk in mine], ignore_conflicts=True)
        NewsCarrier.objects.bulk_create(page)
    return time.perf_counter() - began


def _page(number: int, now: datetime) -> bytes:
    """Articles of which three in ten tell what the page before told, with another address and outlet."""
    articles = []
    for at in range(PAGE):
        story = number * PAGE + at - (PAGE if at % 10 < 3 and number else 0)
        a, b, c = (WORDS[story // 16**power % 16] for power in range(3))
        articles.append({
            "url": f"https://www.site{at % 40}.com/{number}/{at}", "domain": f"site{at % 40}.com", "language": "English",
            "title": f"Minister {a} {b} plan {story} meets {c} committee over region {story * 7 % 1_000}",
            "seendate": (now - timedelta(minutes=5)).strftime("%Y%m%dT%H%M%SZ"),
        })  # fmt: skip
    return json.dumps({"articles": articles}).encode()

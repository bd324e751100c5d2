"""Sources in the admin: where each stands."""

from typing import Any

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString

from arbsite.admin import ReadOnlyAdmin, list_link, pretty, words
from arbsite.models import Notice
from signals.models import Source
from signals.sources.base import CALENDAR, NEWS, WHALES

KINDS = (WHALES, NEWS, CALENDAR)


@admin.register(Source)
class SourceAdmin(ReadOnlyAdmin):
    """What is read besides prices: when each source was asked, what it said, how much of it was of use."""

    list_display = [
        "name", "kind", "state", "why", "answered", "newest", "next_at", "failures", "items", "repeats", "late", "lies",
        "dropped", "latency",
    ]  # fmt: skip
    list_filter = [words("kind", KINDS), words("state", Source.STATES)]
    search_fields = ["name"]
    ordering = ["kind", "name"]
    exclude = ["cursor"]
    readonly_fields = ["cursor_text", "notices"]

    @admin.display(description="last answer", ordering="answered_at")
    def answered(self, source: Source) -> str:
        """How long ago it answered."""
        return _ago(source.answered_at)

    @admin.display(description="newest item", ordering="item_at")
    def newest(self, source: Source) -> str:
        """How old its newest item is."""
        return _ago(source.item_at)

    @admin.display(description="latency", ordering="latency_ms")
    def latency(self, source: Source) -> str:
        """From published to seen, median of the last items."""
        return "-" if source.latency_ms is None else f"{source.latency_ms / 1000:.1f} s"

    @admin.display(description="cursor")
    def cursor_text(self, source: Source) -> SafeString:
        """Where it goes on, in the source's own terms."""
        return pretty(source.cursor)

    @admin.display(description="notices")
    def notices(self, source: Source) -> SafeString:
        """What was told of it."""
        return list_link(Notice, "notices", q=source.name)


def _ago(moment: Any) -> str:
    return "-" if moment is None else f"{(timezone.now() - moment).total_seconds():.0f} s ago"

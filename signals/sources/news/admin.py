"""News in the admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from arbsite.admin import ReadOnlyAdmin, list_link, pretty, recent, words
from signals.models import NewsCarrier, NewsEvent, Prediction
from signals.normalize import URGENCIES


class CarrierInline(admin.TabularInline):
    """Who carries a story."""

    model = NewsCarrier
    fields = ["seen_at", "via", "outlet", "owner", "title", "url", "published_at"]
    readonly_fields = fields
    ordering = ["seen_at", "pk"]
    extra = 0
    can_delete = False
    show_change_link = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds rows by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes them."""
        return False


@admin.register(NewsEvent)
class NewsEventAdmin(ReadOnlyAdmin):
    """Stories. Every text is from outside: shown escaped, and no address of theirs is a link."""

    list_display = [
        "created_at", "headline", "source", "via", "owners", "fresh", "sentiment", "urgency", "impact_estimate",
        "processed",
    ]  # fmt: skip
    list_filter = [
        "fresh", words("urgency", URGENCIES), words("sentiment", ("positive", "negative", "neutral")), "processed",
        recent("created_at"),
    ]  # fmt: skip
    search_fields = ["headline", "source", "via"]
    search_help_text = "Words of the headline, an outlet, or our name of a source (via)."
    ordering = ["-created_at"]
    fields = [
        "headline", "summary", "source", "via", "url", "owners", "fresh", "published_at", "exact_time", "seen_at",
        "sentiment",
        "sentiment_score", "urgency", "impact_estimate", "categories_text", "entities_text", "markets_text",
        "calendar_event",
        "processed", "predictions", "title_plain", "content_hash", "created_at",
    ]  # fmt: skip
    readonly_fields = ["categories_text", "entities_text", "markets_text", "predictions"]
    inlines = [CarrierInline]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Also by our source: `?via=coindesk`."""
        return lookup == "via" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="topics")
    def categories_text(self, event: NewsEvent) -> SafeString:
        """What it is about."""
        return pretty(event.categories)

    @admin.display(description="entities")
    def entities_text(self, event: NewsEvent) -> SafeString:
        """Whom and what it names."""
        return pretty(event.entities)

    @admin.display(description="related markets")
    def markets_text(self, event: NewsEvent) -> SafeString:
        """The markets it is about."""
        return pretty(event.related_markets)

    @admin.display(description="predictions")
    def predictions(self, event: NewsEvent) -> SafeString:
        """What it claimed and what became of that: their item is `news:<id>`."""
        item = f"news:{event.pk}"
        return list_link(Prediction, item, item=item)

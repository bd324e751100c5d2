"""News in the admin."""

from django.contrib import admin

from arbsite.admin import ReadOnlyAdmin, recent, words
from signals.models import NewsEvent


@admin.register(NewsEvent)
class NewsEventAdmin(ReadOnlyAdmin):
    """Stories."""

    list_display = [
        "created_at",
        "headline",
        "source",
        "sentiment",
        "urgency",
        "impact_estimate",
        "processed",
    ]
    list_filter = [words("sentiment", ("positive", "negative", "neutral")), "processed", recent("created_at")]
    search_fields = ["headline", "source"]
    ordering = ["-created_at"]

"""Events in the admin: which bets came of them, and why others did not."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from arbsite.admin import ReadOnlyAdmin, list_link, words
from markets.betting import events
from markets.models import Bet, Event
from markets.platforms.base import PLATFORMS

NOT_BUILT = "Nothing to build: fewer than two markets, or none is followed."


class WhyNotFilter(SimpleListFilter):
    """Events of which no bet of some kind was built."""

    title = "bets not built"
    parameter_name = "why_not"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Each kind that is built from events."""
        return [(kind, kind) for kind in (Bet.NEG_RISK, Bet.EXCLUSIVE, Bet.LADDER, Bet.DATE_LADDER)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """The events that have a reason for it."""
        return queryset.filter(why_not__has_key=self.value()) if self.value() else queryset


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """Events, the bets that came of them, and why others did not."""

    list_display = [
        "__str__",
        "platform",
        "event_id",
        "kind_text",
        "whole",
        "bets_count",
        "why_text",
    ]
    list_filter = [words("platform", PLATFORMS), WhyNotFilter]
    search_fields = ["=event_id", "title"]
    ordering = ["-pk"]
    change_list_template = "admin/markets/event/change_list.html"
    fields = [
        "platform", "event_id", "title", "mutually_exclusive", "neg_risk", "augmented", "whole", "seen_whole_at",
        "member_ids", "why_text", "bets_links", "created_at", "updated_at",
    ]  # fmt: skip
    readonly_fields = ["why_text", "bets_links"]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """With the number of active bets."""
        return super().get_queryset(request).annotate(active=Count("bets", filter=Q(bets__status=Bet.ACTIVE)))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """With the reasons counted."""
        extra = {"why_not_counts": events.reasons().most_common(20), **(extra_context or {})}
        return super().changelist_view(request, extra)

    @admin.display(description="rule")
    def kind_text(self, event: Event) -> str:
        """What the platform says ties its markets together."""
        if event.neg_risk:
            return "neg-risk, augmented" if event.augmented else "neg-risk"
        return "mutually exclusive" if event.mutually_exclusive else "-"

    @admin.display(description="active bets", ordering="active")
    def bets_count(self, event: Any) -> int:
        """How many of its bets are active."""
        return int(event.active)

    @admin.display(description="why no bet")
    def why_text(self, event: Event) -> str:
        """Each kind with its reason; without one the event was never built, or needs none."""
        said = "; ".join(f"{kind}: {sentence}" for kind, sentence in event.why_not.items())
        return said or ("-" if getattr(event, "active", 0) else NOT_BUILT)

    @admin.display(description="bets")
    def bets_links(self, event: Event) -> SafeString:
        """Its bets, whatever their status."""
        return list_link(Bet, "bets", event__id__exact=event.pk)

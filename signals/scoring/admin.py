"""Predictions, fits and patterns in the admin, and the scorecard's page."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from arbsite.admin import ReadOnlyAdmin, link, pretty, recent, words
from markets.models import Market
from signals.models import FlowPattern, Prediction, SourceFit
from signals.scoring import drawing, reading
from signals.scoring.brier import Bin

PAGE_DAYS = 30
ID_SHOWN = 24  # characters of a market's id in a list


@admin.register(Prediction)
class PredictionAdmin(ReadOnlyAdmin):
    """What sources claimed, and what became of it."""

    list_display = [
        "seen_at", "source", "kind", "item", "market_short", "direction", "probability", "outcome", "moved_first",
        "peak_move", "profit", "base_hit", "note",
    ]  # fmt: skip
    list_filter = [words("outcome", Prediction.OUTCOMES), recent("seen_at")]
    search_fields = ["source", "item", "market__id"]
    search_help_text = "A source, an item such as news:12, or a market's id."
    ordering = ["-seen_at"]
    readonly_fields = ["market_link", "fit_link", "scorecard"]
    fields = [
        "source", "kind", "item", "market_link", "direction", "strength", "probability", "fit_link", "note", "happened_at",
        "seen_at", "created_at", "due_at", "horizon_seconds", "half_life_seconds", "mid", "spread", "outcome", "why_void",
        "judged_at", "end_mid", "peak_move", "moved_first", "lag_ms", "lasted_ms", "lead_ms", "profit", "base_hit",
        "scorecard",
    ]  # fmt: skip

    @admin.display(description="market")
    def market_link(self, row: Prediction) -> SafeString | str:
        """The market's page."""
        return link(Market, row.market_id)

    @admin.display(description="market")
    def market_short(self, row: Prediction) -> SafeString | str:
        """The same in a list, where a whole condition id would push everything else out of sight."""
        shown = row.market_id if len(row.market_id) <= ID_SHOWN else row.market_id[:ID_SHOWN] + "…"
        return link(Market, row.market_id, shown)

    @admin.display(description="fit")
    def fit_link(self, row: Prediction) -> SafeString | str:
        """The fit that gave the probability; without one it is the fixed prior."""
        return link(SourceFit, row.fit_id) if row.fit_id else "none: the fixed prior"

    @admin.display(description="scorecard")
    def scorecard(self, row: Prediction) -> SafeString:
        """Where its source is scored."""
        return format_html('<a href="{}">all sources</a>', reverse("admin:signals_prediction_scorecard"))

    def get_urls(self) -> list[Any]:
        """With the scorecard's page."""
        page = path(
            "scorecard/", self.admin_site.admin_view(self.card_view), name="signals_prediction_scorecard"
        )
        return [page, *super().get_urls()]

    def card_view(self, request: HttpRequest) -> HttpResponse:
        """The scorecard of the last month."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = timezone.now()
        card = reading.document(since=now - timedelta(days=PAGE_DAYS), until=now)
        context = {
            **self.admin_site.each_context(request),
            "title": "Scorecard",
            "opts": self.opts,
            "card": card,
            "columns": reading.COLUMNS,
            "rows": reading.lines(card),
            "charts": [(name, _chart(one["bins"])) for name, one in card["sources"].items() if one["bins"]],
        }
        return TemplateResponse(request, "admin/signals/prediction/scorecard.html", context)


def _chart(bins: list[dict[str, Any]]) -> SafeString:
    """A drawing made of numbers alone: no word of a source is in it."""
    return mark_safe(drawing.reliability([Bin(**one) for one in bins]))


@admin.register(SourceFit)
class SourceFitAdmin(ReadOnlyAdmin):
    """What was learned of each source, and from when to when."""

    list_display = [
        "active_from", "source", "kind", "samples", "hits", "lower", "upper", "base_rate", "weight", "half_life_seconds",
    ]  # fmt: skip
    list_filter = [recent("active_from")]
    search_fields = ["source", "kind"]
    ordering = ["-active_from"]
    readonly_fields = ["curve_text"]
    fields = [
        "source", "kind", "fitted_from", "fitted_until", "active_from", "samples", "hits", "base_hits", "lower", "upper",
        "base_rate", "weight", "half_life_seconds", "curve_text",
    ]  # fmt: skip

    @admin.display(description="curve")
    def curve_text(self, fit: SourceFit) -> SafeString:
        """Strength and probability."""
        return pretty(fit.curve)


@admin.register(FlowPattern)
class FlowPatternAdmin(ReadOnlyAdmin):
    """Flows that repeated."""

    list_display = ["last_at", "asset", "exchange", "direction", "count", "usd", "usual", "chance"]
    list_filter = [recent("last_at")]
    search_fields = ["asset", "exchange"]
    ordering = ["-last_at"]

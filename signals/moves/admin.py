"""Price moves in the admin."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from arbsite.admin import ReadOnlyAdmin, link, pretty, recent, words
from markets.models import Market
from signals.models import PriceMove


@admin.register(PriceMove)
class PriceMoveAdmin(ReadOnlyAdmin):
    """Jumps, bursts and one-sided books."""

    list_display = [
        "happened_at",
        "kind",
        "direction",
        "market_link",
        "before",
        "after",
        "spread",
        "strength",
    ]
    list_filter = [
        words("kind", (PriceMove.JUMP, PriceMove.BURST, PriceMove.ONE_SIDED)),
        recent("happened_at"),
    ]
    search_fields = ["market__id"]
    search_help_text = "A market's whole id."
    ordering = ["-happened_at"]
    fields = [
        "happened_at", "seen_at", "kind", "direction", "market_link", "before", "after", "spread", "strength",
        "figures_text",
    ]  # fmt: skip
    readonly_fields = ["market_link", "figures_text"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """By the market's whole id: the index holds nothing else."""
        term = search_term.strip().replace("\x00", "")
        return (queryset.filter(market_id=term) if term else queryset), False

    @admin.display(description="market")
    def market_link(self, move: PriceMove) -> SafeString | str:
        """The market's page."""
        return link(Market, move.market_id)

    @admin.display(description="figures")
    def figures_text(self, move: PriceMove) -> SafeString:
        """How it was measured, what was scheduled then, and which market it followed."""
        return pretty(move.figures)

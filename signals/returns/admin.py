"""How markets move together, in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from arbsite.admin import ReadOnlyAdmin
from signals.models import MarketCorrelation


class Kind(admin.SimpleListFilter):
    """By what is compared."""

    title, parameter_name = "what", "what"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The kinds of series; a group's rows are its members."""
        return [(kind, kind) for kind in ("market", "asset", "category", "event", "group")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """Rows whose first series is of that kind."""
        return queryset.filter(one__startswith=f"{self.value()}:") if self.value() else queryset


@admin.register(MarketCorrelation)
class MarketCorrelationAdmin(ReadOnlyAdmin):
    """Correlations of log-odds changes, strongest first."""

    list_display = ["one", "two", "rho", "lower", "upper", "samples", "beta", "computed_at"]
    list_filter = [Kind]
    search_fields = ["one", "two"]
    ordering = ["-rho", "pk"]

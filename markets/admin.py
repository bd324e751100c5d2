"""Markets, prices and universe rules in the admin. Pairs and bets have modules of their own."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from arbsite.admin import BigTableAdmin, ReadOnlyAdmin, link, list_link, pretty, words
from arbsite.connections import REDIS_GONE
from markets import catalogue_version, ladders, live, services
from markets.betting import admin as bet_admin
from markets.betting import event_admin
from markets.models import Market, Price, UniverseRule
from markets.pairing import admin as pair_admin
from markets.platforms.base import PLATFORMS, STATUSES

__all__ = ["bet_admin", "event_admin", "pair_admin"]  # they register themselves

DAYS_SHOWN = 31


class FollowedFilter(SimpleListFilter):
    """What the connectors follow, by its partial index."""

    title = "followed"
    parameter_name = "followed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Followed, or picked by hand."""
        return [("yes", "Followed"), ("pinned", "Picked by hand")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """The rows of the choice."""
        if self.value() == "yes":
            return queryset.filter(followed=True)
        return queryset.filter(pinned=True) if self.value() == "pinned" else queryset


@admin.register(Market)
class MarketAdmin(BigTableAdmin):
    """Markets; only the pin is a person's to set, the rest is the platform's word."""

    list_display = [
        "question_short", "platform", "status", "end_date", "volume_24h", "liquidity", "followed", "pinned", "pages",
    ]  # fmt: skip
    list_filter = [words("platform", PLATFORMS), words("status", STATUSES), FollowedFilter]
    search_fields = ["=id", "slug", "question"]
    search_help_text = "A market's id, or words of its slug or question."
    ordering = ["-pk"]
    actions = ["pin", "unpin"]
    fields = [
        "id", "platform", "question", "pages", "status", "pinned", "followed", "follow_reasons", "category", "event_id",
        "slug", "outcomes_text", "start_date", "end_date", "settles_at", "volume", "volume_24h", "liquidity", "ticks",
        "min_size", "size_step", "fees_text", "result", "settlement_value", "rules", "resolution_source",
        "metadata_text", "created_at", "updated_at", "refreshed_at",
    ]  # fmt: skip
    readonly_fields = [name for name in fields if name != "pinned"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Markets come from the platforms."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Prices and orders refer to them."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Without the long texts, which a list does not show."""
        rows = super().get_queryset(request)
        match = request.resolver_match
        if match is not None and match.url_name == "markets_market_changelist":
            return rows.defer("rules", "metadata", "fees", "ticks", "outcomes", "resolution_source")
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """An id first, by its index; words of slug and question otherwise."""
        exact = queryset.filter(pk=search_term.strip())
        if search_term and exact.exists():
            return exact, False
        for word in search_term.split():
            queryset = queryset.filter(Q(question__icontains=word) | Q(slug__icontains=word))
        return queryset, False

    def save_model(self, request: HttpRequest, obj: Market, form: Any, change: bool) -> None:
        """Write the pin alone: discovery may have written the rest meanwhile."""
        _pin(Market.objects.filter(pk=obj.pk), obj.pinned)

    @admin.action(description="Follow the selected markets (pin)", permissions=["change"])
    def pin(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Have the connectors follow these, whatever the rules say."""
        self.message_user(request, f"{_pin(queryset, True)} markets are picked and followed from now on.")

    @admin.action(description="Leave the selected markets to the rules (unpin)", permissions=["change"])
    def unpin(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Leave them to the rules again."""
        self.message_user(request, f"{_pin(queryset, False)} markets are left to the rules.")

    def get_urls(self) -> list[Any]:
        """With the book's page."""
        book = path(
            "<path:object_id>/book/", self.admin_site.admin_view(self.book_view), name="markets_market_book"
        )
        return [book, *super().get_urls()]

    def book_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The live book as a ladder, YES and NO."""
        market = self.get_object(request, object_id)
        if market is None or not self.has_view_permission(request, market):
            raise Http404
        problem, view = "", None
        try:
            view = live.book_view(market.platform, market.pk)
        except REDIS_GONE:
            problem = "Redis does not answer; live books are there."
        now_ms = int(timezone.now().timestamp() * 1000)
        context = {
            **self.admin_site.each_context(request),
            "title": "Book",
            "opts": self.opts,
            "market": market,
            "problem": problem,
            "book": ladders.ladder(view, now_ms) if view is not None else None,
        }
        return TemplateResponse(request, "admin/markets/market/book.html", context)

    @admin.display(description="question", ordering="question")
    def question_short(self, market: Market) -> str:
        """The question in one line."""
        return (market.question or market.pk)[:90]

    @admin.display(description="pages")
    def pages(self, market: Market) -> SafeString:
        """Where this market is seen elsewhere."""
        found = [
            format_html('<a href="{}">book</a>', reverse("admin:markets_market_book", args=[market.pk])),
            list_link(Price, "prices", q=market.pk),
            *(
                format_html(
                    '<a href="{}?{}={}">{}</a>', reverse(f"admin:{name}_changelist"), field, market.pk, text
                )
                for name, field, text in (
                    ("markets_pair", "q", "pairs"),
                    ("signals_signal", "q", "signals"),
                    ("execution_order", "market__id__exact", "orders"),
                    ("execution_position", "market__id__exact", "positions"),
                )
            ),
        ]
        return format_html_join(" · ", "{}", ((one,) for one in found))

    @admin.display(description="outcomes")
    def outcomes_text(self, market: Market) -> SafeString:
        """YES first."""
        return pretty(market.outcomes)

    @admin.display(description="fees")
    def fees_text(self, market: Market) -> SafeString:
        """The platform's schedule for this market."""
        return pretty(market.fees)

    @admin.display(description="what only this platform has")
    def metadata_text(self, market: Market) -> SafeString:
        """The platform's own fields."""
        return pretty(market.metadata)


def _pin(markets: QuerySet, pinned: bool) -> int:
    """Set the pin and have the universe chosen anew; returns how many markets it changed for."""
    changed = dict(markets.exclude(pinned=pinned).values_list("pk", "platform"))
    now = timezone.now()
    count = Market.objects.filter(pk__in=changed).update(pinned=pinned, updated_at=now)
    _choose(set(changed.values()), now)
    return count


def _choose(platforms: Iterable[str], now: datetime) -> None:
    """Apply pins and rules at once; the connectors see the new word."""
    for platform in sorted(platforms):
        services.rechoose(platform, now=now)
    catalogue_version.changed()


# --- prices


class UncountedList(ChangeList):
    """Pages that know only whether there is a next one: a million rows are never counted."""

    def get_results(self, request: HttpRequest) -> None:
        """One row more than a page holds tells whether there is another page."""
        size = self.list_per_page
        start = (max(self.page_num, 1) - 1) * size
        rows = list(self.queryset[start : start + size + 1])
        self.has_next = len(rows) > size
        self.result_list = rows[:size]
        self.result_count = start + len(rows)
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = False
        self.can_show_all = False
        self.multi_page = self.has_next or start > 0
        self.paginator = Paginator(range(self.result_count), size)
        self.previous_query = self.get_query_string({"p": self.page_num - 1}) if start else ""
        self.next_query = self.get_query_string({"p": self.page_num + 1}) if self.has_next else ""


class DayFilter(SimpleListFilter):
    """One day, which is one partition."""

    title = "day (UTC)"
    parameter_name = "day"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """The days that are kept."""
        today = timezone.now().date()
        days = [today - timedelta(days=back) for back in range(DAYS_SHOWN)]
        return [(day.isoformat(), day.isoformat()) for day in days]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """The rows of that day by its bounds, so that only its partition is read."""
        if not self.value():
            return queryset
        try:
            day = date.fromisoformat(str(self.value()))
        except ValueError:
            return queryset.none()
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return queryset.filter(timestamp__gte=start, timestamp__lt=start + timedelta(days=1))


@admin.register(Price)
class PriceAdmin(ReadOnlyAdmin):
    """Stored prices, newest first; searched by the market's whole id."""

    list_display = ["timestamp", "market_link", "outcome", "bid", "ask", "mid_price", "spread", "volume"]
    list_display_links = None
    list_filter = [DayFilter]
    list_select_related = False
    search_fields = ["market_id"]
    search_help_text = "A market's whole id."
    ordering = ["-timestamp"]
    sortable_by = ()
    actions = None

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """A list that counts nothing."""
        return UncountedList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """The market's id exactly: the index holds nothing else."""
        return (queryset.filter(market_id=search_term.strip()) if search_term.strip() else queryset), False

    @admin.display(description="market")
    def market_link(self, price: Price) -> SafeString | str:
        """The market's page; its row may be gone."""
        return link(Market, price.market_id)


# --- rules


@admin.register(UniverseRule)
class UniverseRuleAdmin(BigTableAdmin):
    """Which markets the connectors follow; a change applies at once."""

    list_display = [
        "name", "enabled", "platform", "category", "min_liquidity", "min_volume_24h", "closes_within_days",
        "max_markets",
    ]  # fmt: skip
    list_editable = ["enabled"]
    search_fields = ["name", "category"]
    ordering = ["name"]

    def save_model(self, request: HttpRequest, obj: UniverseRule, form: Any, change: bool) -> None:
        """Keep the rule and choose anew."""
        super().save_model(request, obj, form, change)
        _choose(PLATFORMS, timezone.now())

    def delete_model(self, request: HttpRequest, obj: UniverseRule) -> None:
        """Forget the rule and choose anew."""
        super().delete_model(request, obj)
        _choose(PLATFORMS, timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Forget the rules and choose anew."""
        super().delete_queryset(request, queryset)
        _choose(PLATFORMS, timezone.now())

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The platform is one of ours, or empty for both."""
        if db_field.name == "platform":
            return forms.ChoiceField(
                choices=[("", "both"), *((name, name) for name in PLATFORMS)], required=False
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

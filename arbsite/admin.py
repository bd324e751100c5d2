"""The admin's common parts, made for big tables (nothing counts a million rows), and the frame's own pages.

The admin is for reading; what changes trading state goes through a service.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin import ShowFacets, SimpleListFilter
from django.contrib.admin.exceptions import NotRegistered
from django.core.paginator import Paginator
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from arbsite.models import SEVERITIES, ApiKey, Component, Heartbeat, JobRun, Notice

COUNT_UP_TO = 10_000

admin.site.site_header = "Arbsite"
admin.site.site_title = "Arbsite"
admin.site.index_title = "What the system sees, holds and does"

# Their pages would show refresh tokens, which are as good as passwords
for _model in (BlacklistedToken, OutstandingToken):
    try:
        admin.site.unregister(_model)
    except NotRegistered:
        continue


# --- links and values


def link(model: type[Model], pk: Any, text: Any = None) -> SafeString | str:
    """The page of one row; a dash where there is none."""
    if pk is None or pk == "":
        return "-"
    meta = model._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[pk])
    return format_html('<a href="{}">{}</a>', address, pk if text is None else text)


def list_link(model: type[Model], text: str, **query: Any) -> SafeString:
    """The list of a model's rows that match, like `list_link(Order, "orders", signal__id__exact=…)`."""
    meta = model._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    return format_html('<a href="{}?{}">{}</a>', address, urlencode(query), text)


def pretty(value: Any) -> SafeString:
    """JSON that a person can read."""
    text = json.dumps(value, indent=2, ensure_ascii=False, cls=DjangoJSONEncoder)
    return format_html('<pre style="white-space: pre-wrap; margin: 0">{}</pre>', text)


# --- filters that ask nothing of the table


def words(field: str, values: Sequence[str], title: str = "") -> type[SimpleListFilter]:
    """A filter over known words; Django's own would look for the distinct values in the whole table."""

    class Words(SimpleListFilter):
        parameter_name = field

        def __init__(self, *args: Any) -> None:
            self.title = title or field.replace("__", " ").replace("_", " ")
            super().__init__(*args)

        def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
            return [(value, value) for value in values]

        def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
            return queryset.filter(**{field: self.value()}) if self.value() else queryset

    return Words


def recent(field: str) -> type[SimpleListFilter]:
    """The last hour, day, week or month by an indexed time."""
    spans = {
        "hour": timedelta(hours=1),
        "day": timedelta(days=1),
        "week": timedelta(days=7),
        "month": timedelta(days=30),
    }

    class Recent(SimpleListFilter):
        title = "time"
        parameter_name = "within"

        def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
            return [(name, f"Last {name}") for name in spans]

        def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
            span = spans.get(self.value() or "")
            return queryset.filter(**{f"{field}__gte": timezone.now() - span}) if span else queryset

    return Recent


# --- pages of big tables


class EstimatingPaginator(Paginator):
    """Counts at most 10,000 rows; of an unfiltered bigger table it takes the planner's estimate."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, roughly where there are many."""
        rows: Any = self.object_list
        if not rows.query.where:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(%s)",
                    [rows.model._meta.db_table],
                )
                found = cursor.fetchone()
            if found is not None and found[0] > COUNT_UP_TO:
                return int(found[0])
        return int(rows.order_by()[: COUNT_UP_TO + 1].count())


class BigTableAdmin(admin.ModelAdmin):
    """Pages without exact counts, filters without facets."""

    paginator = EstimatingPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 100
    list_max_show_all = 100


class ReadOnlyAdmin(BigTableAdmin):
    """Rows that a service owns: to be read, followed and searched."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds rows by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes them."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes them."""
        return False


# --- the frame's own


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """What happened."""

    list_display = ["created_at", "severity", "kind", "subject", "message"]
    list_filter = [words("severity", SEVERITIES), recent("created_at")]
    search_fields = ["kind", "subject", "message"]
    search_help_text = "Kind, subject or words of the message."
    ordering = ["-created_at"]
    fields = ["created_at", "severity", "kind", "subject", "message", "data_text", "alerts"]
    readonly_fields = ["data_text", "alerts"]

    @admin.display(description="data")
    def data_text(self, notice: Notice) -> SafeString:
        """The data beside the message."""
        return pretty(notice.data)

    @admin.display(description="alerts")
    def alerts(self, notice: Notice) -> SafeString:
        """Whom it was told. `alerts` lies above this room, so its page is named by its address."""
        address = reverse("admin:alerts_alert_changelist")
        return format_html('<a href="{}?notice__id__exact={}">messages to people</a>', address, notice.pk)


@admin.register(Component)
class ComponentAdmin(ReadOnlyAdmin):
    """What runs."""

    list_display = ["name", "state", "age", "started_at", "updated_at", "summary"]
    list_filter = [words("state", (Component.RUNNING, Component.DEGRADED, Component.STOPPED))]
    search_fields = ["name"]
    ordering = ["name"]
    fields = ["name", "state", "started_at", "updated_at", "detail_text", "heartbeats"]
    readonly_fields = ["detail_text", "heartbeats"]

    @admin.display(description="last sign of life")
    def age(self, component: Component) -> str:
        """Seconds since the row was written."""
        return f"{(timezone.now() - component.updated_at).total_seconds():.0f} s ago"

    @admin.display(description="detail")
    def summary(self, component: Component) -> str:
        """The detail in one line."""
        return ", ".join(f"{name} {value}" for name, value in component.detail.items())[:200]

    @admin.display(description="detail")
    def detail_text(self, component: Component) -> SafeString:
        """The whole detail."""
        return pretty(component.detail)

    @admin.display(description="heartbeats")
    def heartbeats(self, component: Component) -> SafeString:
        """The minutes in which it was alive."""
        return list_link(Heartbeat, "minutes alive", q=component.name)


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    """The minutes in which components were alive."""

    list_display = ["minute", "component", "healthy"]
    list_filter = ["healthy"]
    search_fields = ["component"]
    ordering = ["-minute"]


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyAdmin):
    """Runs of jobs."""

    list_display = ["scheduled_for", "job", "state", "attempts", "exit_status", "started_at", "finished_at"]
    list_filter = [words("state", JobRun.STATES), recent("scheduled_for")]
    search_fields = ["job"]
    ordering = ["-scheduled_for"]


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys of the API's clients: made by `manage.py apikey create`, which shows them once."""

    list_display = [
        "prefix",
        "name",
        "user",
        "scopes",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    ]
    list_select_related = ["user"]
    search_fields = ["prefix", "name", "user__username"]
    ordering = ["-created_at"]
    fields = ["prefix", "name", "user", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at"]
    actions = ["revoke"]

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Whoever may change keys may end them."""
        return request.user.has_perm("arbsite.change_apikey")

    @admin.action(description="Revoke the selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet) -> None:
        """End keys at once."""
        count = queryset.filter(revoked_at__isnull=True).update(revoked_at=timezone.now())
        self.message_user(request, f"{count} keys are revoked.", messages.SUCCESS)

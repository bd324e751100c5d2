"""The calendar in the admin."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from arbsite.admin import BigTableAdmin, pretty, recent, words
from markets.bets import MarketKey
from signals.models import CalendarEvent
from signals.sources.calendar import guarding, guards, listing, times, topics
from signals.sources.calendar.effects import CERTAINTIES

IMPORTANCES = (topics.HIGH, topics.MEDIUM, topics.LOW)


class CalendarForm(forms.ModelForm):
    """What a person may say of an event: words from lists, a zone that exists."""

    certainty = forms.ChoiceField(choices=[(word, word) for word in CERTAINTIES])
    importance = forms.ChoiceField(choices=[(word, word) for word in IMPORTANCES])
    kind = forms.ChoiceField(choices=[(word, word) for word in topics.KINDS])
    time_zone = forms.CharField(initial="UTC", help_text="As America/New_York; only shown: times are UTC.")

    class Meta:
        model = CalendarEvent
        fields = [
            "name", "source", "kind", "starts_at", "ends_at", "time_zone", "certainty", "importance", "markets", "bets",
            "cancelled_at",
        ]  # fmt: skip

    def clean_time_zone(self) -> str:
        """A zone of the database of zones."""
        name = times.zone_of(self.cleaned_data["time_zone"])
        if name is None:
            raise forms.ValidationError("This zone is not known: write it like America/New_York.")
        return name


@admin.register(CalendarEvent)
class CalendarEventAdmin(BigTableAdmin):
    """What is known to happen; people may add what no source announces."""

    form = CalendarForm
    list_display = [
        "starts_at",
        "announced",
        "name",
        "source",
        "kind",
        "importance",
        "certainty",
        "cancelled_at",
    ]
    list_filter = [words("importance", IMPORTANCES), words("certainty", CERTAINTIES), recent("starts_at")]
    search_fields = ["name", "source"]
    ordering = ["-starts_at"]
    autocomplete_fields = ["markets", "bets"]
    readonly_fields = ["guards_text", "details"]
    fields = [*CalendarForm.Meta.fields, "guards_text", "details"]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """An end and a cancellation may stay empty."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name in ("ends_at", "cancelled_at"):
            field.required = False
        return field

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The guards follow at once what a person changed."""
        before = _touched([form.instance]) if change else set()
        super().save_related(request, form, formsets, change)
        _guard_anew(before)

    def delete_model(self, request: HttpRequest, obj: CalendarEvent) -> None:
        """Its guards go with it."""
        before = _touched([obj])
        super().delete_model(request, obj)
        _guard_anew(before)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        """So do those of several at once."""
        before = _touched(list(queryset))
        super().delete_queryset(request, queryset)
        _guard_anew(before)

    @admin.display(description="as announced", ordering="starts_at")
    def announced(self, event: CalendarEvent) -> str:
        """Its start in the zone of its source."""
        zone = times.zone_of(event.time_zone)
        local = event.starts_at.astimezone(ZoneInfo(zone) if zone else UTC)
        shape = "%a %Y-%m-%d" if event.certainty == CalendarEvent.DATE_ONLY else "%a %Y-%m-%d %H:%M %Z"
        return local.strftime(shape)

    @admin.display(description="guards")
    def guards_text(self, event: CalendarEvent) -> str:
        """What it does to trading."""
        if event.pk is None:
            return "-"
        rows = listing.guards_for(event, timezone.now())
        return ", ".join(guard.level for guard in rows) or "none (any more)"

    @admin.display(description="details")
    def details(self, event: CalendarEvent) -> SafeString:
        """What its source says besides, and the dates it had before."""
        return pretty(event.metadata or {})


def _touched(events: Sequence[CalendarEvent]) -> set[MarketKey]:
    return {market for markets in guarding.markets_of(events).values() for market in markets}


def _guard_anew(before: set[MarketKey]) -> None:
    guards.put(dict.fromkeys(before, ()))
    guarding.refresh(now=timezone.now())

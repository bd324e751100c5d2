"""The calendar in the admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from arbsite.admin import BigTableAdmin, recent
from signals.models import CalendarEvent


@admin.register(CalendarEvent)
class CalendarEventAdmin(BigTableAdmin):
    """What is known to happen; people may add what no source announces."""

    list_display = ["starts_at", "name", "source", "certainty"]
    list_filter = [recent("starts_at")]
    search_fields = ["name", "source"]
    ordering = ["-starts_at"]
    autocomplete_fields = ["bets"]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Its metadata may stay empty."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name == "metadata":
            field.required = False
        return field

    def save_model(self, request: HttpRequest, obj: CalendarEvent, form: Any, change: bool) -> None:
        """An empty metadata field means none."""
        obj.metadata = obj.metadata or {}
        super().save_model(request, obj, form, change)

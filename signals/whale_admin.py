"""Whales in the admin."""

from django.contrib import admin

from arbsite.admin import ReadOnlyAdmin, recent, words
from signals.models import WhaleAlert


@admin.register(WhaleAlert)
class WhaleAlertAdmin(ReadOnlyAdmin):
    """Large transfers."""

    list_display = ["created_at", "token_symbol", "amount", "direction", "exchange", "category", "processed"]
    list_filter = [words("direction", ("INFLOW", "OUTFLOW", "NEUTRAL")), "processed", recent("created_at")]
    search_fields = ["transaction_hash", "exchange", "token_symbol"]
    ordering = ["-created_at"]

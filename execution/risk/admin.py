"""Limits with their history, stop-losses, accounts and cash in the admin: all of them to be read only.

A limit is changed by `manage.py limits --set` or `POST /limits`, where it is checked and told.
"""

from django.contrib import admin

from arbsite.admin import ReadOnlyAdmin, recent, words
from execution.models import MODES, Account, CashMovement, EquityPoint, RiskLimit, StopLoss
from execution.risk.limit_names import NAMES
from markets.platforms.base import PLATFORMS


@admin.register(RiskLimit)
class RiskLimitAdmin(ReadOnlyAdmin):
    """Every value that a limit has had; the newest of a name and scope holds."""

    list_display = ["created_at", "name", "scope", "value", "set_by", "why"]
    list_filter = [words("name", tuple(NAMES)), recent("created_at")]
    search_fields = ["name", "scope", "why"]
    ordering = ["-id"]


@admin.register(StopLoss)
class StopLossAdmin(ReadOnlyAdmin):
    """Stop-losses of every state."""

    list_display = [
        "created_at", "mode", "platform", "market_id", "outcome", "quantity", "trigger_price", "limit_price", "status",
        "triggered_at", "set_by",
    ]  # fmt: skip
    list_filter = [words("status", StopLoss.STATUSES), words("mode", MODES), recent("created_at")]
    search_fields = ["=market__id", "set_by"]
    ordering = ["-id"]


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    """Cash and what is invested, by mode, platform and shard."""

    list_display = ["mode", "platform", "shard", "cash", "invested", "updated_at"]
    list_filter = [words("mode", MODES), words("platform", PLATFORMS)]
    ordering = ["mode", "platform", "shard"]


@admin.register(CashMovement)
class CashMovementAdmin(ReadOnlyAdmin):
    """Dollars that came or went without contracts."""

    list_display = ["at", "mode", "platform", "shard", "kind", "amount", "reference", "why"]
    list_filter = [
        words("kind", CashMovement.KINDS),
        words("mode", MODES),
        words("platform", PLATFORMS),
        recent("at"),
    ]
    search_fields = ["=reference", "why"]
    ordering = ["-id"]


@admin.register(EquityPoint)
class EquityPointAdmin(ReadOnlyAdmin):
    """What everything was worth, a point a minute."""

    list_display = ["at", "mode", "cash", "positions", "moved", "high_water"]
    list_filter = [words("mode", MODES), recent("at")]
    ordering = ["-at"]

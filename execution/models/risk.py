"""What holds trading back: limits with their history, halts, reconciliations and their differences, stop-losses."""

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from arbsite.models import one_of
from execution.models.accounts import MODES
from markets.models import ID_LENGTH, Market, between_0_and_1
from markets.platforms.base import PLATFORMS


class RiskLimit(models.Model):
    """One value of one limit from `created_at` on. Never changed: the newest row of a name and scope counts.

    `scope` is empty (everywhere), a platform, `market:<id>`, `bet:<id>` or `group:<name>`. A null value lifts the limit
    there. Names are those of `execution.limits.Limits`; units are theirs.
    """

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=64)
    scope = models.CharField(max_length=160, blank=True)
    value = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    why = models.TextField(blank=True)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        db_table = "risk_limits"
        indexes = [models.Index(fields=["name", "scope", "-id"], name="idx_risk_limits_current")]
        permissions = [("can_set_limits", "Can change risk limits")]

    def __str__(self) -> str:
        return f"{self.name} {self.scope or 'everywhere'}: {self.value}"


class Halt(models.Model):
    """New orders are stopped: everywhere, on a platform, or on a market. Stands until a person lifts it.

    `code` says who pulled it: `manual`, or the limit or check that tripped. `starting` alone is lifted by the executor
    itself, when its first reconciliation has passed.
    """

    id = models.BigAutoField(primary_key=True)
    platform = models.CharField(max_length=32, blank=True)  # empty: every platform
    market = models.ForeignKey(Market, models.PROTECT, null=True, related_name="halts")
    code = models.CharField(max_length=64)
    why = models.TextField()
    by = models.CharField(max_length=150)  # a user's name, or the part of the system
    cancel_open = models.BooleanField(default=True)  # open orders are cancelled, too
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    cleared_at = models.DateTimeField(null=True)  # when no order was open any more
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.CharField(max_length=150, blank=True)
    lifted_why = models.TextField(blank=True)

    class Meta:
        db_table = "halts"
        indexes = [
            models.Index(
                fields=["-created_at"], condition=Q(lifted_at__isnull=True), name="idx_halts_standing"
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["platform", "market", "code"], condition=Q(lifted_at__isnull=True),
                nulls_distinct=False, name="halts_one_standing",
            ),
        ]  # fmt: skip
        permissions = [("can_halt", "Can stop trading"), ("can_resume", "Can let trading go on")]

    def __str__(self) -> str:
        return f"{self.code} on {self.market_id or self.platform or 'everything'}"


class Reconciliation(models.Model):
    """One comparison of ours with theirs. `passed` is null while it runs, or when a platform could not be asked."""

    START, ORDERS, POSITIONS, FULL, RECONNECT, DEMAND = (
        "START", "ORDERS", "POSITIONS", "FULL", "RECONNECT", "DEMAND",
    )  # fmt: skip
    REASONS = (START, ORDERS, POSITIONS, FULL, RECONNECT, DEMAND)

    id = models.BigAutoField(primary_key=True)
    mode = models.CharField(max_length=16)
    platform = models.CharField(max_length=32)
    reason = models.CharField(max_length=16)
    passed = models.BooleanField(null=True)
    counts = models.JSONField(default=dict, encoder=DjangoJSONEncoder)  # looked at, repaired, left
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(default=timezone.now, db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "reconciliations"
        indexes = [models.Index(fields=["mode", "platform", "-id"], name="idx_reconciliations_last")]
        constraints = [
            one_of("mode", MODES, "reconciliations_mode_known"),
            one_of("platform", PLATFORMS, "reconciliations_platform_known"),
            one_of(
                "reason",
                ("START", "ORDERS", "POSITIONS", "FULL", "RECONNECT", "DEMAND"),
                "reconciliations_reason_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reason} of {self.platform} at {self.started_at:%Y-%m-%d %H:%M:%S}"


class Difference(models.Model):
    """Something that the platform and we tell differently. Open ones block new orders on their market (or platform)."""

    id = models.BigAutoField(primary_key=True)
    mode = models.CharField(max_length=16)
    platform = models.CharField(max_length=32)
    market = models.ForeignKey(Market, models.PROTECT, null=True, related_name="differences")
    kind = models.CharField(max_length=32)
    subject = models.CharField(max_length=ID_LENGTH)  # an order, trade, outcome or shard: what differs
    ours = models.TextField(blank=True)
    theirs = models.TextField(blank=True)
    sentence = models.TextField()
    repair = models.TextField(blank=True)  # what was done about it; empty: nothing could be done safely
    found_at = models.DateTimeField(default=timezone.now, db_default=Now())
    seen_at = models.DateTimeField(default=timezone.now, db_default=Now())
    closed_at = models.DateTimeField(null=True)  # repaired, or not seen any more, or accepted by a person
    closed_by = models.CharField(max_length=150, blank=True)

    class Meta:
        db_table = "differences"
        indexes = [
            models.Index(fields=["-found_at"], name="idx_differences_found_at"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["mode", "platform", "kind", "subject"], condition=Q(closed_at__isnull=True),
                name="differences_one_open",
            ),
            one_of("mode", MODES, "differences_mode_known"),
            one_of("platform", PLATFORMS, "differences_platform_known"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.sentence[:80]


class StopLoss(models.Model):
    """Sell what is held of one outcome when its best bid falls to `trigger_price`, not below `limit_price`."""

    # TRIGGERED: it has sold what it was set for; until then it is ACTIVE, its last plan beside it
    ACTIVE, TRIGGERED, CANCELLED = "ACTIVE", "TRIGGERED", "CANCELLED"
    STATUSES = (ACTIVE, TRIGGERED, CANCELLED)

    id = models.BigAutoField(primary_key=True)
    mode = models.CharField(max_length=16)
    platform = models.CharField(max_length=32)
    market = models.ForeignKey(Market, models.PROTECT, related_name="stop_losses")
    outcome = models.CharField(max_length=16)
    quantity = models.DecimalField(max_digits=20, decimal_places=8, null=True)  # null: everything held
    trigger_price = models.DecimalField(max_digits=10, decimal_places=6)
    limit_price = models.DecimalField(max_digits=10, decimal_places=6)
    status = models.CharField(max_length=16, default=ACTIVE)
    plan = models.OneToOneField("execution.Plan", models.PROTECT, null=True, related_name="stop_loss")
    set_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    triggered_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "stop_losses"
        verbose_name, verbose_name_plural = "stop-loss", "stop-losses"
        constraints = [
            one_of("mode", MODES, "stop_losses_mode_known"),
            one_of("status", ("ACTIVE", "TRIGGERED", "CANCELLED"), "stop_losses_status_known"),
            between_0_and_1("trigger_price", "limit_price", name="stop_losses_prices_0_1"),
            models.CheckConstraint(
                condition=Q(limit_price__lte=models.F("trigger_price")),
                name="stop_losses_limit_below_trigger",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} of {self.market_id} at {self.trigger_price}"

"""Plans, orders, fills and positions. Prices are dollars per contract, quantities contracts, money dollars."""

from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from arbsite.models import one_of
from markets.models import ID_LENGTH, Market, between_0_and_1, not_negative
from markets.platforms.base import PLATFORMS
from signals.models import Signal

MODES = ("paper", "sandbox", "live")


class Plan(models.Model):
    """The legs that act on one signal; a signal is acted on once."""

    PLANNED, EXECUTING, FILLED, PARTIAL, ABANDONED = "PLANNED", "EXECUTING", "FILLED", "PARTIAL", "ABANDONED"
    STATUSES = (PLANNED, EXECUTING, FILLED, PARTIAL, ABANDONED)

    id = models.CharField(max_length=64, primary_key=True)
    signal = models.OneToOneField(Signal, models.PROTECT, related_name="plan")
    mode = models.CharField(max_length=16, default="paper")
    status = models.CharField(max_length=16, default=PLANNED)
    size = models.DecimalField(
        max_digits=20, decimal_places=8, default=Decimal(0)
    )  # dollars of payoff in every state
    outlay = models.DecimalField(
        max_digits=20, decimal_places=6, default=Decimal(0)
    )  # dollars, fees included
    expected_profit = models.DecimalField(max_digits=20, decimal_places=6, default=Decimal(0))  # dollars
    reason = models.TextField(blank=True)  # why this size, or why it was abandoned
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "plans"
        indexes = [models.Index(fields=["-created_at"], name="idx_plans_created_at")]
        constraints = [
            one_of("mode", MODES, "plans_mode_known"),
            one_of(
                "status", ("PLANNED", "EXECUTING", "FILLED", "PARTIAL", "ABANDONED"), "plans_status_known"
            ),
        ]

    def __str__(self) -> str:
        return self.id


class Order(models.Model):
    """One order of one leg. Its row is committed before anything is sent."""

    BUY, SELL = "BUY", "SELL"
    STATUSES = (
        "PLANNED", "SUBMITTED", "OPEN", "PARTIAL", "FILLED", "CANCELLING", "CANCELLED", "REJECTED", "UNKNOWN",
        "ABANDONED",
    )  # fmt: skip
    OPEN_STATUSES = ("PLANNED", "SUBMITTED", "OPEN", "PARTIAL", "CANCELLING", "UNKNOWN")

    id = models.CharField(max_length=64, primary_key=True)
    signal = models.ForeignKey(Signal, models.PROTECT, null=True, related_name="orders", db_index=False)
    platform = models.CharField(max_length=32)
    market = models.ForeignKey(Market, models.PROTECT, null=True, related_name="orders", db_index=False)
    outcome = models.CharField(max_length=16, null=True)
    side = models.CharField(max_length=8, null=True)
    quantity = models.DecimalField(max_digits=20, decimal_places=8, null=True)
    price = models.DecimalField(max_digits=10, decimal_places=6, null=True)  # the limit
    order_type = models.CharField(max_length=32, null=True)
    status = models.CharField(max_length=32, null=True)
    filled_qty = models.DecimalField(max_digits=20, decimal_places=8, default=Decimal(0))
    avg_fill_price = models.DecimalField(max_digits=10, decimal_places=6, null=True)
    error_message = models.TextField(null=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    updated_at = models.DateTimeField(default=timezone.now, db_default=Now())

    plan = models.ForeignKey(Plan, models.PROTECT, null=True, related_name="orders")
    leg = models.PositiveSmallIntegerField(default=0)
    mode = models.CharField(max_length=16, default="paper")
    client_order_id = models.CharField(max_length=64, unique=True)
    platform_order_id = models.CharField(max_length=ID_LENGTH, blank=True)
    time_in_force = models.CharField(max_length=32, default="IMMEDIATE_OR_CANCEL")
    fee = models.DecimalField(
        max_digits=20, decimal_places=6, default=Decimal(0)
    )  # dollars, every rounding included

    class Meta:
        db_table = "orders"
        indexes = [
            models.Index(fields=["signal"], name="idx_orders_signal_id"),
            models.Index(fields=["status"], name="idx_orders_status"),
            models.Index(fields=["market"], name="idx_orders_market_id"),
            models.Index(fields=["-created_at"], name="idx_orders_created_at"),
        ]
        constraints = [
            one_of("platform", PLATFORMS, "orders_platform_known"),
            one_of("side", ("BUY", "SELL"), "orders_side_known"),
            one_of("mode", MODES, "orders_mode_known"),
            one_of(
                "status",
                ("PLANNED", "SUBMITTED", "OPEN", "PARTIAL", "FILLED", "CANCELLING", "CANCELLED", "REJECTED", "UNKNOWN",
                 "ABANDONED"),
                "orders_status_known",
            ),
            between_0_and_1("price", "avg_fill_price", name="orders_prices_0_1"),
            not_negative("quantity", "filled_qty", name="orders_sizes_not_negative"),
            models.CheckConstraint(
                condition=Q(quantity__isnull=True) | Q(filled_qty__lte=F("quantity")),
                name="orders_filled_within_quantity",
            ),
            models.UniqueConstraint(fields=["plan", "leg"], name="orders_one_per_leg"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.id


class Fill(models.Model):
    """Money that moved: a trade, a merge of YES and NO into a dollar, a settlement. The ledger is the sum of these."""

    TRADE, MERGE, SETTLEMENT = "TRADE", "MERGE", "SETTLEMENT"

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=16, default=TRADE)
    order = models.ForeignKey(Order, models.PROTECT, null=True, related_name="fills")
    platform = models.CharField(max_length=32)
    market = models.ForeignKey(Market, models.PROTECT, related_name="fills")
    outcome = models.CharField(max_length=16)
    side = models.CharField(max_length=8)
    quantity = models.DecimalField(max_digits=20, decimal_places=8)
    price = models.DecimalField(max_digits=10, decimal_places=6)
    fee = models.DecimalField(max_digits=28, decimal_places=12, default=Decimal(0))
    cash = models.DecimalField(
        max_digits=28, decimal_places=12
    )  # dollars, fee included: negative leaves the account
    mode = models.CharField(max_length=16, default="paper")
    trade_id = models.CharField(max_length=ID_LENGTH)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        db_table = "fills"
        indexes = [models.Index(fields=["-created_at"], name="idx_fills_created_at")]
        constraints = [
            models.UniqueConstraint(fields=["platform", "trade_id"], name="fills_once"),
            one_of("kind", ("TRADE", "MERGE", "SETTLEMENT"), "fills_kind_known"),
            one_of("side", ("BUY", "SELL"), "fills_side_known"),
            one_of("mode", MODES, "fills_mode_known"),
            between_0_and_1("price", name="fills_price_0_1"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="fills_quantity_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity} {self.outcome} @ {self.price}"


class Position(models.Model):
    """What we hold of one outcome; derived from the fills and equal to their sum."""

    id = models.CharField(max_length=64, primary_key=True)
    order = models.ForeignKey(
        Order, models.PROTECT, null=True, related_name="positions"
    )  # the order that opened it
    platform = models.CharField(max_length=32)
    market = models.ForeignKey(Market, models.PROTECT, related_name="positions")
    outcome = models.CharField(max_length=16)
    side = models.CharField(max_length=8, default="BUY")
    quantity = models.DecimalField(max_digits=20, decimal_places=8)
    avg_price = models.DecimalField(max_digits=10, decimal_places=6)  # dollars per contract before fees
    current_price = models.DecimalField(max_digits=10, decimal_places=6, null=True)  # best bid of the outcome
    unrealized_pnl = models.DecimalField(max_digits=20, decimal_places=6, default=Decimal(0))
    realized_pnl = models.DecimalField(max_digits=28, decimal_places=12, default=Decimal(0))
    opened_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(default=timezone.now, db_default=Now())

    mode = models.CharField(max_length=16, default="paper")
    cost = models.DecimalField(
        max_digits=28, decimal_places=12, default=Decimal(0)
    )  # dollars paid for what is held, fees included
    paid = models.DecimalField(max_digits=28, decimal_places=12, default=Decimal(0))  # the same without fees
    fees = models.DecimalField(max_digits=28, decimal_places=12, default=Decimal(0))  # dollars of fees so far

    class Meta:
        db_table = "positions"
        indexes = [models.Index(fields=["market"], name="idx_positions_market_id")]
        constraints = [
            models.UniqueConstraint(fields=["market", "outcome", "mode"], name="positions_once"),
            one_of("side", ("BUY", "SELL"), "positions_side_known"),
            one_of("mode", MODES, "positions_mode_known"),
            between_0_and_1("avg_price", "current_price", name="positions_prices_0_1"),
            not_negative("quantity", name="positions_quantity_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} {self.outcome} of {self.market_id}"

"""Plans, orders, fills and positions. Prices are dollars per contract, quantities contracts, money dollars."""

from decimal import Decimal

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from arbsite.models import one_of
from execution.models.accounts import MODES
from markets.models import ID_LENGTH, Bet, Market, between_0_and_1, not_negative
from markets.platforms.base import PLATFORMS
from signals.models import Signal


class Plan(models.Model):
    """What is to be done as a whole: the legs that act on a signal, a way out of a position, an order by hand.

    A signal is acted on once. In live mode a paper twin (`shadow_of`) takes each plan beside it.
    """

    PLANNED, EXECUTING, FILLED, PARTIAL, UNWOUND, ABANDONED = (
        "PLANNED", "EXECUTING", "FILLED", "PARTIAL", "UNWOUND", "ABANDONED",
    )  # fmt: skip
    STATUSES = (PLANNED, EXECUTING, FILLED, PARTIAL, UNWOUND, ABANDONED)
    ARBITRAGE, EXIT, MANUAL, STOP = "ARBITRAGE", "EXIT", "MANUAL", "STOP"
    KINDS = (ARBITRAGE, EXIT, MANUAL, STOP)

    id = models.CharField(max_length=64, primary_key=True)
    kind = models.CharField(max_length=16, default=ARBITRAGE)
    signal = models.OneToOneField(Signal, models.PROTECT, null=True, related_name="plan")
    bet = models.ForeignKey(Bet, models.PROTECT, null=True, related_name="plans")
    shadow_of = models.OneToOneField("self", models.PROTECT, null=True, related_name="shadow")
    mode = models.CharField(max_length=16, default="paper")
    status = models.CharField(max_length=16, default=PLANNED)
    # Dollars of payoff in every state
    size = models.DecimalField(max_digits=20, decimal_places=8, default=Decimal(0))
    # Dollars, fees included
    outlay = models.DecimalField(max_digits=20, decimal_places=6, default=Decimal(0))
    expected_profit = models.DecimalField(max_digits=20, decimal_places=6, default=Decimal(0))  # dollars
    reason = models.TextField(blank=True)  # why this size, or why it was abandoned
    legs = models.JSONField(default=list)  # what was planned, in the order of sending (`storing.ticket_json`)
    at_once = models.BooleanField(default=False)  # all legs together instead of one after the other
    edge = models.DecimalField(max_digits=10, decimal_places=6, null=True)  # net per $1 of payoff, as shown
    # Dollars that a lone remainder may lose
    loss_limit = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    # Dollars that the fills have made sure of, losses on remainders taken off; null until known
    profit = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    requested_by = models.CharField(max_length=150, blank=True)  # the person, where a person asked
    # Of a request that may be repeated
    request_key = models.CharField(max_length=128, null=True, unique=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "plans"
        indexes = [
            models.Index(fields=["-created_at"], name="idx_plans_created_at"),
            # What the executor looks for every second, however long the history
            models.Index(
                fields=["created_at", "id"], condition=Q(status__in=("PLANNED", "EXECUTING")), name="idx_plans_waiting"
            ),
        ]  # fmt: skip
        constraints = [
            one_of("mode", MODES, "plans_mode_known"),
            one_of("kind", ("ARBITRAGE", "EXIT", "MANUAL", "STOP"), "plans_kind_known"),
            one_of(
                "status",
                ("PLANNED", "EXECUTING", "FILLED", "PARTIAL", "UNWOUND", "ABANDONED"),
                "plans_status_known",
            ),
        ]
        permissions = [
            ("can_trade", "Can place, cancel and execute orders"),
        ]

    def __str__(self) -> str:
        return self.id


class PlanStep(models.Model):
    """One decision about a plan, with its reason and figures."""

    id = models.BigAutoField(primary_key=True)
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="steps", db_index=False)
    at = models.DateTimeField(default=timezone.now, db_default=Now())
    what = models.CharField(max_length=32)  # planned, sent, cut, complete, unwind, hold, finished, ...
    sentence = models.TextField()
    figures = models.JSONField(default=dict, encoder=DjangoJSONEncoder)

    class Meta:
        db_table = "plan_steps"
        indexes = [models.Index(fields=["plan", "id"], name="idx_plan_steps_plan")]

    def __str__(self) -> str:
        return f"{self.what}: {self.sentence}"


class Order(models.Model):
    """One order. Its row is committed before anything is sent; its moves are a table that the database enforces."""

    BUY, SELL = "BUY", "SELL"
    STATUSES = (
        "PLANNED", "SUBMITTED", "OPEN", "PARTIAL", "FILLED", "CANCELLING", "CANCELLED", "REJECTED", "UNKNOWN",
        "ABANDONED", "FAILED",
    )  # fmt: skip
    # What an order is for: a planned leg; completing, selling back or leaving what a plan holds; a person; a stop
    LEG, COMPLETE, UNWIND, EXIT, MANUAL, STOP, HAND = (
        "LEG", "COMPLETE", "UNWIND", "EXIT", "MANUAL", "STOP", "HAND",
    )  # fmt: skip
    # HAND: placed by somebody on the platform itself
    ROLES = (LEG, COMPLETE, UNWIND, EXIT, MANUAL, STOP, HAND)
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
    role = models.CharField(max_length=16, default=LEG)
    attempt = models.PositiveSmallIntegerField(default=0)
    replaces = models.OneToOneField("self", models.PROTECT, null=True, related_name="replaced_by")
    mode = models.CharField(max_length=16, default="paper")
    client_order_id = models.CharField(max_length=64, unique=True)
    platform_order_id = models.CharField(max_length=ID_LENGTH, blank=True)
    time_in_force = models.CharField(max_length=32, default="IMMEDIATE_OR_CANCEL")
    # Dollars, every rounding included
    fee = models.DecimalField(max_digits=20, decimal_places=6, default=Decimal(0))
    # What the platform says has matched. It runs ahead of `filled_qty`, which is the sum of the booked fills
    matched_qty = models.DecimalField(max_digits=20, decimal_places=8, default=Decimal(0))
    # Dollars before fees that it may spend, where the platform fills purchases by cash; then more than `quantity` may fill
    cash = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    post_only = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True)
    max_slippage_pct = models.DecimalField(max_digits=10, decimal_places=6, null=True)  # a fraction
    shard = models.PositiveSmallIntegerField(default=0)
    error_code = models.CharField(max_length=64, blank=True)
    sent_at = models.DateTimeField(null=True)  # of the last sending
    sends = models.PositiveSmallIntegerField(default=0)
    answered_at = models.DateTimeField(null=True)  # when the platform first said what became of it

    class Meta:
        db_table = "orders"
        indexes = [
            models.Index(fields=["signal"], name="idx_orders_signal_id"),
            models.Index(fields=["status"], name="idx_orders_status"),
            models.Index(fields=["market"], name="idx_orders_market_id"),
            models.Index(fields=["-created_at"], name="idx_orders_created_at"),
            models.Index(fields=["mode", "-sent_at"], name="idx_orders_sent_at"),
            # Whose fills are missing: asked for every few seconds
            models.Index(
                fields=["mode", "platform"],
                condition=Q(matched_qty__gt=F("filled_qty")),
                name="idx_orders_unbooked",
            ),
        ]
        constraints = [
            one_of("platform", PLATFORMS, "orders_platform_known"),
            one_of("side", ("BUY", "SELL"), "orders_side_known"),
            one_of("mode", MODES, "orders_mode_known"),
            one_of(
                "status",
                ("PLANNED", "SUBMITTED", "OPEN", "PARTIAL", "FILLED", "CANCELLING", "CANCELLED", "REJECTED", "UNKNOWN",
                 "ABANDONED", "FAILED"),
                "orders_status_known",
            ),
            one_of("role", ("LEG", "COMPLETE", "UNWIND", "EXIT", "MANUAL", "STOP", "HAND"), "orders_role_known"),
            between_0_and_1("price", "avg_fill_price", name="orders_prices_0_1"),
            not_negative("quantity", "filled_qty", name="orders_sizes_not_negative"),
            models.CheckConstraint(
                condition=Q(quantity__isnull=True) | Q(cash__isnull=False) | Q(filled_qty__lte=F("quantity")),
                name="orders_filled_within_quantity",
            ),
            models.UniqueConstraint(fields=["plan", "role", "leg", "attempt"], name="orders_once_in_a_plan"),
            models.UniqueConstraint(
                fields=["platform", "platform_order_id"], condition=~Q(platform_order_id=""),
                name="orders_platform_id_once",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.id


class Fill(models.Model):
    """Money that moved for contracts. The ledger is the sum of these and of the cash movements.

    HAND is a trade that somebody placed on the platform itself; REVERSAL undoes a trade that failed to settle;
    CONVERSION is a basket of NO of a neg-risk event that became YES of the rest and dollars.
    """

    TRADE, MERGE, SETTLEMENT, HAND, REVERSAL, CONVERSION = (
        "TRADE", "MERGE", "SETTLEMENT", "HAND", "REVERSAL", "CONVERSION",
    )  # fmt: skip
    KINDS = (TRADE, MERGE, SETTLEMENT, HAND, REVERSAL, CONVERSION)

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
    # Dollars, fee included: negative leaves the account
    cash = models.DecimalField(max_digits=28, decimal_places=12)
    mode = models.CharField(max_length=16, default="paper")
    trade_id = models.CharField(max_length=ID_LENGTH)
    shard = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        db_table = "fills"
        indexes = [models.Index(fields=["-created_at"], name="idx_fills_created_at")]
        constraints = [
            models.UniqueConstraint(fields=["mode", "platform", "trade_id"], name="fills_once"),
            one_of(
                "kind", ("TRADE", "MERGE", "SETTLEMENT", "HAND", "REVERSAL", "CONVERSION"), "fills_kind_known"
            ),
            one_of("side", ("BUY", "SELL"), "fills_side_known"),
            one_of("mode", MODES, "fills_mode_known"),
            between_0_and_1("price", name="fills_price_0_1"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="fills_quantity_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity} {self.outcome} @ {self.price}"


class Settling(models.Model):
    """How far a fill's settlement is on a platform that settles later: only CONFIRMED is money, FAILED is undone."""

    MATCHED, MINED, RETRYING, CONFIRMED, FAILED = "MATCHED", "MINED", "RETRYING", "CONFIRMED", "FAILED"
    STATUSES = (MATCHED, MINED, RETRYING, CONFIRMED, FAILED)

    fill = models.OneToOneField(Fill, models.PROTECT, primary_key=True, related_name="settling")
    trade_id = models.CharField(max_length=ID_LENGTH)  # the platform's, which may stand for several fills
    status = models.CharField(max_length=16)
    transaction_hash = models.CharField(max_length=80, blank=True)
    updated_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        db_table = "settling"
        indexes = [models.Index(fields=["status"], name="idx_settling_status")]
        constraints = [
            one_of(
                "status", ("MATCHED", "MINED", "RETRYING", "CONFIRMED", "FAILED"), "settling_status_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.trade_id}: {self.status}"


class Position(models.Model):
    """What we hold of one outcome; derived from the fills and equal to their sum."""

    id = models.CharField(max_length=64, primary_key=True)
    # The order that opened it
    order = models.ForeignKey(Order, models.PROTECT, null=True, related_name="positions")
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
    # Dollars paid for what is held, fees included
    cost = models.DecimalField(max_digits=28, decimal_places=12, default=Decimal(0))
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

"""Money beside the fills: accounts, deposits and withdrawals, the equity curve, offers to leave a position early."""

from decimal import Decimal

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from arbsite.models import one_of
from markets.models import ID_LENGTH, Bet
from markets.platforms.base import PLATFORMS

MODES = ("paper", "sandbox", "live")


class Account(models.Model):
    """Cash and what is invested on one shard of a platform, kept in step with fills and cash movements.

    Derived, and equal to their sums: it exists so that limits cost the same with ten and ten thousand positions.
    """

    id = models.BigAutoField(primary_key=True)
    mode = models.CharField(max_length=16)
    platform = models.CharField(max_length=32)
    shard = models.PositiveSmallIntegerField(default=0)
    # Dollars, ours by our ledger
    cash = models.DecimalField(max_digits=28, decimal_places=12, default=Decimal(0))
    # Dollars paid for what is held, without fees
    invested = models.DecimalField(max_digits=28, decimal_places=12, default=Decimal(0))
    updated_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        db_table = "accounts"
        constraints = [
            models.UniqueConstraint(fields=["mode", "platform", "shard"], name="accounts_once"),
            one_of("mode", MODES, "accounts_mode_known"),
            one_of("platform", PLATFORMS, "accounts_platform_known"),
        ]

    def __str__(self) -> str:
        return f"{self.mode} {self.platform}/{self.shard}"


class CashMovement(models.Model):
    """Dollars that came or went without contracts. Never changed (a trigger)."""

    OPENING, DEPOSIT, WITHDRAWAL, TRANSFER, CORRECTION = (
        "OPENING", "DEPOSIT", "WITHDRAWAL", "TRANSFER", "CORRECTION",
    )  # fmt: skip
    KINDS = (OPENING, DEPOSIT, WITHDRAWAL, TRANSFER, CORRECTION)

    id = models.BigAutoField(primary_key=True)
    mode = models.CharField(max_length=16)
    platform = models.CharField(max_length=32)
    shard = models.PositiveSmallIntegerField(default=0)
    kind = models.CharField(max_length=16)
    amount = models.DecimalField(max_digits=28, decimal_places=12)  # dollars; negative left the account
    reference = models.CharField(max_length=ID_LENGTH)  # the platform's, or ours; once
    why = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        db_table = "cash_movements"
        indexes = [models.Index(fields=["-at"], name="idx_cash_movements_at")]
        constraints = [
            models.UniqueConstraint(fields=["mode", "platform", "reference"], name="cash_movements_once"),
            one_of("mode", MODES, "cash_movements_mode_known"),
            one_of("platform", PLATFORMS, "cash_movements_platform_known"),
            one_of(
                "kind",
                ("OPENING", "DEPOSIT", "WITHDRAWAL", "TRANSFER", "CORRECTION"),
                "cash_movements_kind_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} on {self.platform}"


class EquityPoint(models.Model):
    """What everything was worth at a moment: cash, and positions at their best bids. Dollars."""

    id = models.BigAutoField(primary_key=True)
    mode = models.CharField(max_length=16)
    at = models.DateTimeField()
    cash = models.DecimalField(max_digits=28, decimal_places=12)
    positions = models.DecimalField(max_digits=28, decimal_places=12)
    # Deposits less withdrawals so far: no profit
    moved = models.DecimalField(max_digits=28, decimal_places=12, default=Decimal(0))
    # The highest that cash + positions - moved has been
    high_water = models.DecimalField(max_digits=28, decimal_places=12)

    class Meta:
        db_table = "equity_points"
        constraints = [
            models.UniqueConstraint(fields=["mode", "at"], name="equity_points_once"),
            one_of("mode", MODES, "equity_points_mode_known"),
        ]

    def __str__(self) -> str:
        return f"{self.mode} {self.at:%Y-%m-%d %H:%M} {self.cash + self.positions}"


class ExitOffer(models.Model):
    """A held set of legs that the books would pay more for today than it is worth at settlement. One is open a bet."""

    OPEN, TAKEN, GONE = "OPEN", "TAKEN", "GONE"
    STATUSES = (OPEN, TAKEN, GONE)

    id = models.CharField(max_length=64, primary_key=True)
    mode = models.CharField(max_length=16)
    bet = models.ForeignKey(Bet, models.PROTECT, related_name="exit_offers")
    status = models.CharField(max_length=16, default=OPEN)
    size = models.DecimalField(max_digits=20, decimal_places=8)  # dollars of payoff given up
    proceeds = models.DecimalField(max_digits=20, decimal_places=6)  # dollars today, after fees
    worth = models.DecimalField(max_digits=20, decimal_places=6)  # of waiting: expected payoff, discounted
    legs = models.JSONField(default=list, encoder=DjangoJSONEncoder)
    plan = models.OneToOneField("execution.Plan", models.PROTECT, null=True, related_name="exit_offer")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    seen_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        db_table = "exit_offers"
        constraints = [
            models.UniqueConstraint(
                fields=["mode", "bet"], condition=Q(status="OPEN"), name="exit_offers_one_open"
            ),
            one_of("mode", MODES, "exit_offers_mode_known"),
            one_of("status", ("OPEN", "TAKEN", "GONE"), "exit_offers_status_known"),
        ]

    def __str__(self) -> str:
        return self.id

"""Bets, what pays in them, the events they come from, and every decision on them.

`m0` is the chance that a bet pays nothing although its cover was bought (rules or oracles part company), `m0_upper` its
one-sided upper bound: both fractions, see `markets.pairing.risk`.
"""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from arbsite.models import one_of
from markets.bets import Bet as BetValue
from markets.bets import Claim
from markets.models.constraints import ID_LENGTH, between_0_and_1
from markets.platforms.base import PLATFORMS

# How two markets settle: only `clean` may be called arbitrage, `correlated` and `timing` are spreads at most
CLEAN, CORRELATED, TIMING, UNKNOWN = "clean", "correlated", "timing", "unknown"
SETTLEMENTS = (CLEAN, CORRELATED, TIMING, UNKNOWN)


class Event(models.Model):
    """An event of a platform: the markets that its own rules tie together, and why no bet came of it."""

    platform = models.CharField(max_length=32)
    event_id = models.CharField(max_length=ID_LENGTH)
    title = models.TextField(blank=True)
    mutually_exclusive = models.BooleanField(default=False)  # Kalshi: at most one market resolves YES
    neg_risk = models.BooleanField(default=False)  # Polymarket: NO converts into the other YES
    augmented = models.BooleanField(default=False)  # Polymarket: outcomes may be added later
    whole = models.BooleanField(default=False)  # the platform listed all its markets, closed ones too
    member_ids = models.JSONField(default=list)  # all of them, where `whole`
    seen_whole_at = models.DateTimeField(null=True)
    why_not = models.JSONField(default=dict)  # {kind: sentence}: bets that were not built
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    updated_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        db_table = "events"
        constraints = [
            models.UniqueConstraint(fields=["platform", "event_id"], name="events_once"),
            one_of("platform", PLATFORMS, "events_platform_known"),
            models.CheckConstraint(
                condition=Q(whole=False) | Q(seen_whole_at__isnull=False), name="events_whole_was_seen"
            ),
        ]

    def __str__(self) -> str:
        return self.title or f"{self.platform}:{self.event_id}"


class Bet(models.Model):
    """States of the world and the outcomes that pay in them. Only an ACTIVE bet is detected."""

    PAIR, YES_NO, NEG_RISK, EXCLUSIVE = "pair", "yes_no", "neg_risk", "exclusive"
    LADDER, DATE_LADDER, MIXTURE, CUSTOM = "ladder", "date_ladder", "mixture", "custom"
    KINDS = (PAIR, YES_NO, NEG_RISK, EXCLUSIVE, LADDER, DATE_LADDER, MIXTURE, CUSTOM)
    PROPOSED, ACTIVE, SUSPENDED, REJECTED, CLOSED = "PROPOSED", "ACTIVE", "SUSPENDED", "REJECTED", "CLOSED"
    STATES = (PROPOSED, ACTIVE, SUSPENDED, REJECTED, CLOSED)
    # Who says so: the platform's own rules, a reading of texts, approved pairs, a person, the sandbox
    PLATFORM, TEXTS, PAIRS, HAND, SANDBOX = "platform", "texts", "pairs", "hand", "sandbox"
    ORIGINS = (PLATFORM, TEXTS, PAIRS, HAND, SANDBOX)

    id = models.CharField(max_length=ID_LENGTH, primary_key=True)
    kind = models.CharField(max_length=32)
    name = models.TextField(blank=True)
    states = models.JSONField(default=list)  # names of mutually exclusive states
    exhaustive = models.BooleanField(default=True)
    status = models.CharField(max_length=16, default=ACTIVE)
    origin = models.CharField(max_length=16, default=PLATFORM)
    settlement = models.CharField(max_length=16, default=CLEAN)
    m0 = models.DecimalField(max_digits=6, decimal_places=5, default=Decimal(0))
    m0_upper = models.DecimalField(max_digits=6, decimal_places=5, default=Decimal(0))
    read_by_person = models.BooleanField(default=False)  # somebody read all its rules and approved
    digest = models.CharField(max_length=64, blank=True)  # what a person's approval was given for
    suspended_why = models.TextField(blank=True)
    event = models.ForeignKey(Event, models.SET_NULL, null=True, blank=True, related_name="bets")
    parts = models.JSONField(default=dict)  # of a mixture: {"bets": [ids], "pairs": [ids]}
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    updated_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        db_table = "bets"
        indexes = [
            models.Index(fields=["status", "kind"], name="idx_bets_status_kind"),
            models.Index(fields=["-updated_at"], name="idx_bets_updated_at"),
        ]
        constraints = [
            one_of(
                "kind",
                ("pair", "yes_no", "neg_risk", "exclusive", "ladder", "date_ladder", "mixture", "custom"),
                "bets_kind_known",
            ),
            one_of("status", ("PROPOSED", "ACTIVE", "SUSPENDED", "REJECTED", "CLOSED"), "bets_status_known"),
            one_of("origin", ("platform", "texts", "pairs", "hand", "sandbox"), "bets_origin_known"),
            one_of("settlement", SETTLEMENTS, "bets_settlement_known"),
            between_0_and_1("m0", "m0_upper", name="bets_m0_0_1"),
            models.CheckConstraint(
                # What rests on texts or on a person's word is never traded unread
                condition=~Q(status="ACTIVE", origin__in=("texts", "hand"))
                | Q(read_by_person=True) & ~Q(digest=""),
                name="bets_read_before_active",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.id

    def value(self) -> BetValue:
        """The bet as the core reads it."""
        claims = tuple(
            Claim(row.market.platform, row.market_id, row.outcome, frozenset(row.pays_in))
            for row in self.outcomes.all()
        )
        return BetValue(self.id, self.kind, tuple(self.states), self.exhaustive, claims)


class BetOutcome(models.Model):
    """An outcome of a market that belongs to a bet, and the states in which it pays one dollar."""

    bet = models.ForeignKey(Bet, models.CASCADE, related_name="outcomes")
    market = models.ForeignKey("markets.Market", models.PROTECT, related_name="bet_outcomes")
    outcome = models.CharField(max_length=16)
    pays_in = models.JSONField(default=list)

    class Meta:
        db_table = "bet_outcomes"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["bet", "market", "outcome"], name="bet_outcomes_once"),
            one_of("outcome", ("YES", "NO"), "bet_outcomes_outcome_known"),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} of {self.market_id}"


class BetVersion(models.Model):
    """One decision on a bet, with what was seen: never changed and never deleted."""

    bet = models.ForeignKey(Bet, models.PROTECT, related_name="versions")
    # Nobody: the system did it
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="bet_decisions"
    )
    decision = models.CharField(max_length=16)
    note = models.TextField(blank=True)
    digest = models.CharField(max_length=64)
    seen = models.JSONField(default=dict)  # {"markets": {key: terms}, "states": […], "claims": […]}
    created_at = models.DateTimeField()

    class Meta:
        db_table = "bet_versions"
        ordering = ["-id"]
        constraints = [
            one_of(
                "decision", ("proposed", "approved", "rejected", "suspended"), "bet_versions_decision_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.decision} {self.bet_id}"

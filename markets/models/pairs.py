"""Pairs: the same question on two platforms, and every verdict on them."""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from arbsite.models import one_of
from markets.models.bets import SETTLEMENTS, UNKNOWN, Bet
from markets.models.constraints import between_0_and_1

SAME, INVERTED, REVIEW, DIFFERENT = "same", "inverted", "review", "different"
VERDICTS = (SAME, INVERTED, REVIEW, DIFFERENT)  # the matcher's words; empty: it was not asked


class Pair(models.Model):
    """The same question on two platforms; it trades only after a person approved it."""

    PROPOSED, APPROVED, REJECTED, SUSPENDED = "PROPOSED", "APPROVED", "REJECTED", "SUSPENDED"
    STATUSES = (PROPOSED, APPROVED, REJECTED, SUSPENDED)
    MATCHER, HAND, SANDBOX = "matcher", "hand", "sandbox"
    ORIGINS = (MATCHER, HAND, SANDBOX)

    polymarket = models.ForeignKey("markets.Market", models.PROTECT, related_name="pairs_as_polymarket")
    kalshi = models.ForeignKey("markets.Market", models.PROTECT, related_name="pairs_as_kalshi")
    inverted = models.BooleanField(default=False)  # YES here is NO there
    status = models.CharField(max_length=16, default=PROPOSED)
    bet = models.OneToOneField(Bet, models.SET_NULL, null=True, blank=True, related_name="pair")
    origin = models.CharField(max_length=16, default=HAND)
    # The matcher's, 0 to 1
    score = models.DecimalField(max_digits=5, decimal_places=4, null=True, blank=True)
    verdict = models.CharField(max_length=16, blank=True)
    settlement = models.CharField(max_length=16, default=UNKNOWN)
    reasons = models.JSONField(default=list, blank=True)  # why the matcher thinks so
    vetoes = models.JSONField(default=list, blank=True)  # what contradicts
    rules_digest = models.CharField(max_length=64, blank=True)  # what the last decision was given for
    risk_class = models.CharField(max_length=64, blank=True)
    # Chance that it pays nothing
    m0 = models.DecimalField(max_digits=6, decimal_places=5, default=Decimal(0))
    m0_upper = models.DecimalField(max_digits=6, decimal_places=5, default=Decimal(0))
    m0_by_hand = models.DecimalField(max_digits=6, decimal_places=5, null=True, blank=True)  # at least this
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="approved_pairs"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    suspended_why = models.TextField(blank=True)
    note = models.TextField(blank=True)  # of the last decision
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    updated_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        db_table = "pairs"
        permissions = [("approve_pair", "Can approve, reject or suspend a pair")]
        indexes = [models.Index(fields=["status", "-score"], name="idx_pairs_status_score")]
        constraints = [
            models.UniqueConstraint(fields=["polymarket", "kalshi"], name="pairs_once"),
            one_of("status", ("PROPOSED", "APPROVED", "REJECTED", "SUSPENDED"), "pairs_status_known"),
            one_of("origin", ("matcher", "hand", "sandbox"), "pairs_origin_known"),
            one_of("settlement", SETTLEMENTS, "pairs_settlement_known"),
            one_of("verdict", ("", "same", "inverted", "review", "different"), "pairs_verdict_known"),
            between_0_and_1("m0", "m0_upper", "m0_by_hand", "score", name="pairs_fractions_0_1"),
            models.CheckConstraint(
                condition=~Q(status="APPROVED") | Q(approved_by__isnull=False, approved_at__isnull=False),
                name="pairs_approved_by_a_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.polymarket_id} ↔ {self.kalshi_id}"


class PairVersion(models.Model):
    """One verdict on a pair, with what was seen: never changed and never deleted."""

    PROPOSED, SAME, INVERTED, REJECTED, SUSPENDED = "proposed", "same", "inverted", "rejected", "suspended"
    DECISIONS = (PROPOSED, SAME, INVERTED, REJECTED, SUSPENDED)

    pair = models.ForeignKey(Pair, models.PROTECT, related_name="versions")
    # Nobody: the matcher proposed it, or a platform's change suspended it
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="pair_decisions"
    )
    decision = models.CharField(max_length=16)
    note = models.TextField(blank=True)
    digest = models.CharField(max_length=64)
    seen = models.JSONField(
        default=dict
    )  # {"polymarket": terms, "kalshi": terms}, see `markets.pairing.terms`
    score = models.DecimalField(max_digits=5, decimal_places=4, null=True)
    verdict = models.CharField(max_length=16, blank=True)
    settlement = models.CharField(max_length=16)
    m0 = models.DecimalField(max_digits=6, decimal_places=5)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "pair_versions"
        ordering = ["-id"]
        constraints = [
            one_of(
                "decision",
                ("proposed", "same", "inverted", "rejected", "suspended"),
                "pair_versions_decision_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.decision} {self.pair_id}"

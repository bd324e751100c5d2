"""Bets over the API: a list, states and outcomes, and decisions bound to the digest that was read."""

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from arbsite.api import PERIOD, Millis
from arbsite.auth import READ
from arbsite.endpoints import DetailEndpoint, ListEndpoint
from markets import bets
from markets.betting import decisions as bet_decisions
from markets.models import Bet, BetOutcome
from markets.models.bets import SETTLEMENTS
from markets.pairing.api import TAGS, Deciding, Refused, m0_field
from markets.pairing.pairs import PairError


class ClaimSerializer(serializers.ModelSerializer):
    """An outcome, and the states in which it pays $1."""

    platform = serializers.CharField(source="market.platform")
    pays_in = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = BetOutcome
        fields = ["platform", "market_id", "outcome", "pays_in"]


class BetSerializer(serializers.ModelSerializer):
    """A bet. `m0` is the chance that it pays nothing, a fraction; times are Unix milliseconds."""

    created_at = Millis()
    updated_at = Millis()

    class Meta:
        model = Bet
        fields = [
            "id", "kind", "name", "status", "origin", "settlement", "m0", "m0_upper", "read_by_person", "exhaustive",
            "suspended_why", "created_at", "updated_at",
        ]  # fmt: skip


class BetDetailSerializer(BetSerializer):
    """A bet with its states and outcomes, and the digest that a decision on it needs."""

    states = serializers.ListField(child=serializers.CharField())
    outcomes = ClaimSerializer(many=True)
    parts = serializers.JSONField()
    digest = serializers.SerializerMethodField()

    class Meta(BetSerializer.Meta):
        fields = [*BetSerializer.Meta.fields, "states", "outcomes", "parts", "digest"]

    def get_digest(self, bet: Bet) -> str:
        """Of the bet as it is now."""
        return bet_decisions.digest(bet)


class Bets(ListEndpoint):
    """Bets of every status, newest first."""

    scope, permission = READ, "markets.view_bet"
    queryset = Bet.objects.all()
    serializer_class = BetSerializer
    filters = {
        "status": ("status", Bet.STATES), "kind": ("kind", Bet.KINDS), "origin": ("origin", Bet.ORIGINS),
        "settlement": ("settlement", SETTLEMENTS), **PERIOD,
    }  # fmt: skip


class BetDetail(DetailEndpoint):
    """One bet with its states and outcomes."""

    scope, permission = READ, "markets.view_bet"
    queryset = Bet.objects.prefetch_related("outcomes__market")
    serializer_class = BetDetailSerializer


# --- what is entered and decided


class EnteredClaimSerializer(serializers.Serializer):
    """An outcome, and the states in which it pays."""

    platform = serializers.CharField(max_length=32, help_text="polymarket or kalshi")
    market_id = serializers.CharField(max_length=128)
    outcome = serializers.ChoiceField(["YES", "NO"])
    pays_in = serializers.ListField(child=serializers.CharField(max_length=200), max_length=1_000)


class BetEntrySerializer(serializers.Serializer):
    """A bet by hand: states of which exactly one comes true, and what pays in which."""

    id = serializers.RegexField(r"^[A-Za-z0-9_.:-]{1,120}$")
    name = serializers.CharField(max_length=500)
    kind = serializers.ChoiceField(
        [Bet.CUSTOM, Bet.LADDER, Bet.DATE_LADDER, Bet.EXCLUSIVE], default=Bet.CUSTOM
    )
    states = serializers.ListField(child=serializers.CharField(max_length=200), max_length=1_000)
    outcomes = EnteredClaimSerializer(many=True, allow_empty=False)
    exhaustive = serializers.BooleanField()
    settlement = serializers.ChoiceField(SETTLEMENTS, default="unknown")
    note = serializers.CharField(max_length=2_000, default="", allow_blank=True)


class BetDecisionSerializer(serializers.Serializer):
    """A decision on a bet, for the digest that was read; a note is needed to reject and to suspend."""

    decision = serializers.ChoiceField(list(bet_decisions.NEXT))
    digest = serializers.CharField(max_length=64)
    note = serializers.CharField(max_length=2_000, default="", allow_blank=True)
    m0 = m0_field()


class EnterBet(Deciding):
    """Propose a bet by hand."""

    @extend_schema(request=BetEntrySerializer, responses={201: BetDetailSerializer}, tags=TAGS)
    def post(self, request: Request) -> Response:
        """A person proposes a bet; it is detected after an approval only."""
        asked = self.read(BetEntrySerializer, request)
        claims = tuple(
            bets.Claim(one["platform"], one["market_id"], one["outcome"], frozenset(one["pays_in"]))
            for one in asked["outcomes"]
        )
        value = bets.Bet(
            f"hand:{asked['id']}", asked["kind"], tuple(asked["states"]), asked["exhaustive"], claims
        )
        try:
            bet = bet_decisions.enter(
                value,
                asked["name"],
                request.user,
                now=timezone.now(),
                note=asked["note"],
                settlement=asked["settlement"],
            )
        except PairError as error:
            raise Refused(str(error)) from error
        return Response(BetDetailSerializer(bet).data, status=201)


class DecideBet(Deciding):
    """Approve, reject or suspend a bet."""

    @extend_schema(request=BetDecisionSerializer, responses=BetDetailSerializer, tags=TAGS)
    def post(self, request: Request, id: str) -> Response:
        """Decide on a bet as it was read."""
        bet = self.row(Bet.objects.all(), id)
        asked = self.read(BetDecisionSerializer, request)
        try:
            bet = bet_decisions.decide(
                bet, asked["decision"], request.user, now=timezone.now(), note=asked["note"],
                shown_digest=asked["digest"], m0=asked.get("m0"),
            )  # fmt: skip
        except PairError as error:
            raise Refused(str(error)) from error
        return Response(BetDetailSerializer(bet).data)


urlpatterns = [
    path("bets", Bets.as_view(), name="bets"),
    path("bets/enter", EnterBet.as_view(), name="bet-enter"),
    path("bets/<str:id>", BetDetail.as_view(), name="bet"),
    path("bets/<str:id>/decision", DecideBet.as_view(), name="bet-decision"),
]

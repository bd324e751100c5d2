"""Pairs over the API: a list, dossiers, and decisions bound to the digest that was read.

Reading needs the scope `read`; entering and deciding need the scope `admin` and the permission `approve_pair`, for what is
approved is traded.
"""

from decimal import Decimal
from typing import Any

from django.db.models import Model, QuerySet
from django.http import Http404
from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from arbsite.api import PERIOD, Millis
from arbsite.auth import ADMIN, READ
from arbsite.endpoints import DetailEndpoint, Endpoint, ListEndpoint
from markets.models import Pair
from markets.models.bets import SETTLEMENTS
from markets.models.pairs import VERDICTS
from markets.pairing import dossier, pairs

TAGS = ["pairs and bets"]
APPROVE = "markets.approve_pair"
SAME, INVERTED, REJECT, SUSPEND = "same", "inverted", "reject", "suspend"


class Refused(APIException):
    """What was asked cannot be done in the present state; nothing was changed."""

    status_code = 409
    default_code = "refused"


# --- what is read


class PairSerializer(serializers.ModelSerializer):
    """A pair. `m0` is the chance that it pays nothing, a fraction; times are Unix milliseconds."""

    polymarket_question = serializers.CharField(source="polymarket.question", allow_null=True)
    kalshi_question = serializers.CharField(source="kalshi.question", allow_null=True)
    approved_by = serializers.SlugRelatedField("username", read_only=True)
    reasons = serializers.JSONField()
    vetoes = serializers.JSONField()
    created_at = Millis()
    updated_at = Millis()

    class Meta:
        model = Pair
        fields = [
            "id", "polymarket_id", "kalshi_id", "polymarket_question", "kalshi_question", "status", "inverted", "origin",
            "score", "verdict", "settlement", "reasons", "vetoes", "risk_class", "m0", "m0_upper", "bet_id",
            "approved_by", "suspended_why", "note", "created_at", "updated_at",
        ]  # fmt: skip


class PieceSerializer(serializers.Serializer):
    """A run of text, and whether the other side does not say it."""

    text = serializers.CharField()
    differs = serializers.BooleanField()


class LineSerializer(serializers.Serializer):
    """One subject, side by side."""

    name = serializers.CharField()
    differs = serializers.BooleanField()
    polymarket = PieceSerializer(many=True)
    kalshi = PieceSerializer(many=True)


class DossierSerializer(serializers.Serializer):
    """What a person reads before deciding; `digest` goes back with the decision."""

    digest = serializers.CharField()
    lines = LineSerializer(many=True)
    books = serializers.JSONField()
    changes = serializers.ListField(child=serializers.CharField())
    problems = serializers.ListField(child=serializers.CharField())
    history = serializers.JSONField()
    versions = serializers.JSONField()


class PairDetailSerializer(PairSerializer):
    """A pair with its dossier."""

    dossier = serializers.SerializerMethodField()

    class Meta(PairSerializer.Meta):
        fields = [*PairSerializer.Meta.fields, "dossier"]

    @extend_schema_field(DossierSerializer)
    def get_dossier(self, pair: Pair) -> dict[str, Any]:
        """As of now."""
        return dossier.as_json(dossier.of(pair, now=timezone.now()))


class Pairs(ListEndpoint):
    """Pairs of every status, newest first."""

    scope, permission = READ, "markets.view_pair"
    queryset = Pair.objects.select_related("polymarket", "kalshi", "approved_by")
    serializer_class = PairSerializer
    filters = {
        "status": ("status", Pair.STATUSES), "verdict": ("verdict", VERDICTS), "settlement": ("settlement", SETTLEMENTS),
        "origin": ("origin", Pair.ORIGINS), "polymarket": ("polymarket_id", str), "kalshi": ("kalshi_id", str), **PERIOD,
    }  # fmt: skip


class PairDetail(DetailEndpoint):
    """One pair with its dossier."""

    scope, permission = READ, "markets.view_pair"
    queryset = Pair.objects.select_related("polymarket", "kalshi", "approved_by")
    serializer_class = PairDetailSerializer


# --- what is entered and decided


def m0_field() -> serializers.DecimalField:
    return serializers.DecimalField(
        6, 5, min_value=Decimal(0), max_value=Decimal("0.99999"), required=False, allow_null=True
    )


class PairEntrySerializer(serializers.Serializer):
    """A pair by hand."""

    polymarket_id = serializers.CharField(max_length=128)
    kalshi_id = serializers.CharField(max_length=128)
    inverted = serializers.BooleanField(default=False)
    settlement = serializers.ChoiceField(SETTLEMENTS, default="unknown")
    m0 = m0_field()
    note = serializers.CharField(max_length=2_000, default="", allow_blank=True)


class PairDecisionSerializer(serializers.Serializer):
    """A decision on a pair, for the digest that was read; a note is needed to reject, to suspend and against a veto."""

    decision = serializers.ChoiceField([SAME, INVERTED, REJECT, SUSPEND])
    digest = serializers.CharField(max_length=64)
    note = serializers.CharField(max_length=2_000, default="", allow_blank=True)
    settlement = serializers.ChoiceField(["", *SETTLEMENTS], default="", allow_blank=True)
    m0 = m0_field()


class Deciding(Endpoint):
    """Reads the body, does one thing, and answers with the row; a refusal by the rules is a 409 that says why."""

    scope, permission = ADMIN, APPROVE

    def read(self, kind: type[serializers.Serializer], request: Request) -> dict[str, Any]:
        """The checked body."""
        asked = kind(data=request.data)
        asked.is_valid(raise_exception=True)
        return dict(asked.validated_data)

    def row(self, rows: QuerySet, pk: Any) -> Any:
        """One row, or 404."""
        found: Model | None = rows.filter(pk=pk).first()
        if found is None:
            raise Http404
        return found


class EnterPair(Deciding):
    """Propose a pair by hand."""

    @extend_schema(request=PairEntrySerializer, responses={201: PairDetailSerializer}, tags=TAGS)
    def post(self, request: Request) -> Response:
        """A person proposes a pair; it trades after a decision only."""
        asked = self.read(PairEntrySerializer, request)
        try:
            pair = pairs.enter(
                asked.pop("polymarket_id"), asked.pop("kalshi_id"), request.user, now=timezone.now(), **asked
            )
        except pairs.PairError as error:
            raise Refused(str(error)) from error
        return Response(PairDetailSerializer(pair).data, status=201)


class DecidePair(Deciding):
    """Confirm, reject or suspend a pair."""

    @extend_schema(request=PairDecisionSerializer, responses=PairDetailSerializer, tags=TAGS)
    def post(self, request: Request, id: int) -> Response:
        """Decide on a pair as its dossier was read."""
        pair = self.row(PairDetail.queryset.all(), id)
        asked = self.read(PairDecisionSerializer, request)
        given = {"now": timezone.now(), "note": asked["note"], "shown_digest": asked["digest"]}
        try:
            if asked["decision"] in (REJECT, SUSPEND):
                end = pairs.reject if asked["decision"] == REJECT else pairs.suspend
                pair = end(pair, request.user, **given)
            else:
                inverted = asked["decision"] == INVERTED
                pair = pairs.approve(
                    pair,
                    request.user,
                    inverted=inverted,
                    settlement=asked["settlement"],
                    m0=asked.get("m0"),
                    **given,
                )
        except pairs.PairError as error:
            raise Refused(str(error)) from error
        return Response(PairDetailSerializer(pair).data)


urlpatterns = [
    path("pairs", Pairs.as_view(), name="pairs"),
    path("pairs/enter", EnterPair.as_view(), name="pair-enter"),
    path("pairs/<int:id>", PairDetail.as_view(), name="pair"),
    path("pairs/<int:id>/decision", DecidePair.as_view(), name="pair-decision"),
]

"""The kill switch and the reconciliations over the API.

Anybody with the scope `trade` and the permission `can_halt` may stop trading. Letting it go on, and accepting a
difference, need the scope `admin` and the permission `can_resume`.
"""

from typing import Any

from django.http import Http404
from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from arbsite.api import PERIOD, Cursor, Millis
from arbsite.auth import ADMIN, READ, TRADE
from arbsite.endpoints import Endpoint, ListEndpoint
from execution.halting import halts
from execution.models import MODES, Difference, Halt, Reconciliation
from execution.reconciling import reconcile
from markets.platforms.base import PLATFORMS

TAGS = ["halts and reconciliation"]
WHY = 2_000


class Refused(APIException):
    """What was asked cannot be done in the present state; nothing was changed."""

    status_code = 409
    default_code = "refused"


# --- what is read


class HaltSerializer(serializers.ModelSerializer):
    """A stop of new orders: of everything, of a platform, or of a market. Times are Unix milliseconds."""

    market_id = serializers.CharField(allow_null=True)
    created_at = Millis()
    cleared_at = Millis(allow_null=True)
    lifted_at = Millis(allow_null=True)

    class Meta:
        model = Halt
        fields = [
            "id", "platform", "market_id", "code", "why", "by", "cancel_open", "created_at", "cleared_at", "lifted_at",
            "lifted_by", "lifted_why",
        ]  # fmt: skip


class ReconciliationSerializer(serializers.ModelSerializer):
    """One comparison. `passed` is null where the platform could not be asked. Times are Unix milliseconds."""

    counts = serializers.JSONField()
    started_at = Millis()
    finished_at = Millis(allow_null=True)

    class Meta:
        model = Reconciliation
        fields = [
            "id",
            "mode",
            "platform",
            "reason",
            "passed",
            "counts",
            "error",
            "started_at",
            "finished_at",
        ]


class DifferenceSerializer(serializers.ModelSerializer):
    """Something told differently. While it is open, no new order goes to its market, or to its platform."""

    market_id = serializers.CharField(allow_null=True)
    found_at = Millis()
    seen_at = Millis()
    closed_at = Millis(allow_null=True)

    class Meta:
        model = Difference
        fields = [
            "id", "mode", "platform", "market_id", "kind", "subject", "ours", "theirs", "sentence", "repair", "found_at",
            "seen_at", "closed_at", "closed_by",
        ]  # fmt: skip


class ByStart(Cursor):
    """The last begun first."""

    ordering = "-started_at"


class ByFinding(Cursor):
    """The last found first."""

    ordering = "-found_at"


class Reconciliations(ListEndpoint):
    """Comparisons of our books with the platforms', newest first."""

    scope, permission = READ, "execution.view_reconciliation"
    queryset = Reconciliation.objects.all()
    serializer_class = ReconciliationSerializer
    pagination_class = ByStart
    filters = {
        "platform": ("platform", PLATFORMS), "mode": ("mode", MODES), "reason": ("reason", Reconciliation.REASONS),
        "passed": ("passed", bool),
    }  # fmt: skip


class Differences(ListEndpoint):
    """What differs or differed, newest first; `open=true` for those that block."""

    scope, permission = READ, "execution.view_difference"
    queryset = Difference.objects.all()
    serializer_class = DifferenceSerializer
    pagination_class = ByFinding
    filters = {
        "platform": ("platform", PLATFORMS), "mode": ("mode", MODES), "kind": ("kind", str),
        "market_id": ("market_id", str), "open": ("closed_at__isnull", bool),
    }  # fmt: skip


# --- what is done


class WhySerializer(serializers.Serializer):
    """A reason, for those who read it later."""

    why = serializers.CharField(max_length=WHY)


class HaltEntrySerializer(WhySerializer):
    """Where to stop: a market, a platform, or (neither) everything."""

    platform = serializers.ChoiceField(["", *PLATFORMS], default="", allow_blank=True)
    market_id = serializers.CharField(max_length=128, default="", allow_blank=True)
    cancel_open = serializers.BooleanField(default=True)


class Halts(ListEndpoint):
    """Halts, newest first; `standing=true` for those that are not lifted. A POST stops trading."""

    queryset = Halt.objects.all()
    serializer_class = HaltSerializer
    filters = {
        "platform": ("platform", PLATFORMS), "market_id": ("market_id", str), "code": ("code", str),
        "standing": ("lifted_at__isnull", bool), **PERIOD,
    }  # fmt: skip

    @property
    def scope(self) -> str:  # type: ignore[override]
        """Reading needs less than stopping."""
        return TRADE if self._stops() else READ

    @property
    def permission(self) -> str:  # type: ignore[override]
        """Reading needs less than stopping."""
        return "execution.can_halt" if self._stops() else "execution.view_halt"

    def _stops(self) -> bool:
        return getattr(self.request, "method", "GET") == "POST"

    @extend_schema(request=HaltEntrySerializer, responses={201: HaltSerializer}, tags=TAGS)
    def post(self, request: Request) -> Response:
        """Stop new orders; open ones are cancelled by the executor unless `cancel_open` is false."""
        asked = checked(HaltEntrySerializer, request)
        try:
            halt = halts.halt(
                asked["why"], by=request.user.get_username(), now=timezone.now(), platform=asked["platform"],
                market_id=asked["market_id"], cancel_open=asked["cancel_open"],
            )  # fmt: skip
        except halts.HaltError as error:
            raise ValidationError(str(error)) from error
        return Response(HaltSerializer(halt).data, status=201)


class Resume(Endpoint):
    """Lift one halt."""

    scope, permission = ADMIN, "execution.can_resume"

    @extend_schema(request=WhySerializer, responses=HaltSerializer, tags=TAGS)
    def post(self, request: Request, id: int) -> Response:
        """Let trading go on; another halt of the same place keeps standing."""
        halt = Halt.objects.filter(pk=id).first()
        if halt is None:
            raise Http404
        asked = checked(WhySerializer, request)
        try:
            if not halts.resume([halt], request.user, asked["why"], now=timezone.now()):
                raise Refused("The halt is lifted already.")
        except halts.NotPermitted as error:
            raise PermissionDenied(str(error)) from error
        except halts.HaltError as error:
            raise Refused(str(error)) from error
        return Response(HaltSerializer(halt).data)


class AcceptDifference(Endpoint):
    """Take the platform's word for one difference."""

    scope, permission = ADMIN, "execution.can_resume"

    @extend_schema(request=WhySerializer, responses=DifferenceSerializer, tags=TAGS)
    def post(self, request: Request, id: int) -> Response:
        """Set our books to what the platform says, and stop blocking."""
        row = Difference.objects.filter(pk=id).first()
        if row is None:
            raise Http404
        asked = checked(WhySerializer, request)
        try:
            row = reconcile.accept(row, request.user, asked["why"], now=timezone.now())
        except reconcile.CannotAccept as error:
            raise Refused(str(error)) from error
        return Response(DifferenceSerializer(row).data)


def checked(kind: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    """The checked body."""
    asked = kind(data=request.data)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)


urlpatterns = [
    path("halts", Halts.as_view(), name="halts"),
    path("halts/<int:id>/resume", Resume.as_view(), name="halt-resume"),
    path("reconciliations", Reconciliations.as_view(), name="reconciliations"),
    path("differences", Differences.as_view(), name="differences"),
    path("differences/<int:id>/accept", AcceptDifference.as_view(), name="difference-accept"),
]

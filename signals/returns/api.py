"""How markets move together, over the API."""

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from arbsite.api import Cursor, Millis
from arbsite.auth import READ
from arbsite.endpoints import Endpoint, ListEndpoint
from signals.models import MarketCorrelation
from signals.returns import heat

MOST_CELLS = 60
KINDS = ("market", "asset", "category", "event")


class CorrelationSerializer(serializers.ModelSerializer):
    """How two series move together; `beta` is two's change of log-odds for one of one's. Times are Unix milliseconds."""

    computed_at = Millis()

    class Meta:
        model = MarketCorrelation
        fields = ["one", "two", "clock_seconds", "rho", "lower", "upper", "samples", "beta", "computed_at"]


class ByKey(Cursor):
    """In the order they were first seen: it does not change while somebody pages through it."""

    ordering = "id"


class Correlations(ListEndpoint):
    """Pairs of series, and members of groups (`one` is `group:corr:…`)."""

    scope, permission = READ, "signals.view_marketcorrelation"
    queryset = MarketCorrelation.objects.all()
    serializer_class = CorrelationSerializer
    pagination_class = ByKey
    filters = {"one": ("one", str), "two": ("two", str)}


class CorrelationMatrix(Endpoint):
    """A heat map's figures."""

    scope, permission = READ, "signals.view_marketcorrelation"

    @extend_schema(
        responses=OpenApiTypes.OBJECT,
        parameters=[
            OpenApiParameter("of", str, enum=KINDS, description="which series; markets unless said"),
            OpenApiParameter("most", int, description=f"how many, 2 to {MOST_CELLS}; 20 unless said"),
        ],
    )
    def get(self, request: Request) -> Response:
        """The series that are tied most; `rho` is null where too few samples are known."""
        asked = request.query_params
        errors = {name: ["This parameter is unknown here."] for name in asked if name not in ("of", "most")}
        kind = asked.get("of", "market")
        if kind not in KINDS:
            errors["of"] = [f"Must be one of {', '.join(KINDS)}."]
        text = asked.get("most", "20")
        if not (text.isascii() and text.isdigit() and len(text) < 4 and 2 <= int(text) <= MOST_CELLS):
            errors["most"] = [f"Must be a whole number from 2 to {MOST_CELLS}."]
        if errors:
            raise ValidationError(errors)
        return Response(heat.document(kind, int(text)))


urlpatterns = [
    path("correlations", Correlations.as_view(), name="correlations"),
    path("correlations/matrix", CorrelationMatrix.as_view(), name="correlation-matrix"),
]

"""How markets move together, over the API."""

from collections.abc import Sequence
from typing import Any

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
from markets.models import Market
from signals.models import MarketCorrelation
from signals.returns import hedging, matrix, stored

MOST_CELLS = 60
KINDS = ("market", "asset", "category", "event")
STEP = 6  # decimals of a correlation


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
        return Response(document(kind, int(text)))


def document(kind: str, most: int, *, beside: Sequence[str] = ()) -> dict[str, Any]:
    """The matrix of one kind of series, with the words that people know them by; `beside` some of them where given.

    Then what is tied to these is shown with them, as far as there is room.
    """
    rows = MarketCorrelation.objects.filter(one__startswith=f"{kind}:", two__startswith=f"{kind}:")
    pairs = [stored.value_of(row) for row in rows]
    if beside:
        pairs = [pair for pair in pairs if {pair.one, pair.two} & set(beside)]
        near = [name for pair in pairs if pair.sure for name in (pair.one, pair.two)]
        found = matrix.of([stored.value_of(row) for row in rows], most=most, only=[*beside, *near])
    else:
        found = matrix.of(pairs, most=most)
    return {
        "of": kind,
        "names": list(found.names),
        "labels": labels(found.names),
        "rho": [[None if cell is None else round(cell, STEP) for cell in line] for line in found.rho],
        "sure": [list(line) for line in found.sure],
    }


def labels(names: tuple[str, ...]) -> list[str]:
    """What people call these series: a market's question, or the name without its kind."""
    keys = {name: hedging.key_of(name) for name in names}
    questions = dict(
        Market.objects.filter(id__in=[key[1] for key in keys.values() if key is not None]).values_list(
            "id", "question"
        )
    )
    return [
        (questions.get(key[1]) or key[1]) if (key := keys[name]) is not None else name.partition(":")[2]
        for name in names
    ]


urlpatterns = [
    path("correlations", Correlations.as_view(), name="correlations"),
    path("correlations/matrix", CorrelationMatrix.as_view(), name="correlation-matrix"),
]

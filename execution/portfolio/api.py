"""The portfolio over the API: summary, equity curve, exposure, calendar, what a wallet could do, and early exits."""

from datetime import datetime, timedelta
from typing import Any

from django.urls import path
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from arbsite.api import PERIOD, Millis, asked
from arbsite.auth import READ, TRADE
from arbsite.endpoints import Endpoint, ListEndpoint
from execution.by_hand.doors import TellsRefused
from execution.limits import Refusal
from execution.models import MODES, ExitOffer
from execution.plans import exits
from execution.portfolio import actions, calendar, equity, exposure
from execution.portfolio import services as portfolio

MODE = OpenApiParameter(
    "mode", str, enum=MODES, description="paper, sandbox or live; the current one unless said"
)
SPAN = [OpenApiParameter(name, datetime, required=False) for name in ("since", "until")]


class Refused(APIException):
    """What is asked for is not possible now: the refusal's own code and sentence."""

    status_code = status.HTTP_409_CONFLICT

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.sentence, code=refusal.code)


class View(Endpoint):
    """A document of one mode."""

    scope, permission = READ, "execution.view_position"

    def asked(self, request: Request, **others: Any) -> dict[str, Any]:
        """The query's parameters, `mode` among them. Raises ValidationError for what is wrong or unknown."""
        return {"mode": portfolio.trading_mode(), **asked(request, {"mode": MODES, **others})}


def in_millis(document: Any) -> Any:
    """The document with its times as Unix milliseconds."""
    if isinstance(document, dict):
        return {name: in_millis(value) for name, value in document.items()}
    if isinstance(document, list | tuple):
        return [in_millis(value) for value in document]
    return Millis().to_representation(document) if isinstance(document, datetime) else document


class PortfolioSummary(View):
    """What we hold, what it is worth and what was earned, in dollars."""

    @extend_schema(responses=OpenApiTypes.OBJECT, parameters=[MODE])
    def get(self, request: Request) -> Response:
        """The portfolio as of now; every sum holds as shown, to the cent."""
        asked = self.asked(request)
        return Response(in_millis(portfolio.summary(now=timezone.now(), mode=asked["mode"])))


class Equity(View):
    """The equity curve."""

    @extend_schema(responses=OpenApiTypes.OBJECT, parameters=[MODE, *SPAN])
    def get(self, request: Request) -> Response:
        """At most 400 points of a period, by default of the last 30 days. `profit` leaves deposits out."""
        now = timezone.now()
        asked = self.asked(request, since=datetime, until=datetime)
        until = asked.get("until", now)
        since = asked.get("since", until - timedelta(days=30))
        if since >= until:
            raise ValidationError({"since": ["Must be before `until`."]})
        points = [
            {
                "at": one.at,
                "cash": one.cash,
                "positions": one.positions,
                "equity": one.equity,
                "profit": one.profit,
            }
            for one in equity.curve(asked["mode"], since, until)
        ]
        return Response(in_millis({"mode": asked["mode"], "since": since, "until": until, "points": points}))


class Exposure(View):
    """What is at stake by platform, market, bet, group and settlement date."""

    @extend_schema(responses=OpenApiTypes.OBJECT, parameters=[MODE])
    def get(self, request: Request) -> Response:
        """Each view adds up to `total`, to the cent."""
        asked = self.asked(request)
        return Response(in_millis(exposure.look(asked["mode"], timezone.now()).as_json()))


class Calendar(View):
    """When locked capital comes free."""

    @extend_schema(responses=OpenApiTypes.OBJECT, parameters=[MODE])
    def get(self, request: Request) -> Response:
        """By day: `sure` comes in every state, `most` in the best; `kind` says how sure the day is."""
        asked = self.asked(request)
        return Response(in_millis(calendar.look(asked["mode"], timezone.now()).as_json()))


class Actions(View):
    """Merges, redeems and conversions that would free money now, with the prepared request of each."""

    @extend_schema(responses=OpenApiTypes.OBJECT, parameters=[MODE])
    def get(self, request: Request) -> Response:
        """What frees most comes first; nothing is sent from here."""
        asked = self.asked(request)
        return Response(
            {"mode": asked["mode"], "actions": [one.as_json() for one in actions.look(asked["mode"])]}
        )


class ExitOfferSerializer(serializers.ModelSerializer):
    """An offer to leave a bet early. `payoff` is given up, `proceeds` come today, `worth` is what waiting is worth."""

    bet_id = serializers.CharField()
    bet_name = serializers.CharField(source="bet.name")
    payoff = serializers.DecimalField(max_digits=20, decimal_places=8, source="size")
    legs = serializers.JSONField()
    plan_id = serializers.CharField(allow_null=True)
    created_at = Millis()
    seen_at = Millis()

    class Meta:
        model = ExitOffer
        fields = [
            "id", "mode", "bet_id", "bet_name", "status", "payoff", "proceeds", "worth", "legs", "plan_id", "created_at",
            "seen_at",
        ]  # fmt: skip


class Exits(ListEndpoint):
    """Offers to leave a bet early, newest first."""

    scope, permission = READ, "execution.view_position"
    queryset = ExitOffer.objects.select_related("bet")
    serializer_class = ExitOfferSerializer
    filters = {
        "mode": ("mode", MODES),
        "status": ("status", ExitOffer.STATUSES),
        "bet_id": ("bet_id", str),
        **PERIOD,
    }


class TakenSerializer(serializers.Serializer):
    """The plan that leaves the bet."""

    plan_id = serializers.CharField()
    offer_id = serializers.CharField()
    status = serializers.CharField()


class TakeExit(TellsRefused):
    """Take an offer: the executor sells its legs."""

    scope, permission = TRADE, "execution.can_trade"

    @extend_schema(
        request=None, responses={202: TakenSerializer, 404: OpenApiTypes.OBJECT, 409: OpenApiTypes.OBJECT}
    )
    def post(self, request: Request, id: str) -> Response:
        """202 with the plan; 404 for no such offer; 409 with a code where the books, a halt or a limit forbid it."""
        taken = exits.take(id, request.user.get_username(), timezone.now())
        if isinstance(taken, Refusal):
            if taken.code == exits.UNKNOWN_OFFER:
                raise NotFound(taken.sentence, code=taken.code)
            raise Refused(taken)
        return Response(
            {"plan_id": taken.id, "offer_id": id, "status": taken.status}, status=status.HTTP_202_ACCEPTED
        )


urlpatterns = [
    path("portfolio/summary", PortfolioSummary.as_view(), name="portfolio-summary"),
    path("portfolio/equity", Equity.as_view(), name="portfolio-equity"),
    path("portfolio/exposure", Exposure.as_view(), name="portfolio-exposure"),
    path("portfolio/calendar", Calendar.as_view(), name="portfolio-calendar"),
    path("portfolio/actions", Actions.as_view(), name="portfolio-actions"),
    path("exits", Exits.as_view(), name="exits"),
    path("exits/<str:id>/take", TakeExit.as_view(), name="exit-take"),
]

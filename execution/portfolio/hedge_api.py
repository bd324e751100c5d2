"""Hedges over the API."""

from django.urls import path
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from execution.portfolio import hedging
from execution.portfolio.api import MODE, View, in_millis


class Hedges(View):
    """What would offset our open positions, and at what cost."""

    @extend_schema(responses=OpenApiTypes.OBJECT, parameters=[MODE])
    def get(self, request: Request) -> Response:
        """Exact hedges first, then those by correlation that surely take a tenth of the variance. Nothing is sent."""
        asked = self.asked(request)
        return Response(in_millis(hedging.look(asked["mode"], timezone.now()).as_json()))


urlpatterns = [path("portfolio/hedges", Hedges.as_view(), name="portfolio-hedges")]

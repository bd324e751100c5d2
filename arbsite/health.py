"""Is it alive: `/health*` for balancers and probes, and the building blocks of `/status`.

A probe answers 200 or 503, never 500: a lost database is exactly what it is asked about. It is open to everybody, so
it names parts and counts, nothing more.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from kombu.exceptions import KombuError
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from arbsite.celery import QUEUES, app
from arbsite.connections import REDIS_GONE, redis_client
from arbsite.exact_json import ExactJSONRenderer

log = logging.getLogger(__name__)
DATABASE_GONE = (OperationalError, InterfaceError)


class Unwell(Exception):
    """A part is not as it should be; the message is safe to show to anybody."""

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.fields = fields


def database_answers() -> None:
    """Ask the database for nothing. Raises Unwell."""
    try:
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DATABASE_GONE as error:
        log.warning("health: the database is away: %s", type(error).__name__)
        connection.close()
        raise Unwell("database unreachable") from error


def redis_answers() -> None:
    """Ping Redis. Raises Unwell."""
    try:
        redis_client().ping()
    except REDIS_GONE as error:
        log.warning("health: Redis is away: %s", type(error).__name__)
        raise Unwell("redis unreachable") from error


def queue_depths() -> dict[str, int]:
    """Messages that wait in each Celery queue, whichever the broker. Raises Unwell where it cannot be asked."""
    try:
        with app.connection_for_read() as link:
            link.ensure_connection(max_retries=1, interval_start=0, timeout=3)
            return {queue: _depth(link, queue) for queue in QUEUES}
    except (*app.connection_for_read().recoverable_connection_errors, KombuError, *REDIS_GONE) as error:
        log.warning("health: the broker is away: %s", type(error).__name__)
        raise Unwell("broker unreachable") from error


def _depth(link: Any, queue: str) -> int:
    channel = link.channel()
    try:
        return int(channel.queue_declare(queue=queue, passive=True).message_count)
    except link.channel_errors:  # nobody has declared it yet
        return 0
    finally:
        channel.close()


# --- parts: the gateway here, the others from the apps above


Look = Callable[[], dict[str, Any]]
HEALTHY, UNHEALTHY = "healthy", "unhealthy"
parts: dict[str, Look] = {}


def add_part(name: str, look: Look) -> None:
    """Make `/health/NAME` ask `look` for the part's fields; it raises Unwell where something is wrong."""
    parts[name] = look


def gateway() -> dict[str, Any]:
    """The web server with what it stands on: the database and Redis."""
    problems = []
    for ask in (database_answers, redis_answers):
        try:
            ask()
        except Unwell as unwell:
            problems.append(str(unwell))
    if problems:
        raise Unwell(", ".join(problems))
    return {}


add_part("gateway", gateway)


def report(look: Look) -> dict[str, Any]:
    """What a part says of itself as `status`, its fields, and `problems` where it has some; never raises for a loss."""
    try:
        return {"status": HEALTHY, **look()}
    except Unwell as unwell:
        return {"status": UNHEALTHY, "problems": [str(unwell)], **unwell.fields}
    except DATABASE_GONE as error:
        log.warning("health: the database is away: %s", type(error).__name__)
        connection.close()
        return {"status": UNHEALTHY, "problems": ["database unreachable"]}
    except REDIS_GONE as error:
        log.warning("health: Redis is away: %s", type(error).__name__)
        return {"status": UNHEALTHY, "problems": ["redis unreachable"]}


def trading_mode() -> str:
    """How orders are carried out."""
    return str(settings.ARBSITE.trading.mode)


class HealthSerializer(serializers.Serializer):
    """A probe's answer; a part adds fields of its own (`last_update`, `queue_depth`, `open_orders`)."""

    status = serializers.ChoiceField([HEALTHY, UNHEALTHY])
    problems = serializers.ListField(child=serializers.CharField(), required=False)


class Probe(APIView):
    """The base of a probe: 200 and `healthy`, or 503 and why."""

    authentication_classes: Sequence[Any] = []
    permission_classes: Sequence[Any] = []  # open on purpose
    renderer_classes = [ExactJSONRenderer]

    def answer(self, look: Look) -> Response:
        """A part's report with the status that balancers read."""
        found = report(look)
        return Response(found, status=200 if found["status"] == HEALTHY else 503)


DESCRIBED = extend_schema(responses={200: HealthSerializer, 503: HealthSerializer}, auth=[])


class Live(Probe):
    """The process answers; nothing else is asked, so a lost database restarts no web server."""

    @DESCRIBED
    def get(self, request: Request) -> Response:
        """Always healthy."""
        return self.answer(dict)


class Ready(Probe):
    """The web server can serve: the database and Redis answer."""

    @DESCRIBED
    def get(self, request: Request) -> Response:
        """The gateway's health."""
        return self.answer(gateway)


class Part(Probe):
    """One part: gateway, fetcher, analyzer or executor."""

    @extend_schema(
        operation_id="health_part", responses={200: HealthSerializer, 503: HealthSerializer}, auth=[]
    )
    def get(self, request: Request, part: str) -> Response:
        """The part's health and its own fields."""
        if part not in parts:
            raise NotFound(f"There is no such part; there are {', '.join(parts)}.")
        return self.answer(parts[part])


def addresses(**options: Any) -> list[URLPattern]:
    """The probes' addresses; `options` are the views' own (`schema=None` leaves them out of the API description)."""
    return [
        path("health", Ready.as_view(**options)),
        path("health/live", Live.as_view(**options)),
        path("health/ready", Ready.as_view(**options)),
        path("health/<str:part>", Part.as_view(**options)),
    ]

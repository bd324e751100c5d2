"""Is it alive: `/health*` for balancers and probes, and the building blocks of `/status`.

A probe answers 200 or 503, never 500: a lost database is exactly what it is asked about. It is open to everybody, so
it names parts and counts, nothing more.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from django.db import InterfaceError, OperationalError, connection
from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
from kombu.exceptions import KombuError
from rest_framework import serializers
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


class Health(APIView):
    """The base of a probe: `look` returns its fields or raises Unwell."""

    authentication_classes: Sequence[Any] = []
    permission_classes: Sequence[Any] = []  # open on purpose
    renderer_classes = [ExactJSONRenderer]

    def look(self) -> dict[str, Any]:
        """What the part reports besides its status."""
        return {}

    def get(self, request: Request) -> Response:
        """200 and `healthy`, or 503 and why."""
        try:
            return Response({"status": "healthy", **self.look()})
        except Unwell as unwell:
            answer = {"status": "unhealthy", "problems": [str(unwell)], **unwell.fields}
            return Response(answer, status=503)
        except DATABASE_GONE as error:
            log.warning("health: the database is away: %s", type(error).__name__)
            return Response({"status": "unhealthy", "problems": ["database unreachable"]}, status=503)
        except REDIS_GONE as error:
            log.warning("health: Redis is away: %s", type(error).__name__)
            return Response({"status": "unhealthy", "problems": ["redis unreachable"]}, status=503)


def probe(name: str, **fields: serializers.Field) -> Callable[[type[Health]], type[Health]]:
    """Describe a probe's answer in the API description."""
    shape = inline_serializer(f"{name}Health", {"status": serializers.CharField(), **fields})
    unwell = inline_serializer(
        f"{name}Unhealthy", {"status": serializers.CharField(), "problems": serializers.ListField(child=serializers.CharField())}
    )
    return extend_schema(responses={200: shape, 503: OpenApiResponse(unwell)}, auth=[])


@probe("Gateway")
class Gateway(Health):
    """The web server with what it stands on: the database and Redis."""

    def look(self) -> dict[str, Any]:
        """Nothing besides the status."""
        problems = []
        for ask in (database_answers, redis_answers):
            try:
                ask()
            except Unwell as unwell:
                problems.append(str(unwell))
        if problems:
            raise Unwell(", ".join(problems))
        return {}

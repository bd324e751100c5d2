"""`POST /webhook/whale` (the specification's 6.4): for senders of one's own. Whale Alert itself sends no webhooks.

An API key with the scope `ingest` says who it is. Where WHALES_WEBHOOK_SECRETS is set the message must be signed as well,
and each nonce counts once: a message that was seen on its way cannot be sent again.
"""

import hashlib
import time
from typing import Any

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed, ParseError, UnsupportedMediaType, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from arbsite import keys
from arbsite.auth import HEADER, INGEST, ApiKeyAuthentication, ApiKeyScheme, proven
from arbsite.connections import REDIS_GONE, redis_client
from arbsite.endpoints import Endpoint
from arbsite.exact_json import MAX_BODY_BYTES, TooLarge, decode
from arbsite.models import ApiKey
from arbsite.problems import Unavailable
from signals.normalize import Wrong
from signals.normalize_api import WhaleEventSerializer
from signals.sources.whales import signing, webhook

KEY_HEADER = "X-API-Key"
TIMESTAMP, NONCE, SIGNATURE = "X-Webhook-Timestamp", "X-Webhook-Nonce", "X-Webhook-Signature"
SIGNED_HEADERS = [
    OpenApiParameter(TIMESTAMP, str, OpenApiParameter.HEADER, description="Unix seconds, within 300 s of now"),
    OpenApiParameter(NONCE, str, OpenApiParameter.HEADER, description="8 to 128 characters, never used before"),
    OpenApiParameter(
        SIGNATURE, str, OpenApiParameter.HEADER,
        description="sha256=HEX, the HMAC-SHA256 of timestamp.nonce.body; needed where WHALES_WEBHOOK_SECRETS is set",
    ),
]  # fmt: skip


class WebhookKeyAuthentication(ApiKeyAuthentication):
    """The specification's `X-API-Key` header; our usual one works too. No session and no token opens a webhook."""

    def authenticate(self, request: Request) -> tuple[Any, ApiKey] | None:
        """The key's user and the key; None without a header. Raises AuthenticationFailed."""
        text = request.headers.get(KEY_HEADER)
        return super().authenticate(request) if text is None else proven(text)

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return f'ApiKey realm="arbsite", header="{KEY_HEADER}" or "{HEADER}"'


class WebhookKeyScheme(ApiKeyScheme):
    """How the API description names the key header of webhooks."""

    target_class = "signals.sources.whales.webhook_api.WebhookKeyAuthentication"
    name = "webhookKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """An OpenAPI security scheme."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": KEY_HEADER,
            "description": "prefix.secret, scope ingest",
        }


class WhaleWebhook(Endpoint):
    """Take one transfer, in the specification's shape or Whale Alert's own."""

    scope, permission = INGEST, "signals.add_whalealert"
    authentication_classes = [WebhookKeyAuthentication]

    @extend_schema(
        request=WhaleEventSerializer, parameters=SIGNED_HEADERS, tags=["webhook"],
        responses=inline_serializer(
            "Accepted", {"status": serializers.CharField(), "alert_id": serializers.IntegerField()}
        ),
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Store a transfer. The same one again is answered with the same id."""
        body = raw_body(request)
        check_signature(request, body)
        if signing.depth(body) > signing.MOST_DEPTH:
            raise ParseError(f"The body is nested more than {signing.MOST_DEPTH} deep.")
        try:
            payload = decode(body)
        except ValueError as error:
            raise ParseError(f"Malformed JSON: {error}.") from None
        if not isinstance(payload, dict):
            raise ParseError("The body must be one JSON object.")
        try:
            alert_id = webhook.accept(payload, sender=request.user.get_username(), now=timezone.now())
        except Wrong as error:
            raise ValidationError({name: [sentence] for name, sentence in error.errors.items()}) from None
        return Response({"status": "accepted", "alert_id": alert_id})


def raw_body(request: Request) -> bytes:
    """The bytes as they came, before anything reads them. Raises TooLarge, UnsupportedMediaType."""
    if (request.content_type or "").split(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType(str(request.content_type)[:80])
    body: bytes = request._request.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge
    return body


def check_signature(request: Request, body: bytes) -> None:
    """Where secrets are set: signed by one of them, now, and never before. Raises AuthenticationFailed, Unavailable."""
    secrets = webhook.secrets()
    if not secrets:
        return
    nonce = request.headers.get(NONCE, "")
    try:
        signing.check(
            secrets, timestamp=request.headers.get(TIMESTAMP, ""), nonce=nonce,
            signature=request.headers.get(SIGNATURE, ""), body=body, now=time.time(),
        )  # fmt: skip
    except signing.BadSignature as error:
        raise AuthenticationFailed(str(error), code="bad_signature") from None
    name = keys.webhook_nonce(hashlib.sha256(f"{request.user.pk}.{nonce}".encode()).hexdigest())
    try:
        first = redis_client().set(name, b"1", nx=True, ex=keys.WEBHOOK_NONCE_TTL)
    except REDIS_GONE as error:
        raise Unavailable("Nonces cannot be checked at the moment; send it again.") from error
    if not first:
        raise AuthenticationFailed("This nonce was used before.", code="replayed")


urlpatterns = [path("webhook/whale", WhaleWebhook.as_view(), name="webhook-whale")]

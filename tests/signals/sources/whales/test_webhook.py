"""`POST /webhook/whale`: keys, signatures, replays, hostile bodies, and the same transfer twice."""

import json
import time
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.utils import timezone
from pydantic import SecretStr
from redis.exceptions import ConnectionError as RedisGone

from arbsite import keys
from arbsite.models import Notice
from signals import subagents
from signals.models import WhaleAlert
from signals.sources.whales import defaults, signing, storing, webhook, webhook_api
from tests.arbsite.callers import key, user

URL = "/api/v1/webhook/whale"
NOW = datetime.now(UTC)
PERMISSION = "signals.add_whalealert"
EVENT = {
    "event_type": "whale_alert", "timestamp": int(NOW.timestamp() * 1000) - 60_000, "transaction_hash": "0xabc123",
    "block_number": 18500000, "from_address": "0x1234", "to_address": "0x8765", "token_symbol": "USDC",
    "amount": 5000000.01, "direction": "INFLOW", "exchange": "binance", "category": "exchange", "sentiment_score": 0.75,
    "related_markets": ["election-2024"], "source": "whale_alert_api",
}  # fmt: skip


@pytest.fixture(autouse=True)
def tables(db, redis, monkeypatch):
    defaults.ensure(NOW)
    monkeypatch.setattr(storing, "links_of", lambda asset, now: [])


@pytest.fixture
def headers(db):
    return {"X-API-Key": key(user("sender", PERMISSION), "ingest")["X-Clawdbot-Key"]}


@pytest.fixture
def secrets(monkeypatch):
    monkeypatch.setattr(webhook, "secrets", lambda: ["new-secret", "old-secret"])


def post(client, headers, body=EVENT, **more):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(URL, raw, more.pop("content_type", "application/json"), headers={**headers, **more})


def signed(raw, secret="new-secret", nonce="nonce-0001", at=None):
    at = int(time.time()) if at is None else at
    return {
        "X-Webhook-Timestamp": str(at), "X-Webhook-Nonce": nonce,
        "X-Webhook-Signature": signing.sign(secret, at, nonce, raw),
    }  # fmt: skip


def test_a_transfer_is_accepted_stored_and_told(client, headers, redis):
    response = post(client, headers)
    row = WhaleAlert.objects.get()
    assert response.status_code == 200 and response.json() == {"status": "accepted", "alert_id": row.pk}
    assert (row.direction, row.exchange, row.amount) == ("INFLOW", "binance", Decimal("5000000.01"))
    assert (row.transaction_hash, row.source, row.asset) == ("0xabc123", "webhook", "USDC")
    assert row.related_markets == [] and row.sentiment_score != Decimal(
        "0.75"
    )  # what it claims of itself does not count
    assert redis.xlen(keys.WHALE_STREAM) == 1
    assert not Notice.objects.exists()
    subagents.watch(now=timezone.now())
    assert Notice.objects.get(kind="large_transaction").severity == "HIGH"


def test_the_same_again_is_the_same_with_and_without_the_filter(client, headers, redis):
    first = post(client, headers).json()
    assert post(client, headers).json() == first
    redis.delete(*redis.keys("whale:seen:*"))
    assert post(client, headers).json() == first and WhaleAlert.objects.count() == 1


def test_whale_alerts_own_shape_is_read_too(client, headers):
    raw = {
        "blockchain": "ethereum", "symbol": "usdc", "hash": "AB12", "from": {"owner_type": "exchange", "owner": "Kraken"},
        "to": {"address": "0xBB", "owner_type": "unknown"}, "timestamp": EVENT["timestamp"] // 1000, "amount": 1,
        "amount_usd": 700000,
    }  # fmt: skip
    assert post(client, headers, raw).status_code == 200
    row = WhaleAlert.objects.get()
    assert (row.direction, row.exchange, row.amount) == ("OUTFLOW", "kraken", 700_000)


def test_a_small_one_is_stored_since_its_sender_wants_it(client, headers):
    assert post(client, headers, {**EVENT, "amount": 10}).status_code == 200
    subagents.watch(now=timezone.now())
    assert not Notice.objects.exists()


def test_a_defi_transfer_keeps_its_category(client, headers):
    post(client, headers, {**EVENT, "direction": "NEUTRAL", "exchange": None, "category": "defi"})
    assert WhaleAlert.objects.get().category == "defi"


def test_a_key_needs_scope_and_permission(client):
    assert post(client, {}).status_code == 401
    assert post(client, {"X-API-Key": "wrong.key"}).status_code == 401
    assert post(client, key(user("a", PERMISSION), "read", "trade", "admin")).status_code == 403
    assert post(client, key(user("b"), "ingest")).status_code == 403
    assert not WhaleAlert.objects.exists()


def test_a_session_opens_no_webhook(client):
    client.force_login(user("root", is_superuser=True))
    assert post(client, {}).status_code == 401


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"amount": -1}, "raw_data.amount"), ({"token_symbol": ""}, "raw_data.token_symbol"),
        ({"timestamp": "soon"}, "raw_data.timestamp"), ({"direction": "UP"}, "raw_data.direction"),
        ({"timestamp": int(time.time() * 1000) + 3_600_000}, "timestamp"),
        ({"from_address": "\u202e"}, "raw_data.from_address"),
        ({"token_symbol": "x" * 17}, "raw_data.token_symbol"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(client, headers, fields, named):
    response = post(client, headers, {**EVENT, **fields})
    assert response.status_code == 400 and named in {
        name.replace("raw_data.amount", named) for name in response.json()["errors"]
    }
    assert not WhaleAlert.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 415), (b"[]", 400), (b"7", 400), (b"nonsense", 400), (b"[" * 5_000, 400), (b'{"a":' * 5_000 + b"1", 400),
        (b'{"a": NaN}', 400), (b'{"a": 1, "a": 2}', 400), (b" " * 300_000, 413), (b"x" * 10_000_000, 413), (b"\xff", 400),
    ],
    ids=range(11),
)  # fmt: skip
def test_hostile_bodies(client, headers, body, status):
    assert post(client, headers, body).status_code == status


def test_another_content_type(client, headers):
    assert post(client, headers, content_type="text/plain").status_code == 415


# --- signatures


def test_signed_by_any_of_the_secrets(client, headers, secrets):
    raw = json.dumps(EVENT).encode()
    for number, secret in enumerate(("new-secret", "old-secret")):
        assert post(client, headers, raw, **signed(raw, secret, f"nonce-{number:04}")).status_code == 200


def test_unsigned_altered_late_and_replayed_are_refused(client, headers, secrets):
    raw = json.dumps(EVENT).encode()
    now = int(time.time())
    good = signed(raw)
    refused = [
        (raw, {}), (raw + b" ", good), (raw, {**good, "X-Webhook-Nonce": "nonce-0002"}),
        (raw, {**good, "X-Webhook-Timestamp": str(now - 1)}), (raw, signed(raw, "stolen")),
        (raw, signed(raw, at=now - 301)),
        (raw, signed(raw, at=now + 310)), (raw, {**good, "X-Webhook-Signature": good["X-Webhook-Signature"][7:]}),
        (raw, {**good, "X-Webhook-Signature": ""}), (raw, signed(raw, nonce="short")),
        (raw, signed(raw, nonce="a.b.c.d.e.f")),
        (raw, {**good, "X-Webhook-Timestamp": "1e9"}), (raw, {**good, "X-Webhook-Timestamp": "9" * 30}),
    ]  # fmt: skip
    for body, sent in refused:
        response = post(client, headers, body, **sent)
        assert (response.status_code, response.json()["code"]) == (401, "bad_signature"), sent
    assert post(client, headers, raw, **good).status_code == 200
    replayed = post(client, headers, raw, **good)
    assert (replayed.status_code, replayed.json()["code"]) == (401, "replayed")


def test_a_nonce_is_remembered_longer_than_its_timestamp_counts(client, headers, secrets, redis):
    raw = json.dumps(EVENT).encode()
    post(client, headers, raw, **signed(raw))
    (name,) = redis.keys("webhook:nonce:*")
    assert redis.ttl(name) > signing.TOLERANCE_SECONDS + 200


def test_without_the_memory_of_nonces_nothing_is_taken(client, headers, secrets, monkeypatch):
    class Away:
        def set(self, *args, **kwargs):
            raise RedisGone("away")

    monkeypatch.setattr(webhook_api, "redis_client", Away)
    raw = json.dumps(EVENT).encode()
    assert post(client, headers, raw, **signed(raw)).status_code == 503
    assert not WhaleAlert.objects.exists()


def test_secrets_come_from_the_settings(monkeypatch):
    whales = SimpleNamespace(webhook_secrets=SecretStr(" a , ,b"))
    monkeypatch.setattr(webhook, "settings", SimpleNamespace(ARBSITE=SimpleNamespace(whales=whales)))
    assert webhook.secrets() == ["a", "b"]


def test_the_depth_of_a_text_that_never_ends_is_found_at_once():
    began = time.process_time()
    assert signing.depth(b'"' + b'\\"' * 100_000) == 0
    assert time.process_time() - began < 1


def test_depth_looks_through_texts():
    assert signing.depth(b'{"a": "[[[[[\\"[["}') == 1
    assert signing.depth(b"[[{}]]") == 3 and signing.depth(b"") == 0

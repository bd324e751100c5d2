"""Who is let in: the four refusals, public paths, the handshake, token buckets."""

import uuid
from collections.abc import Iterator

import pytest
import websocket
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from markets.sandbox.clock import ManualClock
from markets.sandbox.context import KalshiAccount
from markets.sandbox.keys import Keys, make_keys
from tests.markets.sandbox.kalshi.rig import BOB, Rig, rig, signed

PATH = "/trade-api/v2/portfolio/orders"
START = 1_795_000_000_000


@pytest.fixture(scope="module")
def place() -> Iterator[Rig]:
    with rig(clock=ManualClock(START)) as made:
        yield made


def refused(place: Rig, headers: dict[str, str]) -> dict[str, str]:
    """The refusal of a request with these headers."""
    answer = place.client().session.get(
        place.running.urls["kalshi_rest"] + "/portfolio/orders", headers=headers
    )
    assert answer.status_code == 401
    return answer.json()["error"]


def test_the_four_refusals(place: Rig) -> None:
    keys = place.running.keys
    good = signed(keys, "GET", PATH, START)
    assert refused(place, {})["code"] == "signature_is_missing_from_headers"
    for wrong in (
        signed(keys, "POST", PATH, START),
        signed(keys, "GET", PATH + "?limit=5", START),
        signed(keys, "GET", "/portfolio/orders", START),
        signed(BOB, "GET", PATH, START, key_id=keys.kalshi_key_id),
        {**good, "KALSHI-ACCESS-SIGNATURE": "no base64!"},
        {**good, "KALSHI-ACCESS-TIMESTAMP": str(START + 1)},
    ):
        assert refused(place, wrong) == {
            "code": "authentication_error", "message": "authentication_error", "details": "INCORRECT_API_KEY_SIGNATURE",
        }  # fmt: skip
    unknown = signed(keys, "GET", PATH, START, key_id=str(uuid.uuid4()))
    assert refused(place, unknown)["details"] == "NOT_FOUND"
    for old in (START - 20_001, START + 20_001):
        assert refused(place, signed(keys, "GET", PATH, old))["code"] == "header_timestamp_expired"


def test_a_signature_within_the_window_is_good_whatever_the_query(place: Rig) -> None:
    client = place.client()
    for at_ms in (START - 20_000, START + 20_000):
        client.now_ms = lambda at_ms=at_ms: at_ms
        assert client.get("/portfolio/orders", limit=5, status="resting")["orders"] == []


def test_an_account_added_later_with_an_ed25519_key(place: Rig) -> None:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = KalshiAccount("carol", str(uuid.uuid4()), public.decode(), balance=5_000_000)
    place.do(lambda: place.running.sandbox.kalshi_accounts.append(account))
    carol = Keys(account.key_id, pem.decode(), make_keys().polymarket_private_key)
    assert place.client(carol).get("/portfolio/balance")["balance_dollars"] == "5.0000"


def test_a_key_for_reading_cannot_write(place: Rig) -> None:
    key = place.exchange.keyring.keys[BOB.kalshi_key_id]
    place.do(lambda: setattr(key, "scopes", frozenset({"read"})))
    try:
        assert place.bob().get("/portfolio/orders")["orders"] == []
        assert place.bob().ask("DELETE", "/portfolio/events/orders").status_code == 403
    finally:
        place.do(lambda: setattr(key, "scopes", frozenset({"read", "write"})))


def test_public_paths_need_no_signature_but_a_wrong_one_is_refused(place: Rig) -> None:
    client = place.client()
    assert client.ask("GET", "/markets", sign=False).status_code == 200
    headers = signed(BOB, "GET", "/trade-api/v2/markets", START, key_id=client.keys.kalshi_key_id)
    answer = client.session.get(client.base + "/markets", headers=headers)
    assert answer.status_code == 401


def test_what_does_not_exist(place: Rig) -> None:
    client = place.client()
    assert client.ask("GET", "/no/such/thing").status_code == 404
    assert client.ask("PUT", "/markets").status_code == 405
    old = client.ask("POST", "/portfolio/orders", body={})
    assert (old.status_code, old.json()["error"]["code"]) == (410, "deprecated_v1_order_endpoint")


@pytest.mark.parametrize("broken", ["unsigned", "wrong path", "old"])
def test_a_handshake_needs_a_good_signature(place: Rig, broken: str) -> None:
    headers = {
        "unsigned": {},
        "wrong path": signed(BOB, "GET", "/trade-api/v2", START),
        "old": signed(BOB, "GET", "/trade-api/ws/v2", START - 60_000),
    }[broken]
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        websocket.create_connection(place.running.urls["kalshi_ws"], header=headers, timeout=60)
    assert caught.value.status_code == 401


def test_token_buckets() -> None:
    """Basic: 200 read tokens a second and twice that at most, 100 write tokens, one balance a second."""
    clock = ManualClock(START)
    with rig(clock=clock, limits=True) as place:
        client, ticker = place.client(), place.markets[0].id
        answers = [client.ask("GET", "/portfolio/fills").status_code for _ in range(42)]
        assert answers == [200] * 40 + [429] * 2
        refusal = client.ask("GET", "/portfolio/fills")
        assert refusal.json() == {"error": "too many requests"} and "Retry-After" not in refusal.headers
        assert client.ask("GET", "/markets", sign=False).status_code == 200  # another bucket
        assert place.bob().ask("GET", "/portfolio/fills").status_code == 200  # another user
        balances = [client.ask("GET", "/portfolio/balance").status_code for _ in range(2)]
        assert balances == [200, 429]
        place.do(lambda: clock.advance(50))
        answers = [client.ask("GET", "/portfolio/fills").status_code for _ in range(2)]
        assert answers == [200, 429]

        body = {"orders": [{"ticker": ticker, "side": "bid"}] * 6}
        batch = client.ask("POST", "/portfolio/events/orders/batched", body=body)
        assert batch.status_code == 201  # 60 of 100 tokens, though each was refused
        assert client.ask("POST", "/portfolio/events/orders/batched", body=body).status_code == 429
        cancels = [client.ask("DELETE", "/portfolio/events/orders/none").status_code for _ in range(21)]
        assert cancels == [404] * 20 + [429]  # a cancel costs 2
        assert client.ask("POST", "/portfolio/events/orders", body={"exchange_index": 2}).status_code == 400

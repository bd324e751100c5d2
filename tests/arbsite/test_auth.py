"""Nothing is open unless its view says so; every proof can end."""

from datetime import timedelta

import jwt
import pytest
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from arbsite import auth
from arbsite.models import ApiKey
from tests.arbsite.callers import PASSWORD, key, user

OPEN = {"token", "token-refresh", "token-revoke", None}  # probes have no name
SIGNED_IN = {"schema", "docs"}
COMPONENTS = "/api/v1/components"
VIEW = "arbsite.view_component"


def endpoints(resolver=None, prefix=""):
    """Every named address below /api/v1."""
    for entry in (resolver or get_resolver()).url_patterns:
        address = f"{prefix}{entry.pattern}"
        if isinstance(entry, URLResolver):
            yield from endpoints(entry, address)
        elif isinstance(entry, URLPattern) and address.startswith("api/v1/"):
            for name, value in (("<str:id>", "x"), ("<int:id>", "1"), ("<str:part>", "gateway")):
                address = address.replace(name, value)
            yield entry.name, "/" + address, entry


CLOSED = [(name, address) for name, address, _ in endpoints() if name not in OPEN]
VIEWS = {address: entry.callback for _, address, entry in endpoints()}


def method(address):
    view = getattr(VIEWS[address], "view_class", None) or VIEWS[address].cls
    return "get" if hasattr(view, "get") else "post"


def other_scope(address):
    """A scope that does not open this address."""
    view = getattr(VIEWS[address], "view_class", None) or VIEWS[address].cls
    return auth.READ if view.scope == auth.ADMIN else auth.ADMIN


def test_the_walk_finds_the_endpoints():
    assert {"opportunities", "orders", "positions", "normalize-price", "status"} <= {
        name for name, _ in CLOSED
    }


@pytest.mark.parametrize(("name", "address"), CLOSED)
def test_nobody_comes_in_without_a_proof(db, client, name, address):
    response = getattr(client, method(address))(address)
    assert response.status_code == 401
    assert "X-Clawdbot-Key" in response["WWW-Authenticate"]
    assert response.json()["code"] == "not_authenticated"


@pytest.mark.parametrize(("name", "address"), [row for row in CLOSED if row[0] not in SIGNED_IN])
def test_a_proof_without_a_permission_opens_nothing(db, client, name, address):
    response = getattr(client, method(address))(address, headers=key(user(), *auth.SCOPES))
    assert response.status_code == 403


@pytest.mark.parametrize(("name", "address"), [row for row in CLOSED if row[0] not in SIGNED_IN])
def test_a_key_without_the_scope_opens_nothing(db, client, name, address):
    headers = key(user(is_superuser=True), other_scope(address))
    response = getattr(client, method(address))(address, headers=headers)
    assert response.status_code == 403


def test_a_view_that_names_nothing_is_closed_to_a_superuser(db, rf):
    from rest_framework.test import force_authenticate

    from arbsite.endpoints import Endpoint

    class Forgotten(Endpoint):
        def get(self, request):
            raise AssertionError("reached")

    request = rf.get("/")
    force_authenticate(request, user=user(is_superuser=True))
    assert Forgotten.as_view()(request).status_code == 403


# --- API keys


def test_a_key_with_scope_and_permission_opens(db, client):
    assert client.get(COMPONENTS, headers=key(user("a", VIEW), "read")).status_code == 200
    assert ApiKey.objects.get().last_used_at is not None


def test_a_permission_taken_away_counts_at_once(db, client):
    owner = user("a", VIEW)
    headers = key(owner, "read")
    owner.user_permissions.clear()
    assert client.get(COMPONENTS, headers=headers).status_code == 403


@pytest.mark.parametrize("change", ["expired", "revoked", "inactive"])
def test_a_key_that_ended_is_refused(db, client, change):
    owner = user("a", VIEW)
    headers = key(owner, "read", days=-1 if change == "expired" else 30)
    if change == "revoked":
        ApiKey.objects.update(revoked_at=timezone.now())
    if change == "inactive":
        owner.is_active = False
        owner.save()
    response = client.get(COMPONENTS, headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, "bad_api_key")


@pytest.mark.parametrize("text", ["", ".", "x", "x.y", "\x00.y", "a" * 5_000, "é.é"])
def test_a_wrong_key_is_refused_quietly(db, client, text):
    assert client.get(COMPONENTS, HTTP_X_CLAWDBOT_KEY=text).status_code == 401


def test_a_wrong_secret_is_refused_even_beside_a_good_session(db, client):
    owner = user("a", VIEW)
    client.force_login(owner)
    assert client.get(COMPONENTS).status_code == 200
    prefix = key(owner, "read")["X-Clawdbot-Key"].split(".")[0]
    assert client.get(COMPONENTS, headers={"X-Clawdbot-Key": f"{prefix}.wrong"}).status_code == 401
    assert client.get(COMPONENTS, headers={"X-Clawdbot-Key": f"{prefix}."}).status_code == 401


def test_the_last_use_is_written_once_a_minute(db, django_assert_num_queries):
    row, _ = ApiKey.issue(user(), "test", ["read"], now=timezone.now())
    now = timezone.now()
    auth.touch(row, now=now)
    row.refresh_from_db()
    with django_assert_num_queries(0):
        auth.touch(row, now=now + timedelta(seconds=30))
    auth.touch(row, now=now + timedelta(seconds=61))
    row.refresh_from_db()
    assert row.last_used_at == now + timedelta(seconds=61)


# --- tokens


@pytest.fixture(autouse=True)
def quick_hashes(settings):
    """The slow hash of passwords is Django's own affair."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def owner_with_password():
    return user("a", VIEW, password=PASSWORD)


def tokens(client, name="a"):
    response = client.post("/api/v1/token", {"username": name, "password": PASSWORD}, "application/json")
    assert response.status_code == 200
    return response.json()


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_a_password_buys_a_token_that_opens(db, client):
    owner_with_password()
    assert client.get(COMPONENTS, headers=bearer(tokens(client)["access"])).status_code == 200


def test_a_wrong_password_buys_nothing(db, client):
    owner_with_password()
    response = client.post("/api/v1/token", {"username": "a", "password": "guess"}, "application/json")
    assert response.status_code == 401 and response["Content-Type"] == "application/problem+json"


def test_guessing_passwords_is_slowed_down(db, client):
    owner_with_password()
    answers = [
        client.post(
            "/api/v1/token",
            {"username": "a", "password": "guess"},
            "application/json",
            REMOTE_ADDR=f"10.0.0.{at}",
        ).status_code
        for at in range(12)
    ]
    assert answers[:10] == [401] * 10 and answers[10:] == [429] * 2


def test_a_refresh_token_works_once_and_is_no_access_token(db, client):
    owner_with_password()
    pair = tokens(client)
    assert client.get(COMPONENTS, headers=bearer(pair["refresh"])).status_code == 401
    body = {"refresh": pair["refresh"]}
    renewed = client.post("/api/v1/token/refresh", body, "application/json")
    assert renewed.status_code == 200 and renewed.json()["refresh"] != pair["refresh"]
    assert client.post("/api/v1/token/refresh", body, "application/json").status_code == 401


def test_a_revoked_refresh_token_is_over(db, client):
    owner_with_password()
    body = {"refresh": tokens(client)["refresh"]}
    assert client.post("/api/v1/token/revoke", body, "application/json").status_code == 200
    assert client.post("/api/v1/token/refresh", body, "application/json").status_code == 401


def test_a_new_password_ends_every_token(db, client):
    owner = owner_with_password()
    access = tokens(client)["access"]
    owner.set_password("another long password")
    owner.save()
    assert client.get(COMPONENTS, headers=bearer(access)).status_code == 401


@pytest.mark.parametrize("fault", ["audience", "issuer", "key", "none", "expired"])
def test_a_forged_token_opens_nothing(db, client, fault):
    owner_with_password()
    claims = jwt.decode(tokens(client)["access"], options={"verify_signature": False})
    secret, algorithm = settings.JWT_SIGNING_KEY, "HS256"
    if fault == "audience":
        claims["aud"] = "others"
    elif fault == "issuer":
        claims["iss"] = "others"
    elif fault == "key":
        secret = "x" * 32
    elif fault == "none":
        secret, algorithm = "", "none"
    else:
        claims["exp"] = 1
    forged = jwt.encode(claims, secret or None, algorithm=algorithm)
    assert client.get(COMPONENTS, headers=bearer(forged)).status_code == 401


def test_a_token_signed_as_the_server_does_opens(db, client):
    """The control of the test above: its way of forging would work with the right claims."""
    owner_with_password()
    claims = jwt.decode(tokens(client)["access"], options={"verify_signature": False})
    good = jwt.encode(claims, settings.JWT_SIGNING_KEY, algorithm="HS256")
    assert client.get(COMPONENTS, headers=bearer(good)).status_code == 200

"""Pairs and bets over the API: what is read, who may decide, and what a refusal says."""

import pytest

from markets import store
from markets.models import Bet, Pair
from markets.platforms.base import KALSHI, POLYMARKET
from tests import factories
from tests.arbsite.callers import key, reader, user
from tests.factories import IDS, NOW

PAIRS, BETS = "/api/v1/pairs", "/api/v1/bets"


@pytest.fixture
def headers(db):
    return reader("markets.view_pair", "markets.view_bet")


@pytest.fixture
def approver(db):
    return key(
        user("approver", "markets.approve_pair", "markets.view_pair", "markets.view_bet"), "read", "admin"
    )


@pytest.fixture
def markets(db):
    store.upsert([factories.info(POLYMARKET), factories.info(KALSHI, rules="It rains a lot.")], now=NOW)


@pytest.fixture
def pair(markets):
    return Pair.objects.create(polymarket_id=IDS[POLYMARKET], kalshi_id=IDS[KALSHI], settlement="clean")


def post(client, address, headers, **body):
    return client.post(address, body, content_type="application/json", headers=headers)


def digest(client, pair, headers):
    return client.get(f"{PAIRS}/{pair.pk}", headers=headers).json()["dossier"]["digest"]


def test_a_pair_is_listed_and_read_with_its_dossier(client, headers, pair):
    (row,) = client.get(f"{PAIRS}?status=PROPOSED&settlement=clean", headers=headers).json()["results"]
    assert row["polymarket_id"] == IDS[POLYMARKET] and row["kalshi_question"] == "Will it rain?"
    assert client.get(f"{PAIRS}?status=APPROVED", headers=headers).json()["results"] == []
    found = client.get(f"{PAIRS}/{pair.pk}", headers=headers).json()["dossier"]
    (rules,) = [line for line in found["lines"] if line["name"] == "Rules"]
    assert rules["differs"] and {"text": "a lot", "differs": True} in rules["kalshi"]
    assert found["books"] == {"polymarket": None, "kalshi": None} and len(found["digest"]) == 64
    assert client.get(f"{PAIRS}/999", headers=headers).status_code == 404


def test_a_decision_is_bound_to_what_was_read(client, approver, pair):
    address = f"{PAIRS}/{pair.pk}/decision"
    old = post(client, address, approver, decision="same", digest="0" * 64)
    assert old.status_code == 409 and "changed since you read them" in old.json()["detail"]
    given = {"digest": digest(client, pair, approver), "note": "read"}
    done = post(client, address, approver, decision="inverted", m0=0.01, **given)
    assert done.status_code == 200, done.content
    body = done.json()
    assert (body["status"], body["inverted"], body["m0"], body["approved_by"]) == (
        "APPROVED",
        True,
        0.01,
        "approver",
    )
    assert body["dossier"]["versions"][0]["user"] == "approver" and body["bet_id"] == f"pair:{pair.pk}"
    again = post(client, address, approver, decision="reject", digest=body["dossier"]["digest"])
    assert again.status_code == 409 and "note must say why" in again.json()["detail"]
    ended = post(client, address, approver, decision="suspend", digest=body["dossier"]["digest"], note="odd")
    assert ended.json()["status"] == "SUSPENDED" and ended.json()["suspended_why"] == "odd"


def test_a_pair_is_entered_by_hand(client, approver, markets):
    body = {
        "polymarket_id": IDS[POLYMARKET],
        "kalshi_id": IDS[KALSHI],
        "settlement": "timing",
        "note": "seen",
    }
    made = post(client, f"{PAIRS}/enter", approver, **body)
    assert made.status_code == 201 and made.json()["origin"] == "hand"
    twice = post(client, f"{PAIRS}/enter", approver, **body)
    assert twice.status_code == 409 and "there already" in twice.json()["detail"]
    wrong = post(client, f"{PAIRS}/enter", approver, **body | {"kalshi_id": "KXNO"})
    assert wrong.status_code == 409 and "is no kalshi market" in wrong.json()["detail"]


@pytest.mark.parametrize(
    ("change", "field"),
    [({"decision": "approve"}, "decision"), ({"digest": ""}, "digest"), ({"m0": 1}, "m0"),
     ({"settlement": "sure"}, "settlement"),
     ({"note": "x" * 2_001}, "note")],
)  # fmt: skip
def test_a_wrong_field_is_named(client, approver, pair, change, field):
    body = {"decision": "same", "digest": "0" * 64} | change
    response = post(client, f"{PAIRS}/{pair.pk}/decision", approver, **body)
    assert response.status_code == 400 and list(response.json()["errors"]) == [field]


@pytest.mark.parametrize("scopes", [("read",), ("read", "trade")])
def test_deciding_needs_the_admin_scope(client, pair, scopes):
    headers = key(user("trader", "markets.approve_pair"), *scopes)
    for address in (f"{PAIRS}/{pair.pk}/decision", f"{PAIRS}/enter", f"{BETS}/enter", f"{BETS}/x/decision"):
        assert post(client, address, headers, decision="same", digest="0").status_code == 403


def test_deciding_needs_the_permission(client, pair):
    headers = key(user("clerk", "markets.view_pair", "markets.change_pair"), "read", "admin")
    assert (
        post(client, f"{PAIRS}/{pair.pk}/decision", headers, decision="same", digest="0").status_code == 403
    )
    assert client.get(PAIRS).status_code == 401
    assert client.get(BETS, headers=headers).status_code == 403


def test_a_bet_is_entered_read_and_decided(client, approver, markets):
    body = {
        "id": "rain", "name": "Rain?", "states": ["rain", "dry"], "exhaustive": True, "settlement": "clean",
        "outcomes": [
            {"platform": POLYMARKET, "market_id": IDS[POLYMARKET], "outcome": "YES", "pays_in": ["rain"]},
            {"platform": KALSHI, "market_id": IDS[KALSHI], "outcome": "NO", "pays_in": ["dry"]},
        ],
    }  # fmt: skip
    wrong = post(client, f"{BETS}/enter", approver, **body | {"states": ["rain"]})
    assert wrong.status_code == 409 and "which is no state of this bet" in wrong.json()["detail"]
    made = post(client, f"{BETS}/enter", approver, **body).json()
    assert (made["id"], made["status"], made["states"]) == ("hand:rain", "PROPOSED", ["rain", "dry"])
    read = client.get(f"{BETS}/hand:rain", headers=approver).json()
    assert read["outcomes"][0]["pays_in"] == ["rain"] and read["digest"] == made["digest"]
    address = f"{BETS}/hand:rain/decision"
    assert post(client, address, approver, decision="approved", digest="0").status_code == 409
    done = post(client, address, approver, decision="approved", digest=read["digest"])
    assert done.json()["status"] == "ACTIVE" and done.json()["read_by_person"]
    (row,) = client.get(f"{BETS}?status=ACTIVE&kind=custom", headers=approver).json()["results"]
    assert row["id"] == "hand:rain" and Bet.objects.count() == 1
    assert (
        post(client, f"{BETS}/nothing/decision", approver, decision="approved", digest="0").status_code == 404
    )

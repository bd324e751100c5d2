"""Who may come in: wallet proofs (L1), signed requests (L2), and what is said to the others."""

import json
import os
import time
from pathlib import Path

import pytest
import requests

from markets.sandbox.polymarket.eip712 import (
    EXCHANGE,
    EXCHANGE_V3,
    NEG_RISK_EXCHANGE,
    BadSigning,
    SignedOrder,
    auth_signer,
    order_digest,
    order_signer,
)
from markets.sandbox.server import Running
from tests.markets.sandbox.polymarket.helpers import User, standing, stranger

SHARED = Path(os.environ.get("ARBSITE_SHARED", Path(__file__).resolve().parents[4] / "../shared"))
VECTORS = SHARED / "recorded/polymarket/signing/vectors.json"
L1, L2 = "Invalid L1 Request headers", "Unauthorized/Invalid api key"


def test_a_wallet_gets_its_credentials_once_and_may_derive_them(running: Running) -> None:
    user = stranger(running)
    assert set(user.creds) == {"apiKey", "secret", "passphrase"}
    again = user.l1("POST", "/auth/api-key")
    assert again.status_code == 400 and again.json() == {"error": "Could not create api key"}
    assert user.l1("GET", "/auth/derive-api-key").json() == user.creds
    assert user.l1("POST", "/auth/api-key", nonce=7).json()["apiKey"] != user.creds["apiKey"]
    assert user.l1("GET", "/auth/derive-api-key", nonce=8).status_code == 400
    assert len(user.send("GET", "/auth/api-keys").json()["apiKeys"]) == 2
    assert user.send("GET", "/auth/ban-status/closed-only").json() == {"closed_only": False}
    assert user.send("DELETE", "/auth/api-key").json() == "OK"
    assert user.send("GET", "/data/orders").status_code == 401
    assert user.l1("POST", "/auth/api-key").json()["apiKey"] != user.creds["apiKey"]


@pytest.mark.parametrize(
    "changes",
    [
        {"POLY_ADDRESS": "0x" + "11" * 20}, {"POLY_SIGNATURE": "0x00"}, {"POLY_NONCE": "3"}, {"POLY_NONCE": "x"},
        {"POLY_TIMESTAMP": "1"}, {"stamp": "1000"}, {"POLY_SIGNATURE": "0x" + "11" * 65},
    ],
)  # fmt: skip
def test_a_wallet_proof_must_fit(running: Running, user: User, changes: dict[str, str]) -> None:
    answer = user.l1("GET", "/auth/derive-api-key", **changes)
    assert answer.status_code == 401 and answer.json() == {"error": L1}


@pytest.mark.parametrize(
    "changes",
    [
        {"POLY_API_KEY": "nobody"}, {"POLY_PASSPHRASE": "wrong"}, {"POLY_ADDRESS": "0x" + "11" * 20},
        {"POLY_SIGNATURE": "AAAA"}, {"POLY_SIGNATURE": "%"}, {"POLY_TIMESTAMP": "soon"},
    ],
)  # fmt: skip
def test_a_signed_request_must_fit(running: Running, user: User, changes: dict[str, str]) -> None:
    head = user.headers("GET", "/data/orders") | changes
    answer = requests.get(user.url("/data/orders"), headers=head, timeout=60)
    assert answer.status_code == 401 and answer.json() == {"error": L2}


def test_path_body_and_clock_are_signed(running: Running, user: User) -> None:
    other_path = requests.get(
        user.url("/data/trades"), headers=user.headers("GET", "/data/orders"), timeout=60
    )
    head = user.headers("DELETE", "/order", '{"orderID":"0x1"}')
    other_body = requests.delete(user.url("/order"), data='{"orderID":"0x2"}', headers=head, timeout=60)
    late = requests.get(
        user.url("/data/orders"),
        headers=user.headers("GET", "/data/orders", at=int(time.time()) - 60),
        timeout=60,
    )
    assert [one.status_code for one in (other_path, other_body, late)] == [401, 401, 401]
    query = user.send("GET", "/data/orders", market="0x1")  # the query is not signed
    assert query.status_code == 200


def test_a_client_survives_a_restart_of_the_sandbox() -> None:
    with standing() as first:
        user = User.of(first)
    with standing() as second:
        user.running = second
        assert user.send("GET", "/data/orders").status_code == 200


@pytest.mark.skipif(not VECTORS.is_file(), reason="the recorded signatures are not there")
def test_recorded_signatures_of_both_official_clients() -> None:
    vectors = json.loads(VECTORS.read_text())
    for proof in vectors["l1"]:
        head = proof["headers"]
        signer = auth_signer(
            head["POLY_ADDRESS"], head["POLY_TIMESTAMP"], int(head["POLY_NONCE"]), head["POLY_SIGNATURE"]
        )
        assert signer == vectors["address"].lower()
    seen = 0
    contracts = {
        address.lower(): version
        for version, address in (("2", EXCHANGE), ("2", NEG_RISK_EXCHANGE), ("3", EXCHANGE_V3))
    }
    for row in vectors["orders"]:
        wire = row["request_json"]["order"]
        order = SignedOrder(
            int(wire["salt"]), wire["maker"], wire["signer"], wire["tokenId"], int(wire["makerAmount"]),
            int(wire["takerAmount"]), wire["side"], int(wire["signatureType"]), int(wire["timestamp"]),
            wire["metadata"], wire["builder"], wire["signature"],
        )  # fmt: skip
        fitting = []
        for contract, version in contracts.items():
            try:
                if order_signer(order, version, contract) == vectors["address"].lower():
                    fitting.append((version, contract))
            except BadSigning:
                continue
        assert len(fitting) == 1, row
        assert fitting[0] == (row["domain_version"], row["verifying_contract"].lower())
        assert f"0x{order_digest(order, *fitting[0]).hex()}" == row["order_id"]
        seen += 1
    assert seen >= 3

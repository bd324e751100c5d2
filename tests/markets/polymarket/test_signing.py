"""Both proofs against the vectors that the platform's own clients gave, and against a second implementation."""

import json

import pytest

from markets.platforms.polymarket import signing
from markets.platforms.polymarket.signing import Credentials
from markets.sandbox.polymarket import eip712
from tests.markets.polymarket.values import recorded

KEY = "0x" + "42" * 32  # thrown away
CREDENTIALS = Credentials("key-id", "c2VjcmV0LXNlY3JldC1zZWNyZXQ_", "pass")


def test_the_recorded_vectors():
    vectors = json.loads(recorded("signing/vectors.json").read_text())
    key, api = vectors["private_key"], vectors["api"]
    assert signing.address(key) == vectors["address"]
    for case in vectors["l1"]:
        assert signing.l1_headers(key, timestamp=case["timestamp"], nonce=case["nonce"]) == case["headers"]
    credentials = Credentials(api["apiKey"], api["secret"], api["passphrase"])
    for case in vectors["l2"]:
        body = (case["body"] or "").encode()
        found = signing.l2_headers(
            credentials, vectors["address"], case["method"], case["path"], body, timestamp=case["timestamp"]
        )
        assert found == case["headers"]


def test_the_wallet_proof_is_the_wallets():
    headers = signing.l1_headers(KEY, timestamp=1_790_000_000, nonce=3)
    assert headers["POLY_ADDRESS"] == signing.address(KEY)
    signer = eip712.auth_signer(headers["POLY_ADDRESS"], "1790000000", 3, headers["POLY_SIGNATURE"])
    assert signer == signing.address(KEY).lower()
    assert headers["POLY_NONCE"] == "3"


def test_a_key_may_come_without_its_prefix():
    assert signing.address(KEY[2:] + "\n") == signing.address(KEY)


@pytest.mark.parametrize("key", ["", "0x12", "zz" * 32, "0x" + "00" * 32, "0x" + "ff" * 32, "ab" * 33])
def test_what_is_no_key_is_refused_without_showing_it(key):
    with pytest.raises(ValueError) as caught:
        signing.address(key)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert not key or key not in str(caught.value)


def test_the_query_is_not_signed_but_method_path_and_body_are():
    def signature(method: str = "GET", path: str = "/data/orders", body: bytes = b"") -> str:
        found = signing.l2_headers(CREDENTIALS, "0xabc", method, path, body, timestamp=1)
        return found["POLY_SIGNATURE"]

    assert signature(path="/data/orders?market=0x1") == signature() == signature(method="get")
    assert len({signature(), signature(method="DELETE"), signature(path="/data"), signature(body=b"{}")}) == 4


def test_secrets_do_not_show_and_a_bad_one_is_refused():
    assert "secret" not in repr(CREDENTIALS).replace("Credentials", "")
    assert "pass" not in repr(CREDENTIALS)
    with pytest.raises(ValueError):
        signing.l2_signature("not base64!", b"x")

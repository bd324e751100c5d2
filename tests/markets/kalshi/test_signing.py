"""Signatures that the platform's own rules accept, and none that they must not."""

import base64

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from markets.platforms.kalshi import signing

NOW = 1_790_000_000_123
PATH = "/trade-api/v2/portfolio/orders"
RSA = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
EDWARDS = ed25519.Ed25519PrivateKey.generate()


def pem(key, form: serialization.PrivateFormat, password: bytes | None = None) -> bytes:
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, lock)


def test_the_text_is_time_method_and_path_without_query():
    assert signing.signed_text(NOW, "get", f"{PATH}?limit=5&status=resting") == (
        b"1790000000123GET/trade-api/v2/portfolio/orders"
    )


@pytest.mark.parametrize("key", [RSA, EDWARDS])
def test_headers_verify_for_this_request_only(key):
    headers = signing.headers(key, "key-1", "GET", f"{PATH}?limit=5", NOW)
    assert set(headers) == {"KALSHI-ACCESS-KEY", "KALSHI-ACCESS-TIMESTAMP", "KALSHI-ACCESS-SIGNATURE"}
    assert (headers["KALSHI-ACCESS-KEY"], headers["KALSHI-ACCESS-TIMESTAMP"]) == ("key-1", str(NOW))
    public, signature, time = key.public_key(), headers["KALSHI-ACCESS-SIGNATURE"], str(NOW)
    assert signing.verify(public, signature, time, "GET", PATH)
    assert not signing.verify(public, signature, time, "POST", PATH)
    assert not signing.verify(public, signature, time, "GET", PATH + "/x")
    assert not signing.verify(public, signature, str(NOW + 1), "GET", PATH)
    assert not signing.verify(public, "not base64!", time, "GET", PATH)
    assert not signing.verify(public, "", time, "GET", PATH)


def test_an_rsa_signature_is_salted_and_of_the_keys_length():
    text = signing.signed_text(NOW, "GET", PATH)
    one, two = signing.sign(RSA, text), signing.sign(RSA, text)
    assert one != two
    raw = base64.b64decode(one)
    assert len(raw) == 256
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    RSA.public_key().verify(raw, text, pss, hashes.SHA256())  # raises where the salt has another length
    assert signing.sign(EDWARDS, text) == signing.sign(EDWARDS, text)


def test_keys_are_read_from_the_forms_the_platform_hands_out():
    pkcs1, pkcs8 = serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8
    for key, form in ((RSA, pkcs1), (RSA, pkcs8), (EDWARDS, pkcs8)):
        loaded = signing.load_private_key(pem(key, form))
        signature = signing.sign(loaded, signing.signed_text(NOW, "GET", PATH))
        assert signing.verify(key.public_key(), signature, str(NOW), "GET", PATH)
    assert signing.load_private_key(pem(RSA, pkcs8, b"secret"), b"secret").key_size == 2_048


def test_other_keys_are_refused_without_telling_them():
    curve = pem(ec.generate_private_key(ec.SECP256R1()), serialization.PrivateFormat.PKCS8)
    locked = pem(RSA, serialization.PrivateFormat.PKCS8, b"secret")
    for raw in (
        curve,
        locked,
        b"",
        b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
    ):
        with pytest.raises(ValueError) as refused:
            signing.load_private_key(raw)
        assert "AAAA" not in str(refused.value)
        assert "BEGIN" not in str(refused.value)

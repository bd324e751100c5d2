"""Request signatures of Kalshi: RSA-PSS (SHA-256, salt of 32 bytes) or Ed25519 over timestamp, method and path.

The signed text is `<Unix milliseconds><METHOD><path>` with nothing between; the path starts at the root of the host and
has no query. The body is not signed. Only the signer process loads private keys; `verify` serves tests and sandbox.
"""

import base64
import binascii
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

PrivateKey = RSAPrivateKey | Ed25519PrivateKey
PublicKey = RSAPublicKey | Ed25519PublicKey

KEY_HEADER = "KALSHI-ACCESS-KEY"
TIMESTAMP_HEADER = "KALSHI-ACCESS-TIMESTAMP"
SIGNATURE_HEADER = "KALSHI-ACCESS-SIGNATURE"

_HASH = hashes.SHA256()
_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)


def load_private_key(pem: bytes, password: bytes | None = None) -> PrivateKey:
    """A private key from PEM: RSA in PKCS#1 or PKCS#8, Ed25519 in PKCS#8.

    Raises ValueError with a sentence that never contains key material.
    """
    try:
        key = serialization.load_pem_private_key(pem, password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(
            "the Kalshi key is no readable PEM private key (wrong password or damaged)"
        ) from error
    if isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        return key
    raise ValueError(f"the Kalshi key must be RSA or Ed25519, not {type(key).__name__}")


def signed_text(at_ms: int | str, method: str, path: str) -> bytes:
    """The bytes that are signed; a query is cut off and the method written in capitals."""
    return f"{at_ms}{method.upper()}{urlsplit(path).path}".encode()


def sign(key: PrivateKey, text: bytes) -> str:
    """The signature in base64."""
    raw = key.sign(text) if isinstance(key, Ed25519PrivateKey) else key.sign(text, _PSS, _HASH)
    return base64.b64encode(raw).decode()


def headers(key: PrivateKey, key_id: str, method: str, path: str, at_ms: int) -> dict[str, str]:
    """The three headers of a private request or a WebSocket handshake at `at_ms` (Unix milliseconds)."""
    return {
        KEY_HEADER: key_id,
        TIMESTAMP_HEADER: str(at_ms),
        SIGNATURE_HEADER: sign(key, signed_text(at_ms, method, path)),
    }


def verify(key: PublicKey, signature: str, timestamp: str, method: str, path: str) -> bool:
    """True where `signature` (base64) is the key's over this request."""
    text = signed_text(timestamp, method, path)
    try:
        raw = base64.b64decode(signature, validate=True)
        if isinstance(key, Ed25519PublicKey):
            key.verify(raw, text)
        else:
            key.verify(raw, text, _PSS, _HASH)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True

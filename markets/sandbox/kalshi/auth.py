"""Who is asking: keys, and the signatures of requests and WebSocket handshakes.

Signed is `<Unix milliseconds><METHOD><path>`, path from the root of the host and without query: RSA-PSS with SHA-256
and a salt of 32 bytes, or plain Ed25519. Written apart from the client's own signing, so that neither can hide a
mistake of the other.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from markets.sandbox.kalshi.errors import ApiError, refused

KEY, TIMESTAMP, SIGNATURE = "KALSHI-ACCESS-KEY", "KALSHI-ACCESS-TIMESTAMP", "KALSHI-ACCESS-SIGNATURE"
WINDOW_MS = 20_000  # how far a request's clock may be off
SALT_BYTES = 32

PublicKey = RSAPublicKey | Ed25519PublicKey


@dataclass(slots=True)
class ApiKey:
    """One key of a user: which user, and what it may do (`read`, `write`)."""

    key_id: str
    user: str
    public: PublicKey
    scopes: frozenset[str] = frozenset({"read", "write"})
    subaccount: int | None = None  # a key locked to one subaccount


@dataclass(slots=True)
class Keyring:
    """All keys of the exchange."""

    keys: dict[str, ApiKey] = field(default_factory=dict)

    def add(self, key_id: str, user: str, public: PublicKey, **more: object) -> ApiKey:
        """Register a public key for a user; `more` as in `ApiKey`."""
        key = ApiKey(key_id, user, public, **more)  # type: ignore[arg-type]
        self.keys[key_id] = key
        return key

    def add_pem(self, key_id: str, user: str, pem: bytes, **more: object) -> ApiKey:
        """Register a public key in PEM. Raises ValueError for a key that is neither RSA nor Ed25519."""
        public = serialization.load_pem_public_key(pem)
        if not isinstance(public, RSAPublicKey | Ed25519PublicKey):
            raise ValueError(f"a Kalshi key is RSA or Ed25519, not {type(public).__name__}")
        return self.add(key_id, user, public, **more)

    def check(
        self, headers: Mapping[str, str], method: str, path: str, now_ms: int, *, window_ms: int = WINDOW_MS
    ) -> ApiKey:
        """The key that signed this request. Raises ApiError with one of the four refusals."""
        signature, key_id = headers.get(SIGNATURE, ""), headers.get(KEY, "")
        if not signature:
            raise refused(401, "signature_is_missing_from_headers")
        key = self.keys.get(key_id)
        if key is None:
            raise _unauthenticated("NOT_FOUND")
        timestamp = headers.get(TIMESTAMP, "")
        if not timestamp.isdecimal() or abs(int(timestamp) - now_ms) > window_ms:
            raise refused(401, "header_timestamp_expired")
        if not verified(key.public, signature, f"{timestamp}{method}{path}".encode()):
            raise _unauthenticated("INCORRECT_API_KEY_SIGNATURE")
        return key


def verified(public: PublicKey, signature: str, text: bytes) -> bool:
    """True where `signature` (base64) is the key's over `text`."""
    try:
        raw = base64.b64decode(signature, validate=True)
        if isinstance(public, Ed25519PublicKey):
            public.verify(raw, text)
        else:
            pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=SALT_BYTES)
            public.verify(raw, text, pss, hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _unauthenticated(details: str) -> ApiError:
    return refused(401, "authentication_error", "authentication_error", details)

"""Who asks: a wallet's signature (L1) for API credentials, and their HMAC (L2) on every private call.

Credentials follow from the sandbox's seed, the wallet and the nonce, so that a client of an announced wallet is still
known after a restart of the sandbox.
"""

import base64
import binascii
import hashlib
import hmac
import uuid
from dataclasses import dataclass

from markets.sandbox.polymarket.answers import Answer, Refusal, Request, ok
from markets.sandbox.polymarket.eip712 import BadSigning, auth_signer
from markets.sandbox.polymarket.face import Face, Wallet

BAD_L1 = "Invalid L1 Request headers"
BAD_KEY = "Unauthorized/Invalid api key"


@dataclass(frozen=True, slots=True)
class Credentials:
    """API credentials of a wallet. `repr` shows no secret."""

    key: str
    secret: str  # base64url
    passphrase: str
    address: str  # lower case
    nonce: int

    def __repr__(self) -> str:
        return f"Credentials({self.key})"

    def wire(self) -> dict[str, str]:
        """As the platform answers them."""
        return {"apiKey": self.key, "secret": self.secret, "passphrase": self.passphrase}


def check_l1(face: Face, request: Request) -> tuple[str, int]:
    """The wallet (lower case) and nonce that a wallet proof names. Raises Refusal(401)."""
    head = request.headers
    try:
        address, stamp = head["poly_address"], head["poly_timestamp"]
        nonce = int(head.get("poly_nonce", "0"))
        signer = auth_signer(address, stamp, nonce, head["poly_signature"])
        at_ms = int(stamp) * 1000
    except (KeyError, ValueError, BadSigning) as error:
        raise Refusal(401, BAD_L1) from error
    if signer != address.lower() or abs(at_ms - face.now_ms) > face.sandbox.config.clock_skew_ms:
        raise Refusal(401, BAD_L1)
    return signer, nonce


def check_l2(face: Face, request: Request) -> Wallet:
    """The wallet behind a signed request; also sets `request.address` to the API key. Raises Refusal(401)."""
    head = request.headers
    key, stamp = head.get("poly_api_key", ""), head.get("poly_timestamp", "")
    found = find(face, key)
    if found is None or found.passphrase != head.get("poly_passphrase"):
        raise Refusal(401, BAD_KEY)
    if found.address != head.get("poly_address", "").lower() or not stamp.isdecimal():
        raise Refusal(401, BAD_KEY)
    if abs(int(stamp) * 1000 - face.now_ms) > face.sandbox.config.clock_skew_ms:
        raise Refusal(401, BAD_KEY)
    signed = hmac.new(
        base64.urlsafe_b64decode(found.secret),
        f"{stamp}{request.method}{request.path}".encode() + request.body,
        hashlib.sha256,
    ).digest()
    if not hmac.compare_digest(signed, _decoded(head.get("poly_signature", ""))):
        raise Refusal(401, BAD_KEY)
    return face.wallet(found.address)


def check_frame(face: Face, key: str, secret: str, passphrase: str) -> Wallet | None:
    """The wallet whose credentials open the user channel, or None."""
    found = find(face, key)
    if found is None or (found.secret, found.passphrase) != (secret, passphrase):
        return None
    return face.wallet(found.address)


def find(face: Face, key: str) -> Credentials | None:
    """Credentials by API key, also those given out before a restart."""
    found = face.credentials.get(key)
    if found is None and key not in face.closed_keys:
        for wallet in list(face.wallets.values()):
            derived = derive(face, wallet.address, 0)
            if derived.key == key:
                found = face.credentials[key] = derived
    return found


def derive(face: Face, address: str, nonce: int) -> Credentials:
    """The credentials that belong to a wallet and nonce."""
    seed = f"{face.sandbox.world.spec.seed}:{address}:{nonce}"
    for generation in range(100):
        raw = hashlib.sha256(f"{seed}:{generation}".encode()).digest()
        key = str(uuid.UUID(bytes=raw[:16], version=4))
        if key not in face.closed_keys:
            break
    secret = base64.urlsafe_b64encode(hashlib.sha256(raw + b"secret").digest()).decode()
    return Credentials(key, secret, hashlib.sha256(raw + b"passphrase").hexdigest(), address, nonce)


# --- endpoints


def create_key(face: Face, request: Request) -> Answer:
    """POST /auth/api-key (L1)"""
    address, nonce = check_l1(face, request)
    made = derive(face, address, nonce)
    if made.key in face.credentials:
        raise Refusal(400, "Could not create api key")
    face.wallet(request.headers["poly_address"])
    face.credentials[made.key] = made
    return ok(made.wire())


def derive_key(face: Face, request: Request) -> Answer:
    """GET /auth/derive-api-key (L1)"""
    address, nonce = check_l1(face, request)
    made = derive(face, address, nonce)
    if made.key not in face.credentials:
        raise Refusal(400, "Could not derive api key!")
    return ok(made.wire())


def list_keys(face: Face, request: Request) -> Answer:
    """GET /auth/api-keys"""
    assert request.wallet is not None
    mine = [one.key for one in face.credentials.values() if one.address == request.wallet.address]
    return ok({"apiKeys": mine})


def delete_key(face: Face, request: Request) -> Answer:
    """DELETE /auth/api-key"""
    face.credentials.pop(request.address, None)
    face.closed_keys.add(request.address)
    return ok("OK")


def closed_only(face: Face, request: Request) -> Answer:
    """GET /auth/ban-status/closed-only"""
    return ok({"closed_only": face.sandbox.config.polymarket_closed_only})


def _decoded(signature: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(signature)
    except (binascii.Error, ValueError):
        return b""

"""Polymarket's two proofs: L1, a wallet's EIP-712 signature, and L2, an HMAC with the API credentials.

Only the signer process loads private keys. Times are Unix seconds.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_keys.exceptions import ValidationError

CHAIN_ID = 137
AUTH_MESSAGE = "This message attests that I control the given wallet"
_DOMAIN = {"name": "ClobAuthDomain", "version": "1", "chainId": CHAIN_ID}
_TYPES = {
    "ClobAuth": [
        {"name": "address", "type": "address"},
        {"name": "timestamp", "type": "string"},
        {"name": "nonce", "type": "uint256"},
        {"name": "message", "type": "string"},
    ]
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """An API key of the platform; `secret` is base64url. The secrets do not show when this is printed."""

    api_key: str
    secret: str = field(repr=False)
    passphrase: str = field(repr=False)


def address(private_key: str) -> str:
    """The wallet's address with its checksum. Raises ValueError, never with key material, for what is no key."""
    return str(_account(private_key).address)


def l1_headers(private_key: str, *, timestamp: int, nonce: int = 0) -> dict[str, str]:
    """Headers that prove the wallet: to create or derive API credentials. Raises ValueError for what is no key."""
    account = _account(private_key)
    message = {
        "address": account.address,
        "timestamp": str(timestamp),
        "nonce": nonce,
        "message": AUTH_MESSAGE,
    }
    signable = encode_typed_data(domain_data=_DOMAIN, message_types=_TYPES, message_data=message)
    signature = account.sign_message(signable).signature.hex()
    return {
        "POLY_ADDRESS": str(account.address),
        "POLY_SIGNATURE": "0x" + signature.removeprefix("0x"),
        "POLY_TIMESTAMP": str(timestamp),
        "POLY_NONCE": str(nonce),
    }


def l2_headers(
    credentials: Credentials, wallet: str, method: str, path: str, body: bytes = b"", *, timestamp: int
) -> dict[str, str]:
    """Headers of a private call. `body` must be the very bytes that are sent; a query in `path` is not signed.

    Raises ValueError for a secret that is no base64.
    """
    text = f"{timestamp}{method.upper()}{urlsplit(path).path}".encode() + body
    return {
        "POLY_ADDRESS": wallet,
        "POLY_SIGNATURE": l2_signature(credentials.secret, text),
        "POLY_TIMESTAMP": str(timestamp),
        "POLY_API_KEY": credentials.api_key,
        "POLY_PASSPHRASE": credentials.passphrase,
    }


def l2_signature(secret: str, text: bytes) -> str:
    """HMAC-SHA-256 of `text` in base64url with padding."""
    try:
        key = base64.b64decode(secret, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("the Polymarket API secret is not base64url") from error
    return base64.urlsafe_b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()


def _account(private_key: str) -> LocalAccount:
    # The cause is cut off: the library's messages may quote what it was given
    try:
        return Account.from_key(private_key.strip())
    except (ValueError, TypeError, ValidationError):
        raise ValueError("the Polymarket key is no private key (64 hex digits, 0x in front or not)") from None

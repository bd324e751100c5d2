"""Polymarket's two ways to prove who asks: a wallet's EIP-712 signature (level 1), an HMAC of API credentials (level 2).

Source: the venue page, section 6; the platform's own clients compute the same.
"""

import base64
import hashlib
import hmac

from eth_account import Account

CHAIN_ID = 137
MESSAGE = "This message attests that I control the given wallet"
_DOMAIN = "ClobAuthDomain"
_TYPES = {
    "ClobAuth": [
        {"name": "address", "type": "address"},
        {"name": "timestamp", "type": "string"},
        {"name": "nonce", "type": "uint256"},
        {"name": "message", "type": "string"},
    ]
}


def address(private_key: str) -> str:
    """The wallet's address in checksum case. Raises ValueError for a key that is none."""
    return str(Account.from_key(private_key).address)


def l1_headers(
    private_key: str, *, timestamp: int, nonce: int = 0, chain_id: int = CHAIN_ID
) -> dict[str, str]:
    """Headers that create or derive API credentials. `timestamp` is Unix seconds."""
    account = Account.from_key(private_key)
    signed = account.sign_typed_data(
        {"name": _DOMAIN, "version": "1", "chainId": chain_id},
        _TYPES,
        {"address": account.address, "timestamp": str(timestamp), "nonce": nonce, "message": MESSAGE},
    )
    return {
        "POLY_ADDRESS": account.address,
        "POLY_SIGNATURE": "0x" + signed.signature.hex().removeprefix("0x"),
        "POLY_TIMESTAMP": str(timestamp),
        "POLY_NONCE": str(nonce),
    }


def l2_headers(
    wallet: str,
    api_key: str,
    secret: str,
    passphrase: str,
    *,
    timestamp: int,
    method: str,
    path: str,
    body: str = "",
) -> dict[str, str]:
    """Headers of an authenticated request. `path` is without query; `body` the very text that is sent."""
    text = f"{timestamp}{method}{path}{body}"
    digest = hmac.new(base64.urlsafe_b64decode(secret), text.encode(), hashlib.sha256).digest()
    return {
        "POLY_ADDRESS": wallet,
        "POLY_SIGNATURE": base64.urlsafe_b64encode(digest).decode(),
        "POLY_TIMESTAMP": str(timestamp),
        "POLY_API_KEY": api_key,
        "POLY_PASSPHRASE": passphrase,
    }

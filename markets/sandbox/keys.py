"""Throw-away keys of the sandbox's own user: worthless elsewhere, kept so that a restart knows its clients."""

import os
import secrets
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from eth_account import Account

from markets.sandbox.context import KalshiAccount, PolymarketAccount

USER = "arbsite"  # the account's name on both faces
KEY_ID_FILE, PEM_FILE, WALLET_FILE = "kalshi_key_id", "kalshi_private.pem", "polymarket_private_key"
RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class Keys:
    """A Kalshi key and a Polymarket wallet. `repr` shows no secret."""

    kalshi_key_id: str
    kalshi_private_pem: str
    polymarket_private_key: str  # 0x + 64 hex

    def __repr__(self) -> str:
        return f"Keys({self.kalshi_key_id}, {self.polymarket_address})"

    @property
    def kalshi_public_pem(self) -> str:
        """The public half of the Kalshi key."""
        private = serialization.load_pem_private_key(self.kalshi_private_pem.encode(), None)
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return private.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    @property
    def polymarket_address(self) -> str:
        """The wallet's address, in checksum case."""
        return str(Account.from_key(self.polymarket_private_key).address)

    def kalshi_account(self, name: str = USER) -> KalshiAccount:
        """The account of this key."""
        return KalshiAccount(name, self.kalshi_key_id, self.kalshi_public_pem)

    def polymarket_account(self, name: str = USER) -> PolymarketAccount:
        """The account of this wallet."""
        return PolymarketAccount(name, self.polymarket_address)


def make_keys() -> Keys:
    """New keys, never seen before."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Keys(str(uuid.uuid4()), pem.decode(), f"0x{secrets.token_hex(32)}")


@cache
def process_keys() -> Keys:
    """Keys of this process, made once: for tests that start many sandboxes."""
    return make_keys()


def keys_in(folder: Path) -> Keys:
    """The keys kept in `folder`, made there at the first call (files 0600, folder 0700).

    Raises ValueError where a file is there but is no key.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    names = (KEY_ID_FILE, PEM_FILE, WALLET_FILE)
    if not all((folder / name).is_file() for name in names):
        made = make_keys()
        values = (made.kalshi_key_id, made.kalshi_private_pem, made.polymarket_private_key)
        for name, value in zip(names, values, strict=True):
            _write_private(folder / name, value)
    keys = Keys(*((folder / name).read_text().strip() for name in names))
    try:
        _ = keys.kalshi_public_pem, keys.polymarket_address
    except ValueError as error:
        raise ValueError(
            f"{folder} holds a file that is no key; remove the folder to get new ones"
        ) from error
    return keys


def _write_private(path: Path, text: str) -> None:
    """Never readable by others, not even for a moment."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text + "\n")
    beside.replace(path)

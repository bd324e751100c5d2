"""The private keys: read from a file, or from a secret manager's command, and held by the signer process alone.

No error raised here quotes what was read or carries a cause that might: a key must not reach a log by way of a traceback.
"""

import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markets.platforms.kalshi import signing as kalshi
from markets.platforms.polymarket import orders as polymarket_orders
from markets.platforms.polymarket import signing as polymarket
from markets.signer.bounds import BAD_KEY, NO_KEY, Refusal

COMMAND_SECONDS = 20
KALSHI, POLYMARKET = "kalshi", "polymarket"


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the keys come from. A file that is named wins over the command; `{name}` in it is the platform."""

    kalshi_key_id: str = ""
    kalshi_file: str = ""
    polymarket_file: str = ""
    command: str = ""


class Keys:
    """The keys of one reading. Raises Refusal where one cannot be used."""

    def __init__(self, sources: Sources) -> None:
        self.kalshi_key_id = sources.kalshi_key_id
        self._kalshi = _key(KALSHI, sources.kalshi_file, sources.command, kalshi.load_private_key)
        self._polymarket = _key(POLYMARKET, sources.polymarket_file, sources.command, _wallet_key)
        self.address = polymarket.address(self._polymarket) if self._polymarket else ""
        self._ready = polymarket_orders.private_key(self._polymarket) if self._polymarket else None

    def status(self) -> dict[str, Any]:
        """What is held, without the keys."""
        return {KALSHI: self.kalshi_key_id if self._kalshi is not None else "", POLYMARKET: self.address}

    def kalshi_headers(self, method: str, path: str, at_ms: int) -> dict[str, str]:
        """The headers of a request that was found permitted."""
        if self._kalshi is None or not self.kalshi_key_id:
            raise Refusal(
                NO_KEY, "no Kalshi key: set KALSHI_KEY_ID and KALSHI_PRIVATE_KEY_FILE for the signer"
            )
        return kalshi.headers(self._kalshi, self.kalshi_key_id, method, path, at_ms)

    def polymarket_login(self, timestamp: int, nonce: int) -> dict[str, str]:
        """Headers that derive or create the API credentials of the wallet (level 1)."""
        if not self._polymarket:
            raise Refusal(NO_KEY, "no Polymarket key: set POLYMARKET_PRIVATE_KEY_FILE for the signer")
        return polymarket.l1_headers(self._polymarket, timestamp=timestamp, nonce=nonce)

    def polymarket_order(self, order: polymarket_orders.Order, version: str, contract: str) -> str:
        """The signature of an order that was found permitted."""
        if self._ready is None:
            raise Refusal(NO_KEY, "no Polymarket key: set POLYMARKET_PRIVATE_KEY_FILE for the signer")
        return polymarket_orders.sign_order(self._ready, order, version, contract)


def _key(name: str, file: str, command: str, load: Callable[[bytes], Any]) -> Any:
    """One key; None where neither a file nor the command has it."""
    where = f"{name.upper()}_PRIVATE_KEY_FILE" if file else "SIGNER_SECRET_COMMAND"
    raw = _from_file(file, where) if file else _from_command(command, name)
    if not raw.strip():
        if file:
            raise Refusal(BAD_KEY, f"{where}: the file is empty")
        return None
    try:
        return load(raw)
    except ValueError:  # its own text may quote the key
        raise Refusal(BAD_KEY, f"{where}: not a private key of {name} that can be used") from None


def _from_file(file: str, where: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise Refusal(BAD_KEY, f"{where}: {error.strerror}") from None


def _from_command(command: str, name: str) -> bytes:
    """What the command prints; nothing at all where it is not set. Its words are never shown: they may be a key."""
    if not command:
        return b""
    try:
        done = subprocess.run(
            shlex.split(command.replace("{name}", name)), stdin=subprocess.DEVNULL, capture_output=True,
            timeout=COMMAND_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise Refusal(BAD_KEY, f"SIGNER_SECRET_COMMAND cannot be run ({type(error).__name__})") from None
    except subprocess.TimeoutExpired:
        raise Refusal(
            BAD_KEY, f"SIGNER_SECRET_COMMAND for {name}: no answer in {COMMAND_SECONDS} s"
        ) from None
    if done.returncode != 0:
        raise Refusal(BAD_KEY, f"SIGNER_SECRET_COMMAND for {name} ended with status {done.returncode}")
    return done.stdout


def _wallet_key(raw: bytes) -> str:
    """A wallet's key as text. Raises ValueError for one that cannot sign."""
    key = raw.decode().strip()
    polymarket.address(key)
    return key

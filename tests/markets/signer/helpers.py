"""Keys, limits and a served signer for tests. All keys are made anew and worth nothing."""

import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from markets.platforms.polymarket import orders
from markets.sandbox.keys import KEY_ID_FILE, PEM_FILE, WALLET_FILE, keys_in
from markets.sandbox.keys import Keys as ThrowAway
from markets.signer.bounds import Bounds
from markets.signer.halting import Switch
from markets.signer.keys import Keys, Sources
from markets.signer.server import SignerServer
from markets.signer.service import Limits, Signer

BOUNDS = Bounds(notional=Decimal(500), contracts=Decimal(10_000), price=Decimal("0.999"))
DOMAIN = {"version": "2", "contract": orders.EXCHANGE}
ORDERS = "/trade-api/v2/portfolio/events/orders"


@dataclass
class Clock:
    """A monotonic clock that tests move."""

    at: float = 1_000.0

    def __call__(self) -> float:
        return self.at


def sources(folder: Path) -> Sources:
    """Fresh throw-away keys, as files of this folder."""
    made: ThrowAway = keys_in(folder)
    return Sources(
        kalshi_key_id=made.kalshi_key_id,
        kalshi_file=str(folder / PEM_FILE),
        polymarket_file=str(folder / WALLET_FILE),
    )


def signer(
    where: Sources, folder: Path, *, per_minute: int = 120, clock: Clock | None = None, **more
) -> Signer:
    return Signer(
        lambda: Keys(where), Limits(BOUNDS, per_minute, **more), Switch(str(folder / "s.sock")), clock=clock or Clock()
    )  # fmt: skip


@contextmanager
def serving(one: Signer, data_dir: Path) -> Iterator[str]:
    """Its socket. The path of a local socket is short, pytest's folders are not."""
    path = f"{data_dir}/t{os.getpid()}-{secrets.token_hex(2)}.sock"
    server = SignerServer(path, one)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield path
    finally:
        server.shutdown()
        server.server_close()


def point_at(path: str, settings, monkeypatch) -> None:
    """Have the client ask there."""
    connector = settings.ARBSITE.connector.model_copy(update={"signer_socket": path})
    monkeypatch.setattr(settings.ARBSITE, "connector", connector)


def kalshi_order(**changes) -> dict:
    return {
        "ticker": "KXA-1", "client_order_id": "ord_1", "side": "bid", "count": "10.00", "price": "0.4900",
        "time_in_force": "immediate_or_cancel", "self_trade_prevention_type": "taker_at_cross", **changes,
    }  # fmt: skip


def polymarket_order(address: str, **changes) -> dict:
    """Ten shares at 50 cents."""
    return {
        "salt": 1, "maker": address, "signer": address, "tokenId": "123", "makerAmount": "5000000",
        "takerAmount": "10000000", "side": "BUY", "signatureType": 0, "timestamp": "1790000000123",
        "metadata": orders.ZERO_32, "builder": orders.ZERO_32, **changes,
    }  # fmt: skip


__all__ = ["BOUNDS", "DOMAIN", "KEY_ID_FILE", "ORDERS", "PEM_FILE", "WALLET_FILE", "Clock"]

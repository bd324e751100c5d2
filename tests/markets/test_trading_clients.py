"""The order side that the settings make: signed by the signer process, throttled by our own buckets."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from arbsite.config import Config
from markets import clients
from markets.platforms.base import KALSHI
from markets.platforms.kalshi import signing
from markets.platforms.trading import BUY, Accepted, Declined, Prepared
from tests.markets.kalshi.account import request
from tests.markets.sandbox.kalshi.rig import Rig, rig


@pytest.fixture(scope="module")
def place() -> Iterator[Rig]:
    with rig() as made:
        yield made


class Signer(threading.Thread):
    """A signer of the test's own on a socket: what it is asked, and headers by the sandbox's key."""

    def __init__(self, path: Path, place: Rig) -> None:
        super().__init__(daemon=True)
        self.asked: list[dict[str, Any]] = []
        keys = place.running.keys
        self._private = signing.load_private_key(keys.kalshi_private_pem.encode())
        self._key_id, self._now_ms = keys.kalshi_key_id, place.now_ms
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()

    def run(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            with link, link.makefile("rb") as lines:
                asked = json.loads(lines.readline())
                self.asked.append(asked)
                answer: dict[str, Any] = {}
                if asked["op"] == "kalshi_headers":
                    args = asked["method"], asked["path"], self._now_ms()
                    answer = {"headers": signing.headers(self._private, self._key_id, *args)}
                link.sendall(json.dumps(answer).encode() + b"\n")

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def config(place: Rig, tmp_path: Path) -> Iterator[Any]:
    made = Config()
    made.kalshi = made.kalshi.model_copy(
        update={"rest_url": place.running.urls["kalshi_rest"], "ws_url": place.running.urls["kalshi_ws"]}
    )
    made.connector = made.connector.model_copy(update={"signer_socket": str(tmp_path / "s.sock")})
    with override_settings(ARBSITE=made):
        yield made


@pytest.fixture
def signer(config: Any, place: Rig) -> Iterator[Signer]:
    made = Signer(Path(config.connector.signer_path), place)
    made.start()
    yield made
    made.stop()


def test_an_order_by_the_settings(config: Any, signer: Signer, place: Rig) -> None:
    trading = clients.trading(KALSHI)
    prepared = trading.prepare(request(place.empty_market(), BUY, "YES", "0.10", "1"))
    assert isinstance(prepared, Prepared)
    assert signer.asked == []  # what is prepared is signed when it is sent: a signature holds for seconds
    assert isinstance(trading.submit(prepared), Accepted)
    [asked] = signer.asked
    assert json.loads(asked.pop("body")) == prepared.payload
    assert asked == {
        "op": "kalshi_headers",
        "method": "POST",
        "path": "/trade-api/v2/portfolio/events/orders",
    }
    assert trading.open_orders() == []
    assert "body" not in signer.asked[-1]


def test_without_a_signer_nothing_is_sent(config: Any, place: Rig) -> None:
    trading = clients.trading(KALSHI)
    before = len(place.exchange.users["arbsite"].orders)
    prepared = trading.prepare(request(place.empty_market(), BUY, "YES", "0.10", "1"))
    assert isinstance(prepared, Prepared)
    answer = trading.submit(prepared)
    assert isinstance(answer, Declined)
    assert "manage.py signer" in answer.sentence
    assert len(place.exchange.users["arbsite"].orders) == before


def test_the_private_feed_is_signed_by_the_signer(config: Any, signer: Signer) -> None:
    feed = clients.private_feed(KALSHI)
    headers = feed.handshake()
    assert [line.partition(":")[0] for line in headers] == [
        "KALSHI-ACCESS-KEY",
        "KALSHI-ACCESS-TIMESTAMP",
        "KALSHI-ACCESS-SIGNATURE",
    ]
    assert signer.asked == [{"op": "kalshi_headers", "method": "GET", "path": "/trade-api/ws/v2"}]
    assert feed.url == config.kalshi.ws_url


def test_a_401_asks_the_signer_to_read_its_keys(config: Any, signer: Signer, place: Rig) -> None:
    signer._key_id = "00000000-0000-0000-0000-000000000000"
    trading = clients.trading(KALSHI)
    prepared = trading.prepare(request(place.empty_market(), BUY, "YES", "0.10", "1"))
    assert isinstance(prepared, Prepared)
    answer = trading.submit(prepared)
    assert isinstance(answer, Declined)
    assert [one["op"] for one in signer.asked] == ["kalshi_headers", "reload"]


@pytest.mark.parametrize("tokens", [5])
def test_writes_draw_on_a_bucket_of_their_own(config: Any, signer: Signer, place: Rig, tokens: int) -> None:
    config.kalshi = config.kalshi.model_copy(update={"write_tokens_per_second": tokens})
    trading = clients.trading(KALSHI)
    prepared = trading.prepare(request(place.empty_market(), BUY, "YES", "0.10", "1"))
    assert isinstance(prepared, Prepared)
    answer = trading.submit(prepared)  # ten tokens never fit into five
    assert isinstance(answer, Declined)
    assert (answer.code, answer.passing) == ("rate_limited", True)
    assert signer.asked == []
    assert trading.open_orders() == []  # reading goes on

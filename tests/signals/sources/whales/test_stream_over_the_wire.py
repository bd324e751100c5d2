"""The stream over a real socket: subscribe, be cut off in the middle, come back, end on time."""

import asyncio
import json
import threading
import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from signals.sources.base import Kept
from signals.sources.whales import streaming
from signals.sources.whales.streaming import Follower, Options

SECONDS = 15.0


def alert(dollars):
    return json.dumps({
        "channel_id": "c", "timestamp": int(datetime.now(UTC).timestamp()), "blockchain": "ethereum",
        "transaction_type": "transfer", "from": "unknown wallet", "to": "Binance",
        "amounts": [{"symbol": "USDC", "amount": dollars, "value_usd": dollars}],
    })  # fmt: skip


class Server:
    """One WebSocket server in a thread; it cuts the first connection off after its first alert."""

    def __init__(self):
        self.keys, self.asked, self.pings = [], [], 0
        self.ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self.ready.wait(SECONDS)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(SECONDS)

    async def _serve(self):
        server_ = self

        class Handler(WebSocketHandler):
            def open(self):
                server_.keys.append(self.get_query_argument("api_key"))

            def on_ping(self, data):
                server_.pings += 1

            def on_message(self, message):
                server_.asked.append(json.loads(message))
                self.write_message(json.dumps({"type": "subscribed_alerts", "id": "a"}))
                self.write_message(alert(1_000_000 * len(server_.asked)))
                if len(server_.asked) == 1:
                    self.stream.close()

        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        sock, self.port = bind_unused_port()
        server = HTTPServer(Application([("/ws", Handler)]))
        server.add_sockets([sock])
        self.ready.set()
        await self._end.wait()
        server.stop()
        await server.close_all_connections()


def test_it_comes_back_after_a_cut_and_ends_when_told(monkeypatch):
    monkeypatch.setattr(streaming, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(streaming, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(streaming, "PING_SECONDS", 0.1)
    kept, stop = [], threading.Event()

    def keep(transfers, now):
        kept.extend(transfers)
        return Kept(new=len(transfers))

    with Server() as server:
        options = Options(
            f"ws://127.0.0.1:{server.port}/ws", "a key & more", ("ethereum",), (), Decimal(500_000)
        )
        follower = Follower(options, stop, keep=keep)
        said = []
        monkeypatch.setattr(follower.health, "tell", lambda now: said.append(follower.health._state))
        thread = threading.Thread(target=follower.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline and (len(kept) < 2 or server.pings < 2):
            time.sleep(0.02)
        stop.set()
        thread.join(SECONDS)
    assert not thread.is_alive()
    assert [one.usd for one in kept] == [1_000_000, 2_000_000]
    assert server.keys == ["a key & more"] * 2 and server.pings >= 2
    assert server.asked[0]["min_value_usd"] == 500_000
    states = [state for at, state in enumerate(said) if at == 0 or said[at - 1] != state]
    assert states[-4:] == ["OK", "STALE", "OK", "STALE"]
    assert [notice.kind for notice in follower.health._pending] == ["source_stale", "source_gap"]


@pytest.mark.parametrize("url", ["wss://w.example/ws", "wss://w.example/ws?v=2"])
def test_the_address_has_the_key(url):
    address = Options(url, "k/&=", (), (), Decimal(1)).address
    assert address.startswith(url) and address.endswith("api_key=k%2F%26%3D") and address.count("?") == 1

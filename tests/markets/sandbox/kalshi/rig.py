"""What the tests of the Kalshi face share: a quiet exchange with one market of known depth, and signing clients."""

import base64
import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import requests
import websocket
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding

from markets.platforms.base import KALSHI
from markets.sandbox.clock import ManualClock
from markets.sandbox.context import KalshiAccount, SandboxConfig
from markets.sandbox.kalshi.exchange import Exchange
from markets.sandbox.keys import Keys, make_keys
from markets.sandbox.market import SandboxMarket, WorldSpec
from markets.sandbox.server import Running, running_sandbox
from markets.sandbox.traders import TraderSpec

NO_OTHER_FACES: dict[str, Any] = {name: lambda _: [] for name in ("clob", "gamma", "data")}
STILL = TraderSpec(rate=0, gap_every_s=0, taker_every_s=0, levels=1)
DEADLINE_S = 60  # a busy machine is slow, not wrong
BOB = make_keys()


def until(done: Callable[[], Any], what: str) -> Any:
    """Wait for `done`; what it returns first that is true."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if found := done():
            return found
        time.sleep(0.01)
    raise AssertionError(f"waited {DEADLINE_S} s for {what}")


@cache
def private_key(pem: str) -> Any:
    """A key, parsed once: its check costs more than a signature."""
    return serialization.load_pem_private_key(pem.encode(), None)


def signed(keys: Keys, method: str, path: str, at_ms: int, key_id: str = "") -> dict[str, str]:
    """The three headers of a request."""
    private = private_key(keys.kalshi_private_pem)
    text = f"{at_ms}{method}{path}".encode()
    if isinstance(private, ed25519.Ed25519PrivateKey):
        raw = private.sign(text)
    else:
        pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
        raw = private.sign(text, pss, hashes.SHA256())
    return {
        "KALSHI-ACCESS-KEY": key_id or keys.kalshi_key_id,
        "KALSHI-ACCESS-TIMESTAMP": str(at_ms),
        "KALSHI-ACCESS-SIGNATURE": base64.b64encode(raw).decode(),
    }


@dataclass
class Client:
    """A signing REST client of one user."""

    base: str
    keys: Keys
    now_ms: Callable[[], int]
    session: requests.Session = field(default_factory=requests.Session)

    def ask(
        self, method: str, path: str, *, body: Any = None, sign: bool = True, **query: Any
    ) -> requests.Response:
        """One request; `path` below the base."""
        headers = {}
        if sign:
            headers = signed(self.keys, method, urlsplit(self.base + path).path, self.now_ms())
        data = None if body is None else json.dumps(body)
        return self.session.request(
            method, self.base + path, data=data, params=query, headers=headers, timeout=60
        )

    def get(self, path: str, **query: Any) -> Any:
        """The body of a GET that must succeed."""
        answer = self.ask("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def order(self, ticker: str, side: str, price: str, count: str, **more: Any) -> requests.Response:
        """Create an order, good till cancelled unless told otherwise."""
        body = {
            "ticker": ticker, "side": side, "price": price, "count": count,
            "time_in_force": "good_till_canceled", "self_trade_prevention_type": "taker_at_cross",
            "client_order_id": uuid.uuid4().hex, **more,
        }  # fmt: skip
        return self.ask("POST", "/portfolio/events/orders", body=body)

    def placed(self, ticker: str, side: str, price: str, count: str, **more: Any) -> dict[str, Any]:
        """Create an order that must be taken."""
        answer = self.order(ticker, side, price, count, **more)
        assert answer.status_code == 201, answer.text
        return answer.json()


@dataclass
class Stream:
    """A WebSocket client of one user that keeps every frame."""

    socket: websocket.WebSocket
    frames: list[dict[str, Any]] = field(default_factory=list)
    commands: int = 0

    def send(self, cmd: str, **params: Any) -> int:
        """A command; returns its id."""
        self.commands += 1
        message: dict[str, Any] = {"id": self.commands, "cmd": cmd}
        if params:
            message["params"] = params
        self.socket.send(json.dumps(message))
        return self.commands

    def read(self) -> dict[str, Any]:
        """The next frame."""
        frame = json.loads(self.socket.recv())
        self.frames.append(frame)
        return frame

    def until(self, **wanted: Any) -> dict[str, Any]:
        """The next frame whose fields are as wanted."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            frame = self.read()
            if all(frame.get(name) == value for name, value in wanted.items()):
                return frame
        raise AssertionError(f"no frame with {wanted}")

    def drain(self) -> list[dict[str, Any]]:
        """Everything sent before the answer to a question asked now, without that answer."""
        number = self.send("list_subscriptions")
        found = []
        while (frame := self.read()).get("id") != number:
            found.append(frame)
        return found


@dataclass
class Rig:
    """A running exchange with two users, `alice` and `bob`, and no background life."""

    running: Running
    clock: ManualClock | None

    @property
    def exchange(self) -> Exchange:
        """The face's ledger."""
        return self.running.sandbox.shared[KALSHI]

    @property
    def markets(self) -> list[SandboxMarket]:
        """Kalshi's markets."""
        return self.running.sandbox.world.on(KALSHI)

    def now_ms(self) -> int:
        """The sandbox's time."""
        return self.running.sandbox.now_ms()

    def do(self, work: Callable[[], Any]) -> Any:
        """Run something on the sandbox's loop."""
        return self.running.call(work)

    def client(self, keys: Keys | None = None) -> Client:
        """A REST client; alice's unless told otherwise."""
        return Client(self.running.urls["kalshi_rest"], keys or self.running.keys, self.now_ms)

    def bob(self) -> Client:
        """The other user's REST client."""
        return self.client(BOB)

    @contextmanager
    def stream(self, keys: Keys | None = None) -> Iterator[Stream]:
        """A WebSocket; alice's unless told otherwise."""
        headers = signed(keys or self.running.keys, "GET", "/trade-api/ws/v2", self.now_ms())
        socket = websocket.create_connection(
            self.running.urls["kalshi_ws"], header=headers, timeout=DEADLINE_S
        )
        try:
            yield Stream(socket)
        finally:
            socket.close()

    def fault(self, **fault: Any) -> None:
        """Set a fault."""
        self.do(lambda: self.running.sandbox.faults.set({"platform": KALSHI, **fault}))

    def fired(self, kind: str) -> int:
        """How often a kind of fault has struck."""
        return self.do(lambda: self.running.sandbox.faults.fired.get(kind, 0))

    def clear(self) -> None:
        """No faults any more."""
        self.do(lambda: self.running.sandbox.faults.clear())

    def world(self, change: str, *args: Any) -> None:
        """Call a method of the world, now."""
        world = self.running.sandbox.world
        self.do(lambda: getattr(world, change)(*args, self.now_ms()))

    def empty_market(self, place: int = 0) -> str:
        """An open market on whole cents whose background quotes are gone; `place` chooses among them."""
        found = [
            market
            for market in self.markets
            if market.state == "OPEN" and market.close_ms - self.now_ms() > 10**7
        ]
        market = found[place]
        if market.k.grid != "linear_cent":
            self.world("set_tick", market.id, "linear_cent")
        engine = self.running.sandbox.engine
        self.do(lambda: engine.cancel_all(at_ms=self.now_ms(), market_id=market.id))
        return market.id


@contextmanager
def rig(
    *, clock: ManualClock | None = None, spec: WorldSpec | None = None, limits: bool = False, **config: Any
) -> Iterator[Rig]:
    """A running exchange; with a manual clock, time stands still until told to move."""
    spec = spec or WorldSpec(pairs=6, short_lived=1, extra_kalshi=3, extra_polymarket=0)
    bob = KalshiAccount("bob", BOB.kalshi_key_id, BOB.kalshi_public_pem)
    with running_sandbox(
        spec, traders=STILL, faces=NO_OTHER_FACES, clock=clock, kalshi_accounts=[bob],
        config=SandboxConfig(kalshi_rate_limits=limits, **config),
    ) as running:  # fmt: skip
        yield Rig(running, clock)

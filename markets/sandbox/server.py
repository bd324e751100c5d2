"""The sandbox on the wire: six HTTP servers on loopback, one loop, one heart that moves the world on.

    kalshi   /trade-api/v2 and /trade-api/ws/v2        gamma   discovery
    clob     orders, books, /ws/market and /ws/user    data    positions and trades
    control  what a test or an operator does to the world (`control.py`)
    sources  what is read besides prices: transfers, stories, calendars (`sources/`)

`running_sandbox()` runs all of it in a thread, for tests. Nothing here ever listens on another address than loopback.
"""

import asyncio
import importlib
import ipaddress
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from markets.sandbox.clock import Clock, Later, SystemClock, Timers
from markets.sandbox.context import KalshiAccount, PolymarketAccount, Sandbox, SandboxConfig
from markets.sandbox.engine import Engine
from markets.sandbox.faults import Faults
from markets.sandbox.keys import Keys, process_keys
from markets.sandbox.market import WorldSpec
from markets.sandbox.memory import Memory, recalled_world
from markets.sandbox.orders import SandboxError
from markets.sandbox.plants import Plants
from markets.sandbox.state import StateFile
from markets.sandbox.traders import Traders, TraderSpec
from markets.sandbox.world import World

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
FACES = ("kalshi", "clob", "gamma", "data", "control", "sources")  # in the order of their ports
BEAT_MS = 20
MAX_BODY = 4_000_000
STOP_SECONDS = 10
T = TypeVar("T")

Face = Callable[[Sandbox], Any]  # gives routes, or an Application
MODULES = {
    "kalshi": ("markets.sandbox.kalshi.app", "routes"),
    "clob": ("markets.sandbox.polymarket.app", "clob_routes"),
    "gamma": ("markets.sandbox.polymarket.app", "gamma_routes"),
    "data": ("markets.sandbox.polymarket.app", "data_routes"),
    "control": ("markets.sandbox.control", "routes"),
    "sources": ("markets.sandbox.sources.app", "routes"),
}


class ServerError(SandboxError):
    """The server cannot start as asked; the message says why."""


class Stepping(Protocol):
    """What the heart moves on besides the world: a scenario, a planter, a newsroom."""

    def step(self, now_ms: int) -> None:
        """Do what is due."""
        ...


def build(
    spec: WorldSpec | None = None,
    *,
    traders: TraderSpec | None = None,
    config: SandboxConfig | None = None,
    kalshi_accounts: Iterable[KalshiAccount] = (),
    polymarket_accounts: Iterable[PolymarketAccount] = (),
    clock: Clock | None = None,
    later: Later | None = None,
    state: Path | None = None,
) -> Sandbox:
    """A whole exchange without its servers: markets are open and makers have quoted once.

    Without `later`, calls that faces put off wait in a `Timers` until the server starts or a test runs them. With a
    `state` file the exchange goes on where it stopped. Raises StateError for one that cannot be used.
    """
    spec = spec or WorldSpec()
    file = StateFile(state, seed=spec.seed) if state is not None else None
    try:
        sandbox = _built(file, spec, traders, clock or SystemClock(), later)
        sandbox.config = config or SandboxConfig()
        sandbox.kalshi_accounts += kalshi_accounts
        sandbox.polymarket_accounts += polymarket_accounts
        if file is not None:
            sandbox.memory = Memory(file, sandbox)
    except SandboxError:
        if file is not None:
            file.close()
        raise
    now_ms = sandbox.now_ms()
    sandbox.world.step(now_ms)
    sandbox.traders.step(now_ms)
    if sandbox.memory is not None:
        sandbox.memory.step(now_ms)
    return sandbox


def _built(
    file: StateFile | None, spec: WorldSpec, traders: TraderSpec | None, clock: Clock, later: Later | None
) -> Sandbox:
    """The exchange before anything happens and before anybody has an account."""
    now_ms, run = clock.now_ms(), file.about.run if file is not None else 0
    engine = Engine(f"{spec.seed}-{run}" if run else spec.seed)
    world = World(spec, engine, now_ms=now_ms, kept=recalled_world(file) if file is not None else None)
    lively = traders or TraderSpec(seed=spec.seed)
    background = Traders(replace(lively, seed=lively.seed + run), world, engine, now_ms=now_ms)
    return Sandbox(
        world=world, engine=engine, faults=Faults(clock, seed=spec.seed), traders=background,
        plants=Plants(world, background), clock=clock, later=later or Timers(clock), run=run,
    )  # fmt: skip


class SandboxServer:
    """Six servers around one `Sandbox`. Use it on a running event loop."""

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        host: str = HOST,
        ports: Mapping[str, int] | None = None,
        faces: Mapping[str, Face] | None = None,
        scenario: Stepping | None = None,
        planter: Stepping | None = None,
        newsroom: Stepping | None = None,
        beat_ms: int = BEAT_MS,
    ) -> None:
        self.sandbox = sandbox
        self.host = checked_host(host)
        self.ports = {name: (ports or {}).get(name, 0) for name in FACES}
        self.faces = dict(faces or {})
        self.scenario = scenario
        self.planter = planter
        self.newsroom = newsroom
        self.beat_ms = beat_ms
        self.beats = 0
        self._servers: list[HTTPServer] = []
        self._timer: asyncio.TimerHandle | None = None

    async def start(self) -> dict[str, str]:
        """Listen and begin to move; returns `sandbox.urls`. Raises ServerError for a port that is taken."""
        loop = asyncio.get_running_loop()
        waiting = self.sandbox.later
        self.sandbox.later = lambda delay_ms, do: loop.call_later(delay_ms / 1000, do)
        sockets = {name: self._bind(name) for name in FACES}
        self.ports = {name: bound[0].getsockname()[1] for name, bound in sockets.items()}
        self.sandbox.urls.update(urls(self.host, self.ports))
        if self.scenario is not None:
            self.sandbox.shared["scenario"] = self.scenario
        if self.newsroom is not None:
            self.sandbox.shared["newsroom"] = self.newsroom
        for name, bound in sockets.items():
            server = _Server(self._application(name), max_body_size=MAX_BODY)
            server.add_sockets(bound)
            self._servers.append(server)
        if isinstance(waiting, Timers):
            waiting.run_due()
        self._beat()
        return self.sandbox.urls

    async def stop(self) -> None:
        """Stop the heart, refuse new connections and end the open ones."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for server in self._servers:
            server.stop()
        for connections in self.sandbox.faults.connections.values():
            for connection in list(connections):
                connection.drop(close_frame=True)
        for server in self._servers:
            await server.close_all_connections()
        self._servers.clear()
        if self.sandbox.memory is not None:
            self.sandbox.memory.close()

    def beat(self) -> None:
        """Move everything on to now: the world's calendar, the traders, the scenario."""
        now_ms = self.sandbox.now_ms()
        self.beats += 1
        self.sandbox.world.step(now_ms)
        self.sandbox.traders.step(now_ms)
        if self.scenario is not None:
            self.scenario.step(now_ms)
        if self.planter is not None:
            self.planter.step(now_ms)
        if self.newsroom is not None:
            self.newsroom.step(now_ms)
        if self.sandbox.memory is not None:
            self.sandbox.memory.step(now_ms)

    def _beat(self) -> None:
        """One beat and the appointment for the next, which holds even where this one failed."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            self.beat()
        except SandboxError:
            log.exception("the sandbox missed a beat")
        # At least half of the time belongs to the servers, however much the traders have to do
        spent = loop.time() - began
        self._timer = loop.call_later(max(self.beat_ms / 1000 - spent, spent, 0.001), self._beat)

    def _application(self, name: str) -> Application:
        face = self.faces.get(name)
        if face is None:
            module, function = MODULES[name]
            face = getattr(importlib.import_module(module), function)
        made = face(self.sandbox)
        return made if isinstance(made, Application) else Application(made, log_function=_silent)

    def _bind(self, name: str) -> list[Any]:
        port = self.ports[name]
        try:
            return bind_sockets(port, self.host)
        except OSError as error:
            raise ServerError(
                f"port {port} for the sandbox's {name} server is not free ({error.strerror}):"
                " choose others, or end what holds it"
            ) from error


class _Server(HTTPServer):
    """Answers leave at once instead of waiting for more."""

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        """A new connection."""
        stream.set_nodelay(True)
        super().handle_stream(stream, address)


def _silent(_: RequestHandler) -> None:
    """No line per request: a load test makes thousands a second."""


def urls(host: str, ports: Mapping[str, int]) -> dict[str, str]:
    """Where everything is, given the port of each face."""
    base = {name: f"{host}:{ports[name]}" for name in FACES}
    return {
        "kalshi_rest": f"http://{base['kalshi']}/trade-api/v2",
        "kalshi_ws": f"ws://{base['kalshi']}/trade-api/ws/v2",
        "clob": f"http://{base['clob']}",
        "clob_ws": f"ws://{base['clob']}/ws/market",
        "clob_ws_user": f"ws://{base['clob']}/ws/user",
        "gamma": f"http://{base['gamma']}",
        "geoblock": f"http://{base['gamma']}/api/geoblock",
        "data": f"http://{base['data']}",
        "control": f"http://{base['control']}",
        "sources": f"http://{base['sources']}",
    }


def checked_host(host: str) -> str:
    """The IPv4 loopback address meant by `host`. Raises ServerError for anything that others could reach."""
    try:
        address = ipaddress.IPv4Address(HOST if host == "localhost" else host)
    except ValueError as error:
        raise ServerError(f"the sandbox listens on a 127.x.x.x address, not on {host!r}") from error
    if not address.is_loopback:
        raise ServerError(f"the sandbox has no real protection and stays on loopback: {host} is refused")
    return str(address)


@dataclass(slots=True)
class Running:
    """A sandbox that runs in a thread."""

    sandbox: Sandbox
    server: SandboxServer
    loop: asyncio.AbstractEventLoop
    keys: Keys

    @property
    def urls(self) -> dict[str, str]:
        """kalshi_rest, kalshi_ws, clob, clob_ws, clob_ws_user, gamma, geoblock, data, control, sources."""
        return self.sandbox.urls

    def call(self, do: Callable[[], T], timeout: float = 10) -> T:
        """Run `do` on the sandbox's loop, where alone its objects may be touched; returns or raises what it does."""
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(do())
            except BaseException as error:  # noqa: BLE001 - handed to the caller, whatever it is
                done.set_exception(error)

        self.loop.call_soon_threadsafe(run)
        return done.result(timeout)


@contextmanager
def running_sandbox(
    spec: WorldSpec | None = None,
    *,
    traders: TraderSpec | None = None,
    config: SandboxConfig | None = None,
    kalshi_accounts: Iterable[KalshiAccount] = (),
    polymarket_accounts: Iterable[PolymarketAccount] = (),
    clock: Clock | None = None,
    keys: Keys | None = None,
    state: Path | None = None,
    **server_options: Any,
) -> Iterator[Running]:
    """A sandbox with free ports in a thread of its own; `server_options` as for `SandboxServer`.

    `keys` (made when not given) belong to an account on both faces named `arbsite`; further accounts may be added.
    """
    keys = keys or process_keys()
    sandbox = build(
        spec, traders=traders, config=config, clock=clock, state=state,
        kalshi_accounts=[keys.kalshi_account(), *kalshi_accounts],
        polymarket_accounts=[keys.polymarket_account(), *polymarket_accounts],
    )  # fmt: skip
    server = SandboxServer(sandbox, **server_options)
    ready: Future[asyncio.AbstractEventLoop] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(server, ready)), name="sandbox", daemon=True)
    thread.start()
    loop = ready.result(60)
    try:
        yield Running(sandbox, server, loop, keys)
    finally:
        loop.call_soon_threadsafe(server.sandbox.shared["stop"].set)
        thread.join(STOP_SECONDS)
        if thread.is_alive():
            raise ServerError(f"the sandbox did not stop within {STOP_SECONDS} seconds")


async def _serve(server: SandboxServer, ready: "Future[asyncio.AbstractEventLoop]") -> None:
    stop = server.sandbox.shared["stop"] = asyncio.Event()
    try:
        await server.start()
    except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for the start
        await server.stop()
        ready.set_exception(error)
        return
    ready.set_result(asyncio.get_running_loop())
    await stop.wait()
    await server.stop()

"""The servers' frame: loopback only, urls, the heart, a clean stop; keys; and the command itself."""

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from tornado.web import RequestHandler

from markets.sandbox.clock import ManualClock
from markets.sandbox.context import Sandbox
from markets.sandbox.keys import keys_in
from markets.sandbox.market import WorldSpec
from markets.sandbox.server import SandboxServer, ServerError, build, checked_host, running_sandbox, urls

ROOT = Path(__file__).resolve().parents[3]
SMALL = WorldSpec(pairs=2, short_lived=1)
NO_FACES: dict[str, Any] = {name: lambda _: [] for name in ("kalshi", "clob", "gamma", "data")}
DEADLINE_S = 60


def until(done: Callable[[], Any], what: str) -> Any:
    """Wait for `done`; what it returns first that is true."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if found := done():
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {DEADLINE_S} s for {what}")


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "::", "example.com", ""])
def test_only_loopback_is_listened_on(host: str) -> None:
    with pytest.raises(ServerError):
        SandboxServer(build(SMALL), host=host)


def test_loopback_has_several_names() -> None:
    assert [checked_host(host) for host in ("localhost", "127.0.0.1", "127.0.0.2")] == [
        "127.0.0.1", "127.0.0.1", "127.0.0.2",
    ]  # fmt: skip


def test_faces_get_the_sandbox_with_its_urls_and_a_timer_on_the_loop() -> None:
    seen: dict[str, Any] = {}

    class Hello(RequestHandler):
        def get(self) -> None:
            self.write({"hello": 1})

    def face(sandbox: Sandbox) -> list[Any]:
        seen.update(sandbox.urls)
        sandbox.later(1, lambda: sandbox.shared.update(called=True))
        return [("/hello", Hello)]

    with running_sandbox(SMALL, faces={**NO_FACES, "clob": face}) as running:
        assert seen == running.urls
        assert set(running.urls) == {
            "kalshi_rest", "kalshi_ws", "clob", "clob_ws", "clob_ws_user", "gamma", "geoblock", "data",
            "control", "sources",
        }  # fmt: skip
        assert len({urlsplit(url).port for url in running.urls.values()}) == 6
        assert requests.get(f"{running.urls['clob']}/hello", timeout=60).json() == {"hello": 1}
        until(lambda: running.call(lambda: running.sandbox.shared.get("called")), "the timer")
        accounts = running.sandbox.polymarket_accounts
        assert accounts[0].address == running.keys.polymarket_address
        assert running.sandbox.kalshi_accounts[0].key_id == running.keys.kalshi_key_id
        assert "PRIVATE" not in repr(running.keys)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{running.urls['clob']}/hello", timeout=60)


def test_the_heart_moves_the_world_on() -> None:
    clock = ManualClock(1_790_000_000_000)
    with running_sandbox(SMALL, faces=NO_FACES, clock=clock) as running:
        world = running.sandbox.world
        market = next(m for m in world.markets.values() if m.pair_id and world.pairs[m.pair_id].short_lived)
        running.call(lambda: clock.advance(market.close_ms - clock.at_ms))
        until(lambda: running.call(lambda: market.state != "OPEN"), "the close")
        with pytest.raises(ZeroDivisionError):
            running.call(lambda: 1 // 0)


def test_what_was_put_off_before_the_start_is_done_at_the_start() -> None:
    sandbox, done = build(SMALL), []
    sandbox.later(0, lambda: done.append(1))

    async def start_and_stop() -> None:
        server = SandboxServer(sandbox, faces=NO_FACES)
        await server.start()
        await server.stop()

    asyncio.run(start_and_stop())
    assert done == [1]


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=f"port {port} .* data"), running_sandbox(
            SMALL, faces=NO_FACES, ports={"data": port}
        ):  # fmt: skip
            raise AssertionError("it started")


def test_a_face_that_fails_stops_everything() -> None:
    def broken(_: Sandbox) -> list[Any]:
        raise LookupError("no such face")

    with pytest.raises(LookupError), running_sandbox(SMALL, faces={**NO_FACES, "data": broken}):
        raise AssertionError("it started")


def test_keys_are_made_once_and_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first, second = keys_in(folder), keys_in(folder)
    assert first == second
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert len(list(folder.iterdir())) == 3
    (folder / "polymarket_private_key").write_text("rubbish")
    with pytest.raises(ValueError, match="no key"):
        keys_in(folder)


@contextmanager
def command(tmp_path: Path, *options: str):  # type: ignore[no-untyped-def]
    """`manage.py sandbox` as a process, with no database to be found; yields it and its URLs."""
    ports_file = tmp_path / "ports.json"
    old = ports_file.stat().st_mtime_ns if ports_file.exists() else 0
    environment = {
        **os.environ,
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "DATA_DIR": str(tmp_path),
    }
    process = subprocess.Popen(
        [sys.executable, "manage.py", "sandbox", "--pairs", "2", "--ports-file", str(ports_file),
         "--keys-dir", str(tmp_path / "keys"), *options],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        until(
            lambda: (
                process.poll() is not None or (ports_file.exists() and ports_file.stat().st_mtime_ns > old)
            ),
            "the ports",
        )
        assert process.poll() is None, process.stdout.read() if process.stdout else ""
        yield process, json.loads(ports_file.read_text())
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


needs_faces = pytest.mark.skipif(
    not all((ROOT / "markets/sandbox" / name / "app.py").is_file() for name in ("kalshi", "polymarket")),
    reason="the faces are not there",
)


@needs_faces
def test_the_command_serves_stops_cleanly_and_comes_back_on_its_ports(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yml"
    plan.write_text("steps: [{at: 0, fault: {kind: latency, ms: 1}}]")
    with command(tmp_path, "--scenario", str(plan)) as (process, first):
        state = requests.get(f"{first['control']}/control/state", timeout=60).json()
        assert state["scenario"]["done"] == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    with command(tmp_path) as (process, second):
        assert second == first
        pairs = requests.get(f"{second['control']}/control/pairs", timeout=60).json()["pairs"]
        assert len(pairs) == 2
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--host", "0.0.0.0"], "loopback"),
        (["--pairs", "-1"], "--pairs"),
        (["--port-base", "65535"], "--port-base"),
        (["--scenario", "missing.yml"], "missing.yml"),
        (["--near-misses", "-1"], "--near-misses"),
        (["--wide", "5000"], "--wide"),
        (["--plant-every", "0.5"], "--plant-every"),
    ],
)
def test_a_wrong_option_is_named_in_one_line(tmp_path: Path, options: list[str], named: str) -> None:
    from django.core.management import CommandError, call_command

    with pytest.raises(CommandError, match=named):
        call_command("sandbox", "--keys-dir", str(tmp_path), *options)


def test_a_broken_ports_file_is_named(tmp_path: Path) -> None:
    from django.core.management import CommandError, call_command

    (tmp_path / "ports.json").write_text("[]")
    with pytest.raises(CommandError, match=r"ports\.json"):
        call_command(
            "sandbox", "--keys-dir", str(tmp_path / "k"), "--ports-file", str(tmp_path / "ports.json")
        )


def test_urls_have_the_platforms_paths() -> None:
    made = urls("127.0.0.1", {"kalshi": 1, "clob": 2, "gamma": 3, "data": 4, "control": 5, "sources": 6})
    assert made["kalshi_ws"] == "ws://127.0.0.1:1/trade-api/ws/v2"
    assert made["clob_ws_user"] == "ws://127.0.0.1:2/ws/user"

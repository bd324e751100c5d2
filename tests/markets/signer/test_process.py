"""The real process: it keeps its keys to itself, stays halted through kill -9, and reads new keys without a restart."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from markets import signer_client
from markets.sandbox.keys import PEM_FILE, WALLET_FILE, Keys, keys_in, make_keys
from markets.signer.service import RELOAD_SECONDS
from tests.markets.signer.helpers import DOMAIN, ORDERS, kalshi_order, point_at, polymarket_order

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Running:
    """A signer and everything it wrote."""

    folder: Path
    socket: str
    keys: Keys
    env: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / "signer.log"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "signer"], cwd=ROOT, env=self.env, stdout=log, stderr=log
            )
        for _ in range(600):
            try:
                signer_client.status()
                return
            except signer_client.SignerError:
                assert self.process.poll() is None, self.log.read_text()
                time.sleep(0.05)
        raise AssertionError("the signer does not come up")

    def end(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(20)

    def secrets(self) -> list[str]:
        """Everything that must be seen nowhere: the wallet's key, and every line of the PEM."""
        lines = [line for line in self.keys.kalshi_private_pem.splitlines() if not line.startswith("-")]
        return [
            self.keys.polymarket_private_key.removeprefix("0x"),
            *(line for line in lines if len(line) > 20),
        ]


@pytest.fixture
def running(tmp_path, settings, monkeypatch) -> Iterator[Running]:
    keys = keys_in(tmp_path)
    path = f"{settings.ARBSITE.core.data_dir}/p{os.getpid()}-{secrets.token_hex(2)}.sock"
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "arbsite.settings", "CONNECTOR_SIGNER_SOCKET": path, "LOG_LEVEL": "DEBUG",
        "KALSHI_KEY_ID": keys.kalshi_key_id, "KALSHI_PRIVATE_KEY_FILE": str(tmp_path / PEM_FILE),
        "POLYMARKET_PRIVATE_KEY_FILE": str(tmp_path / WALLET_FILE), "SIGNER_MAX_ORDER_NOTIONAL": "100",
    }  # fmt: skip
    point_at(path, settings, monkeypatch)
    one = Running(tmp_path, path, keys, env)
    one.start()
    yield one
    if one.process is not None and one.process.poll() is None:
        one.end(signal.SIGTERM)
    Path(path).unlink(missing_ok=True)
    Path(path).with_suffix(".halt").unlink(missing_ok=True)


def everything_it_may_be_asked(keys: Keys) -> list[object]:
    """Good requests, refusals and errors of every kind."""
    order, big = (
        polymarket_order(keys.polymarket_address),
        {"makerAmount": "400000000", "takerAmount": "900000000"},
    )
    return [
        {"op": "status"}, {"op": "reload"}, {"op": "nothing"}, {"op": "polymarket_login", "nonce": 0},
        {"op": "polymarket_login", "nonce": keys.polymarket_private_key}, "text", None, [1],
        {"op": "polymarket_order", "order": order, "domain": DOMAIN},
        {"op": "polymarket_order", "order": order | big, "domain": DOMAIN},
        {"op": "polymarket_order", "order": order | {"maker": "0x1"}, "domain": DOMAIN},
        {"op": "polymarket_order", "order": order | {"salt": -1}, "domain": DOMAIN},
        {"op": "polymarket_order", "order": order, "domain": {"version": "2", "contract": "0xzz"}},
        {"op": "polymarket_order", "order": order, "domain": {}}, {"op": "polymarket_order"},
        {"op": "kalshi_headers", "method": "POST", "path": ORDERS, "body": kalshi_order()},
        {"op": "kalshi_headers", "method": "POST", "path": ORDERS, "body": kalshi_order(count="9000.00")},
        {"op": "kalshi_headers", "method": "POST", "path": ORDERS, "body": "{"},
        {"op": "kalshi_headers", "method": "DELETE", "path": ORDERS}, {"op": "kalshi_headers"},
        {"op": "halt", "why": "a drill"}, {"op": "polymarket_order", "order": order, "domain": DOMAIN}, {"op": "release"},
    ]  # fmt: skip


def answers_to(path: str, requests: list[object]) -> str:
    found = []
    for raw in [
        *(json.dumps(request).encode() + b"\n" for request in requests),
        b"\xff\xfe\n",
        b"x" * 300_000 + b"\n",
    ]:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(20)
            link.connect(path)
            link.sendall(raw)
            found.append(link.makefile("rb").readline().decode())
    return "".join(found)


def test_no_key_is_seen_anywhere(running):
    answers = answers_to(running.socket, everything_it_may_be_asked(running.keys))
    assert answers.count('"signature"') == 1 and answers.count('"headers"') == 3 and '"halted"' in answers
    # A key that cannot be used, at reload and at start
    wallet = running.folder / WALLET_FILE
    wallet.chmod(0o600)
    wallet.write_text(running.keys.polymarket_private_key + "ff")
    time.sleep(RELOAD_SECONDS)
    answers += answers_to(running.socket, [{"op": "reload"}])
    assert '"bad_key"' in answers
    seen = [answers]
    assert running.process is not None
    for pid in [running.process.pid, os.getpid()]:
        for name in ("cmdline", "environ"):
            seen.append(Path("/proc", str(pid), name).read_text(errors="replace"))
    assert running.end(signal.SIGTERM) == 0
    again = subprocess.run(
        [sys.executable, "manage.py", "signer", "--traceback"], cwd=ROOT, env=running.env, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert again.returncode == 1 and "POLYMARKET_PRIVATE_KEY_FILE" in again.stderr
    text = "".join([*seen, running.log.read_text(), again.stdout, again.stderr])
    assert "signer refused" in text
    assert [secret for secret in running.secrets() if secret in text] == []


def test_its_memory_is_not_for_others(running):
    assert running.process is not None
    limits = Path(f"/proc/{running.process.pid}/limits").read_text()
    (core,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]


def test_nobody_may_look_into_a_process_that_keeps_its_memory_private():
    script = (
        "import ctypes; from markets.signer.server import keep_memory_private as keep;"
        "ask = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0); before = ask(); keep(); print(before, ask())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=True, timeout=60
    )
    assert done.stdout.split() == [b"1", b"0"]  # PR_GET_DUMPABLE


def test_the_kill_switch_survives_kill_9(running):
    order = polymarket_order(running.keys.polymarket_address)
    assert signer_client.polymarket_order(order, DOMAIN)["signature"]
    signer_client.halt("the night is bad")
    assert running.end(signal.SIGKILL) == -signal.SIGKILL
    running.start()
    assert signer_client.status()["halted"] == "the night is bad"
    with pytest.raises(signer_client.SignerRefused, match="the night is bad"):
        signer_client.polymarket_order(order, DOMAIN)
    signer_client.release()
    assert signer_client.polymarket_order(order, DOMAIN)["signature"]


def test_it_can_be_halted_while_nobody_serves(running):
    running.end(signal.SIGKILL)
    command = [sys.executable, "manage.py", "signer", "halt", "--why", "keys were seen"]
    subprocess.run(command, cwd=ROOT, env=running.env, check=True, timeout=60)
    running.start()
    assert signer_client.status()["halted"] == "keys were seen"


def test_new_keys_are_read_when_a_platform_says_that_ours_is_not_valid(running):
    new = make_keys()
    for name, text in ((PEM_FILE, new.kalshi_private_pem), (WALLET_FILE, new.polymarket_private_key)):
        (running.folder / name).chmod(0o600)
        (running.folder / name).write_text(text)
    time.sleep(RELOAD_SECONDS)
    assert signer_client.reload()["polymarket"] == new.polymarket_address
    answer = signer_client.polymarket_order(polymarket_order(new.polymarket_address), DOMAIN)
    assert answer["signer"] == new.polymarket_address
    assert signer_client.reload()["reloaded"] is False

"""The whole demo, as a user starts it, and what kill -9 does to each of its parts. One story, because starting it costs."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis as redis_library

from arbsite.stack import read_services

ROOT = Path(__file__).resolve().parents[2]
START, RECOVER = 150.0, 90.0
NEWEST_ORDER = "SELECT extract(epoch FROM max(created_at))::bigint FROM orders"
OWN = ("DATABASE_URL", "REDIS_URL", "DATA_DIR", "DJANGO_SETTINGS_MODULE", "LOG_FORMAT", "PYTEST_XDIST_WORKER")


class Demo:
    """A running demo in a folder of its own."""

    def __init__(self, data: Path) -> None:
        self.data = data
        env = {name: value for name, value in os.environ.items() if name not in OWN}
        # Short-lived markets are traded until their last seconds, so that some are held whenever the demo ends
        env |= {"DATA_DIR": str(data), "SIGNALS_MIN_OPEN_SECONDS": "5"}
        self.log = (data.parent / "demo.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "demo", "--pairs", "12"], cwd=ROOT, env=env, stdout=self.log,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def end(self) -> None:
        """As a user ends it, or by force; leaves nothing running."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=60)
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.log.close()

    def processes(self) -> dict[int, str]:
        """Living processes of this demo: id → command line. They are known by the data folder in their environment."""
        mark = f"DATA_DIR={self.data}".encode()
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (
                    (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                )
                ours = mark in (folder / "environ").read_bytes() or str(self.data) in command
                if (
                    ours
                    and command
                    and "Z" not in (folder / "stat").read_text().rpartition(")")[2].split()[0]
                ):
                    found[int(folder.name)] = command
        return found

    def find(self, *words: str) -> list[int]:
        """The oldest-first ids of the processes whose command line has all these words."""
        return sorted(
            pid
            for pid, command in self.processes().items()
            if all(word in command for word in words) and "arbsite/lifeline.py" not in command
        )

    def ask(self, sql: str) -> int:
        """One number from the demo's database; -1 while that is away."""
        services = read_services(self.data)
        if services is None:
            return -1
        try:
            with psycopg.connect(services.database_url, connect_timeout=2) as link:
                row = link.execute(sql).fetchone()
        except psycopg.Error:
            return -1
        return int(row[0]) if row and row[0] is not None else 0

    def redis(self) -> redis_library.Redis:
        """Its Redis."""
        services = read_services(self.data)
        assert services is not None
        return redis_library.Redis.from_url(services.redis_url, socket_timeout=2, socket_connect_timeout=2)

    def redis_pid(self) -> int:
        """The server's process."""
        return int(self.redis().info("server")["process_id"])

    def postgres_pid(self) -> int:
        """The postmaster."""
        return int((self.data / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0])


def until(what: str, check: Callable[[], bool], seconds: float, demo: Demo) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if demo.process.poll() is not None:
            pytest.fail(f"the demo ended while waiting for {what}: {demo.log.name}")
        if check():
            return
        time.sleep(0.25)
    pytest.fail(f"{what}: not within {seconds} s")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path / "demo data")
    yield running
    running.end()


def works_again(demo: Demo, what: str) -> None:
    """New signals are found and new orders filled, and both feeds are heard."""
    since = demo.ask("SELECT extract(epoch FROM clock_timestamp())::bigint")
    until(f"{what}: the database answers", lambda: demo.ask("SELECT 1") == 1, RECOVER, demo)
    after = since if since > 0 else demo.ask("SELECT extract(epoch FROM clock_timestamp())::bigint")
    until(
        f"{what}: new signals",
        lambda: demo.ask(f"SELECT count(*) FROM signals WHERE created_at > to_timestamp({after})") > 0,
        RECOVER, demo,
    )  # fmt: skip
    until(
        f"{what}: new orders",
        lambda: demo.ask(f"SELECT count(*) FROM orders WHERE created_at > to_timestamp({after})") > 0,
        RECOVER, demo,
    )  # fmt: skip
    until(
        f"{what}: both feeds run",
        lambda: demo.ask(
            "SELECT count(*) FROM components WHERE name LIKE 'stream-%' AND state = 'RUNNING'"
            " AND updated_at > clock_timestamp() - interval '8 seconds'"
        ) == 2,
        RECOVER, demo,
    )  # fmt: skip


def kill(demo: Demo, *words: str) -> None:
    pids = demo.find(*words)
    assert pids, f"nothing runs with {words}: {demo.processes()}"
    os.kill(pids[0], signal.SIGKILL)


def held_in_markets_that_end_by(moment: float, demo: Demo) -> int:
    """Open positions in markets that end by then."""
    return demo.ask(
        "SELECT count(*) FROM positions JOIN markets ON markets.id = market_id"
        f" WHERE quantity > 0 AND end_date < to_timestamp({moment})"
    )


@pytest.mark.timeout(1200)
def test_the_demo_survives_the_death_of_each_part(demo: Demo):
    until(
        "the first paper orders",
        lambda: demo.ask("SELECT count(*) FROM plans WHERE status = 'FILLED'") > 0,
        START,
        demo,
    )

    kill(demo, "celery", "worker", "hot@")
    works_again(demo, "the worker was killed")

    kill(demo, "manage.py stream kalshi")
    works_again(demo, "the Kalshi connector was killed")

    kill(demo, "manage.py sandbox")
    works_again(demo, "the exchange was killed")

    kill(demo, "manage.py beat")
    until("beat is back", lambda: bool(demo.find("manage.py beat")), RECOVER, demo)

    demo.redis().flushall()
    works_again(demo, "Redis was emptied")

    os.kill(demo.redis_pid(), signal.SIGKILL)
    works_again(demo, "Redis was killed")

    os.kill(demo.postgres_pid(), signal.SIGKILL)
    works_again(demo, "PostgreSQL was killed")

    until(
        "short-lived markets are held",
        lambda: held_in_markets_that_end_by(time.time() + 120, demo) > 0,
        2 * RECOVER, demo,
    )  # fmt: skip
    soon = time.time() + 120  # all that are short-lived end by then
    servers = [demo.redis_pid(), demo.postgres_pid()]
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(timeout=90) == 0
    assert demo.processes() == {}, "nothing is left running"
    assert not [pid for pid in servers if Path("/proc", str(pid)).exists()], "the servers have ended, too"
    result = json.loads((demo.data / "demo.json").read_text())
    assert result["plans_filled"] > 0 and result["fills"] >= 2 * result["plans_filled"]
    assert result["pnl"] == result["pnl_from_fills"]
    assert all(result["feeds"][platform]["frames"] > 0 for platform in ("polymarket", "kalshi"))

    stopped, again = int(time.time()), Demo(demo.data)
    try:
        until("the demo answers again", lambda: again.ask(NEWEST_ORDER) > stopped, START, again)
        until(
            "what the first demo held is paid",
            lambda: time.time() > soon and held_in_markets_that_end_by(soon, again) == 0,
            120 + RECOVER, again,
        )  # fmt: skip
        assert again.ask("SELECT count(*) FROM halts WHERE lifted_at IS NULL") == 0
    finally:
        again.end()

"""A lane: an exchange, a signer, a database and a zygote of its own, so that several cases can run beside each other."""

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.exchange import Exchange, environment, signer_keys

ROOT = Path(__file__).resolve().parents[2]
START_S = 600  # a busy machine is slow, not wrong
LAST_REDIS_DB = 15  # counted down: xdist workers count up from 1
OWN = ("DJANGO_SETTINGS_MODULE", "PYTEST_XDIST_WORKER", "CRASH_AT")


class Lane:
    """Processes that belong together. Start it with `lanes`."""

    def __init__(
        self, number: int, folder: Path, database_url: str, redis_url: str, pairs: int, **changes: Any
    ) -> None:
        self.number = number
        self.folder = folder
        self.database_url = database_url
        folder.mkdir(parents=True, exist_ok=True)
        self.log = (folder / "log").open("ab")
        self._children: list[subprocess.Popen[Any]] = []
        self.spent: Counter[str] = Counter()  # CPU seconds by act
        base = {name: value for name, value in os.environ.items() if name not in OWN}
        base |= {
            "DATABASE_URL": database_url, "REDIS_URL": redis_url, "CELERY_BROKER_URL": "",
            "DJANGO_SETTINGS_MODULE": "arbsite.settings", "DATA_DIR": str(folder), "LOG_FORMAT": "text",
            "LOG_LEVEL": "WARNING", "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        exchange = [
            sys.executable,
            "-m",
            "tests.exchange",
            str(folder),
            "--pairs",
            str(pairs),
            "--seed",
            str(number + 1),
        ]
        self._run(exchange, base)
        self.exchange = Exchange(self._urls(), folder / "keys")
        # The path of a local socket is short
        self.socket = f"{tempfile.gettempdir()}/arbsite-faults-{os.getpid()}-{number}.sock"
        self.env = base | environment(self.exchange.urls, folder / "keys", self.socket)
        self.env |= {name: str(value) for name, value in changes.items()}
        self._run([sys.executable, "manage.py", "signer"], self.env | signer_keys(folder / "keys"))
        self.zygote = self._run(
            [sys.executable, "-m", "tests.faults.zygote"],
            self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._until(lambda: Path(self.socket).exists(), "the signer")
        assert self._answer() == "ready"
        self.pairs = self.exchange.pairs()
        self.used = 0
        self.differences: dict[
            str, str
        ] = {}  # between the exchange's cash and ours, when the last case ended

    def _run(self, command: list[str], env: dict[str, str], **more: Any) -> "subprocess.Popen[Any]":
        more.setdefault("stdout", self.log)
        child = subprocess.Popen(command, cwd=ROOT, env=env, stderr=self.log, **more)
        self._children.append(child)
        return child

    def _urls(self) -> dict[str, str]:
        path = self.folder / "urls.json"
        self._until(path.exists, "the exchange")
        return dict(json.loads(path.read_text()))

    def _until(self, check: Any, what: str) -> None:
        deadline = time.monotonic() + START_S
        while not check():
            for child in self._children:
                assert child.poll() is None, f"{child.args} ended: {self.folder / 'log'}"
            assert time.monotonic() < deadline, f"{what} does not start: {self.folder / 'log'}"
            time.sleep(0.02)

    def _answer(self) -> Any:
        assert self.zygote.stdout is not None
        line = self.zygote.stdout.readline()
        assert line, f"the zygote is gone: {self.folder / 'log'}"
        return json.loads(line)

    def at_once(self, *wanted: dict[str, Any]) -> list[dict[str, Any]]:
        """Acts carried out at the same time, each in a process of its own."""
        assert self.zygote.stdin is not None
        self.zygote.stdin.write(json.dumps(wanted).encode() + b"\n")
        self.zygote.stdin.flush()
        answers = list(self._answer())
        for act, answer in zip(wanted, answers, strict=True):
            self.spent[act["do"]] += answer["cpu"]
        return answers

    def act(self, name: str, env: dict[str, str] | None = None, **arguments: Any) -> dict[str, Any]:
        """One act of `acts.py`, in a process of its own."""
        return self.at_once({"do": name, "with": arguments, "env": env or {}})[0]

    def said(self, name: str, **arguments: Any) -> Any:
        """What an act returns that must not fail."""
        answer = self.act(name, **arguments)
        assert not answer["error"] and answer["signal"] == 0, f"{name}: {answer} ({self.folder / 'log'})"
        return answer["said"]

    def next_pair(self) -> dict[str, Any]:
        """A pair that no case has used."""
        self.used += 1
        return self.pairs[self.used - 1]

    def stop(self) -> None:
        """End what this lane started."""
        for child in reversed(self._children):
            child.terminate()
        for child in self._children:
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(10)
        self.log.close()
        Path(self.socket).unlink(missing_ok=True)


@contextmanager
def lanes(count: int, folder: Path, pairs: int, **changes: Any) -> Iterator[list[Lane]]:
    """So many lanes, each with a copy of the test database. Call it where no connection to that is open."""
    from django.conf import settings
    from django.db import connections

    url, template = (
        settings.ARBSITE.core.database_url.get_secret_value(),
        settings.DATABASES["default"]["NAME"],
    )
    connections.close_all()
    names = [f"{template}_lane{number}" for number in range(count)]
    made: list[Lane] = []
    with psycopg.connect(_database(url, "postgres"), autocommit=True) as admin:
        for name in names:
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    errors: list[BaseException] = []
    claims = ExitStack()

    def start(number: int, redis_url: str) -> None:
        try:
            _empty(redis_url)
            lane = Lane(
                number, folder / f"lane{number}", _database(url, names[number]), redis_url, pairs, **changes
            )
            made.append(lane)
            lane.differences = lane.said("prepare")
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    try:
        redis_urls = [_own_redis(claims, settings.ARBSITE.core.data_dir) for _ in range(count)]
        threads = [threading.Thread(target=start, args=one) for one in enumerate(redis_urls)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        yield sorted(made, key=lambda lane: lane.number)
    finally:
        for lane in made:
            lane.stop()
        claims.close()
        with psycopg.connect(_database(url, "postgres"), autocommit=True) as admin:
            for name in names:
                admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _own_redis(claims: ExitStack, folder: Path) -> str:
    """A database of the tests' Redis that no worker has, and no other lane of whichever worker, until `claims` close.

    Workers of a run have `folder` in common. Every exchange has the same markets: the books of two must not meet.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0"))
    for number in range(LAST_REDIS_DB, workers, -1):
        claim = claims.enter_context((folder / f"lane-redis-{number}").open("w"))
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with the process, however that ends
        except BlockingIOError:
            continue
        return _database(os.environ["REDIS_URL"], str(number))
    raise AssertionError(f"no database of Redis is left for one more lane beside {workers} workers")


def _empty(redis_url: str) -> None:
    import redis

    redis.Redis.from_url(redis_url).flushdb()


def _database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))

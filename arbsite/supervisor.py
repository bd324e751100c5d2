"""Keeps programs running: circus in a process of its own (`arbsite.arbiter`), driven by `Supervisor`.

    our process ── thread "keeper" ── circus ── program ── whatever the program starts
                        each ── dies with the one to its left, even by kill -9 (arbsite.lifeline)

circus and every program lead a session of their own, so the terminal's Ctrl-C reaches nobody but our process.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from circus.client import CircusClient
from circus.exc import CallError

from arbsite import lifeline
from arbsite.stack import processes
from arbsite.stack.keeper import Keeper
from arbsite.stack.state import FolderLock, folder_tag

MARK = "ARBSITE_SUPERVISED"  # an environment variable that everything below one supervisor carries
BASE_DIR = Path(__file__).resolve().parent.parent
LONGEST_SOCKET_PATH = 100  # bytes; the kernel takes 107
START_SECONDS = 30.0  # for Python and circus; nothing of the programs is awaited
GRACE_SECONDS = 5.0  # on top of the slowest program's own


class SupervisorError(Exception):
    """The supervisor does not start; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Program:
    """A command that is to be kept running. `env` replaces the environment where it is given."""

    name: str  # also its log's
    command: list[str]
    env: dict[str, str] | None = None
    processes: int = 1
    stop_seconds: float = 10.0  # between SIGTERM and SIGKILL
    nice: int = 0  # added to the niceness


class Supervisor:
    """Programs of one data folder, at most one supervisor for each; logs are in `<data_dir>/logs/<name>.log`.

    The supervisor ends with the process that called `start`, and its programs with it.
    """

    def __init__(self, data_dir: Path, programs: list[Program]) -> None:
        names = [program.name.lower() for program in programs]
        if len(set(names)) < len(names) or not all(re.fullmatch(r"[a-z0-9][\w.-]*", name) for name in names):
            raise ValueError(f"Programs need different names that can be file names: {names}")
        self.data_dir = Path(data_dir).absolute()
        self.programs = programs
        self._lock = FolderLock(self.data_dir / "supervisor.lock")
        self._keeper: Keeper | None = None
        self._sockets: Path | None = None
        self._tag = ""

    def start(self) -> None:
        """Start every program; returns once each was started. Raises SupervisorError."""
        if self._keeper is not None:
            return
        self._logs.mkdir(parents=True, exist_ok=True)
        if not self._lock.acquire():
            raise SupervisorError(
                f"Another process runs the programs of {self.data_dir} already: stop it, or choose another data folder."
            )
        self._tag = folder_tag(self.data_dir)
        slowest = max((program.stop_seconds for program in self.programs), default=0.0)
        self._steps = ((signal.SIGTERM, slowest), (signal.SIGKILL, GRACE_SECONDS))
        self._keeper = Keeper(
            "The supervisor",
            self._launch,
            ((signal.SIGTERM, slowest + GRACE_SECONDS), (signal.SIGKILL, GRACE_SECONDS)),
        )
        self._keeper.start()
        try:
            self._await(self._keeper)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ask every program to end, kill those that do not, with their groups; leaves nothing running."""
        if self._keeper is None:
            return
        self._keeper.stop()
        self._keeper = None
        self._sweep((signal.SIGKILL, GRACE_SECONDS))  # needed only if circus itself had to be killed
        self._remove_sockets()
        self._lock.release()

    def status(self) -> dict[str, dict[str, Any]]:
        """For each program its `state` (running, waiting: for its next try, stopped, unknown: circus does not answer),
        its first `pid` (None when there is none), all `pids`, and how many `restarts` it had."""
        told: dict[str, dict[str, Any]] = {}
        state = "stopped"
        if self._keeper is not None:
            try:
                told = self._ask(timeout=3.0)
            except CallError:
                state = "unknown"
        nothing: dict[str, Any] = {"pid": None, "pids": [], "state": state, "restarts": 0}
        return {program.name: told.get(program.name, dict(nothing)) for program in self.programs}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _logs(self) -> Path:
        return self.data_dir / "logs"

    def _launch(self) -> subprocess.Popen:
        """Start circus, after what a killed one may have left is gone; called by the keeper."""
        self._sweep(*self._steps)
        self._remove_sockets()
        self._sockets = self._socket_folder()
        plan = {
            "endpoint": f"ipc://{self._sockets}/circus.sock",
            "pubsub": f"ipc://{self._sockets}/events.sock",
            "remove": str(self._sockets) if self._sockets != self.data_dir else None,
            "logs": str(self._logs),
            "tag": self._tag,
            "programs": [asdict(program) for program in self.programs],
        }
        command = [sys.executable, "-m", "arbsite.arbiter"]
        process = subprocess.Popen(
            lifeline.command(command, log=self._logs / "supervisor.log"),
            cwd=BASE_DIR, stdin=subprocess.PIPE, env={**os.environ, MARK: self._tag}, start_new_session=True,
        )  # fmt: skip
        assert process.stdin is not None
        # The plan holds passwords: it goes through a pipe, never into a file or an argument.
        try:
            process.stdin.write(json.dumps(plan).encode())
            process.stdin.close()
        except BrokenPipeError:
            process.stdin = None  # it died already; the keeper will see
        return process

    def _sweep(self, *steps: tuple[signal.Signals, float]) -> None:
        """End everything that carries our mark: a supervisor before us, its programs, what they started."""
        processes.end(lambda: processes.marked(MARK, self._tag), steps)

    def _await(self, keeper: Keeper) -> None:
        deadline = time.monotonic() + START_SECONDS
        while keeper.is_alive() and time.monotonic() < deadline:
            try:
                rows = self._ask(timeout=0.5).values()
            except CallError:
                continue
            if all(row["pids"] or row["restarts"] for row in rows):
                keeper.settle()
                return
            time.sleep(0.02)
        raise SupervisorError(f"The supervisor does not start: read {self._logs / 'supervisor.log'}.")

    def _ask(self, timeout: float) -> dict[str, dict[str, Any]]:
        if self._sockets is None:  # circus is being started
            time.sleep(0.02)
            raise CallError("not started yet")
        client = CircusClient(endpoint=f"ipc://{self._sockets}/circus.sock", timeout=timeout)
        try:
            return dict(client.send_message("programs")["programs"])
        finally:
            client.stop()

    def _socket_folder(self) -> Path:
        """The data folder, or a private one with a shorter name where a socket's path would be too long."""
        if len(os.fsencode(self.data_dir / "circus.sock")) <= LONGEST_SOCKET_PATH:
            return self.data_dir
        return Path(tempfile.mkdtemp(prefix="arbsite-"))

    def _remove_sockets(self) -> None:
        folder, self._sockets = self._sockets, None
        if folder == self.data_dir:
            for name in ("circus.sock", "events.sock"):
                (folder / name).unlink(missing_ok=True)
        elif folder is not None:
            shutil.rmtree(folder, ignore_errors=True)  # circus may have done it

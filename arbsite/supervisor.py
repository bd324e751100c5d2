"""Keeps programs running: circus in a process of its own, driven by `Supervisor`.

circus starts, restarts and stops the programs and rotates their logs. What it lacks is added here: every program dies
with circus and circus with whoever started it, even by kill -9 (`arbsite.lifeline`), a program that keeps failing is
tried for ever, and the terminal's Ctrl-C reaches nobody but the starter (a session of its own).
"""

import contextlib
import json
import logging
import os
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
from arbsite.config import BASE_DIR

log = logging.getLogger(__name__)

START_SECONDS = 20.0
LONGEST_SOCKET_PATH = 90  # the kernel's limit for a local socket is 107 characters
LOG_BYTES, LOG_FILES = 20 * 1024 * 1024, 3
SHELL = ("/bin/sh", "-c", 'exec "$@" 2>&1', "sh")  # one log for both outputs


class SupervisorError(Exception):
    """The supervisor does not start; the message says where to look."""


@dataclass(frozen=True, slots=True)
class Program:
    """A command that is to be kept running. `env` replaces the environment where it is given."""

    name: str
    command: list[str]
    env: dict[str, str] | None = None
    stop_seconds: float = 10.0  # between SIGTERM and SIGKILL


class Supervisor:
    """Programs of one data folder; their logs are in `<data_dir>/logs/<name>.log`."""

    def __init__(self, data_dir: Path, programs: list[Program]) -> None:
        self.data_dir = Path(data_dir).absolute()
        self.programs = programs
        self._process: subprocess.Popen | None = None
        self._sockets: tempfile.TemporaryDirectory | None = None
        self._endpoint = ""

    def start(self) -> None:
        """Start every program; returns once circus answers. Raises SupervisorError."""
        logs = self.data_dir / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        self._endpoint = f"ipc://{self._socket_folder()}/circus.sock"
        plan = {
            "endpoint": self._endpoint,
            "pubsub": f"ipc://{self._socket_folder()}/events.sock",
            "logs": str(logs),
            "programs": [asdict(program) for program in self.programs],
        }
        command = [sys.executable, "-m", "arbsite.supervisor"]
        with (logs / "supervisor.log").open("ab") as out:
            self._process = subprocess.Popen(
                lifeline.command(command), cwd=BASE_DIR, stdin=subprocess.PIPE, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip
        assert self._process.stdin is not None
        # The plan holds passwords: it goes through a pipe, never into a file or an argument
        self._process.stdin.write(json.dumps(plan).encode())
        self._process.stdin.close()
        self._await()

    def stop(self) -> None:
        """Ask every program to end, end those that do not, and leave nothing running."""
        process = self._process
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        patience = 5.0 + max((program.stop_seconds for program in self.programs), default=0.0)
        try:
            process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            log.warning("the supervisor does not end by itself: killing its group")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # whatever is left of its session
        process.wait()
        self._process = None
        if self._sockets is not None:
            self._sockets.cleanup()
            self._sockets = None

    def status(self) -> dict[str, dict[str, Any]]:
        """For each program its state (`active`, `stopped`, …) and the ids of its processes."""
        states = self._call("status")["statuses"]
        return {
            program.name: {
                "state": states.get(program.name, "unknown"),
                "pids": self._call("list", name=program.name).get("pids", []),
            }
            for program in self.programs
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _socket_folder(self) -> str:
        if len(str(self.data_dir)) < LONGEST_SOCKET_PATH - len("/circus.sock"):
            return str(self.data_dir)
        if self._sockets is None:
            self._sockets = tempfile.TemporaryDirectory(prefix="arbsite-")
        return self._sockets.name

    def _call(self, command: str, **properties: Any) -> dict[str, Any]:
        client = CircusClient(endpoint=self._endpoint, timeout=3.0)
        try:
            return dict(client.send_message(command, **properties))
        finally:
            client.stop()

    def _await(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        process = self._process
        assert process is not None
        while time.monotonic() < deadline and process.poll() is None:
            try:
                self._call("status")
            except CallError:
                time.sleep(0.05)
            else:
                return
        self.stop()
        raise SupervisorError(
            f"The supervisor does not start: read {self.data_dir / 'logs' / 'supervisor.log'}."
        )


def serve(plan: dict[str, Any]) -> None:
    """The supervisor's own process: circus with one watcher for each program, until SIGTERM."""
    from circus.arbiter import Arbiter
    from circus.watcher import Watcher

    watchers = [_watcher(Watcher, program, Path(plan["logs"])) for program in plan["programs"]]
    arbiter = Arbiter(
        watchers, plan["endpoint"], plan["pubsub"], check_delay=0.5, proc_name="arbsite-supervisor"
    )
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    arbiter.start()


def _watcher(kind: Any, program: dict[str, Any], logs: Path) -> Any:
    command = [*SHELL, *lifeline.command(program["command"])]
    return kind(
        program["name"],
        command[0],
        args=command[1:],
        working_dir=str(BASE_DIR),
        env=program["env"] if program["env"] is not None else dict(os.environ),
        copy_env=False,
        graceful_timeout=program["stop_seconds"],
        max_retry=-1,
        close_child_stdin=True,
        stdout_stream={
            "class": "FileStream",
            "filename": str(logs / f"{program['name']}.log"),
            "max_bytes": LOG_BYTES,
            "backup_count": LOG_FILES,
        },
    )


if __name__ == "__main__":
    serve(json.load(sys.stdin))

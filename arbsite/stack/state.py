"""What the data folder knows of the embedded services: `stack.json`, the lock of its owner, and the ports.

The lock is the truth about "running": the kernel lets go of it the moment its holder dies, whatever any file
says.
"""

import fcntl
import json
import os
import random
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arbsite.stack import processes
from arbsite.stack.errors import StackError

STATE_NAME = "stack.json"
LOCK_NAME = "stack.lock"
LOWEST_PORT = 15_000


@dataclass(frozen=True, slots=True)
class Services:
    """Where the two servers are. The URLs hold passwords, so they stay out of the repr."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)


class FolderLock:
    """An exclusive lock on a folder, held by this process until released or dead."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None
        # A forked child shares the lock and would hold it past the owner's death: it closes its copy at once.
        os.register_at_fork(after_in_child=self._forget)

    @property
    def held(self) -> bool:
        """Whether this process has the lock."""
        return self._fd is not None

    def acquire(self) -> bool:
        """Take the lock; False when another process has it. Raises OSError where the file cannot be opened."""
        if self._fd is not None:
            return True
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        self._fd = fd
        return True

    def release(self) -> None:
        """Let go."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _forget(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock at `path`; False too where there is no such file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; only its owner may read it."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    fresh.unlink(missing_ok=True)
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)
    fresh.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; empty where the file is missing, unreadable or damaged."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def read_state(data_dir: Path) -> dict[str, Any]:
    """The content of `stack.json`."""
    return read_json(data_dir / STATE_NAME)


def write_state(data_dir: Path, state: dict[str, Any]) -> None:
    """Store `stack.json`, readable by its owner alone."""
    write_private(data_dir / STATE_NAME, json.dumps(state, indent=1) + "\n")


def read_services(data_dir: Path) -> Services | None:
    """The URLs of the services of this data folder while some process keeps them running, else None."""
    if not is_locked(data_dir / LOCK_NAME):
        return None
    state = read_state(data_dir)
    # Whoever holds the lock right now may be just starting: what an owner killed before him wrote is not true yet.
    if not state.get("ready") or not _writer_lives(state):
        return None
    return Services(database_url=state["database_url"], redis_url=state["redis_url"])


def _writer_lives(state: dict[str, Any]) -> bool:
    owner, birth = state.get("owner"), state.get("owner_birth")
    return isinstance(owner, int) and isinstance(birth, int) and processes.birth(owner) == birth


def folder_tag(folder: Path) -> str:
    """A name for the folder itself, whatever it is called: a copy of it is another one, a moved one the same."""
    found = folder.stat()
    return f"arbsite-{found.st_dev:x}-{found.st_ino:x}"


def stored_port(state: dict[str, Any], name: str) -> int | None:
    """A port from `stack.json`, None where it is missing or damaged."""
    found = state.get(name)
    return found if isinstance(found, int) and 0 < found < 65_536 else None


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address now."""
    with socket.socket() as probe:
        # As both servers do: connections of a dead server that the kernel still remembers are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def choose_port() -> int:
    """A free port that outgoing connections will not borrow while the server behind it restarts."""
    try:
        highest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        highest = 32_768
    ports = range(LOWEST_PORT, highest if highest > LOWEST_PORT + 1_000 else 65_535)
    for _ in range(200):
        port = random.choice(ports)
        if port_is_free(port):
            return port
    raise StackError("No free TCP port was found on 127.0.0.1; stop something that listens there.")

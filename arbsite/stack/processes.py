"""Living processes as /proc tells them. A pid in a file proves nothing: it may be a zombie's or a stranger's."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

PROC = Path("/proc")
DEAD_STATES = "ZXx"


def _stat(pid: int) -> list[bytes]:
    """The fields of /proc/<pid>/stat from the state on (field 3 of proc(5)); empty for nobody."""
    try:
        stat = (PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return []
    # pid (name) state …: the name may hold blanks and brackets, so count from its last bracket.
    return stat[stat.rfind(b")") + 2 :].split()


def is_alive(pid: int) -> bool:
    """Whether the process exists and is neither a zombie nor dead."""
    fields = _stat(pid)
    return bool(fields) and fields[0].decode() not in DEAD_STATES


def parent(pid: int) -> int | None:
    """The process that has `pid` as its child."""
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def birth(pid: int) -> int | None:
    """When a living process began, in clock ticks since boot: with the pid it names a process for good."""
    fields = _stat(pid)
    return int(fields[19]) if fields and is_alive(pid) else None


def arguments(pid: int) -> list[str]:
    """The command line; empty for a zombie, a kernel thread or nobody."""
    try:
        raw = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return []
    return raw.decode(errors="replace").rstrip("\0").split("\0")


def runs(pid: int, program: str, tag: str) -> bool:
    """Whether a living process is `program` and carries `tag`, in its arguments or in the title it gave itself."""
    line = arguments(pid)
    if not line:
        return False
    # A path when nothing was retitled, else a title such as "postgres: arbsite-1-2: checkpointer".
    first = line[0] if line[0].startswith("/") else line[0].split(" ", 1)[0].rstrip(":")
    tagged = re.search(rf"(?<![\w-]){re.escape(tag)}(?![\w-])", " ".join(line))
    return Path(first).name == program and tagged is not None and is_alive(pid)


def all_pids() -> list[int]:
    """Every process number there is right now."""
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def servers(program: str, tag: str) -> list[int]:
    """Living processes of one server of one data folder, children included."""
    return [pid for pid in all_pids() if runs(pid, program, tag)]


def marked(variable: str, value: str) -> list[int]:
    """Living processes started with an environment variable of this value; this process is left out."""
    wanted = f"{variable}={value}".encode()
    found = []
    for pid in all_pids():
        try:
            environment = (PROC / str(pid) / "environ").read_bytes()
        except OSError:
            continue
        if wanted in environment.split(b"\0") and pid != os.getpid() and is_alive(pid):
            found.append(pid)
    return found


def end(find: Callable[[], list[int]], steps: Iterable[tuple[signal.Signals | None, float]]) -> list[int]:
    """Signal what `find` finds, ever more firmly, until nothing is left; returns who stayed.

    A step is a signal (None: just wait) and how many seconds it may take.
    """
    left = find()
    for signum, seconds in steps:
        for pid in left if signum else []:
            _send(pid, signum)
        until = time.monotonic() + seconds
        while left and time.monotonic() < until:
            time.sleep(0.02)
            left = find()
        if not left:
            break
    return left


def _send(pid: int, signum: signal.Signals | None) -> None:
    try:
        os.kill(pid, signum or 0)
    except (ProcessLookupError, PermissionError):
        return

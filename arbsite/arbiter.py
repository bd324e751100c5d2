"""circus as `arbsite.supervisor` runs it: in a process of its own, told what to do by a plan on standard input.

circus starts, watches and ends the programs. Added to it: a growing pause before a program that dies at once is started
again, whole groups ended with their leaders, logs that programs write themselves (so the words of a crash are never
lost) and that are cut here, and a stop that is not lost when circus is busy.
"""

import asyncio
import contextlib
import json
import logging
import os
import shlex
import shutil
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from circus.arbiter import Arbiter
from circus.commands.base import Command
from circus.exc import ConflictError
from circus.watcher import Watcher
from tornado.ioloop import PeriodicCallback

from arbsite import lifeline
from arbsite.stack import processes
from arbsite.supervisor import BASE_DIR, MARK

log = logging.getLogger("arbsite.arbiter")

CHECK_SECONDS = 0.25  # how often circus looks for the dead
TIDY_SECONDS = 5.0  # how often logs are measured, and programs circus gave up are started
STEADY_SECONDS = 10.0  # who lived this long starts with a clean record
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
LOG_BYTES, LOG_FILES = 20 * 1024 * 1024, 3
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


@dataclass
class Tended:
    """One program and how its processes fared. Its methods are circus hooks."""

    name: str
    command: list[str]
    log: Path
    nice: int
    tag: str
    restarts: int = 0
    failures: int = 0  # short lives in a row
    began: dict[int, float] = field(
        default_factory=dict
    )  # when each process's command starts, monotonic seconds
    ended: dict[int, int] = field(default_factory=dict)  # exit statuses, negative for signals

    def before_spawn(self, watcher: Watcher, **_: Any) -> bool:
        """Settle what became of those that died, and write the command line with its pause."""
        for pid in [pid for pid in self.began if pid not in watcher.processes]:
            self._bury(pid)
        args = lifeline.command(self.command, delay=pause(self.failures), nice=self.nice, log=self.log)
        watcher.cmd, watcher.args = (
            shlex.quote(args[0]),
            args[1:],
        )  # circus splits the one at blanks, not the other
        return True

    def after_spawn(self, pid: int, **_: Any) -> bool:
        """Remember the newcomer."""
        self.began[pid] = time.monotonic() + pause(self.failures)
        return True

    def after_reap(self, process_pid: int, exit_code: int | None, **_: Any) -> bool:
        """Remember how it ended; circus sometimes does not know."""
        if process_pid in self.began and exit_code is not None:
            self.ended[process_pid] = exit_code
        return True

    def report(self, watcher: Watcher) -> dict[str, Any]:
        """What `Supervisor.status` tells of it."""
        pids = watcher.get_active_pids()
        now = time.monotonic()
        if not pids:
            state = "stopped"
        elif all(self.began.get(pid, 0) > now for pid in pids):
            state = "waiting"  # its pause is not over
        else:
            state = "running"
        return {"pid": pids[0] if pids else None, "pids": pids, "state": state, "restarts": self.restarts}

    def _bury(self, pid: int) -> None:
        lived = time.monotonic() - self.began.pop(pid)
        self.failures = 1 if lived >= STEADY_SECONDS else self.failures + 1
        self.restarts += 1
        end_group(pid, self.tag)
        log.warning(
            "%s (process %d) ended with status %s after %.1f s; it starts again in %.1f s",
            self.name, pid, self.ended.pop(pid, "unknown"), max(lived, 0), pause(self.failures),
        )  # fmt: skip


class QuietArbiter(Arbiter):
    """circus looks for the dead while it stops, too, and logs a traceback each time that it is refused."""

    def manage_watchers(self) -> Any:
        """Not while it stops: then nobody is started again."""
        return None if self._stopping else super().manage_watchers()


class Programs(Command):
    """Report the programs."""

    name = "programs"

    def execute(self, arbiter: Arbiter, props: dict[str, Any]) -> dict[str, Any]:
        """Each program's state; called by circus."""
        return {"programs": {w.name: w.tended.report(w) for w in arbiter.watchers}}


def pause(failures: int) -> float:
    """Seconds to wait before the next life: none after a long or a first short one, then ever more."""
    if failures < 2:
        return 0.0
    return float(min(FIRST_PAUSE * 2 ** min(failures - 2, 10), LONGEST_PAUSE))


def end_group(leader: int, tag: str) -> None:
    """Kill what a dead program left in its session: two generations must not work side by side."""
    for pid in processes.marked(MARK, tag):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == leader:
                os.kill(pid, signal.SIGKILL)


def rotate(path: Path, *, limit: int = LOG_BYTES, files: int = LOG_FILES) -> bool:
    """Copy a log that has grown beyond `limit` bytes to `<log>.1` and empty it; older copies move on. Raises OSError.

    Its writers append, so they go on at the beginning; what they write between the copy and the cut is lost.
    """
    if not path.exists() or path.stat().st_size <= limit:
        return False
    for number in range(files - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    copy = os.open(path.with_name(f"{path.name}.1"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(copy, "wb") as target, path.open("rb") as source:
        shutil.copyfileobj(source, target)
    os.truncate(path, 0)
    return True


def serve(plan: dict[str, Any]) -> None:
    """Run the programs of a plan until a stop signal; leaves none of them running."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # circus's own handlers can lose one
    logs, tag = Path(plan["logs"]), plan["tag"]
    watchers = [_watcher(program, logs, tag) for program in plan["programs"]]
    arbiter = QuietArbiter(
        watchers, plan["endpoint"], plan["pubsub"], check_delay=CHECK_SECONDS, proc_name="arbsite-supervisor"
    )
    for signum in STOP_SIGNALS:
        signal.signal(signum, lambda *_: arbiter.loop.add_callback_from_signal(_stop, arbiter))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    tidying = PeriodicCallback(lambda: _tidy(arbiter, logs), TIDY_SECONDS * 1000)
    arbiter.loop.add_callback(tidying.start)
    arbiter.start()
    processes.end(lambda: processes.marked(MARK, tag), ((signal.SIGKILL, 5.0),))
    if plan["remove"]:  # a folder for the sockets alone, which nobody would find if our parent was killed
        shutil.rmtree(plan["remove"], ignore_errors=True)


def _watcher(program: dict[str, Any], logs: Path, tag: str) -> Watcher:
    tended = Tended(
        name=program["name"], command=program["command"], log=logs / f"{program['name']}.log", nice=program["nice"],
        tag=tag,
    )  # fmt: skip
    hooks: dict[str, tuple[Any, bool]] = {
        "before_spawn": (tended.before_spawn, False),
        "after_spawn": (tended.after_spawn, False),
        "after_reap": (tended.after_reap, True),
    }
    environment = program["env"] if program["env"] is not None else dict(os.environ)
    watcher = Watcher(
        program["name"],
        "",  # written before every start
        numprocesses=program["processes"],
        working_dir=str(BASE_DIR),
        env={**environment, MARK: tag},
        graceful_timeout=program["stop_seconds"],
        max_retry=1,  # circus tries without a pause; _tidy tries again
        close_child_stdin=True,
        hooks=hooks,
    )
    watcher.tended = tended
    return watcher


async def _stop(arbiter: Arbiter) -> None:
    """Stop; circus refuses while it is starting somebody, and a refused stop would leave orphans."""
    while True:
        try:
            await arbiter.stop()
        except ConflictError:
            await asyncio.sleep(0.02)
        else:
            return


async def _tidy(arbiter: Arbiter, logs: Path) -> None:
    for path in logs.glob("*.log"):
        if path.stem in {"supervisor", *(watcher.name for watcher in arbiter.watchers)}:
            try:
                rotate(path)
            except OSError as error:
                log.warning("%s cannot be rotated: %s", path, error.strerror)
    for watcher in arbiter.watchers:
        if watcher.is_stopped() and not arbiter._stopping:
            log.warning("%s could not be started; trying again", watcher.name)
            with contextlib.suppress(ConflictError):  # then the next time
                await watcher.start()


if __name__ == "__main__":
    logging.basicConfig(
        format="%(asctime)s %(name)s %(levelname)s %(message)s", level=logging.WARNING, force=True
    )
    serve(json.load(sys.stdin))

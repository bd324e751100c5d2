"""Run a command that ends when its parent ends: `python -m arbsite.lifeline [options] -- CMD ARGS…`.

The kernel sends the chosen signal when the *thread* that started this process ends (`PR_SET_PDEATHSIG`,
prctl(2)), so whoever starts a lifeline does it from a thread that lives as long as the child shall. The
setting survives `exec` but not a change of user, hence the order below: drop privileges, tie to the parent,
look whether it is still there, exec.

Only the standard library is used: the file is also run as a plain script by an interpreter without site
packages.
"""

import argparse
import ctypes
import os
import signal
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1


def command(
    args: list[str],
    *,
    parent: int | None = None,
    signum: signal.Signals = signal.SIGTERM,
    user: tuple[int, int] | None = None,
    delay: float = 0,
    nice: int = 0,
    log: Path | None = None,
) -> list[str]:
    """The command line that runs `args` under a lifeline to process `parent` (default: this one).

    `user` is (uid, gid) to run as; `delay` is waited, in seconds and already tied, before the command starts;
    `nice` is added to the niceness; both outputs are appended to the file `log`.
    """
    options = ["--parent", str(parent or os.getpid()), "--signal", signum.name, "--delay", str(delay)]
    if user is not None:
        options += ["--uid", str(user[0]), "--gid", str(user[1])]
    if nice:
        options += ["--nice", str(nice)]
    if log is not None:
        options += ["--log", str(log)]
    return [sys.executable, "-I", "-S", __file__, *options, "--", *args]


def drop_privileges(uid: int, gid: int) -> None:
    """Become another user for good. Raises OSError where this process may not."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def write_to(log: str) -> None:
    """Append both outputs to a file that only its owner may read. Raises OSError."""
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)


def tie_to_parent(signum: int, parent: int) -> None:
    """Ask for `signum` at the parent's end, and end now if that has already happened.

    Without the second look a parent that died before the prctl would leave an orphan for ever.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        sys.exit(f"lifeline: the parent {parent} is gone")


def main(argv: list[str] | None = None) -> None:
    """Tie this process to its parent and become the command; never returns."""
    parent = os.getppid()
    parser = argparse.ArgumentParser(prog="lifeline", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--parent", type=int, default=parent, help="the process whose end ends the command")
    parser.add_argument("--signal", default="SIGTERM", help="what the command gets then")
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("--delay", type=float, default=0, help="seconds to wait before the command starts")
    parser.add_argument("--nice", type=int, default=0, help="how much to add to the niceness")
    parser.add_argument("--log", help="the file both outputs are appended to")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(argv)
    if options.log is not None:
        write_to(options.log)
    os.nice(options.nice)
    if options.uid is not None:
        drop_privileges(options.uid, options.gid)
    tie_to_parent(signal.Signals[options.signal], options.parent)
    time.sleep(options.delay)
    # Python ignores these two, and what is ignored stays ignored over exec: give the command the usual ones.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execvp(options.command[0], options.command)
    except OSError as error:
        sys.exit(f"lifeline: cannot run {options.command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()

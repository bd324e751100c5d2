"""The stack: one PostgreSQL and one Valkey per data folder, kept alive by whichever process started them first."""

import logging
import os
import secrets
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from arbsite.stack import processes
from arbsite.stack.binaries import binaries, service_user
from arbsite.stack.errors import PortTakenError, StackError
from arbsite.stack.keeper import Keeper
from arbsite.stack.postgres import Postgres, stored_password
from arbsite.stack.servers import Server
from arbsite.stack.state import (
    LOCK_NAME,
    FolderLock,
    Services,
    folder_tag,
    read_services,
    read_state,
    stored_port,
    write_state,
)
from arbsite.stack.valkey import Valkey

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.01
PATIENCE_SECONDS = 10  # then say that we are still waiting


class Stack:
    """The embedded services of one data folder.

    The process whose `start` finds them stopped owns them: its threads restart a server that dies (on the
    same port, so clients just reconnect) and they end with the process, even by kill -9. Any other process
    that calls `start` meanwhile gets the same URLs, and its `stop` does nothing.
    """

    def __init__(
        self, data_dir: Path, *, postgres_port: int | None = None, redis_port: int | None = None
    ) -> None:
        self.data_dir = Path(data_dir).absolute()
        self._wanted = {"postgres": postgres_port, "redis": redis_port}
        self._lock = FolderLock(self.data_dir / LOCK_NAME)
        self._owner_pid = 0
        self._servers: dict[str, Server] = {}
        self._keepers: dict[str, Keeper] = {}

    @property
    def owned(self) -> bool:
        """Whether this process keeps the servers running."""
        return self._owner_pid == os.getpid() and self._lock.held

    def start(self) -> Services:
        """Both servers' URLs, once they answer. Raises StackError, with one sentence, when they cannot run."""
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            patience = time.monotonic() + PATIENCE_SECONDS
            while not self._lock.acquire():
                if services := self.services():
                    return services
                time.sleep(POLL_SECONDS)  # somebody is starting or stopping them
                if time.monotonic() > patience:
                    logger.warning(
                        "Another process is starting or stopping the services of %s.", self.data_dir
                    )
                    patience += PATIENCE_SECONDS
            if self.owned:
                return self._services()
            self._owner_pid = os.getpid()
            return self._start()
        except PermissionError as error:
            self.stop()
            raise StackError(
                f"{error.filename or self.data_dir} cannot be used by user id {os.geteuid()}: {error.strerror}. "
                "Another user made it: run as that user, or choose another data folder."
            ) from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both servers if this process owns them; acknowledged data is on disk then."""
        if not self.owned:
            return
        for keeper in self._keepers.values():
            keeper.request_stop()
        for keeper in self._keepers.values():
            keeper.stop()
        if self._servers:
            self._save(ready=False)
        self._keepers, self._servers = {}, {}
        self._owner_pid = 0
        self._lock.release()

    def services(self) -> Services | None:
        """The URLs while some process keeps the services running, else None."""
        return read_services(self.data_dir)

    def status(self) -> dict[str, dict[str, Any]]:
        """For each server of this process: its port, its pid (None while it is down) and how often it was restarted."""
        return {
            name: {"port": self._servers[name].port, "pid": keeper.pid, "restarts": keeper.restarts}
            for name, keeper in self._keepers.items()
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> Services:
        self._servers = self._make_servers()
        self._save(ready=False)
        self._keepers = {
            name: Keeper(server.title, server.launch, server.stop_steps)
            for name, server in self._servers.items()
        }
        for keeper in self._keepers.values():
            keeper.start()
        for name, server in self._servers.items():
            self._await(self._keepers[name], server)
        self._save(ready=True)
        return self._services()

    def _make_servers(self) -> dict[str, Server]:
        home = self.data_dir / "postgres"
        user = service_user(home)
        stored = read_state(self.data_dir)
        logs = self.data_dir / "logs"
        logs.mkdir(exist_ok=True)
        common: dict[str, Any] = {
            "programs": binaries(self.data_dir, user),
            "user": user,
            "tag": folder_tag(self.data_dir),
        }
        postgres = Postgres(
            home,
            log=logs / "postgres.log",
            password=self._postgres_password(home),
            port=stored_port(stored, "postgres_port"),
            wanted_port=self._wanted["postgres"],
            **common,
        )
        postgres.make_folder(home)
        postgres.write(home / "password", postgres.password)
        valkey = Valkey(
            self.data_dir / "valkey",
            log=logs / "valkey.log",
            password=stored.get("redis_password") or secrets.token_hex(24),
            port=stored_port(stored, "redis_port"),
            wanted_port=self._wanted["redis"],
            **common,
        )
        return {"postgres": postgres, "redis": valkey}

    def _postgres_password(self, home: Path) -> str:
        password = stored_password(home) or read_state(self.data_dir).get("postgres_password")
        if password is None and (home / "data").exists():
            raise StackError(
                f"The password of the database in {home} is lost: restore {home / 'password'} or remove {home}."
            )
        return password or secrets.token_hex(24)

    def _await(self, keeper: Keeper, server: Server) -> None:
        """Wait, without a limit, for as long as the server is trying: a crash recovery takes what it takes."""
        patience = time.monotonic() + PATIENCE_SECONDS
        while keeper.pid is None or not server.answers():
            if not keeper.is_alive():
                if isinstance(keeper.error, PortTakenError):
                    raise keeper.error
                raise StackError(
                    f"{server.title} does not start: {keeper.error}. Its log ends: {server.last_words()}"
                )
            if time.monotonic() > patience:
                logger.warning("Still waiting for %s; its log ends: %s", server.title, server.last_words(1))
                patience += PATIENCE_SECONDS
            time.sleep(POLL_SECONDS)
        server.settled = True
        keeper.settle()

    def _services(self) -> Services:
        return Services(database_url=self._servers["postgres"].url, redis_url=self._servers["redis"].url)

    def _save(self, *, ready: bool) -> None:
        postgres, redis = self._servers["postgres"], self._servers["redis"]
        write_state(
            self.data_dir,
            {
                "ready": ready,
                "owner": os.getpid(),
                "owner_birth": processes.birth(os.getpid()),
                "postgres_port": postgres.port or None,
                "postgres_password": postgres.password,
                "redis_port": redis.port or None,
                "redis_password": redis.password,
                "database_url": postgres.url,
                "redis_url": redis.url,
            },
        )

"""What a data folder's embedded services are doing, told without passwords and without being their owner."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from arbsite.stack import processes
from arbsite.stack.errors import StackError
from arbsite.stack.postgres import Postgres
from arbsite.stack.state import STATE_NAME, folder_tag, read_services, read_state, stored_port
from arbsite.stack.valkey import Valkey


@dataclass(frozen=True, slots=True)
class ServerReport:
    """One server: where it listens and which process it is (None: it does not run)."""

    title: str
    port: int | None
    pid: int | None
    url: str  # without its password


@dataclass(frozen=True, slots=True)
class StackReport:
    """Both servers, and the process that keeps them running (None: nobody does)."""

    owner: int | None
    servers: list[ServerReport]


def report(data_dir: Path) -> StackReport:
    """The state of the services of `data_dir`. Raises StackError where the folder is another user's."""
    try:
        if not (data_dir / STATE_NAME).exists():
            return StackReport(owner=None, servers=[])
        (data_dir / STATE_NAME).read_bytes()
    except PermissionError as error:
        raise StackError(
            f"{data_dir} belongs to another user: ask as that user, or choose another folder."
        ) from error
    state, tag = read_state(data_dir), folder_tag(data_dir)
    running = read_services(data_dir) is not None
    return StackReport(
        owner=int(state["owner"]) if running else None,
        servers=[
            _server(Postgres.title, state, "postgres_port", "database_url", Postgres.program, tag),
            _server(Valkey.title, state, "redis_port", "redis_url", Valkey.program, tag),
        ],
    )


def redacted(url: str) -> str:
    """The URL with its password, if any, replaced by stars."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{place}"))


def _server(title: str, state: dict[str, Any], port: str, url: str, program: str, tag: str) -> ServerReport:
    found = processes.servers(program, tag)
    # PostgreSQL is a family: the one whose parent is not one of them is its head.
    heads = [pid for pid in found if processes.parent(pid) not in found]
    return ServerReport(
        title=title,
        port=stored_port(state, port),
        pid=heads[0] if heads else None,
        url=redacted(str(state.get(url) or "")),
    )

"""A small HTTP server that answers as a test tells it, and sources made of plain functions."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.conf import settings

from signals.sources import registry
from signals.sources.base import NEWS, Batch, Budget, Cursor, Fetch, Kept, Spec

NOW = datetime(2026, 11, 26, 21, tzinfo=UTC)
Reply = Callable[["Asked"], None]


class Asked(BaseHTTPRequestHandler):
    """One request; `give` answers it."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def give(self, status: int = 200, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """A whole answer."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """What the path stands for."""
        self.server.seen.append((self.path, dict(self.headers.items())))
        self.server.replies[self.path.partition("?")[0]](self)

    def log_message(self, *_: Any) -> None:
        """No lines."""


class Server(ThreadingHTTPServer):
    """Answers by path, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.replies: dict[str, Reply] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []

    @property
    def host(self) -> str:
        """Host and port, as in an address."""
        return f"127.0.0.1:{self.server_port}"

    def url(self, path: str) -> str:
        """An address here."""
        return f"http://{self.host}{path}"

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is what some tests are about."""


@contextmanager
def serving() -> Iterator[Server]:
    """A server in a thread."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@dataclass
class Script:
    """A source without a network: each poll takes the next answer, an error to raise or a batch."""

    answers: list[Any] = field(default_factory=list)
    polls: int = 0
    keeps: list[list[Any]] = field(default_factory=list)
    kept: Kept | BaseException = field(default_factory=Kept)
    places: list[dict[str, Any]] = field(default_factory=list)

    def poll(self, fetch: Fetch, cursor: Cursor, now: datetime) -> Batch:
        """The next answer."""
        self.polls += 1
        self.places.append(dict(cursor.place))
        answer = self.answers.pop(0) if self.answers else Batch()
        if isinstance(answer, Exception):
            raise answer
        cursor.place = {"polls": self.polls}
        return answer

    def keep(self, records: Any, now: datetime) -> Kept:
        """What was set."""
        self.keeps.append(list(records))
        if isinstance(self.kept, BaseException):
            raise self.kept
        return self.kept


def spec(script: Script | None = None, **changes: Any) -> Spec:
    """A source that is asked every minute."""
    script = script or Script()
    made = Spec(
        name="made", kind=NEWS, hosts=("source.example",), every_seconds=60, budgets=(Budget(1_000, 60),),
        poll=script.poll, keep=script.keep, timeout_seconds=2.0, about="of a test",
    )  # fmt: skip
    return replace(made, **changes)


def limits(monkeypatch: Any, **changes: Any) -> None:
    """Other settings of the sources; the sections themselves are frozen."""
    monkeypatch.setattr(settings.ARBSITE, "sources", settings.ARBSITE.sources.model_copy(update=changes))


@contextmanager
def known(*specs: Spec) -> Iterator[None]:
    """Only these sources exist."""
    before = dict(registry._makers)
    registry._makers.clear()
    registry.add("made", lambda: specs)
    try:
        yield
    finally:
        registry._makers.clear()
        registry._makers.update(before)

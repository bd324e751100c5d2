"""A real HTTP server on a free port of this machine, for the REST client to talk to."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROOT = "/trade-api/v2"


@dataclass
class Answer:
    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False

    def raw(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Asked:
    path: str  # below the API's root
    query: dict[str, list[str]]
    headers: dict[str, str]
    target: str  # as it stood in the request
    method: str = "GET"
    body: bytes = b""


Reply = Answer | Callable[[Asked], Answer]


class Server:
    """`on` sets what a path answers: one reply for ever, or a list of them, the last of which repeats."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self._replies: dict[str, list[Reply]] = {}

    def on(self, path: str, *replies: Any) -> None:
        self._replies[path] = [
            one if isinstance(one, Answer) or callable(one) else Answer(one) for one in replies
        ]

    def paths(self) -> list[str]:
        return [one.path for one in self.asked]

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        replies = self._replies.get(asked.path)
        if replies is None:
            return Answer({"error": {"code": "not_found", "message": "not found"}}, 404)
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        return reply if isinstance(reply, Answer) else reply(asked)


@contextmanager
def running() -> Iterator[Server]:
    holder: list[Server] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = Asked(
                parts.path.removeprefix(ROOT), parse_qs(parts.query), {k.lower(): v for k, v in self.headers.items()},
                self.path, self.command, self.rfile.read(int(self.headers.get("Content-Length") or 0)),
            )  # fmt: skip
            answer = holder[0].answer(asked)
            if answer.hang_up:
                self.close_connection = True
                return
            raw = answer.raw()
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(raw)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the library finds them by these names

        def log_message(self, *_: Any) -> None:
            """Not among the test's words."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        http.block_on_close = False  # idle connections of the client would hold it
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            holder.append(Server(f"http://127.0.0.1:{http.server_address[1]}{ROOT}"))
            yield holder[0]
        finally:
            http.shutdown()
            thread.join()

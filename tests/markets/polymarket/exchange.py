"""A small HTTP server on a port of its own: real sockets, answers made by the test."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Asked:
    """One request as it came in."""

    method: str
    path: str
    query: dict[str, list[str]]
    body: bytes


@dataclass
class Answer:
    """What to say: `document` as JSON, or bytes as they are."""

    document: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Exchange:
    """Answers by path; a callable gets the request. Every request is kept in `asked`."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: dict[str, Answer | Callable[[Asked], Answer]] = {}
        exchange = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked = Asked(self.command, parts.path, parse_qs(parts.query), body)
                exchange.asked.append(asked)
                answer = exchange.answers.get(parts.path, Answer({"error": "not found"}, 404))
                if callable(answer):
                    answer = answer(asked)
                raw = (
                    answer.document
                    if isinstance(answer.document, bytes)
                    else json.dumps(answer.document).encode()
                )
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = _serve  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Exchange":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def times(self, path: str) -> int:
        """How often a path was asked."""
        return sum(asked.path == path for asked in self.asked)

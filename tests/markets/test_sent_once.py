"""A write leaves this machine once, whatever the server does to the connection: both platforms' ways out, a real socket."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from markets.platforms.kalshi.private_http import Lost, PrivateHttp, keeping_session
from markets.platforms.kalshi.private_http import Reply as KalshiReply
from markets.platforms.polymarket.http import JsonHttp, NoAnswer, private_session

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n{}"


class Server:
    """Answers so many requests of each connection as told; then it hangs up, before or after reading the next."""

    def __init__(self, listener: socket.socket, answers: int, *, reads_on: bool) -> None:
        self.posts = 0
        self.closed = threading.Event()
        self._listener, self._answers, self._reads_on = listener, answers, reads_on

    def run(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            with link:
                for _ in range(self._answers):
                    if not self._read(link):
                        break
                    link.sendall(OK)
                if self._reads_on:
                    self._read(link)
            self.closed.set()

    def _read(self, link: socket.socket) -> bool:
        got = b""
        while not got.endswith(b'{"n":1}'):
            part = link.recv(65_536)
            if not part:
                return False
            got += part
        self.posts += 1
        return True


@contextmanager
def serving(answers: int, *, reads_on: bool) -> Iterator[tuple[Server, str]]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = Server(listener, answers, reads_on=reads_on)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        yield server, f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def kalshi(url: str) -> Callable[[], bool]:
    """One write; whether it was answered."""
    http = PrivateHttp(
        url, authorise=lambda *_: {}, reload=None, session=keeping_session(), throttle=None, write_throttle=None,
        timeout=60, attempts=3, backoff=0.0, subaccount=0,
    )  # fmt: skip

    def write() -> bool:
        outcome = http.send("POST", "/orders", {"n": 1})
        assert isinstance(outcome, KalshiReply | Lost), outcome
        return isinstance(outcome, KalshiReply)

    return write


def polymarket(url: str) -> Callable[[], bool]:
    http = JsonHttp(url, private_session(), None, timeout=60, attempts=3, backoff=0.0)

    def write() -> bool:
        try:
            http.send("order", "POST", "/orders", b'{"n":1}')
        except NoAnswer:
            return False
        return True

    return write


both = pytest.mark.parametrize("way", [kalshi, polymarket])


@both
def test_a_kept_connection_that_dies_under_a_write_is_not_written_to_again(way) -> None:
    with serving(1, reads_on=True) as (server, url):
        write = way(url)
        assert write()
        assert not write(), "it had arrived, and nobody answered: unknown"
        assert server.posts == 2


@both
def test_a_connection_that_the_server_closed_in_silence_carries_no_write_twice(way) -> None:
    with serving(1, reads_on=False) as (server, url):
        write = way(url)
        assert write()
        assert server.closed.wait(10)
        answered = write()
        assert server.posts == (2 if answered else 1)


@both
def test_a_redirect_is_not_followed(way, monkeypatch) -> None:
    moved = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    monkeypatch.setattr("tests.markets.test_sent_once.OK", moved)
    with serving(2, reads_on=False) as (server, url):
        assert way(url)()
        assert server.posts == 1

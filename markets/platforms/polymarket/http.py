"""JSON over HTTP as this platform's hosts speak it: throttled, retried for reads alone, every failure in our words."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec
import requests
from requests.adapters import HTTPAdapter
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential_jitter
from urllib3.exceptions import HTTPError, NewConnectionError

from markets.platforms.base import Malformed, PlatformError, Refused, Throttle
from markets.platforms.polymarket.replies import Reply, reason_in

log = logging.getLogger(__name__)
T = TypeVar("T")

Params = Iterable[tuple[str, str]]
Auth = Callable[[str, str, bytes], Mapping[str, str]]  # headers for a method, a path and the very body
LONGEST_WAIT = 5.0  # seconds between two attempts, whatever Retry-After asks


class Busy(PlatformError):
    """The host asks us to wait, is broken for the moment, or could not be reached."""

    def __init__(self, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # seconds


class NotSent(PlatformError):
    """No connection could be made: nothing has left, so nothing can have been accepted."""


class NoAnswer(PlatformError):
    """The request may have arrived, and no answer came: nobody knows what became of it."""


class JsonHttp:
    """One host. Every call waits for the throttle; reads are repeated at most `attempts` times in all.

    What changes something goes through `send`, which never repeats anything. `auth` makes the headers of a private
    host for each attempt anew, since they carry the time.
    """

    def __init__(
        self,
        base_url: str,
        session: requests.Session,
        throttle: Throttle | None,
        *,
        timeout: float,
        attempts: int,
        backoff: float,
        auth: Auth | None = None,
    ) -> None:
        self._auth = auth
        self._base_url = base_url.rstrip("/")
        self._session = session
        self._throttle = throttle
        self._timeout = timeout
        self._attempts = attempts
        self._jitter = wait_exponential_jitter(initial=backoff, max=LONGEST_WAIT, jitter=backoff)

    def get(self, endpoint: str, path: str, kind: type[T], params: Params = ()) -> T:
        """The answer to GET as `kind`. `endpoint` names the rate limit that the call counts against.

        Raises Refused (4xx), Malformed (not the documented shape) or PlatformError (busy, broken, unreachable).
        """
        return self._decoded(self._call(endpoint, "GET", path, list(params), None), path, kind)

    def post(self, endpoint: str, path: str, kind: type[T], body: Any) -> T:
        """The same for a POST that only reads."""
        return self._decoded(self._call(endpoint, "POST", path, [], msgspec.json.encode(body)), path, kind)

    def send(
        self, endpoint: str, method: str, path: str, body: bytes | None = None, *, cost: int = 1
    ) -> Reply:
        """One request that changes something, sent once; the answer as it came. `cost` counts against the rate limit.

        Raises NotSent where nothing has left, NoAnswer where nobody knows, PlatformError where the throttle is full.
        """
        if self._throttle is not None:
            self._throttle.acquire(endpoint, cost)
        try:
            answer = self._request(method, path, [], body)
        except (requests.RequestException, HTTPError, OSError) as error:
            # Also errors of the libraries beneath: once something may have left, every trouble means that nobody knows
            name = type(error).__name__
            if _never_connected(error):
                raise NotSent(
                    f"Polymarket at {self._base_url} cannot be reached ({name}): nothing was sent"
                ) from error
            raise NoAnswer(
                f"no answer from Polymarket at {self._base_url} ({name}): the outcome is unknown"
            ) from error
        return Reply(answer.status_code, answer.headers, answer.content)

    def _request(
        self,
        method: str,
        path: str,
        params: list[tuple[str, str]],
        body: bytes | None,
    ) -> requests.Response:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._auth is not None:
            headers |= self._auth(method, path, body or b"")
        return self._session.request(
            method, self._base_url + path, params=params, data=body, headers=headers, timeout=self._timeout,
            allow_redirects=False,
        )  # fmt: skip

    def _call(
        self, endpoint: str, method: str, path: str, params: list[tuple[str, str]], body: bytes | None
    ) -> bytes:
        retrying = Retrying(
            stop=stop_after_attempt(self._attempts),
            wait=self._wait,
            retry=retry_if_exception_type(Busy),
            reraise=True,
        )
        return retrying(self._once, endpoint, method, path, params, body)

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, Busy) else 0.0
        return min(LONGEST_WAIT, max(asked, self._jitter(state)))

    def _once(
        self, endpoint: str, method: str, path: str, params: list[tuple[str, str]], body: bytes | None
    ) -> bytes:
        if self._throttle is not None:
            self._throttle.acquire(endpoint)
        try:
            answer = self._request(method, path, params, body)
        except requests.RequestException as error:
            raise Busy(
                f"Polymarket at {self._base_url} cannot be reached ({type(error).__name__}). Check the network."
            ) from error
        self._judge(answer, method, path)
        return answer.content

    def _judge(self, answer: requests.Response, method: str, path: str) -> None:
        status = answer.status_code
        if status == 200:
            return
        said = reason_in(answer.content)
        where = f"{method} {path[:120]} at {self._base_url}"
        if status in (408, 425, 429) or status >= 500:
            wait = _seconds(answer.headers.get("Retry-After", ""))
            raise Busy(
                f"Polymarket answers {status} to {where}: {said or 'no reason given'}", retry_after=wait
            )
        if 400 <= status < 500:
            raise Refused(f"Polymarket refuses {where}: {status} {said}", status=status, code=said)
        raise Malformed(f"Polymarket answers {status} to {where}, which is no answer. Check the address.")

    def _decoded(self, raw: bytes, path: str, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(raw, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Malformed(
                f"Polymarket's answer to {path[:120]} at {self._base_url} does not have the documented shape: {error}"
            ) from error


def private_session() -> requests.Session:
    """A session for orders: connections enough for several threads, and no retry below us, ever."""
    session = requests.Session()
    adapter = HTTPAdapter(pool_connections=4, pool_maxsize=32, max_retries=0)
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    return session


def _never_connected(error: BaseException) -> bool:
    """Whether the connection itself failed: refused, unroutable, unresolved, or no handshake in time."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    seen: BaseException | None = error
    for _ in range(8):
        if isinstance(seen, NewConnectionError):
            return True
        if seen is None:
            return False
        reason = seen.args[0] if seen.args else None
        inner = getattr(seen, "reason", None) or (reason if isinstance(reason, BaseException) else None)
        seen = inner if isinstance(inner, BaseException) else None
    return False


def _seconds(text: str) -> float:
    """Retry-After in seconds; 0 where it is a date or nothing."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0

"""Requests in our own name: reads that may be repeated, and writes that are sent once and answered in three ways.

A write ends as a `Reply` (whatever its status), as `Unsent` (it is certain that nothing left this machine), or as `Lost`:
nobody knows. Nothing here repeats a write, and the session keeps connections open, so that an order costs one round trip.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, NewConnectionError

from markets.platforms.base import Malformed, PlatformError, Refused, Throttle
from markets.platforms.kalshi.errors import error_of
from markets.platforms.kalshi.http import JsonHttp, Params, seconds
from markets.platforms.trading import RATE_LIMITED, SIGNER_REFUSED, UNREACHABLE

T = TypeVar("T")
# The headers that sign a request now: method, path from the root of the host, and for a write its body as it is sent
Authorise = Callable[[str, str, str | None], Mapping[str, str]]

CONNECTIONS = 32  # kept open: more threads than that would wait for a handshake
CONNECT_SECONDS = 3.0
RELOAD_EVERY = 30.0  # seconds: an account that is closed must not keep the signer reading its files
MAX_PAGES = 1_000
EXPIRED = "header_timestamp_expired"


class Unsigned(PlatformError):
    """The signer does not answer, or will not sign this: nothing was sent. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to a write."""

    status: int
    raw: bytes
    retry_after: float = 0.0  # seconds, where the platform says


@dataclass(frozen=True, slots=True)
class Unsent:
    """Nothing was sent: a class of `trading`, and a sentence."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Lost:
    """Something may have been sent, and no answer came."""

    sentence: str


Outcome = Reply | Unsent | Lost


def keeping_session() -> requests.Session:
    """A session that keeps its connections open, and never sends anything twice."""
    session = requests.Session()
    adapter = HTTPAdapter(pool_connections=4, pool_maxsize=CONNECTIONS, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class PrivateHttp:
    """Signed reads and writes of one account and one of its subaccounts."""

    def __init__(
        self,
        base_url: str,
        *,
        authorise: Authorise,
        reload: Callable[[], object] | None,
        session: requests.Session,
        throttle: Throttle | None,
        write_throttle: Throttle | None,
        timeout: float,
        attempts: int,
        backoff: float,
        subaccount: int,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._root = urlsplit(self._base_url).path
        self._session = session
        self._throttle = throttle
        self._write_throttle = write_throttle or throttle
        self._authorise = authorise
        self._timeout = timeout
        self._reload = reload
        self._reloaded_at: float | None = None
        self._lock = threading.Lock()
        self._reads = JsonHttp(
            base_url, session=session, throttle=throttle, authorise=lambda method, path: authorise(method, path, None),
            timeout=timeout, attempts=attempts, backoff=backoff,
        )  # fmt: skip
        self.subaccount = subaccount

    # --- reads

    def get(self, kind: type[T], path: str, **query: Any) -> T:
        """The answer to GET `path`; values that are empty or None are left out of the query.

        A refused signature has the signer read its keys again, once, and the question is asked again. Raises PlatformError.
        """
        params = _params(query)
        try:
            return self._reads.get(kind, path, params)
        except Refused as refusal:
            if refusal.status != 401 or not self.read_keys_again(refusal.code):
                raise
        return self._reads.get(kind, path, params)

    def mine(self, kind: type[T], path: str, **query: Any) -> T:
        """The same of our subaccount only."""
        return self.get(kind, path, subaccount=str(self.subaccount), **query)

    def pages(self, kind: type[T], path: str, **query: Any) -> Iterator[T]:
        """Every page of a list of our subaccount's. Raises PlatformError, also where the list would not be whole."""
        return self.all_pages(kind, path, subaccount=str(self.subaccount), **query)

    def all_pages(self, kind: type[T], path: str, **query: Any) -> Iterator[T]:
        """Every page, until the cursor is empty.

        A cursor that Kalshi does not know begins the list anew without an error: a page seen before means that the rest
        cannot be had, and that must not pass for "nothing more there". Raises Malformed then.
        """
        seen: set[str] = set()
        cursor = ""
        for _ in range(MAX_PAGES):
            page: Any = self.get(kind, path, **query, cursor=cursor)
            yield page
            cursor = page.cursor or ""
            if not cursor:
                return
            if cursor in seen:
                break
            seen.add(cursor)
        raise Malformed(f"Kalshi's pages of {path} repeat themselves: the list is not whole. Ask again.")

    def pay(self, endpoint: str, cost: int) -> None:
        """Wait for tokens of a bucket that only some reads have. Raises PlatformError."""
        if self._throttle is not None:
            self._throttle.acquire(endpoint, cost)

    # --- writes

    def send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, cost: int = 10, **query: Any
    ) -> Outcome:
        """Send a write, once. `cost` is in tokens of the write bucket."""
        text = None if body is None else msgspec.json.encode(body).decode()
        try:
            if self._write_throttle is not None:
                self._write_throttle.acquire("write", cost)
        except PlatformError as error:
            return Unsent(RATE_LIMITED, f"{error} Nothing was sent.")
        try:
            headers = dict(self._authorise(method, self._root + path, text))
        except Unsigned as error:
            return Unsent(SIGNER_REFUSED, f"{error} Nothing was sent.")
        outcome = self._once(method, path, text, headers, _params(query))
        if isinstance(outcome, Reply) and outcome.status == 401:
            self.read_keys_again(outcome.raw.decode(errors="replace"))
        return outcome

    def _once(
        self, method: str, path: str, text: str | None, headers: dict[str, str], params: Params
    ) -> Outcome:
        headers["Accept"] = "application/json"
        if text is not None:
            headers["Content-Type"] = "application/json"
        try:
            answer = self._session.request(
                method, self._base_url + path, params=list(params), headers=headers,
                data=None if text is None else text.encode(), allow_redirects=False,
                timeout=(min(CONNECT_SECONDS, self._timeout), self._timeout),
            )  # fmt: skip
        except requests.exceptions.ConnectTimeout:
            return self._unreachable("no connection in time")
        except (requests.RequestException, HTTPError, OSError) as error:
            # Also errors of the libraries beneath: once something may have left, every trouble means that nobody knows
            if never_connected(error):
                return self._unreachable(type(error).__name__)
            return Lost(f"No answer from Kalshi to {method} {path[:120]} ({type(error).__name__})")
        return Reply(answer.status_code, answer.content, seconds(answer.headers.get("Retry-After", "")))

    def _unreachable(self, why: str) -> Unsent:
        return Unsent(
            UNREACHABLE, f"Kalshi at {self._base_url} cannot be reached ({why}). Check the network."
        )

    # --- keys

    def read_keys_again(self, code: str) -> bool:
        """Have the signer read its keys again after a 401; False where that was tried just now or cannot help."""
        if self._reload is None or EXPIRED in code:
            return False
        with self._lock:
            now = time.monotonic()
            if self._reloaded_at is not None and now - self._reloaded_at < RELOAD_EVERY:
                return False
            self._reloaded_at = now
        try:
            self._reload()
        except Unsigned:
            return False
        return True


def never_connected(error: BaseException) -> bool:
    """True where the error proves that no connection was made, so that nothing can have been sent."""
    inner = error.args[0] if error.args else None
    return isinstance(getattr(inner, "reason", inner), NewConnectionError)


def _params(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in query.items() if value not in (None, "")]


def said(outcome: Outcome) -> str:
    """What became of a write, in words for an error."""
    if isinstance(outcome, Reply):
        code, words = error_of(outcome.raw)
        return f"{outcome.status} {code} {words}".strip()
    return outcome.sentence


def must(outcome: Outcome, *good: int, what: str) -> bytes:
    """The body of a write that has to succeed. Raises PlatformError, saying what Kalshi said."""
    if isinstance(outcome, Reply) and outcome.status in good:
        return outcome.raw
    raise PlatformError(f"Kalshi does not confirm {what}: {said(outcome)}")

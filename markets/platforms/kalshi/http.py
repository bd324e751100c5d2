"""JSON reads over HTTP as Kalshi speaks it: signed where asked, throttled, repeated while the trouble passes.

Only GET goes through here. It changes nothing, so a repeated one is harmless; writes go through `private_http.py`.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import quote, urlsplit

import msgspec
import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from markets.platforms.base import Malformed, PlatformError, Refused, Throttle
from markets.platforms.kalshi.errors import UNREADABLE, error_of

T = TypeVar("T")
Authorise = Callable[[str, str], Mapping[str, str]]
Params = Iterable[tuple[str, str]]

COST = 10  # tokens of one request; no public GET has another price
LONGEST_WAIT = 5.0  # seconds between two attempts, whatever Retry-After asks
PASSING = frozenset({408, 425, 429})  # and every 5xx


class Busy(PlatformError):
    """A trouble that passes: too many requests (429), a 5xx, or no answer at all (`status` 0).

    `retry_after` is how many seconds the platform asks us to wait, 0 where it does not say; Kalshi's own 429 never
    does, so whoever asks again later doubles a pause of his own.
    """

    def __init__(self, message: str, *, status: int = 0, retry_after: float = 0.0, body: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.body = body


class JsonHttp:
    """GETs below one base URL (`…/trade-api/v2`).

    `authorise(method, path)` returns the headers that sign a request; the path begins at the root of the host and
    has no query. It is called for every attempt anew, because a signature holds for seconds only.
    """

    def __init__(
        self,
        base_url: str,
        *,
        session: requests.Session | None,
        throttle: Throttle | None,
        authorise: Authorise | None,
        timeout: float,
        attempts: int,
        backoff: float,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._root = urlsplit(self._base_url).path
        self._session = session or requests.Session()
        self._throttle = throttle
        self._authorise = authorise
        self._timeout = timeout
        self._attempts = attempts
        self._jitter = wait_exponential_jitter(initial=backoff, max=LONGEST_WAIT, jitter=backoff)

    def get(self, kind: type[T], path: str, params: Params = ()) -> T:
        """The answer to GET `path` as `kind`.

        Raises Refused (4xx), Busy (429, 5xx or unreachable, after all attempts), Malformed (another shape than
        documented) or PlatformError.
        """
        return self._decoded(self._call(path, params).content, kind, path)

    def get_whatever_status(self, kind: type[T], path: str) -> T:
        """The same for the one body that Kalshi also sends with 500, 503 and 504: the state of the exchange."""
        try:
            return self.get(kind, path)
        except Busy as busy:
            try:
                return msgspec.json.decode(busy.body, type=kind)
            except UNREADABLE:
                raise busy from None

    def clock(self, path: str) -> datetime:
        """The host's own time, to the second, from the Date header of its answer to `path`."""
        text = self._call(path, ()).headers.get("Date", "")
        try:
            at = parsedate_to_datetime(text)
        except ValueError as error:
            raise Malformed(f"Kalshi at {self._base_url} answers without a readable Date header") from error
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)

    def _call(self, path: str, params: Params) -> requests.Response:
        retrying = Retrying(
            stop=stop_after_attempt(self._attempts),
            wait=self._wait,
            retry=retry_if_exception_type(Busy),
            reraise=True,
        )
        return retrying(self._once, path, list(params))

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, Busy) else 0.0
        return min(LONGEST_WAIT, max(asked, self._jitter(state)))

    def _once(self, path: str, params: list[tuple[str, str]]) -> requests.Response:
        if self._throttle is not None:
            self._throttle.acquire("read", COST)
        headers = {"Accept": "application/json"}
        if self._authorise is not None:
            headers.update(self._authorise("GET", self._root + path))
        try:
            answer = self._session.get(
                self._base_url + path, params=params, headers=headers, timeout=self._timeout, allow_redirects=False
            )  # fmt: skip
        except requests.RequestException as error:
            raise Busy(
                f"Kalshi at {self._base_url} cannot be reached ({type(error).__name__}). Check the network."
            ) from error
        self._judge(answer, path)
        return answer

    def _judge(self, answer: requests.Response, path: str) -> None:
        status = answer.status_code
        if status == 200:
            return
        code, said = error_of(answer.content)
        where = f"GET {path[:120]} at {self._base_url}"
        if status in PASSING or 500 <= status < 600:
            wait = seconds(answer.headers.get("Retry-After", ""))
            raise Busy(
                f"Kalshi answers {status} to {where}: {said or 'no reason given'}",
                status=status, retry_after=wait, body=answer.content,
            )  # fmt: skip
        if 400 <= status < 500:
            raise Refused(f"Kalshi refuses {where}: {status} {said or code}", status=status, code=code)
        raise Malformed(f"Kalshi answers {status} to {where}, which is no answer. Check the address.")

    def _decoded(self, raw: bytes, kind: type[T], path: str) -> T:
        try:
            return msgspec.json.decode(raw, type=kind)
        except UNREADABLE as error:
            raise Malformed(
                f"Kalshi's answer to {path[:120]} at {self._base_url} does not have the documented shape: {error}"
            ) from error


def segment(text: str) -> str:
    """A ticker as one segment of a path, whatever characters it has."""
    return quote(text, safe="")


def seconds(text: str) -> float:
    """Retry-After in seconds; 0 where it is a date or nothing."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0

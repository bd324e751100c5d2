"""One polite HTTP client for all platforms: throttled, patient with refusals that pass, strict about shapes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import requests
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from markets.platforms.base import Malformed, PlatformError, Refused, Throttle

ATTEMPTS = 4
LONGEST_PAUSE = 30.0  # seconds that a platform may ask us to wait before we give up instead
PASSING = (425, 429, 500, 502, 503, 504)
T = TypeVar("T")
Params = Mapping[str, Any] | Sequence[tuple[str, Any]]


class Busy(Refused):
    """A refusal that passes: too many requests, or the platform's own trouble. `after` is what it asks us to wait."""

    def __init__(self, message: str, *, status: int, code: str = "", after: float = 0.0) -> None:
        super().__init__(message, status=status, code=code)
        self.after = after


class Unreachable(PlatformError):
    """No answer at all."""


class FreeThrottle:
    """No limit of our own: for tests and tools."""

    def acquire(self, endpoint: str, cost: int = 1) -> None:
        """Nothing to wait for."""


class Client:
    """Reads JSON documents. Only what may be repeated goes through here, so every call is retried a few times."""

    def __init__(
        self,
        platform: str,
        *,
        session: requests.Session | None = None,
        throttle: Throttle | None = None,
        timeout: float = 10.0,
        error_of: Callable[[bytes], tuple[str, str]],
        attempts: int = ATTEMPTS,
    ) -> None:
        self._platform = platform
        self._session = session or requests.Session()
        self._throttle = throttle or FreeThrottle()
        self._timeout = timeout
        self._error_of = error_of  # the platform's (code, message) of an error body
        self._attempts = attempts

    def get(
        self, kind: type[T], url: str, params: Params = (), *, endpoint: str, cost: int = 1, **kw: Any
    ) -> T:
        """GET `url` as `kind`. Raises Refused, Malformed or PlatformError."""
        return self._read(kind, "GET", url, endpoint, cost, params=list(_pairs(params)), **kw)

    def post(self, kind: type[T], url: str, body: Any, *, endpoint: str, cost: int = 1) -> T:
        """A reading POST (batches), as `kind`."""
        raw = msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"}
        return self._read(kind, "POST", url, endpoint, cost, data=raw, headers=headers)

    def _read(self, kind: type[T], method: str, url: str, endpoint: str, cost: int, **options: Any) -> T:
        retrying = Retrying(
            retry=retry_if_exception_type((Busy, Unreachable)),
            stop=stop_after_attempt(self._attempts),
            wait=_pause,
            reraise=True,
        )
        raw = retrying(self._once, method, url, endpoint, cost, options)
        try:
            return msgspec.json.decode(raw, type=kind)
        except msgspec.DecodeError as error:
            raise Malformed(
                f"{self._platform} answered {url} with something else than documented: {error}"
            ) from error

    def _once(self, method: str, url: str, endpoint: str, cost: int, options: dict[str, Any]) -> bytes:
        self._throttle.acquire(endpoint, cost)
        try:
            answer = self._session.request(
                method, url, timeout=self._timeout, allow_redirects=False, **options
            )
        except requests.RequestException as error:
            raise Unreachable(
                f"{self._platform} cannot be reached ({type(error).__name__}): {url}"
            ) from error
        if answer.status_code == 200:
            return answer.content
        code, message = self._error_of(answer.content)
        text = f"{self._platform} refuses {url} with {answer.status_code}: {message or answer.reason}"
        if answer.status_code in PASSING:
            raise Busy(
                text, status=answer.status_code, code=code, after=_seconds(answer.headers.get("Retry-After"))
            )
        raise Refused(text, status=answer.status_code, code=code)


_jitter = wait_random_exponential(multiplier=0.2, max=5)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.after if isinstance(error, Busy) else 0.0
    return max(min(asked, LONGEST_PAUSE), _jitter(state))


def _seconds(text: str | None) -> float:
    try:
        return max(0.0, float(text or 0))
    except ValueError:  # a date is allowed there too; our own pause will do
        return 0.0


def _pairs(params: Params) -> Sequence[tuple[str, Any]]:
    pairs = params.items() if isinstance(params, Mapping) else params
    return [(name, value) for name, value in pairs if value is not None and value != ""]

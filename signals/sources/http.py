"""The only way to a source: listed hosts, quotas asked for before the call, bounded bodies, no key in any message.

A redirect is followed only within the list. Conditional headers come from the source's cursor.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from django.conf import settings

from signals.sources import budgets
from signals.sources.base import (
    Answer,
    Cursor,
    KeyRefused,
    LimitReached,
    Malformed,
    Spec,
    Unavailable,
)

MOST_REDIRECTS = 3
CHUNK = 65_536
REDIRECTS = (301, 302, 303, 307, 308)
_links = threading.local()


def user_agent() -> str:
    """Who we say we are; publishers ask for an address to write to."""
    contact = settings.ARBSITE.sources.contact
    return f"Arbsite/0.1 ({contact})" if contact else "Arbsite/0.1"


class Fetcher:
    """Asks one source. See `base.Fetch`."""

    def __init__(self, spec: Spec, cursor: Cursor | None = None) -> None:
        self._spec = spec
        self._cursor = cursor or Cursor()
        self._most = settings.ARBSITE.sources.max_bytes

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        budget: str = "all",
    ) -> Answer:
        """Ask for an address of a listed host. Raises Unavailable, LimitReached, KeyRefused or Malformed."""
        budgets.take(self._spec, budget)
        sent = {
            "User-Agent": user_agent(),
            "Accept-Encoding": "gzip, deflate",
            **self._conditions(),
            **(headers or {}),
        }
        for _ in range(MOST_REDIRECTS + 1):
            self._listed(url)
            answer, onward = self._ask(url, params, sent)
            if answer is not None:
                return answer
            url, params = urljoin(url, onward), None
        raise Unavailable(f"{self._spec.name}: more than {MOST_REDIRECTS} redirects")

    def _conditions(self) -> dict[str, str]:
        known = {"If-None-Match": self._cursor.etag, "If-Modified-Since": self._cursor.last_modified}
        return {name: value for name, value in known.items() if value}

    def _listed(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.netloc not in self._spec.hosts:
            raise Malformed(
                f"{self._spec.name}: {parts.hostname or 'an address without a host'} is not on its list of hosts"
            )

    def _ask(
        self, url: str, params: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> tuple[Answer | None, str]:
        deadline = time.monotonic() + self._spec.timeout_seconds
        try:
            with _session().get(
                url,
                params=params,
                headers=headers,
                stream=True,
                allow_redirects=False,
                timeout=self._spec.timeout_seconds,
            ) as response:
                names = {name.lower(): value for name, value in response.headers.items()}
                if response.status_code in REDIRECTS and names.get("location"):
                    return None, names["location"]
                body = self._body(response, deadline)
                return self._answer(response.status_code, body, names), ""
        except requests.RequestException as error:
            # Its text holds the address, and the address may hold a key
            raise Unavailable(f"{self._spec.name}: no answer ({type(error).__name__})") from None

    def _body(self, response: requests.Response, deadline: float) -> bytes:
        parts, size = [], 0
        for part in response.iter_content(CHUNK):
            size += len(part)
            if size > self._most:
                raise Malformed(f"{self._spec.name}: the answer is larger than {self._most} bytes")
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"{self._spec.name}: the answer took longer than {self._spec.timeout_seconds:g} s"
                )
            parts.append(part)
        return b"".join(parts)

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> Answer:
        name = self._spec.name
        if status in (200, 304):
            if status == 200:
                self._cursor.etag = headers.get("etag", "")[:512]
                self._cursor.last_modified = headers.get("last-modified", "")[:128]
            return Answer(status, body, headers, headers.get("content-type", ""))
        said = self._spec.explain(status, body, headers) if self._spec.explain is not None else None
        if said is not None:
            raise said
        if status in (401, 403):
            raise KeyRefused(f"{name}: refused with {status}; check its key and plan")
        if status in (429, 418):
            raise LimitReached(f"{name}: asked too often ({status})", retry_after(headers))
        if status >= 500 or status == 408:
            raise Unavailable(f"{name}: it answers {status}")
        raise Malformed(f"{name}: it answers {status}")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a source asks for; None where it gives none that can be read."""
    text = headers.get("retry-after", "").strip()
    return min(float(text), 86_400.0) if text.isdecimal() else None


def _session() -> requests.Session:
    """One per thread: connections are reused, never shared."""
    session = getattr(_links, "session", None)
    if session is None:
        session = _links.session = requests.Session()
        session.trust_env = False  # neither proxies nor .netrc of this machine
    return session

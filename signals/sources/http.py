"""The only way to a source: listed hosts, quotas asked for before the call, bounded bodies, no key in any message.

A redirect is followed only within the list and never from https to http. Conditional headers come from the source's cursor
and belong to the first address of a poll: a source that asks for several has one validator, not one for each.
"""

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from django.conf import settings
from urllib3.exceptions import HTTPError

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
LONGEST_WAIT = 86_400.0
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
        self._first = True
        self._hosts = {host.lower() for host in spec.hosts}

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        budget: str = "all",
    ) -> Answer:
        """Ask for an address of a listed host. Raises Unavailable, LimitReached, KeyRefused or Malformed."""
        self._listed(url, url)  # before it costs anything
        budgets.take(self._spec, budget)
        conditional, self._first = self._first, False
        sent = {
            "User-Agent": user_agent(),
            "Accept-Encoding": "gzip, deflate",
            **(self._conditions() if conditional else {}),
            **(headers or {}),
        }
        deadline = time.monotonic() + self._spec.timeout_seconds
        for _ in range(MOST_REDIRECTS + 1):
            answer, onward = self._ask(url, params, sent, deadline)
            if answer is not None:
                if conditional and answer.status == 200:
                    self._remember(answer)
                return answer
            url, params = self._listed(url, onward), None
        raise Unavailable(f"{self._spec.name}: more than {MOST_REDIRECTS} redirects")

    def _remember(self, answer: Answer) -> None:
        self._cursor.etag = _short(answer.headers.get("etag", ""), 512)
        self._cursor.last_modified = _short(answer.headers.get("last-modified", ""), 128)

    def _conditions(self) -> dict[str, str]:
        known = {"If-None-Match": self._cursor.etag, "If-Modified-Since": self._cursor.last_modified}
        return {name: value for name, value in known.items() if value}

    def _listed(self, base: str, onward: str) -> str:
        """The address meant by `onward`, seen from `base`, if it may be asked. Raises Malformed."""
        try:
            url = urljoin(base, onward)
            parts = urlsplit(url)
            host = parts.hostname
        except ValueError:
            raise Malformed(f"{self._spec.name}: an address that is none") from None
        if parts.scheme not in ("http", "https") or parts.netloc.lower() not in self._hosts:
            raise Malformed(
                f"{self._spec.name}: {host or 'an address without a host'} is not on its list of hosts"
            )
        if parts.scheme == "http" and urlsplit(base).scheme == "https":
            raise Malformed(f"{self._spec.name}: it redirects from https to http")
        return url

    def _ask(
        self, url: str, params: Mapping[str, Any] | None, headers: Mapping[str, str], deadline: float
    ) -> tuple[Answer | None, str]:
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
        except (requests.RequestException, HTTPError, OSError, UnicodeError) as error:
            # Its text holds the address, and the address may hold a key
            raise Unavailable(f"{self._spec.name}: no answer ({type(error).__name__})") from None

    def _body(self, response: requests.Response, deadline: float) -> bytes:
        """All of it, in whatever pieces it arrives: a read of a fixed size would wait for ever for one that drips."""
        parts, size = [], 0
        while part := response.raw.read1(CHUNK, decode_content=True):
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
    """Seconds that a source asks for, at most a day; None where it gives none that can be read.

    A date is counted from the answer's own, so that a wrong clock on either side does not matter.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:9]), LONGEST_WAIT)
    until, since = _date(text), _date(headers.get("date", "")) or datetime.now(UTC)
    return min(max((until - since).total_seconds(), 0.0), LONGEST_WAIT) if until else None


def _short(text: str, longest: int) -> str:
    """A header that can be stored and sent back; one that cannot is as good as none."""
    return text if len(text) <= longest and text.isprintable() else ""


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class _Session(requests.Session):
    """Sees no redirect: the library would read the body of each to its end, however long, to find the next address."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere."""


def _session() -> requests.Session:
    """One per thread: connections are reused, never shared."""
    session = getattr(_links, "session", None)
    if session is None:
        session = _links.session = _Session()
        session.trust_env = False  # neither proxies nor .netrc of this machine
    return session

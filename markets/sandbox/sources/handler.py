"""What all servers of sources share: faults before and around an answer, conditional requests, JSON with exact numbers."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import msgspec
from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

from markets.sandbox.context import Sandbox
from markets.sandbox.faults import RestPlan
from markets.sandbox.generate import digest
from markets.sandbox.sources.archive import archive_of, stranger
from markets.sandbox.sources.values import COINS, Movement, Story

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
SPOILED = {
    "html": (b"<html><body>Error</body></html>", HTML),
    "empty": (b"", HTML),
    "garbage": (b'{"articles": [{"title": "cut\x01 of', JSON),
    "sentence": (b"The specified phrase is too short or too long.", HTML),
    "object": (b"{}", JSON),
}
_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class Page:
    """An answer. `conditional`: it carries ETag and Last-Modified, and a client that has it already is told so."""

    body: bytes
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    conditional: bool = False
    changed_ms: int = 0


def json_page(value: Any, status: int = 200, **more: Any) -> Page:
    """JSON; decimals become numbers with their own digits."""
    return Page(_encode(value), status, **more)


@dataclass(frozen=True, slots=True)
class Quirks:
    """What is wrong with this answer, on demand. Nothing, as a rule."""

    spoiled: str = ""
    text: str = ""
    slow_ms: int = 0
    unchanged: bool = False
    times: int = 1
    shift_ms: int = 0
    flood: int = 0
    stuck: bool = False

    def stories(self, found: Iterable[Story], outlet: str, now_ms: int) -> list[Story]:
        """These stories as the faults would have them: repeated with other addresses, misdated, drowned."""
        listed = [
            replace(story, published_ms=story.published_ms + self.shift_ms, junk=_junk(copy))
            for story in found
            for copy in range(self.times)
        ]
        return [invented_story(outlet, number, now_ms) for number in range(self.flood)] + listed

    def movements(self, found: Iterable[Movement], chain: str, now_ms: int) -> list[Movement]:
        """These movements as the faults would have them; one that is said twice is the same both times."""
        listed = [
            replace(movement, at_ms=movement.at_ms + self.shift_ms)
            for movement in found
            for _ in range(self.times)
        ]
        height = listed[-1].height if listed else 1
        return listed + [invented_movement(chain, number, height, now_ms) for number in range(self.flood)]


def _junk(copy: int) -> str:
    return f"?utm_source=copy{copy}" if copy else ""


def invented_story(outlet: str, number: int, now_ms: int) -> Story:
    """One of a flood: new with every second."""
    count = now_ms // 1000 * 10_000 + number
    subject = ("prices", "weather", "a match", "a film", "a vote")[number % 5]
    return Story(count, outlet, f"Note {count} on {subject}", "Nothing of consequence.", now_ms, now_ms)


def invented_movement(chain: str, number: int, height: int, now_ms: int) -> Movement:
    """One of a flood: new with every second."""
    coin = next(coin for coin in COINS.values() if coin.chain == chain)
    text = f"{digest('flood', chain, now_ms // 1000, number):064x}"
    return Movement(
        now_ms // 1000 * 10_000 + number, coin, text if chain == "bitcoin" else f"0x{text}", height, number, now_ms,
        600_000 * 10**coin.decimals, stranger(number, "from", chain=chain), stranger(number, "to", chain=chain),
    )  # fmt: skip


class SourceHandler(RequestHandler):
    """One address of one source; a subclass names its `source` and says what it answers."""

    source = ""

    def initialize(self, sandbox: Sandbox) -> None:
        """Tornado's hook for the arguments of a route."""
        self.sandbox = sandbox
        self.archive = archive_of(sandbox)
        self.quirks = Quirks()

    def answer(self, **args: str) -> Page:
        """The page that was asked for."""
        raise NotImplementedError

    def refusal(self, status: int) -> Page:
        """How the source words an error that a fault makes it give."""
        return json_page({"error": self._reason_of(status)}, status)

    @property
    def now_ms(self) -> int:
        """Unix milliseconds."""
        return self.sandbox.now_ms()

    def arg(self, name: str, default: str = "") -> str:
        """A parameter of the query, the last one of its name."""
        return str(self.get_query_argument(name, default) or default)

    def number(self, name: str, default: int, most: int) -> int:
        """A whole number of the query; the default where it is none."""
        text = self.arg(name)
        return min(int(text), most) if text.isdecimal() else default

    async def get(self, **args: str) -> None:
        """Faults first, then the answer."""
        self.archive.release(self.now_ms)
        endpoint = f"GET {self.request.path}"
        plan = self.sandbox.faults.rest(self.source, endpoint)
        if plan.delay_ms:
            await asyncio.sleep(plan.delay_ms / 1000)
        if plan.drop:
            self._cut()
        elif plan.status:
            self._refuse(plan)
        else:
            self.quirks = quirks_of(self.sandbox.faults.source(self.source, endpoint))
            await self._give(self._spoiled() or self.answer(**args))

    def _spoiled(self) -> Page | None:
        if self.quirks.unchanged:
            return Page(b"", 304)
        if not self.quirks.spoiled:
            return None
        body, content_type = SPOILED[self.quirks.spoiled]
        return Page(self.quirks.text.encode() or body, content_type=content_type)

    async def _give(self, page: Page) -> None:
        self.set_status(page.status)
        for name, value in page.headers.items():
            self.set_header(name, value)
        if page.conditional:
            etag = f'"{digest(page.body) % 16**20:020x}"'
            moment = http_date(page.changed_ms)
            self.set_header("ETag", etag)
            self.set_header("Last-Modified", moment)
            asked = self.request.headers.get("If-None-Match")
            since = self.request.headers.get("If-Modified-Since")
            if asked == etag or (asked is None and since == moment):
                self.set_status(304)
                await self.finish()
                return
        if page.status == 304:
            await self.finish()
            return
        self.set_header("Content-Type", page.content_type)
        if self.quirks.slow_ms:
            half = len(page.body) // 2
            self.write(page.body[:half])
            await self.flush()
            await asyncio.sleep(self.quirks.slow_ms / 1000)
            self.write(page.body[half:])
        else:
            self.write(page.body)
        with suppress(StreamClosedError):  # the client did not wait for the second half
            await self.finish()

    def _refuse(self, plan: RestPlan) -> None:
        page = self.refusal(plan.status)
        self.set_status(plan.status)
        self.set_header("Content-Type", page.content_type)
        if plan.retry_after:
            self.set_header("Retry-After", str(plan.retry_after))
        self.finish(plan.body.encode() or page.body)

    def _cut(self) -> None:
        connection = self.request.connection
        stream = getattr(connection, "stream", None)
        if stream is not None:
            stream.close()

    @staticmethod
    def _reason_of(status: int) -> str:
        return {401: "Invalid key", 403: "Forbidden", 429: "Rate limited"}.get(status, f"Error {status}")

    def compute_etag(self) -> str | None:
        """None but what `_give` sets: most of these services know no conditional requests."""
        return None


def quirks_of(kinds: Mapping[str, Mapping[str, Any]]) -> Quirks:
    """The faults in force, put together."""
    of = kinds.get
    return Quirks(
        spoiled=str(of("source_body", {}).get("what", "")), text=str(of("source_body", {}).get("text", "")),
        slow_ms=int(of("source_slow", {}).get("ms", 0)), unchanged="source_unchanged" in kinds,
        times=int(of("source_duplicates", {}).get("times", 1)),
        shift_ms=1000 * int(of("source_times", {}).get("shift", 0)),
        flood=int(of("source_flood", {}).get("items", 0)), stuck="source_stuck" in kinds,
    )  # fmt: skip


def moment_of(at_ms: int) -> datetime:
    """Unix milliseconds as a UTC time of whole seconds."""
    return datetime.fromtimestamp(at_ms // 1000, UTC)


def http_date(at_ms: int) -> str:
    """As HTTP and RSS write it: Thu, 26 Nov 2026 21:00:00 GMT."""
    return format_datetime(moment_of(at_ms), usegmt=True)


def iso(at_ms: int) -> str:
    """2026-11-26T21:00:00Z"""
    return f"{moment_of(at_ms):%Y-%m-%dT%H:%M:%SZ}"

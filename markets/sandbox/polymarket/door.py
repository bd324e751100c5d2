"""The one Tornado handler behind every REST endpoint: limits, faults, authentication, errors; then a plain function.

An endpoint is a function `(face, request) -> Answer` in a table. What a fault does to a request is decided before it
is served (`RestPlan`): nothing, late, refused, served but answered wrongly, or served long after the answer.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from tornado.web import HTTPError, RequestHandler

from markets.platforms.base import POLYMARKET
from markets.sandbox.faults import RestPlan
from markets.sandbox.polymarket import auth
from markets.sandbox.polymarket.answers import Answer, Refusal, Request, encoded
from markets.sandbox.polymarket.face import Face
from markets.sandbox.polymarket.limits import GENERAL

log = logging.getLogger(__name__)

Serve = Callable[[Face, Request], Answer]
_IDS = re.compile(rb'"(?:tokenId|token_id|asset_id|market|condition_id)":"(\w+)"')
_DEFAULT_BODIES = {
    425: "the matching engine is restarting",
    429: "Too Many Requests",
    500: "Internal server error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`name` is the method and path as faults know it, with {braces} for what varies."""

    name: str
    serve: Serve
    private: bool = False  # wants L2
    limits: tuple[str, ...] = ()

    @property
    def method(self) -> str:
        """GET, POST or DELETE."""
        return self.name.split(" ", 1)[0]

    @property
    def pattern(self) -> str:
        """The path as Tornado's regular expression."""
        return re.sub(r"\\{\w+\\}", "([^/]+)", re.escape(self.name.split(" ", 1)[1]))


def routes(face: Face, server: str, endpoints: list[Endpoint]) -> list[Any]:
    """Tornado routes for a server's endpoints; `server` names its overall limit."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.pattern, {})[endpoint.method] = endpoint
    return [
        (pattern, Door, {"face": face, "server": server, "endpoints": methods})
        for pattern, methods in by_path.items()
    ]


class Door(RequestHandler):
    """Any path of any of the three servers."""

    def initialize(self, face: Face, server: str, endpoints: dict[str, Endpoint]) -> None:
        """Tornado's hook for the arguments of a route."""
        self.face = face
        self.server = server
        self.endpoints = endpoints

    def compute_etag(self) -> None:
        """The platform's answers carry none, and hashing them costs."""

    async def get(self, *args: str) -> None:
        """Any GET."""
        await self._run(args)

    async def post(self, *args: str) -> None:
        """Any POST."""
        await self._run(args)

    async def delete(self, *args: str) -> None:
        """Any DELETE."""
        await self._run(args)

    async def _run(self, args: tuple[str, ...]) -> None:
        endpoint = self.endpoints.get(self.request.method or "")
        if endpoint is None:
            raise HTTPError(405)
        request = _request(self, args)
        plan = self.face.sandbox.faults.rest(
            POLYMARKET, endpoint.name, market_id=_market_of(self.face, request)
        )
        if plan.clean:
            self._send(serve(self.face, self.server, endpoint, request))
        else:
            await self._spoiled(plan, endpoint, request)

    async def _spoiled(self, plan: RestPlan, endpoint: Endpoint, request: Request) -> None:
        """As `RestPlan` says."""
        if plan.delay_ms:
            await asyncio.sleep(plan.delay_ms / 1000)
        failing = bool(plan.status or plan.drop)
        if plan.late_ms:
            self.face.sandbox.later(
                plan.late_ms, lambda: _served_late(self.face, self.server, endpoint, request)
            )
            self._fail(plan)
        elif failing and not plan.accept_first:
            self._fail(plan)
        else:
            answer = serve(self.face, self.server, endpoint, request)
            self._fail(plan) if failing else self._send(answer)

    def _fail(self, plan: RestPlan) -> None:
        if not plan.status:
            self.request.connection.stream.close()  # type: ignore[union-attr,attr-defined]
            return
        headers = {"Retry-After": str(plan.retry_after)} if plan.retry_after else {}
        if plan.with_headers:
            now_s = self.face.now_ms // 1000
            headers |= {
                "Poly-RateLimit-Remaining": "0", "Poly-RateLimit-Tier": "standard",
                "Poly-RateLimit-Reset": str(now_s + max(plan.retry_after, 1)),
            }  # fmt: skip
        body: dict[str, Any] = {"error": plan.body or _DEFAULT_BODIES.get(plan.status, "error")}
        if plan.code:
            body["code"] = plan.code
        raw = plan.body.encode() if plan.body.startswith(("{", "<")) else encoded(body)
        self._send(Answer(raw, plan.status, headers))

    def _send(self, answer: Answer) -> None:
        self.set_status(answer.status, _DEFAULT_BODIES.get(answer.status, "Answer"))
        self.set_header("Content-Type", "application/json")
        for name, value in answer.headers.items():
            self.set_header(name, value)
        self.finish(answer.body)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Errors are JSON too."""
        self.finish({"error": self._reason})


class Missing(RequestHandler):
    """A path that does not exist."""

    def prepare(self) -> None:
        """404 for every method."""
        self.set_status(404)
        self.finish({"error": "not found"})


def serve(face: Face, server: str, endpoint: Endpoint, request: Request) -> Answer:
    """Limits, authentication, then the endpoint itself; refusals become answers."""
    try:
        full = face.limits.admit("local", (GENERAL, server, *endpoint.limits), face.now_ms)
        if full:
            raise Refusal(429, "Too Many Requests")
        if endpoint.private:
            request.address = request.headers.get("poly_api_key", "")
            request.wallet = auth.check_l2(face, request)
        return endpoint.serve(face, request)
    except Refusal as refusal:
        return refusal.answer()


def _served_late(face: Face, server: str, endpoint: Endpoint, request: Request) -> None:
    answer = serve(face, server, endpoint, request)
    log.debug("served late", extra={"endpoint": endpoint.name, "status": answer.status})


def _request(handler: RequestHandler, args: tuple[str, ...]) -> Request:
    raw = handler.request
    return Request(
        method=raw.method or "",
        path=raw.path,
        query=parse_qs(raw.query, keep_blank_values=False),
        body=raw.body,
        headers={name.lower(): value for name, value in raw.headers.get_all()},
        args=args,
    )


def _market_of(face: Face, request: Request) -> str:
    """The market a request is about, as far as its path, query or body tells: for faults of one market only."""
    if not face.sandbox.faults.rules:
        return ""
    names = ("token_id", "market", "asset_id", "condition_ids", "clob_token_ids")
    candidates = [*request.args, *(request.one(name) for name in names)]
    in_body = _IDS.search(request.body[:2_000])
    if in_body:
        candidates.append(in_body.group(1).decode())
    for candidate in candidates:
        found = face.token(candidate)
        if found is not None:
            return found[0].id
        market = face.market(candidate)
        if market is not None:
            return market.id
    return ""

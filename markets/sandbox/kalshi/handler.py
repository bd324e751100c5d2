"""REST over Tornado: faults, signature, token buckets, then the endpoint's function; its answer or refusal as JSON."""

import asyncio
import logging
from typing import Any

from tornado.web import RequestHandler

from markets.platforms.base import KALSHI
from markets.sandbox.faults import RestPlan
from markets.sandbox.kalshi import frames
from markets.sandbox.kalshi.auth import SIGNATURE, ApiKey
from markets.sandbox.kalshi.call import Answer, Call, Endpoint
from markets.sandbox.kalshi.errors import ApiError, bad_json, from_engine, refused, too_many_requests
from markets.sandbox.kalshi.exchange import Exchange
from markets.sandbox.kalshi.limits import PREFIX, WRITE, cost_of
from markets.sandbox.orders import Rejected

log = logging.getLogger(__name__)

GATEWAY = (502, 503, 504)  # answered by what stands in front of the exchange, in HTML


class Rest(RequestHandler):
    """All methods of one path."""

    def initialize(self, exchange: Exchange, endpoints: dict[str, Endpoint]) -> None:
        """Tornado's hook for the arguments of a route."""
        self.exchange = exchange
        self.endpoints = endpoints

    async def get(self, **args: str) -> None:
        """GET"""
        await self._serve(args)

    async def post(self, **args: str) -> None:
        """POST"""
        await self._serve(args)

    async def put(self, **args: str) -> None:
        """PUT"""
        await self._serve(args)

    async def delete(self, **args: str) -> None:
        """DELETE"""
        await self._serve(args)

    async def _serve(self, args: dict[str, str]) -> None:
        """The order of things is `faults.RestPlan`'s."""
        sandbox = self.exchange.sandbox
        method, path = str(self.request.method), self.request.path.removeprefix(PREFIX)
        market_id = args.get("ticker", "") or self._market_named()
        plan = sandbox.faults.rest(KALSHI, f"{method} {path}", market_id=market_id)
        if plan.delay_ms:
            await asyncio.sleep(plan.delay_ms / 1000)
        broken = bool(plan.status or plan.drop)
        if broken and not plan.accept_first and not plan.late_ms:
            self._break(plan)
            return
        call = Call(
            self.exchange, args, self._query(), self.request.body, sandbox.now_ms(),
        )  # fmt: skip
        if plan.late_ms:
            self._put_off(call, plan.late_ms)
            self._break(plan)
            return
        status, body = await self._answer(call)
        if broken:
            self._break(plan)
            return
        self._finish(status, body)

    async def _answer(self, call: Call) -> Answer:
        try:
            endpoint = self._admit(call)
            wait = endpoint.hold(call)
            if wait:
                await asyncio.sleep(wait / 1000)
                call.now_ms = self.exchange.sandbox.now_ms()
            return endpoint.serve(call)
        except Rejected as error:
            refusal = from_engine(error.code)
        except ApiError as error:
            refusal = error
        return refusal.status, refusal.body

    def _put_off(self, call: Call, wait_ms: int) -> None:
        """What the client is told failed is done later after all; its signature and its price are of now."""
        try:
            endpoint = self._admit(call)
        except ApiError as error:
            log.info("not put off, refused: %s", error)
            return

        def serve() -> None:
            call.now_ms = self.exchange.sandbox.now_ms()
            try:
                endpoint.serve(call)
            except (ApiError, Rejected) as error:
                log.info("served late and refused: %s", error)

        self.exchange.sandbox.later(wait_ms, serve)

    def _admit(self, call: Call) -> Endpoint:
        """Who asks, and what it costs. Raises ApiError."""
        endpoint = self.endpoints.get(str(self.request.method))
        if endpoint is None:
            raise refused(405, "method_not_allowed")
        call.key = self._key(endpoint)
        limits = self.exchange.user(call.key).limits if call.key else self.exchange.anonymous
        tokens = endpoint.tokens(call, cost_of(endpoint.method, endpoint.path))
        limits.take(endpoint.bucket, tokens, self.exchange.sandbox.now_ms(), shard=endpoint.shard(call))
        return endpoint

    def _key(self, endpoint: Endpoint) -> ApiKey | None:
        """The key that signed; public endpoints may be asked by anybody, but a signature is checked where there is one."""
        if not endpoint.private and SIGNATURE not in self.request.headers:
            return None
        exchange = self.exchange
        exchange.refresh_accounts()
        sandbox = exchange.sandbox
        key = exchange.keyring.check(
            self.request.headers, endpoint.method, self.request.path, sandbox.now_ms(),
            window_ms=sandbox.config.clock_skew_ms,
        )  # fmt: skip
        scope = "write" if endpoint.bucket == WRITE else "read"
        if endpoint.private and scope not in key.scopes:
            raise refused(403, "forbidden", f"the key lacks the scope {scope}")
        return key

    def _query(self) -> dict[str, list[str]]:
        return {
            name: [value.decode("utf-8", "replace") for value in values]
            for name, values in self.request.query_arguments.items()
        }

    def _market_named(self) -> str:
        """The market that a body or a query names, for faults that are meant for one market only."""
        if not self.exchange.sandbox.faults.rules:
            return ""
        query = self._query()
        for name in ("ticker", "market_ticker"):
            if name in query:
                return query[name][-1]
        try:
            body = Call(self.exchange, {}, {}, self.request.body, 0).body()
        except ApiError:
            return ""
        named = body.get("ticker", body.get("market_ticker", ""))
        return named if isinstance(named, str) else ""

    def _break(self, plan: RestPlan) -> None:
        """The error of a fault, or a socket that closes without an answer."""
        if not plan.status:
            self.detach().close()
            return
        if plan.with_headers or plan.retry_after:
            self.set_header("Retry-After", str(plan.retry_after or 1))
        if plan.body:
            self.set_status(plan.status)
            self.finish(plan.body)
        elif plan.status in GATEWAY and not plan.code:
            self.set_status(plan.status)
            self.finish(f"<html><body><h1>{plan.status} {self._reason}</h1></body></html>")
        elif plan.status == 429:
            self._finish(429, too_many_requests().body)
        else:
            code = plan.code or ("internal_server_error" if plan.status >= 500 else "bad_request")
            self._finish(plan.status, refused(plan.status, code).body)

    def _finish(self, status: int, body: Any) -> None:
        self.set_status(status)
        if body is None:
            self.finish()
            return
        self.set_header("Content-Type", "application/json")
        self.finish(frames.encode(body))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """What Tornado itself refuses, and accidents, are JSON too."""
        body = (
            bad_json(self._reason).body if status_code < 500 else refused(500, "internal_server_error").body
        )
        self._finish(status_code, body)


class Unknown(RequestHandler):
    """A path that does not exist."""

    def prepare(self) -> None:
        """Any method."""
        self.set_status(404)
        self.finish(refused(404, "not_found").body)

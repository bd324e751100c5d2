"""The control endpoint: look at the sandbox's world and interfere with it, over plain JSON on loopback.

    GET    /control/state                              everything at a glance
    GET    /control/pairs[?all=1]                      pairs that trade (or all) with their rule texts
    GET    /control/truth                              look-alikes, wide events, planted gaps, silences: for judges only
    GET    /control/markets/{platform}/{id}            one market
    POST   /control/markets/{platform}/{id}/{action}   pause resume close reopen determine dispute settle tick
    GET    /control/faults                             faults in force, and the kinds there are
    POST   /control/faults                             set one (`faultkinds.KINDS`)
    DELETE /control/faults[?id=][&platform=]           clear one, a platform's, or all
    POST   /control/rate     {"rate"}                  level changes per second of the background
    POST   /control/gap      {"pair", "cents", "size", "cheap", "seconds", "ask"}
    POST   /control/plant    {"kind", "cents", "pair" | "event", "size", "cheap", "seconds", "ask"}
    POST   /control/stale    {"platform", "cents", "pair", "scope", "seconds", "after"}   silence while prices move
    GET    /control/accounts/{name}                    the exchange's own books of an account: for judges only
    POST   /control/hand     {"account", "market" | "pair"+"platform", "side", "outcome", "price", "size", "tif"}
    POST   /control/cash     {"account", "platform", "amount", "shard"}   pay in, or (below zero) out
    POST   /control/order    {"market" | "pair"+"platform", "side", "outcome", "price", "size", "tif"}
    POST   /control/cancel   {"id"} or a market
    POST   /control/story    /control/transfer   /control/occasion   /control/reorg     publish by hand (`publishing.py`)
    GET    /control/newsroom                           what the newsroom published and what it moved: for judges only

Fields are those of `actions.py`. A refusal is 400 with {"error": sentence}, an unknown market in the path 404. There
is no gap of YES against NO on one platform to ask for: both are views of one book, and that book is never crossed.
"""

import json
from collections import Counter
from decimal import Decimal
from typing import Any

from tornado.web import HTTPError, RequestHandler

from markets.platforms.base import PLATFORMS
from markets.sandbox import actions, ledgers, truth
from markets.sandbox import newsroom as newsrooms
from markets.sandbox.context import Sandbox
from markets.sandbox.faultkinds import KINDS
from markets.sandbox.orders import SandboxError
from markets.sandbox.scenario import Scenario

DONE = (
    "rate", "gap", "plant", "stale", "hand", "cash", "order", "cancel", "story", "transfer", "occasion", "reorg",
)  # fmt: skip


class Control(RequestHandler):
    """What all control handlers share."""

    def initialize(self, sandbox: Sandbox, action: str = "") -> None:
        """Tornado's hook for the arguments of a route."""
        self.sandbox = sandbox
        self.action = action

    def prepare(self) -> None:
        """Refuse pages of a browser: a web site must not reach through it to this machine."""
        if "Origin" in self.request.headers:
            raise HTTPError(403, reason="The control endpoint is not for web pages")

    def body(self) -> dict[str, Any]:
        """The JSON object that was sent; an empty body is an empty object. Raises SandboxError."""
        if not self.request.body:
            return {}
        try:
            data = json.loads(self.request.body, parse_float=Decimal)
        except ValueError as error:
            raise actions.ActionError(f"the body is not JSON: {error}") from error
        if not isinstance(data, dict):
            raise actions.ActionError("the body must be a JSON object")
        return data

    def act(self, name: str, args: dict[str, Any]) -> None:
        """Do an action and answer with what it says."""
        self.write(actions.act(self.sandbox, name, args))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Errors are JSON too."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, SandboxError):
            self.set_status(400)
            self.finish({"error": str(error)})
            return
        self.finish({"error": self._reason})

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """A refusal is an answer, not an accident."""
        if not isinstance(value, SandboxError):
            super().log_exception(typ, value, tb)


class State(Control):
    """GET /control/state"""

    def get(self) -> None:
        """Everything at a glance."""
        self.write(state(self.sandbox))


class Pairs(Control):
    """GET /control/pairs"""

    def get(self) -> None:
        """The pairs that trade, or with `all=1` every pair there ever was."""
        world = self.sandbox.world
        chosen = world.pairs.values() if self.get_query_argument("all", "") == "1" else world.open_pairs()
        self.write({"pairs": [actions.pair_facts(self.sandbox, pair) for pair in chosen]})


class Truth(Control):
    """GET /control/truth"""

    def get(self) -> None:
        """For those who judge a bot, never for the bot."""
        self.write(truth.facts(self.sandbox))


class News(Control):
    """GET /control/newsroom"""

    def get(self) -> None:
        """For those who judge a bot, never for the bot."""
        newsroom = self.sandbox.shared.get(newsrooms.NAME)
        if not isinstance(newsroom, newsrooms.Newsroom):
            raise HTTPError(404, reason="There is no newsroom: start the sandbox with --news-every")
        self.write(newsroom.facts())


class Account(Control):
    """GET /control/accounts/{name}"""

    def get(self, name: str) -> None:
        """Orders, fills, positions and money of one account on both faces."""
        try:
            self.write(ledgers.facts(self.sandbox, name))
        except ledgers.LedgerError as error:
            raise HTTPError(404, reason=str(error)) from error


class Market(Control):
    """/control/markets/{platform}/{id}[/{action}]"""

    def get(self, platform: str, market_id: str) -> None:
        """One market's facts."""
        self._find(platform, market_id)
        self.write(actions.market_facts(self.sandbox, self.sandbox.world.markets[market_id]))

    def post(self, platform: str, market_id: str, action: str = "") -> None:
        """One change to a market's life."""
        self._find(platform, market_id)
        if action not in actions.LIFE:
            raise HTTPError(404, reason=f"Use one of {', '.join(actions.LIFE)}")
        self.act(action, {**self.body(), "platform": platform, "market": market_id})

    def _find(self, platform: str, market_id: str) -> None:
        market = self.sandbox.world.markets.get(market_id)
        if platform not in PLATFORMS or market is None or market.platform != platform:
            raise HTTPError(404, reason="There is no such market")


class FaultList(Control):
    """/control/faults"""

    def get(self) -> None:
        """Faults in force, how often each kind has struck, and the kinds with their settings."""
        kinds = {
            name: {
                "help": kind.help,
                "settings": {s: meaning for s, (_, meaning, _) in kind.settings.items()},
            }
            for name, kind in KINDS.items()
        }
        faults = self.sandbox.faults
        self.write(
            {"faults": [rule.as_json() for rule in faults.current()], "fired": faults.fired, "kinds": kinds}
        )

    def post(self) -> None:
        """Set a fault."""
        body = self.body()
        self.act("fault", {name: _plain(value) for name, value in body.items()})

    def delete(self) -> None:
        """Clear one, a platform's, or all."""
        args: dict[str, Any] = {}
        rule_id, platform = self.get_query_argument("id", None), self.get_query_argument("platform", None)
        if rule_id is not None:
            if not rule_id.isdecimal():
                raise actions.ActionError(f"'id' must be a whole number, not {rule_id!r}")
            args["id"] = int(rule_id)
        if platform is not None:
            args["platform"] = platform
        self.act("clear", args)


class Do(Control):
    """POST /control/ and one of `DONE`"""

    def post(self) -> None:
        """The action of this route with the fields of the body."""
        self.act(self.action, self.body())


def state(sandbox: Sandbox) -> dict[str, Any]:
    """Facts for a person and for tests: what trades, what is broken on purpose, what the faces report."""
    world, traders, faults = sandbox.world, sandbox.traders, sandbox.faults
    scenario = sandbox.shared.get("scenario")
    return {
        "now_ms": sandbox.now_ms(),
        "started_ms": world.started_ms,
        "urls": sandbox.urls,
        "markets": {name: dict(Counter(market.state for market in world.on(name))) for name in PLATFORMS},
        "pairs": {"trading": len(world.open_pairs()), "ever": len(world.pairs)},
        "traders": {"rate": traders.rate, "changes": traders.changes, "gaps_opened": traders.gaps_opened},
        "engine": {"trades": sandbox.engine.trade_count, "orders": len(sandbox.engine.orders)},
        "faults": [rule.as_json() for rule in faults.current()],
        "fired": faults.fired,
        "connections": {name: len(faults.connections.get(name, ())) for name in PLATFORMS},
        "scenario": scenario.facts() if isinstance(scenario, Scenario) else None,
        "facts": {name: tell() for name, tell in sandbox.facts.items()},
    }


def routes(sandbox: Sandbox) -> list[Any]:
    """Routes of the control server."""
    market = r"/control/markets/([^/]+)/([^/]+)"
    with_sandbox = {"sandbox": sandbox}
    return [
        (r"/control/state", State, with_sandbox),
        (r"/control/pairs", Pairs, with_sandbox),
        (r"/control/truth", Truth, with_sandbox),
        (r"/control/newsroom", News, with_sandbox),
        (r"/control/accounts/([^/]+)", Account, with_sandbox),
        (market, Market, with_sandbox),
        (rf"{market}/([a-z]+)", Market, with_sandbox),
        (r"/control/faults", FaultList, with_sandbox),
        *((rf"/control/{name}", Do, {**with_sandbox, "action": name}) for name in DONE),
    ]


def _plain(value: Any) -> Any:
    """Seconds and probabilities of faults are ordinary numbers, not money."""
    return float(value) if isinstance(value, Decimal) else value

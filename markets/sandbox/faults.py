"""Faults on demand: what goes wrong, where, how often. Set by the control endpoint and the scenario file.

A fault is a `Rule`: its `kind` says what happens, the rest where and how often. The faces ask at five doors:

    plan = faults.rest(platform, endpoint, market_id=...)   once per REST request, before it is served
    frames = faults.outgoing(connection, frame, ...)        once per data frame (never for PONG, ping, pong)
    faults.match_delay(...), faults.trade_path(...)         once per marketable order, once per trade
    faults.source(source, endpoint)                         once per request to a source, after `rest`
    faults.mode(platform)                                   once per order: normal, post_only, cancel_only, ...

and register their sockets with `connect` / `disconnect`, so that a fault can cut them or speak through them.
Time comes from the clock it is given, chance from a seeded generator.
"""

import random
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Protocol

from markets.sandbox.clock import Clock
from markets.sandbox.faultkinds import KINDS, MODES, Rule, check_rule
from markets.sandbox.orders import SandboxError

__all__ = ["KINDS", "MODES", "Connection", "FaultError", "Faults", "RestPlan", "Rule", "Silence"]

Frame = str | bytes
KEPT_SILENCES = 10_000


class FaultError(SandboxError):
    """A fault that cannot be set; the message names what is wrong with it."""


class Connection(Protocol):
    """What a face's WebSocket handler offers. `channel`: "ws" on Kalshi, "market" or "user" on Polymarket."""

    platform: str
    channel: str

    def send_raw(self, data: Frame) -> None:
        """Put bytes (binary frame) or text on the wire as they are."""
        ...

    def drop(self, *, close_frame: bool) -> None:
        """End the connection, with a close frame or by cutting the socket."""
        ...


@dataclass(frozen=True, slots=True)
class RestPlan:
    """What a face does with one REST request, in this order.

    1. wait `delay_ms`;
    2. `status` and not `accept_first`: answer the error, do nothing else;
    3. `drop` and not `accept_first`: close the socket without an answer, do nothing else;
    4. `late_ms` > 0: serve the request `late_ms` later than the answer; answer `status` (or cut the socket when it
       is 0) at once;
    5. otherwise serve the request; then, when `status` or `drop` is set, send that error instead of the answer, or
       close the socket.
    `with_headers` asks for the platform's own rate-limit headers on a 429; `body` and `code` override the error's.
    """

    delay_ms: int = 0
    status: int = 0
    accept_first: bool = False
    drop: bool = False
    late_ms: int = 0
    with_headers: bool = False
    retry_after: int = 0
    body: str = ""
    code: str = ""

    @property
    def clean(self) -> bool:
        """True where nothing goes wrong."""
        return self == NOTHING


NOTHING = RestPlan()


@dataclass(slots=True)
class Silence:
    """Data that was held back: of a platform, or of one of its markets. `until_ms` 0: it goes on until cleared."""

    rule_id: int
    platform: str  # "*": both
    market: str  # empty: every market
    from_ms: int
    until_ms: int


@dataclass(slots=True)
class _Held:
    """Frames of one connection held back to be swapped with their successor."""

    frames: list[Frame] = field(default_factory=list)


class Faults:
    """The rules in force. With none set, every door answers "nothing wrong" at the cost of one test."""

    def __init__(self, clock: Clock, *, seed: int = 0) -> None:
        self.clock = clock
        self.rules: list[Rule] = []
        self.connections: dict[str, list[Connection]] = {}
        self.silences: deque[Silence] = deque(maxlen=KEPT_SILENCES)  # for good: what was silent when
        self.fired: dict[str, int] = {}  # kind -> how often, for tests and the state page
        self._random = random.Random(f"faults-{seed}")
        self._held: dict[int, _Held] = {}
        self._next_id = 1
        self._has_ws = False

    # --- rules

    def set(self, fault: dict[str, Any]) -> Rule:
        """Add a fault (see `faultkinds.KINDS` for kinds and their settings). Raises FaultError.

        `ws_disconnect` and `ws_raw` happen at once on the sockets that match and leave no rule behind.
        """
        try:
            rule = check_rule(fault, self._next_id, self.clock.now_ms())
        except ValueError as error:
            raise FaultError(str(error)) from error
        self._next_id += 1
        if rule.kind == "ws_disconnect":
            self._cut(rule)
        elif rule.kind == "ws_raw":
            self._say(rule)
        else:
            self.rules.append(rule)
            self._look()
        if rule.kind == "ws_silence":
            now_ms = self.clock.now_ms()
            self.silences.append(Silence(rule.id, rule.platform, rule.market, now_ms, rule.until_ms))
        return rule

    def clear(self, rule_id: int | None = None, *, platform: str | None = None) -> int:
        """Remove one rule, a platform's, or all; returns how many. Frames held for a swap go out again."""
        keep = [
            rule
            for rule in self.rules
            if (rule_id is not None and rule.id != rule_id)
            or (platform is not None and rule.platform not in ("*", platform))
        ]
        gone = len(self.rules) - len(keep)
        self._end_silences({rule.id for rule in self.rules} - {rule.id for rule in keep})
        self.rules = keep
        self._look()
        return gone

    def _end_silences(self, rule_ids: Collection[int]) -> None:
        now_ms = self.clock.now_ms()
        for silence in self.silences:
            if silence.rule_id in rule_ids and not 0 < silence.until_ms <= now_ms:
                silence.until_ms = now_ms

    def current(self) -> list[Rule]:
        """Rules still in force."""
        now = self.clock.now_ms()
        self.rules = [rule for rule in self.rules if not rule.spent(now)]
        self._look()
        return self.rules

    # --- doors for REST

    def rest(self, platform: str, endpoint: str, *, market_id: str = "") -> RestPlan:
        """What happens to this request. `endpoint` is "METHOD /path" as routed, for example "POST /order"."""
        if not self.rules:
            return NOTHING
        plan: dict[str, Any] = {}
        for rule in self._matching("rest", platform, endpoint, market_id):
            for name, value in self._rest_effect(rule).items():
                plan[name] = plan.get("delay_ms", 0) + value if name == "delay_ms" else value
        return RestPlan(**plan) if plan else NOTHING

    def _rest_effect(self, rule: Rule) -> dict[str, Any]:
        s = rule.settings
        accept = s.get("when", "before") == "after"
        if rule.kind == "latency":
            jitter = s.get("jitter_ms", 0)
            return {"delay_ms": s["ms"] + (self._random.randint(0, jitter) if jitter else 0)}
        if rule.kind == "status":
            return {
                "status": s["status"], "accept_first": accept, "with_headers": s.get("headers", False),
                "retry_after": s.get("retry_after", 0), "body": s.get("body", ""), "code": s.get("code", ""),
            }  # fmt: skip
        if rule.kind == "drop_response":
            return {"drop": True, "accept_first": accept}
        return {"late_ms": s["ms"], "status": s.get("status", 0), "delay_ms": s.get("hold_ms", 0)}

    def source(self, source: str, endpoint: str) -> dict[str, dict[str, Any]]:
        """What is wrong with a source's answer: the kinds that apply, each with its settings."""
        if not self.rules:
            return {}
        return {rule.kind: rule.settings for rule in self._matching("source", source, endpoint, "")}

    # --- doors for orders and trades

    def mode(self, platform: str) -> str:
        """The platform's trading mode: normal, post_only, cancel_only, disabled, restarting or paused."""
        if self.rules:
            for rule in self._matching("mode", platform, "", ""):
                return str(rule.settings["mode"])
        return "normal"

    def retry_after(self, platform: str) -> int:
        """Seconds until the current mode ends by itself, 0 when nobody knows."""
        now = self.clock.now_ms()
        ends = [
            rule.until_ms for rule in self.rules if rule.kind == "mode" and rule.platform in ("*", platform)
        ]
        return max(0, -((now - ends[0]) // 1000)) if ends and ends[0] else 0

    def match_delay(self, platform: str, market_id: str) -> int:
        """Milliseconds for which a marketable order is held before it matches; 0 for none."""
        if not self.rules:
            return 0
        return max(
            (int(rule.settings["ms"]) for rule in self._matching("match_delay", platform, "", market_id)),
            default=0,
        )

    def front_run(self, platform: str, market_id: str) -> int | None:
        """How many percent a stranger leaves of what a marketable order is about to take; None: nobody is quicker."""
        if self.rules:
            for rule in self._matching("front_run", platform, "", market_id):
                return int(rule.settings.get("leave_pct", 0))
        return None

    def trade_path(self, platform: str, market_id: str) -> tuple[bool, int, int | None]:
        """How a trade settles: (fails in the end, RETRYING rounds before, delay to the final state in ms or None)."""
        fails, retries, delay = False, 0, None
        if self.rules:
            for rule in self._matching("trade_fail", platform, "", market_id):
                fails, retries = bool(rule.settings.get("fails", True)), int(rule.settings.get("retries", 1))
            for rule in self._matching("settle_delay", platform, "", market_id):
                delay = int(rule.settings["ms"])
        return fails, retries, delay

    # --- doors for WebSockets

    def connect(self, connection: Connection) -> None:
        """Register an open socket."""
        self.connections.setdefault(connection.platform, []).append(connection)

    def disconnect(self, connection: Connection) -> None:
        """Forget a socket that is gone; unknown ones are ignored."""
        known = self.connections.get(connection.platform, [])
        if connection in known:
            known.remove(connection)
        self._held.pop(id(connection), None)

    def refuse_connect(self, platform: str, channel: str) -> int:
        """HTTP status with which a new WebSocket is refused, or 0."""
        for rule in self._matching("ws_refuse", platform, channel, "") if self.rules else ():
            return int(rule.settings.get("status", 502))
        return 0

    def skip_seq(self, connection: Connection, market_id: str = "") -> int:
        """How many sequence numbers to use up without a frame before the next one (Kalshi)."""
        if not self._has_ws:
            return 0
        rules = self._matching("ws_seq_gap", connection.platform, connection.channel, market_id)
        return sum(int(rule.settings.get("numbers", 1)) for rule in rules)

    def outgoing(
        self, connection: Connection, frame: Frame, *, market_id: str = "", channel: str = ""
    ) -> tuple[Frame, ...]:
        """What really goes out instead of one data frame: nothing, itself, twice, or after its successor.

        `channel` is the subscription's, where one socket carries several (Kalshi: `fill`, `user_orders`, ...).
        """
        if not self._has_ws and not self._held:
            return (frame,)
        if any(
            True
            for _ in self._matching("ws_silence", connection.platform, connection.channel, market_id, channel)
        ):
            return ()
        out: list[Frame] = [frame]
        held = self._held.pop(id(connection), None)
        for rule in self._matching("ws_frame", connection.platform, connection.channel, market_id, channel):
            if rule.kind == "ws_drop":
                out = []
            elif rule.kind == "ws_duplicate":
                out = out * 2
            elif rule.kind == "ws_swap" and held is None:
                self._held[id(connection)] = _Held(out)
                return ()
        return tuple(out + held.frames if held else out)

    def _cut(self, rule: Rule) -> None:
        for connection in list(self._sockets(rule)):
            self._count(rule)
            connection.drop(close_frame=bool(rule.settings.get("close_frame", True)))

    def _say(self, rule: Rule) -> None:
        data = rule.settings["data"]
        for connection in list(self._sockets(rule)):
            self._count(rule)
            connection.send_raw(data)

    def _sockets(self, rule: Rule) -> Iterator[Connection]:
        for platform, connections in self.connections.items():
            if rule.covers(platform, rule.endpoint, rule.market):
                yield from (c for c in list(connections) if fnmatchcase(c.channel, rule.endpoint))

    # --- inside

    def _matching(
        self, door: str, platform: str, endpoint: str, market_id: str, channel: str = ""
    ) -> Iterator[Rule]:
        """Rules of a door that apply and are used up by this call."""
        now = self.clock.now_ms()
        for rule in self.rules:
            if (
                KINDS[rule.kind].door != door
                or not rule.covers(platform, endpoint, market_id, channel)
                or rule.spent(now)
            ):
                continue
            if rule.probability < 1 and self._random.random() >= rule.probability:
                continue
            if rule.skip:
                rule.skip -= 1
                continue
            if rule.count is not None:
                rule.count -= 1
            self._count(rule)
            yield rule

    def _count(self, rule: Rule) -> None:
        rule.fired += 1
        self.fired[rule.kind] = self.fired.get(rule.kind, 0) + 1

    def _look(self) -> None:
        self._has_ws = any(rule.kind.startswith("ws_") for rule in self.rules)

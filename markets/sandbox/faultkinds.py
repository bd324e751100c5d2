"""The kinds of faults there are, and the check of a fault as it arrives from the control endpoint or a scenario."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from markets.platforms.base import PLATFORMS
from markets.sandbox.sources.values import SOURCES

ALL_SOURCES = "sources"  # in the place of a platform: every source; `*` means both platforms alone
BODIES = ("html", "empty", "garbage", "sentence", "object")
MODES = ("normal", "post_only", "cancel_only", "disabled", "restarting", "paused")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: the door at which it acts and its settings (name -> check, and whether it must be given)."""

    door: str
    settings: dict[str, tuple[Callable[[Any], bool], str, bool]]
    help: str


def _whole(low: int, high: int) -> tuple[Callable[[Any], bool], str]:
    return lambda v: type(v) is int and low <= v <= high, f"a whole number from {low} to {high}"


def _one_of(*words: str) -> tuple[Callable[[Any], bool], str]:
    return lambda v: v in words, f"one of {', '.join(words)}"


_MS = _whole(0, 600_000)
_FLAG: tuple[Callable[[Any], bool], str] = (lambda v: type(v) is bool, "true or false")
_TEXT: tuple[Callable[[Any], bool], str] = (lambda v: type(v) is str, "a text")
_WHEN = _one_of("before", "after")
_STATUS = _whole(400, 599)

KINDS: dict[str, Kind] = {
    "latency": Kind("rest", {"ms": (*_MS, True), "jitter_ms": (*_MS, False)}, "answers come late"),
    "status": Kind(
        "rest",
        {
            "status": (*_STATUS, True), "when": (*_WHEN, False), "headers": (*_FLAG, False),
            "retry_after": (*_whole(0, 3600), False), "body": (*_TEXT, False), "code": (*_TEXT, False),
        },
        "an HTTP error before the request was served, or after (the order is in, the answer is an error)",
    ),
    "drop_response": Kind("rest", {"when": (*_WHEN, False)}, "the socket closes without an answer"),
    "late_accept": Kind(
        "rest",
        {"ms": (*_MS, True), "hold_ms": (*_MS, False), "status": (*_STATUS, False)},
        "no useful answer (status, or a cut socket), yet the request is served `ms` later",
    ),
    "match_delay": Kind("match_delay", {"ms": (*_MS, True)}, "marketable orders are held before they match"),
    "front_run": Kind(
        "front_run",
        {"leave_pct": (*_whole(0, 99), False)},
        "a stranger takes what a marketable order is about to take, and leaves so many percent of it (default 0)",
    ),
    "mode": Kind("mode", {"mode": (*_one_of(*MODES), True)}, "the platform's trading mode"),
    "trade_fail": Kind(
        "trade_fail",
        {"retries": (*_whole(0, 20), False), "fails": (*_FLAG, False)},
        "matched trades go RETRYING and end FAILED (or, with fails=false, CONFIRMED)",
    ),
    "settle_delay": Kind("settle_delay", {"ms": (*_MS, True)}, "matched trades are confirmed only after `ms`"),
    "ws_silence": Kind("ws_silence", {}, "data stops, PONG and pings go on; with `market`, only that market stops"),
    "ws_drop": Kind("ws_frame", {}, "data frames are lost"),
    "ws_duplicate": Kind("ws_frame", {}, "data frames are sent twice"),
    "ws_swap": Kind("ws_frame", {}, "a data frame is sent after its successor"),
    "ws_seq_gap": Kind("ws_seq_gap", {"numbers": (*_whole(1, 1000), False)}, "sequence numbers are skipped"),
    "ws_refuse": Kind("ws_refuse", {"status": (*_STATUS, False)}, "new connections are refused"),
    "ws_disconnect": Kind("now", {"close_frame": (*_FLAG, False)}, "open connections end, at once"),
    "ws_raw": Kind("now", {"text": (*_TEXT, False), "base64": (*_TEXT, False)}, "a malformed frame is sent, at once"),
    # Of the sources alone; latency, status, drop_response and ws_* befall them as well, with `platform` as their name
    "source_body": Kind(
        "source",
        {"what": (*_one_of(*BODIES), True), "text": (*_TEXT, False)},
        "an answer with status 200 that is not what was asked for",
    ),
    "source_slow": Kind("source", {"ms": (*_MS, True)}, "half of the answer comes only after `ms`"),
    "source_unchanged": Kind("source", {}, "304, whatever was asked"),
    "source_duplicates": Kind("source", {"times": (*_whole(2, 20), True)}, "every item so often, dressed up as new"),
    "source_times": Kind(
        "source",
        {"shift": (*_whole(-31_536_000, 31_536_000), True)},
        "every item's own time is off by so many seconds: above zero it lies in the future",
    ),
    "source_flood": Kind("source", {"items": (*_whole(1, 5000), True)}, "so many invented items more, each time new ones"),
    "source_stuck": Kind("source", {}, "the next page is the same page"),
}  # fmt: skip

COMMON = {"kind", "platform", "endpoint", "market", "count", "skip", "probability", "seconds"}


@dataclass(slots=True, eq=False)
class Rule:
    """One fault in force."""

    id: int
    kind: str
    platform: str = "*"
    endpoint: str = (
        "*"  # glob over "METHOD /path", or over the channel of a socket (Kalshi: or of a subscription)
    )
    market: str = ""  # market id or token id; empty: any
    count: int | None = None  # how often it still fires; None: until cleared
    skip: int = 0  # so many occasions still pass unharmed before it fires for the first time
    probability: float = 1.0
    until_ms: int = 0  # 0: no end
    settings: dict[str, Any] = field(default_factory=dict)
    fired: int = 0

    def spent(self, now_ms: int) -> bool:
        """True when it will not fire any more."""
        return (self.count is not None and self.count <= 0) or bool(self.until_ms and now_ms >= self.until_ms)

    def covers(self, platform: str, endpoint: str, market_id: str, channel: str = "") -> bool:
        """True where it is meant for this platform (or source), endpoint (or `channel` on it) and market."""
        named = self.platform == platform or self.platform == (ALL_SOURCES if platform in SOURCES else "*")
        return (
            named
            and (not self.market or self.market == market_id)
            and (
                self.endpoint == "*"
                or fnmatchcase(endpoint, self.endpoint)
                or (bool(channel) and fnmatchcase(channel, self.endpoint))
            )
        )

    def as_json(self) -> dict[str, Any]:
        """The rule for the state page; raw bytes are left out."""
        shown = {name: value for name, value in self.settings.items() if name != "data"}
        return {
            "id": self.id, "kind": self.kind, "platform": self.platform, "endpoint": self.endpoint,
            "market": self.market, "count": self.count, "skip": self.skip, "probability": self.probability,
            "until_ms": self.until_ms, "fired": self.fired, "settings": shown,
        }  # fmt: skip


def check_rule(fault: dict[str, Any], rule_id: int, now_ms: int) -> Rule:
    """A fault as given, as a rule. Raises ValueError with a sentence that names what is wrong."""
    kind = fault.get("kind")
    if kind not in KINDS:
        raise ValueError(f"unknown kind of fault {kind!r}; use one of {', '.join(KINDS)}")
    allowed = KINDS[kind].settings
    settings = {name: value for name, value in fault.items() if name not in COMMON}
    for name in settings:
        if name not in allowed:
            raise ValueError(
                f"a {kind} fault has no setting {name!r}; it has {', '.join(sorted(allowed)) or 'none'}"
            )
    for name, (valid, meaning, needed) in allowed.items():
        if name not in settings:
            if needed:
                raise ValueError(f"a {kind} fault needs {name!r}, {meaning}")
        elif not valid(settings[name]):
            raise ValueError(f"{name!r} of a {kind} fault must be {meaning}, not {settings[name]!r}")
    if kind == "ws_raw":
        settings["data"] = _payload(settings)
    rule = Rule(rule_id, kind, settings=settings)
    _check_common(rule, fault, now_ms)
    return rule


def _check_common(rule: Rule, fault: dict[str, Any], now_ms: int) -> None:
    of_sources = KINDS[rule.kind].door == "source"
    platform = fault.get("platform", ALL_SOURCES if of_sources else "*")
    sources = (*SOURCES, ALL_SOURCES)
    known = sources if of_sources else (*PLATFORMS, "*", *sources)
    if platform not in known:
        raise ValueError(f"'platform' must be {', '.join(known[:-1])} or {known[-1]}, not {platform!r}")
    for name in ("endpoint", "market"):
        if type(fault.get(name, "")) is not str:
            raise ValueError(f"{name!r} must be a text, not {fault[name]!r}")
    count, probability, seconds = fault.get("count"), fault.get("probability", 1), fault.get("seconds")
    if count is not None and (type(count) is not int or count < 1):
        raise ValueError(f"'count' must be a whole number of at least 1, not {count!r}")
    skip = fault.get("skip", 0)
    if type(skip) is not int or skip < 0:
        raise ValueError(f"'skip' must be a whole number of at least 0, not {skip!r}")
    if type(probability) not in (int, float) or not 0 < probability <= 1:
        raise ValueError(f"'probability' must be above 0 and at most 1, not {probability!r}")
    if seconds is not None and (type(seconds) not in (int, float) or not 0 < seconds <= 86_400):
        raise ValueError(f"'seconds' must be above 0 and at most 86400, not {seconds!r}")
    rule.platform, rule.endpoint, rule.market = platform, fault.get("endpoint", "*"), fault.get("market", "")
    rule.count, rule.skip, rule.probability = count, skip, probability
    rule.until_ms = now_ms + round(seconds * 1000) if seconds else 0


def _payload(settings: dict[str, Any]) -> str | bytes:
    if ("text" in settings) == ("base64" in settings):
        raise ValueError("a ws_raw fault needs either 'text' or 'base64'")
    if "text" in settings:
        return str(settings["text"])
    try:
        return base64.b64decode(settings["base64"], validate=True)
    except binascii.Error as error:
        raise ValueError(f"'base64' of a ws_raw fault is not valid: {error}") from error

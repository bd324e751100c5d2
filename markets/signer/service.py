"""Answers the signer's requests: one JSON document in, one out, and nothing is signed that `bounds` does not permit."""

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from markets.platforms.polymarket import orders as polymarket_orders
from markets.signer import bounds
from markets.signer.bounds import (
    BAD_REQUEST,
    CANCEL,
    HALTED,
    ORDER,
    READ,
    TOO_MANY,
    Bounds,
    Refusal,
    Signing,
    Wallet,
)
from markets.signer.halting import Switch
from markets.signer.keys import Keys

log = logging.getLogger(__name__)

READS_PER_MINUTE = 6_000  # far above what the platforms allow: a run-away stops here
# Counted apart, so that nothing keeps an order from being cancelled; twice what Kalshi's lowest tier takes
CANCELS_PER_MINUTE = 6_000
RELOAD_SECONDS = 5.0  # many processes see the same authentication error; the keys are read once


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process may have signed, and for whom."""

    bounds: Bounds
    orders_per_minute: int
    signature_type: int = 0
    funder: str = ""


class Window:
    """Counts what happened within the last minute, by the monotonic clock."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._seen: deque[float] = deque()

    def take(self, count: int, now: float) -> None:
        """Count `count` more. Raises Refusal where that would be too many, and counts nothing."""
        while self._seen and now - self._seen[0] > 60:
            self._seen.popleft()
        if len(self._seen) + count > self.limit:
            raise Refusal(TOO_MANY, f"more than {self.limit} a minute")
        self._seen.extend([now] * count)


class Signer:
    """Signs within its limits, unless its kill switch is pulled. Cancels and reading go on then."""

    def __init__(
        self,
        read_keys: Callable[[], Keys],
        limits: Limits,
        switch: Switch,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read_keys = read_keys
        self._keys = read_keys()
        self._limits = limits
        self._switch = switch
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at = clock()
        self._windows = {
            READ: Window(READS_PER_MINUTE), CANCEL: Window(CANCELS_PER_MINUTE), ORDER: Window(limits.orders_per_minute),
        }  # fmt: skip

    def answer(self, line: bytes) -> dict[str, Any]:
        """The answer to one line; a refusal is an answer too."""
        try:
            return self._serve(_document(line))
        except Refusal as error:
            return {"error": str(error), "code": error.code}
        except KeyError as error:
            return {"error": f"{error.args[0]} is missing", "code": BAD_REQUEST}
        except OSError as error:  # of the halt file
            return {"error": f"the halt file: {error.strerror}", "code": HALTED}

    def _serve(self, request: Mapping[str, Any]) -> dict[str, Any]:
        operations: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "status": self._status, "halt": self._halt, "release": self._release, "reload": self._reload,
            "kalshi_headers": self._kalshi, "polymarket_login": self._login, "polymarket_order": self._order,
        }  # fmt: skip
        operation = operations.get(str(request.get("op")))
        if operation is None:
            raise Refusal(BAD_REQUEST, f"unknown operation; known are {', '.join(operations)}")
        return operation(request)

    def _kalshi(self, request: Mapping[str, Any]) -> dict[str, Any]:
        method, path = str(request["method"]).upper(), str(request["path"])
        signing = bounds.kalshi(method, path, _body(request.get("body")), self._limits.bounds)
        self._permit(signing)
        headers = self._keys.kalshi_headers(method, path, _now_ms())
        if signing.kind == ORDER:
            log.info(
                "signed",
                extra={"platform": "kalshi", "request": f"{method} {path}", "orders": signing.orders},
            )
        return {"headers": headers}

    def _login(self, request: Mapping[str, Any]) -> dict[str, Any]:
        nonce = request.get("nonce", 0)
        if isinstance(nonce, bool) or not isinstance(nonce, int) or nonce < 0:
            raise Refusal(BAD_REQUEST, "nonce is a whole number of at least 0")
        self._permit(Signing(READ))
        return {"headers": self._keys.polymarket_login(_now_ms() // 1_000, nonce)}

    def _order(self, request: Mapping[str, Any]) -> dict[str, Any]:
        told, domain = request["order"], request["domain"]
        if not isinstance(told, Mapping) or not isinstance(domain, Mapping):
            raise Refusal(BAD_REQUEST, "order and domain are objects")
        version, contract = str(domain["version"]), str(domain["contract"])
        keys = self._keys
        wallet = Wallet(keys.address, self._limits.signature_type, self._limits.funder)
        try:
            order = polymarket_orders.order_from(told)
        except ValueError as error:
            raise Refusal(BAD_REQUEST, str(error)) from None
        if not keys.address:
            keys.polymarket_order(order, version, contract)  # refuses: there is no key
        signing = bounds.polymarket(order, version, contract, wallet, self._limits.bounds)
        self._permit(signing)
        order_id = polymarket_orders.order_id(order, version, contract)
        signature = keys.polymarket_order(order, version, contract)
        log.info("signed", extra={"platform": "polymarket", "order_id": order_id, "side": order.side})
        return {"signature": signature, "order_id": order_id, "signer": keys.address}

    def _permit(self, signing: Signing) -> None:
        """Count it, and refuse orders while the switch is pulled."""
        if signing.kind == ORDER:
            why = self._switch.standing()
            if why is not None:
                raise Refusal(
                    HALTED, f"the signer is halted: {why}. Release it: python manage.py signer release"
                )
        with self._lock:
            self._windows[signing.kind].take(max(signing.orders, 1), self._clock())

    def _status(self, request: Mapping[str, Any]) -> dict[str, Any]:
        own = self._limits
        return {
            **self._keys.status(),
            "halted": self._switch.standing() or "",
            "limits": {
                "max_order_notional": str(own.bounds.notional), "max_order_contracts": str(own.bounds.contracts),
                "max_price": str(own.bounds.price), "orders_per_minute": own.orders_per_minute,
            },
        }  # fmt: skip

    def _halt(self, request: Mapping[str, Any]) -> dict[str, Any]:
        why = str(request.get("why", "")).strip()[:200] or "no reason given"
        self._switch.pull(why, datetime.now(UTC))
        log.critical("the signer is halted", extra={"why": why})
        return self._status(request)

    def _release(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._switch.release()
        log.warning("the signer is released")
        return self._status(request)

    def _reload(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Read the keys again, at most once in RELOAD_SECONDS; where that fails the old ones stay."""
        with self._lock:
            now = self._clock()
            if now - self._read_at < RELOAD_SECONDS:
                return {**self._status(request), "reloaded": False}
            self._read_at = now
        self._keys = self._read_keys()  # apart from the lock: a secret manager may take seconds
        log.info("the keys were read again", extra=self._keys.status())
        return {**self._status(request), "reloaded": True}


def _document(line: bytes) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        raise Refusal(BAD_REQUEST, "a request is one line")
    found = _json(line)
    if not isinstance(found, dict):
        raise Refusal(BAD_REQUEST, "a request is a JSON object with `op`")
    return found


def _body(told: Any) -> dict[str, Any] | None:
    """A body as an object, or as the very text that will be sent."""
    found = _json(told) if isinstance(told, str) and told else told
    if found is None or found == "":
        return None
    if not isinstance(found, dict):
        raise Refusal(BAD_REQUEST, "a body is a JSON object")
    return found


def _json(text: str | bytes) -> Any:
    """JSON without floats, and without one name twice: two readers would read two orders."""
    try:
        return json.loads(text, parse_float=Decimal, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        raise Refusal(BAD_REQUEST, "that is not JSON") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice")
    return found


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

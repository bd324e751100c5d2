"""Polymarket's request limits: a window of ten seconds for each endpoint, a token bucket for each signer.

The published numbers (`docs: rate-limits, trading-rate-limits`). Time is an argument.
"""

from collections import deque
from dataclasses import dataclass, field

WINDOW_MS = 10_000
GENERAL = "everything"
PER_WINDOW = {
    GENERAL: 15_000, "clob": 9_000, "gamma": 4_000, "data": 800,
    "book": 1_500, "books": 500, "prices_history": 1_000, "tick_size": 200, "ledger": 500, "auth": 100,
    "balance": 200, "balance_update": 50, "gamma_events": 500, "gamma_markets": 300, "gamma_tags": 200,
    "gamma_search": 350, "data_trades": 300, "data_positions": 200,
    "order": 5_000, "orders": 2_000, "cancels": 2_000, "cancel_all": 250, "cancel_market": 1_500,
}  # fmt: skip
TIER = "standard"
ORDERS_PER_S, ORDERS_BURST = 40, 60
CANCELS_PER_S, CANCELS_BURST = 80, 120
THOUSAND = 1_000  # buckets count thousandths


@dataclass(slots=True)
class Bucket:
    """Tokens that come back at a steady rate."""

    per_s: int
    burst: int
    level: int  # thousandths of a token
    at_ms: int

    def take(self, cost: int, now_ms: int, *, may_owe: bool = False) -> bool:
        """Pay `cost` tokens; False (and nothing paid) where they are not there. `may_owe` goes below zero."""
        gained = max(now_ms - self.at_ms, 0) * self.per_s
        self.level, self.at_ms = min(self.level + gained, self.burst * THOUSAND), now_ms
        if self.level < (1 if may_owe else cost) * THOUSAND:
            return False
        self.level -= cost * THOUSAND
        return True

    def headers(self, now_ms: int) -> dict[str, str]:
        """What the platform tells about the bucket; the reset is a Unix second."""
        missing = max(THOUSAND - self.level, 0)
        wait_ms = -(-missing // self.per_s)
        return {
            "Poly-RateLimit-Remaining": str(self.level // THOUSAND),
            "Poly-RateLimit-Reset": str(-(-(now_ms + wait_ms) // 1000)),
            "Poly-RateLimit-Tier": TIER,
        }


@dataclass(slots=True)
class Limits:
    """All counters of one sandbox. When not `enabled`, everything is allowed."""

    enabled: bool
    _windows: dict[tuple[str, str], deque[int]] = field(default_factory=dict)
    _buckets: dict[tuple[str, str], Bucket] = field(default_factory=dict)

    def admit(self, caller: str, names: tuple[str, ...], now_ms: int) -> str:
        """Count a request under every name; the first name whose window is full, or an empty text."""
        if not self.enabled:
            return ""
        for name in names:
            window = self._windows.setdefault((caller, name), deque())
            while window and window[0] <= now_ms - WINDOW_MS:
                window.popleft()
            if len(window) >= PER_WINDOW[name]:
                return name
        for name in names:
            self._windows[caller, name].append(now_ms)
        return ""

    def pay(self, signer: str, kind: str, cost: int, now_ms: int) -> tuple[bool, dict[str, str]]:
        """Charge a signer for `cost` orders ("order"), cancels ("cancel") or a cancel-all ("cancel_all")."""
        if not self.enabled:
            return True, {}
        per_s, burst = (ORDERS_PER_S, ORDERS_BURST) if kind == "order" else (CANCELS_PER_S, CANCELS_BURST)
        key = (signer, "order" if kind == "order" else "cancel")
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(per_s, burst, burst * THOUSAND, now_ms)
        paid = bucket.take(cost, now_ms, may_owe=kind == "cancel_all")
        return paid, bucket.headers(now_ms)

"""Kalshi's token buckets: one for reads, one for writes per shard, one for the balance; continuously refilled.

A request costs ten tokens unless the table says otherwise. Writes that name a shard above 0 draw on that shard's own
bucket. An empty bucket is a 429 without penalty.
"""

from dataclasses import dataclass, field

from markets.sandbox.kalshi.errors import bad_parameter, too_many_requests

DEFAULT_COST = 10
READ, WRITE, BALANCE = "read", "write", "balance"

# tier: read tokens a second, write tokens a second, seconds of capacity of each, balance requests a second
TIERS = {
    "basic": (200, 100, 2, 1, 1),
    "advanced": (300, 300, 2, 2, 1),
    "expert": (600, 600, 1, 2, 5),
    "premier": (1000, 1000, 1, 2, 5),
    "paragon": (2000, 2000, 1, 2, 5),
    "prime": (4000, 4000, 1, 2, 5),
    "prestige": (10_000, 8_000, 1, 2, 5),
}

PREFIX = "/trade-api/v2"

# What does not cost ten: method, path with its parameters' names, cost (of one order in a batch).
COSTS = (
    ("POST", "/account/api_usage_level/upgrade", 30),
    ("DELETE", "/portfolio/events/orders/:order_id", 2),
    ("DELETE", "/portfolio/events/orders/batched", 2),
    ("GET", "/portfolio/orders/:order_id", 2),
    ("POST", "/portfolio/orders", 20),
    ("DELETE", "/portfolio/orders/:order_id", 4),
    ("POST", "/portfolio/orders/:order_id/amend", 20),
    ("POST", "/portfolio/orders/:order_id/decrease", 20),
    ("POST", "/portfolio/orders/batched", 20),
    ("DELETE", "/portfolio/orders/batched", 4),
)
_COST_OF = {(method, path): cost for method, path, cost in COSTS}


def cost_of(method: str, path: str) -> int:
    """Tokens of one request; `path` as in `COSTS`."""
    return _COST_OF.get((method, path), DEFAULT_COST)


@dataclass(slots=True)
class Bucket:
    """Tokens in thousandths, refilled by the millisecond: `rate` tokens a second are `rate` thousandths a ms."""

    rate: int
    capacity: int
    level: int = -1  # thousandths of a token; -1 until first used
    at_ms: int = 0

    def take(self, tokens: int, now_ms: int) -> bool:
        """Take tokens if they are all there."""
        full = self.capacity * 1000
        if self.level < 0:
            self.level, self.at_ms = full, now_ms
        self.level = min(full, self.level + self.rate * max(0, now_ms - self.at_ms))
        self.at_ms = max(self.at_ms, now_ms)
        if self.level < tokens * 1000:
            return False
        self.level -= tokens * 1000
        return True


@dataclass(slots=True)
class Limits:
    """The buckets of one user. Switched off with `enabled`, for load tests."""

    tier: str = "basic"
    enabled: bool = True
    buckets: dict[tuple[str, int], Bucket] = field(default_factory=dict)

    def take(self, kind: str, tokens: int, now_ms: int, *, shard: int = 0) -> None:
        """Pay for a request. Raises ApiError 429."""
        if not self.enabled:
            return
        bucket = self.buckets.get((kind, shard))
        if bucket is None:
            bucket = self.buckets[kind, shard] = Bucket(*self.size(kind))
        if not bucket.take(tokens, now_ms):
            raise too_many_requests()

    def size(self, kind: str) -> tuple[int, int]:
        """Tokens a second, and the most a bucket holds."""
        read, write, read_s, write_s, balance = TIERS[self.tier]
        sizes = {READ: (read, read * read_s), WRITE: (write, write * write_s), BALANCE: (balance, balance)}
        return sizes[kind]

    def change(self, tier: str) -> None:
        """Another tier, with fresh buckets. Raises ApiError for an unknown one."""
        if tier not in TIERS:
            raise bad_parameter("tier", f"unknown tier {tier}")
        self.tier = tier
        self.buckets.clear()

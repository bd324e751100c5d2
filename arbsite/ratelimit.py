"""Token buckets in Redis: every process that asks a platform draws from the same ones.

One string a bucket, `ratelimit:<service>:<endpoint>`, holding the tokens left and when they were counted, with a time
to live of at most 60 s (an idle bucket is full). Reading, refilling and taking is one script, so no crash between two
commands can lock anybody out.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from arbsite import keys
from arbsite.connections import REDIS_GONE, redis_client

_TAKE = """
local rate, capacity, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local tokens, counted = capacity, now
local held = redis.call('GET', KEYS[1])
if held then
  local cut = string.find(held, ':', 1, true)
  tokens, counted = tonumber(string.sub(held, 1, cut - 1)), tonumber(string.sub(held, cut + 1))
  tokens = math.min(capacity, tokens + math.max(0, now - counted) * rate / 1000)
end
local wait = 0
if tokens >= cost then tokens = tokens - cost else wait = math.ceil((cost - tokens) * 1000 / rate) end
redis.call('SET', KEYS[1], string.format('%.6f:%d', tokens, now), 'EX', ARGV[4])
return wait
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """`rate` tokens a second up to `capacity`."""

    rate: float
    capacity: float


class TooBusy(Exception):
    """The bucket would be empty for longer than the caller is willing to wait."""


class RedisThrottle:
    """Waits for tokens before each call of a service. `buckets` maps an endpoint to its bucket, `*` is the rest."""

    def __init__(self, service: str, buckets: Mapping[str, Bucket], *, longest_wait: float = 30.0) -> None:
        self._service = service
        self._buckets = buckets
        self._longest_wait = longest_wait
        self._script = redis_client().register_script(_TAKE)

    def acquire(self, endpoint: str, cost: int = 1) -> None:
        """Wait for `cost` tokens of `endpoint`. Raises TooBusy when that would take too long."""
        name = endpoint if endpoint in self._buckets else "*"
        bucket = self._buckets.get(name)
        if bucket is None:
            return
        deadline = time.monotonic() + self._longest_wait
        while (wait := self.wait_for(name, bucket, cost)) > 0:
            if time.monotonic() + wait > deadline:
                raise TooBusy(
                    f"{self._service} {name}: our own rate limit is used up for {wait:.1f} s; try again later."
                )
            time.sleep(wait)

    def wait_for(self, name: str, bucket: Bucket, cost: int) -> float:
        """Take the tokens and return 0, or return the seconds until there may be enough."""
        if cost > bucket.capacity:
            raise TooBusy(f"{self._service} {name}: {cost} tokens at once are more than the bucket holds.")
        try:
            wait = self._script(
                keys=[keys.ratelimit(self._service, name)],
                args=[bucket.rate, bucket.capacity, cost, keys.RATELIMIT_TTL],
            )
        except REDIS_GONE:
            # Without the shared bucket keep well below the limit on our own
            time.sleep(2 * cost / bucket.rate)
            return 0.0
        return int(wait) / 1_000


def take(service: str, endpoint: str, bucket: Bucket) -> float:
    """Take one token and return 0, or return the seconds until there is one. Raises what Redis raises when it is away."""
    wait = redis_client().eval(
        _TAKE, 1, keys.ratelimit(service, endpoint), bucket.rate, bucket.capacity, 1, keys.RATELIMIT_TTL
    )
    return int(wait) / 1_000

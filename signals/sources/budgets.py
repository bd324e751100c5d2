"""Quotas, known before the call: so many in so many seconds, over all processes, in `ratelimit:<source>:<budget>:<span>`.

A window is fixed (aligned to the clock) and counted in one step with its end, so no crash leaves a count without one.
Without Redis nothing is asked: a lost count would break a monthly quota.
"""

import time

from arbsite import keys
from arbsite.connections import REDIS_GONE, redis_client
from signals.sources.base import Budget, LimitReached, Spec, Unavailable

_TAKE = """
for i = 1, #KEYS do
  local used = tonumber(redis.call('GET', KEYS[i]) or '0')
  if used >= tonumber(ARGV[2 * i - 1]) then return i end
end
for i = 1, #KEYS do
  redis.call('INCR', KEYS[i])
  redis.call('EXPIRE', KEYS[i], ARGV[2 * i], 'NX')
end
return 0
"""


def take(spec: Spec, name: str) -> None:
    """Count one call against every budget of this name (and those called `all`). Raises LimitReached, Unavailable."""
    wanted = [budget for budget in spec.budgets if budget.name in (name, "all")]
    if not wanted:
        return
    now = time.time()
    windows = [_key(spec, budget, now) for budget in wanted]
    arguments = [value for budget in wanted for value in (budget.calls, budget.seconds)]
    try:
        full = int(redis_client().eval(_TAKE, len(windows), *windows, *arguments))
    except REDIS_GONE:
        raise Unavailable(f"{spec.name}: Redis is away, so calls cannot be counted") from None
    if full:
        budget = wanted[full - 1]
        left = budget.seconds - now % budget.seconds
        raise LimitReached(f"{spec.name}: its {budget.calls} calls in {budget.seconds} s are used up", left)


def used(spec: Spec) -> list[tuple[Budget, int]]:
    """Every budget with the calls of its window so far."""
    now = time.time()
    counts = redis_client().mget([_key(spec, budget, now) for budget in spec.budgets]) if spec.budgets else []
    return [(budget, int(count or 0)) for budget, count in zip(spec.budgets, counts, strict=True)]


def _key(spec: Spec, budget: Budget, now: float) -> str:
    window = int(now // budget.seconds)
    return keys.ratelimit(spec.name, f"{budget.name}:{budget.seconds}:{window}")

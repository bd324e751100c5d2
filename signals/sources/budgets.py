"""Quotas, known before the call: so many in so many seconds, over all processes, in `ratelimit:<source>:<budget>:<span>`.

The count slides: a plan's "per minute" is any minute, and a window of the clock would let twice as many through around its
end. A span is cut into parts, and a call counts until the last moment of its part is a whole span old. So no span ever
holds more calls than allowed, whenever it begins; a call may be held back a sixtieth of a span longer than it must be.
Counted in one step with its end, so no crash leaves a count without one. Without Redis nothing is asked: a lost count
would break a monthly quota.
"""

import time
from collections.abc import Sequence
from typing import Any

from arbsite import keys
from arbsite.connections import REDIS_GONE, redis_client
from signals.sources.base import Budget, LimitReached, Spec, Unavailable

PARTS = 60  # of a span: how finely calls grow old

# A hash for each budget: part of time → calls in it. Arguments, three for each: calls allowed, seconds, the part of now.
# Returns the first budget that is full and the part whose end makes room; 0 where the call was counted everywhere.
_TAKE = f"""
for i = 1, #KEYS do
  local calls, part = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i])
  local used, counts, first = 0, {{}}, part
  local told = redis.call('HGETALL', KEYS[i])
  for j = 1, #told, 2 do
    local at = tonumber(told[j])
    if at < part - {PARTS} then
      redis.call('HDEL', KEYS[i], told[j])
    else
      used, counts[at], first = used + tonumber(told[j + 1]), tonumber(told[j + 1]), math.min(first, at)
    end
  end
  local at = first
  while used >= calls do
    used = used - (counts[at] or 0)
    if used < calls or at >= part then return {{i, at}} end
    at = at + 1
  end
end
for i = 1, #KEYS do
  redis.call('HINCRBY', KEYS[i], ARGV[3 * i], 1)
  redis.call('EXPIRE', KEYS[i], math.ceil(tonumber(ARGV[3 * i - 1]) * {PARTS + 1} / {PARTS}) + 1)
end
return {{0, 0}}
"""


def take(spec: Spec, name: str) -> None:
    """Count one call against every budget of this name (and those called `all`). Raises LimitReached, Unavailable."""
    wanted = [budget for budget in spec.budgets if budget.name in (name, "all")]
    if not wanted:
        return
    now = time.time()
    arguments = [value for budget in wanted for value in (budget.calls, budget.seconds, _part(budget, now))]
    full, part = _ask(spec, wanted, arguments)
    if full:
        budget = wanted[full - 1]
        left = (part + PARTS + 1) * budget.seconds / PARTS - now
        raise LimitReached(f"{spec.name}: its {budget.calls} calls in {budget.seconds} s are used up", left)


def _ask(spec: Spec, wanted: Sequence[Budget], arguments: Sequence[int]) -> Sequence[int]:
    names = [_key(spec, budget) for budget in wanted]
    try:
        found: Any = redis_client().eval(_TAKE, len(names), *names, *arguments)
    except REDIS_GONE:
        raise Unavailable(f"{spec.name}: Redis is away, so calls cannot be counted") from None
    return [int(value) for value in found]


def used(spec: Spec) -> list[tuple[Budget, int]]:
    """Every budget with the calls that count now."""
    now = time.time()
    pipe = redis_client().pipeline(transaction=False)
    for budget in spec.budgets:
        pipe.hgetall(_key(spec, budget))
    return [
        (budget, sum(int(calls) for at, calls in counted.items() if int(at) >= _part(budget, now) - PARTS))
        for budget, counted in zip(spec.budgets, pipe.execute(), strict=True)
    ]


def _part(budget: Budget, now: float) -> int:
    return int(now * PARTS // budget.seconds)


def _key(spec: Spec, budget: Budget) -> str:
    return keys.ratelimit(spec.name, f"{budget.name}:{budget.seconds}")

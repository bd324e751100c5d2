"""The executor's doorbell: plans that are waiting to be looked at. Losing a ring costs a second, for it looks anyway."""

import logging

from arbsite import keys
from arbsite.connections import REDIS_GONE, redis_client

log = logging.getLogger(__name__)


def ring(*plan_ids: str) -> None:
    """Tell the executor that these plans have news. Call it after the commit."""
    if not plan_ids:
        return
    try:
        pipe = redis_client().pipeline(transaction=False)
        pipe.lpush(keys.TRADE_RING, *plan_ids)
        pipe.ltrim(keys.TRADE_RING, 0, keys.TRADE_RING_LENGTH - 1)
        pipe.expire(keys.TRADE_RING, keys.TRADE_RING_TTL)
        pipe.execute()
    except REDIS_GONE as error:
        log.warning("nobody was rung for", extra={"plans": plan_ids, "error": str(error)})


def wait(seconds: float) -> list[str]:
    """The plans that were rung for, waiting so long for the first one. Raises what Redis raises when it is away."""
    first = redis_client().blpop([keys.TRADE_RING], timeout=seconds)
    if first is None:
        return []
    found = [first[1]]
    found += redis_client().lpop(keys.TRADE_RING, keys.TRADE_RING_LENGTH) or []
    return list(dict.fromkeys(raw.decode() for raw in found))

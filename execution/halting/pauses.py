"""Pauses of a platform that pass by themselves (Kalshi's Thursday maintenance, Polymarket's post-only minutes).

They are no halts: nobody has to look. But a plan whose first leg goes to one platform while the other takes no orders
leaves a lone leg, so nothing new is planned while one lasts. Known from the platform's own word, twice a minute.
"""

from datetime import datetime, timedelta

from arbsite import keys
from arbsite.connections import REDIS_GONE, redis_client
from execution.limits import Refusal
from markets.platforms.trading import PlatformState

PAUSED = "platform_paused"
LONGEST = timedelta(minutes=1)  # unless the platform is asked again, which extends it


def note(platform: str, said: PlatformState, now: datetime) -> None:
    """Remember or forget, by what the platform just said."""
    name = keys.paused(platform)
    if said.takes_orders:
        redis_client().delete(name)
        return
    left = said.resumes - now if said.resumes is not None else LONGEST
    seconds = max(1, int(min(left, LONGEST).total_seconds()))
    redis_client().set(name, said.why or "it takes no orders at the moment", ex=seconds)


def blocking(platform: str) -> Refusal | None:
    """Why nothing new is planned there; None where nothing is known, also while Redis is away."""
    try:
        raw = redis_client().get(keys.paused(platform))
    except REDIS_GONE:
        return None
    return Refusal(PAUSED, raw.decode()) if raw else None

"""What stops trading by itself besides losses: orders of unknown fate, feeds that went silent, clocks that disagree,
a platform that takes no orders from us any more.

None of these halts is lifted by itself. A feed that comes back does not tell what it swallowed, and a clock that was
wrong has signed orders: a person looks, and resumes.
"""

import logging
import time
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Count

from arbsite import keys
from arbsite.connections import redis_client
from execution.halting import halts, pauses
from execution.limits import Limits
from execution.models import Halt, Order
from execution.orders.trading import trading
from execution.risk import services as risk
from markets.platforms.base import PLATFORMS, PlatformError

log = logging.getLogger(__name__)

BY = "feed_watch"
UNKNOWN_ORDERS, STALE_FEED, CLOCK_SKEW, FORBIDDEN = "unknown_orders", "stale_feed", "clock_skew", "forbidden"
PAPER = "paper"
CLOCK_EVERY = timedelta(seconds=60)
STATE_EVERY = timedelta(seconds=30)
SECOND = timedelta(seconds=1)
MILLISECOND = timedelta(milliseconds=1)
NOT_ASKED = (PlatformError, OSError)

_clock_asked: dict[tuple[str, str], datetime] = {}
_state_asked: dict[tuple[str, str], datetime] = {}


def look(mode: str, now: datetime) -> list[Halt]:
    """Look at everything, once; returns the halts that this pulled. For the executor's ticks."""
    began = time.monotonic()
    limits = risk.limits()
    tripped = [*unknown_orders(mode, limits, now)]
    for platform in PLATFORMS:
        # Whoever answered slowly before has made `now` old, which is no skew of the next one's clock
        at = now + timedelta(seconds=time.monotonic() - began)
        looks = (
            clock(platform, mode, limits, at),
            stale_feed(platform, limits, at),
            place(platform, mode, at),
        )
        tripped += [halt for halt in looks if halt is not None]
    return tripped


def unknown_orders(mode: str, limits: Limits, now: datetime) -> list[Halt]:
    """Too many orders of which nobody knows whether they exist: something is wrong with the road, not with an order."""
    most = limits.max_unknown_orders
    if most is None:
        return []
    rows = (
        Order.objects.filter(mode=mode, status="UNKNOWN")
        .values("platform")
        .annotate(count=Count("id"))
        .order_by("platform")
    )
    tripped = [
        halts.trip(
            UNKNOWN_ORDERS,
            f"the fate of {row['count']} orders is unknown, {most} may be: look at the platform's order page.",
            by=BY, platform=row["platform"], now=now,
        )
        for row in rows
        if row["count"] > most
    ]  # fmt: skip
    return [halt for halt in tripped if halt is not None]


def begin(now: datetime) -> None:
    """The executor starts: silence from before is no silence of now, for everything may have been stopped."""
    for platform in PLATFORMS:
        if redis_client().exists(keys.feed_heard(platform)):
            redis_client().set(
                keys.feed_heard(platform), int(now.timestamp() * 1_000), ex=keys.FEED_HEARD_TTL
            )


def stale_feed(platform: str, limits: Limits, now: datetime) -> Halt | None:
    """The connector has not vouched for its books for too long. A platform that was never heard has no books to trade."""
    heard = last_heard(platform)
    if heard is None or limits.max_stale_seconds is None:
        return None
    silent = now - heard
    if silent <= timedelta(seconds=limits.max_stale_seconds):
        return None
    return halts.trip(
        STALE_FEED,
        f"no prices of {platform} for {silent.total_seconds():.0f} s: see that `manage.py stream {platform}` is connected,"
        " then resume.",
        by=BY, platform=platform, now=now,
    )  # fmt: skip


def last_heard(platform: str) -> datetime | None:
    """When any connection of the platform last vouched for its books, remembered beyond the word's own short life."""
    client = redis_client()
    confirmed = [int(value) for value in client.hvals(keys.feed(platform))]
    kept = client.get(keys.feed_heard(platform))
    known = max([*confirmed, *([int(kept)] if kept else [])], default=None)
    if known is None:
        return None
    if confirmed:
        client.set(keys.feed_heard(platform), known, ex=keys.FEED_HEARD_TTL)
    return datetime.fromtimestamp(known / 1_000, UTC)


def clock(platform: str, mode: str, limits: Limits, now: datetime) -> Halt | None:
    """Our clock beside the platform's, once a minute; half of the way there and back is nobody's fault."""
    if limits.max_clock_skew_ms is None or not _due(_clock_asked, (platform, mode), CLOCK_EVERY, now):
        return None
    began = time.monotonic()
    try:
        theirs = trading(platform, mode).clock()
    except NOT_ASKED as error:
        log.warning("clock not asked", extra={"platform": platform, "error": str(error)})
        return None
    way = timedelta(seconds=time.monotonic() - began)
    skew = _apart(theirs, now + way / 2) - way / 2
    most = limits.max_clock_skew_ms * MILLISECOND
    if skew <= most:
        return None
    return halts.trip(
        CLOCK_SKEW,
        f"our clock and {platform}'s are {skew.total_seconds():.1f} s apart: set the clock (NTP), then resume.",
        by=BY, platform=platform, now=now,
    )  # fmt: skip


def _apart(theirs: datetime, ours: datetime) -> timedelta:
    """How far two clocks are apart; one that tells whole seconds is anywhere within its second."""
    within = SECOND if not theirs.microsecond else timedelta(0)
    return max(theirs - ours, ours - (theirs + within), timedelta(0))


def place(platform: str, mode: str, now: datetime) -> Halt | None:
    """Whether the platform still takes orders from this place and this account, twice a minute. A pause that passes by
    itself is no halt: nothing new is planned while it lasts.
    """
    enabled = settings.ARBSITE.platform(platform).enabled
    if mode == PAPER or not enabled or not _due(_state_asked, (platform, mode), STATE_EVERY, now):
        return None
    try:
        said = trading(platform, mode).state()
    except NOT_ASKED as error:
        log.warning("state not asked", extra={"platform": platform, "error": str(error)})
        return None
    if said.takes_orders or not said.lasting:
        pauses.note(platform, said, now)
        return None
    return forbidden(platform, said.why, now)


def forbidden(platform: str, why: str, now: datetime) -> Halt | None:
    """The platform says that we may not trade there: nothing goes there before a person has looked."""
    return halts.trip(FORBIDDEN, why, by=BY, platform=platform, now=now)


def _due(
    asked: dict[tuple[str, str], datetime], who: tuple[str, str], every: timedelta, now: datetime
) -> bool:
    last = asked.get(who)
    if last is not None and timedelta(0) <= now - last < every:
        return False
    asked[who] = now
    return True


def forget() -> None:
    """Ask the clocks and the platforms' states anew at the next look; for tests."""
    _clock_asked.clear()
    _state_asked.clear()

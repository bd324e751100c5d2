"""Doors of the markets room. Each finds its work by itself and may run twice."""

import logging
import time

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from arbsite import keys
from arbsite.connections import redis_client
from markets import fee_watch, fetching, prices, services
from markets.pairing import sandbox_pairs
from markets.platforms.base import KALSHI, PLATFORMS, POLYMARKET, PlatformError

log = logging.getLogger(__name__)
STALE_BATCH = 50


@shared_task(name="markets.normalize")
def normalize(*, window_id: str) -> None:
    """Write the price events of a window."""
    prices.normalize(window_id, now_ms=time.time_ns() // 1_000_000)


@shared_task(name="persist.prices")
def persist_prices(*, platform: str) -> None:
    """Store the price events of the seconds that are over."""
    prices.persist(platform, now_ms=time.time_ns() // 1_000_000)


@shared_task(name="markets.fetch")
def fetch(*, platform: str) -> None:
    """Read the followed books over REST and send them through the chain."""
    fetching.poll(platform, now_ms=time.time_ns() // 1_000_000)


@shared_task(name="markets.refresh")
def refresh(*, platform: str) -> None:
    """Read again the markets of which the stream had news; what fails is put back."""
    client = redis_client()
    popped = client.spop(keys.stale_markets(platform), STALE_BATCH) or []
    if not popped:
        return
    names = [raw.decode() for raw in popped]
    try:
        services.refresh(platform, fee_watch.market_ids(platform, names), now=timezone.now())
    except PlatformError as error:
        client.sadd(keys.stale_markets(platform), *names)
        log.warning("markets not refreshed", extra={"platform": platform, "error": str(error)})


@shared_task(name="markets.watch_ended")
def watch_ended() -> None:
    """Read again the ended markets whose result may have come."""
    for platform in PLATFORMS:
        try:
            services.watch_ended(platform, now=timezone.now())
        except PlatformError as error:
            log.warning("ended markets not read", extra={"platform": platform, "error": str(error)})


@shared_task(name="markets.fee_changes")
def check_fee_changes() -> None:
    """Read again the markets whose fees are announced to change within a day, or may have changed unannounced."""
    for platform, look in ((KALSHI, fee_watch.check), (POLYMARKET, fee_watch.reread_rates)):
        try:
            look(now=timezone.now())
        except PlatformError as error:
            log.warning("fees not read again", extra={"platform": platform, "error": str(error)})


@shared_task(name="markets.sandbox_pairs")
def take_sandbox_pairs() -> None:
    """Take over the pairs of the sandbox, where it stands for the platforms."""
    url = settings.ARBSITE.sandbox.control_url
    if not url:
        return
    try:
        sandbox_pairs.import_pairs(url, now=timezone.now())
    except PlatformError as error:  # it is starting again; the next beat asks again
        log.warning("pairs of the sandbox not taken over", extra={"error": str(error)})


@shared_task(name="persist.partitions")
def make_partitions() -> None:
    """Make the partitions of the coming days and drop those that are too old."""
    fetching.keep_partitions(timezone.now())

"""What this room offers to the rooms below it."""

from datetime import UTC, datetime, timedelta
from functools import partial

from arbsite import registry
from arbsite.registry import Broken, Job

WINDOW_LOST = timedelta(seconds=2)
CLOCK_SKEW = timedelta(seconds=2)
FEED_SILENT = timedelta(seconds=30)


def open_all() -> None:
    """Register this room's checks, jobs and sweeps."""
    from markets import benchmarks, live_benchmarks, matching_benchmarks, panels, signing_benchmarks
    from markets.platforms.base import PLATFORMS

    registry.add_job(Job("price-sync", ("price_sync",), 600, about="Sync prices from all platforms"))
    registry.add_job(Job("market-refresh", ("sync",), 1_800, about="Refresh the list of markets"))
    registry.add_benchmark("books", benchmarks.books)
    registry.add_benchmark("storing", benchmarks.storing)
    registry.add_benchmark("signing", signing_benchmarks.signing)
    registry.add_benchmark("latency", live_benchmarks.latency)
    registry.add_benchmark("load", live_benchmarks.load)
    registry.add_benchmark("matching", matching_benchmarks.matching_quality)
    registry.add_benchmark("blocking", matching_benchmarks.blocking_growth)
    registry.add_sweep("windows", ring_for_lost_windows)
    registry.add_panel("feeds", panels.feeds)
    registry.add_summary("feeds", panels.summary)
    for platform in PLATFORMS:
        registry.add_check(f"{platform} REST", partial(reach, platform))
        registry.add_check(f"{platform} stream", partial(stream, platform))
    registry.add_check("signer", signer)


def ring_for_lost_windows(now: datetime) -> int:
    """Send windows whose chain died through detection again."""
    from arbsite import pipeline
    from markets import live
    from markets.platforms.base import PLATFORMS

    before_ms = int((now - WINDOW_LOST).timestamp() * 1_000)
    lost = [window for platform in PLATFORMS for window in live.take_lost(platform, before_ms=before_ms)]
    for window_id in lost:
        pipeline.from_detection(window_id).apply_async()
    return len(lost)


def reach(platform: str) -> str:
    """Ask the platform for its time and compare the clocks."""
    from django.conf import settings

    from markets import clients
    from markets.platforms.base import PlatformError

    section = settings.ARBSITE.platform(platform)
    where = getattr(section, "rest_url", "") or getattr(section, "clob_url", "")
    try:
        theirs = clients.rest(platform).server_time()
    except PlatformError as error:
        raise Broken(
            str(error), f"Check the network and the {platform.upper()}_…_URL settings ({where})."
        ) from error
    skew = abs(datetime.now(UTC) - theirs)
    if skew > CLOCK_SKEW:
        raise Broken(
            f"clock differs by {skew.total_seconds():.1f} s", "Synchronise this machine's clock (NTP)."
        )
    return f"{where}, clock within {skew.total_seconds():.1f} s"


def stream(platform: str) -> str:
    """The connector's own health row."""
    from arbsite.models import Component

    name = f"stream-{platform}"
    row = Component.objects.filter(pk=name).first()
    start = f"Start it: python manage.py stream {platform}"
    if row is None:
        raise Broken("never ran", start)
    age = datetime.now(UTC) - row.updated_at
    if age > FEED_SILENT:
        raise Broken(f"last heard {age.total_seconds():.0f} s ago", start)
    if row.state != Component.RUNNING:
        errors = "; ".join(row.detail.get("errors", [])) or "no error said"
        raise Broken(f"{row.state.lower()}: {errors}", f"Read the log of `stream {platform}`.")
    return f"{row.detail.get('trusted')} of {row.detail.get('followed')} books live"


def signer() -> str:
    """Which keys the signer holds; Kalshi's stream needs one."""
    from markets import signer_client

    try:
        held = signer_client.status()
    except signer_client.SignerError as error:
        raise Broken("no answer", str(error)) from error
    if not held["kalshi"]:
        raise Broken(
            "no Kalshi key", "Set KALSHI_KEY_ID and KALSHI_PRIVATE_KEY_FILE; Kalshi's stream needs them."
        )
    halted = f", HALTED: {held['halted']}" if held.get("halted") else ""
    return f"Kalshi key {held['kalshi'][:8]}…, Polymarket {held['polymarket'] or 'none'}{halted}"

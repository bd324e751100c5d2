"""A connector with everything around it: settings, health row, news, quarantine, the recorder."""

import logging
import threading
import time
from datetime import UTC, datetime

from celery import current_app
from django.conf import settings
from django.db import connection
from kombu.exceptions import OperationalError as BrokerGone

from arbsite import keys
from arbsite.components import DATABASE_GONE, report
from arbsite.connections import REDIS_GONE, redis_client
from arbsite.models import HIGH, INFO, Component, Notice
from markets import catalogue_version, clients, fee_watch, universe
from markets.platforms.base import FeedStats, MarketChange
from markets.recorder import Recorder
from markets.streaming.connector import Connector
from markets.streaming.given import Followed, Hooks, Options

log = logging.getLogger(__name__)

LOG_EVERY_MS = 60_000  # one log line per kind of bad frame
SILENT_MS = 10_000


def options(platform: str) -> Options:
    """The connector's settings."""
    config = settings.ARBSITE
    section = config.platform(platform)
    return Options(
        platform=platform,
        ws_url=section.ws_url,
        window_ms=section.window_ms,
        in_flight=config.connector.max_windows_in_flight,
        lost_ms=config.connector.window_lost_seconds * 1_000,
        depth=config.connector.book_depth,
        lease_seconds=config.connector.lease_seconds,
        poll_ms=int(config.connector.rest_poll_seconds * 1_000),
        shard_size=clients.markets_per_connection(platform),
    )


def run(platform: str, stop: threading.Event, *, record: bool = False) -> None:
    """Run the connector of a platform until `stop` is set."""
    surroundings = Surroundings(platform, record=record)
    connector = Connector(options(platform), surroundings.hooks())
    connector.stop = stop
    try:
        connector.run()
    finally:
        surroundings.close()


class Surroundings:
    """What a connector asks of the rest of the system, none of which may stop it."""

    def __init__(self, platform: str, *, record: bool = False) -> None:
        self.platform = platform
        self.started_at = datetime.now(UTC)
        folder = settings.ARBSITE.core.data_dir
        self.quarantine = Recorder(folder / "quarantine", platform, keep_files=50)
        self.recorder = Recorder(folder / "recordings", platform) if record else None
        self._universe: bytes | None = None
        self._said: dict[str, int] = {}
        self._before = FeedStats()
        self._before_ms = 0
        self._was_healthy: bool | None = None

    def hooks(self) -> Hooks:
        """The connector's hooks."""
        return Hooks(
            feed=lambda: clients.feed(self.platform),
            headers=clients.handshake(self.platform),
            rest=clients.rest(self.platform),
            universe=self.universe,
            health=self.health,
            changes=self.changes,
            frame=self.recorder.frame if self.recorder else None,
            bad=self.bad,
        )

    def close(self) -> None:
        """Finish the files."""
        self.quarantine.close()
        if self.recorder:
            self.recorder.close()

    def universe(self) -> list[Followed] | None:
        """The markets to follow, or None while nothing changed or the database is away."""
        try:
            word = catalogue_version.current()
            if word == self._universe:
                return None
            followed = universe.followed(self.platform)
        except (*REDIS_GONE, *DATABASE_GONE) as error:
            log.warning("universe not read", extra={"platform": self.platform, "error": str(error)})
            connection.close()
            return None
        finally:
            connection.close_if_unusable_or_obsolete()
        self._universe = word
        return followed

    def changes(self, news: list[MarketChange]) -> None:
        """Have the markets that the stream has news about read again."""
        names = {fee_watch.stale_name(change) for change in news}
        try:
            client = redis_client()
            client.sadd(keys.stale_markets(self.platform), *names)
            client.expire(keys.stale_markets(self.platform), keys.STALE_TTL)
            current_app.send_task("markets.refresh", kwargs={"platform": self.platform})
        except (*REDIS_GONE, BrokerGone) as error:
            log.warning(
                "news of markets not passed on", extra={"platform": self.platform, "error": str(error)}
            )

    def bad(self, why: str, raw: bytes, at_ms: int) -> None:
        """Keep a bad frame for replay and log its kind once a minute."""
        try:
            self.quarantine.bad(why, raw, at_ms)
        except OSError as error:
            log.error("quarantine not written", extra={"platform": self.platform, "error": str(error)})
        kind = why.split(":", 1)[0]
        if at_ms - self._said.get(kind, 0) >= LOG_EVERY_MS:
            self._said[kind] = at_ms
            log.warning(
                "malformed frame", extra={"platform": self.platform, "kind": kind, "detail": why[:200]}
            )

    def health(self, connector: Connector, at_ms: int) -> None:
        """Write the health row; tell about every change between well and unwell."""
        stats = connector.stats()
        heard = [shard.heard_ms for shard in connector.shards if shard.up]
        down = sum(not shard.up for shard in connector.shards)
        well = bool(heard) and not down and connector.redis_up and at_ms - min(heard) < SILENT_MS
        state = (
            Component.STOPPED
            if connector.stop.is_set()
            else Component.RUNNING
            if well
            else Component.DEGRADED
        )
        now = datetime.fromtimestamp(at_ms / 1_000, UTC)
        seconds = max(0.001, (at_ms - self._before_ms) / 1_000)
        written = report(
            f"stream-{self.platform}",
            started_at=self.started_at,
            now=now,
            state=state,
            **stats.as_json(),
            frames_per_second=round((stats.frames - self._before.frames) / seconds, 1)
            if self._before_ms
            else 0,
            followed=len(connector.followed),
            trusted=connector.trusted(),
            connections=len(connector.shards.by_name),
            connections_down=down,
            polled=len(connector.polling),
            windows=connector.windows.closed,
            windows_waited=connector.windows.merged,
            longest_window_ms=connector.windows.longest_ms,
            heard_ms_ago=at_ms - min(heard) if heard else None,
            hash_check_broken=any(getattr(shard.feed, "hash_broken", False) for shard in connector.shards),
            errors=[shard.connection.error for shard in connector.shards if shard.connection.error][:3],
        )
        connector.windows.longest_ms = 0
        self._before, self._before_ms = stats, at_ms
        if written:
            self._tell(well, state, now)

    def _tell(self, well: bool, state: str, now: datetime) -> None:
        if (
            well == self._was_healthy
            or (self._was_healthy is None and not well)
            or state == Component.STOPPED
        ):
            return
        kind, severity = ("feed_recovered", INFO) if well else ("feed_degraded", HIGH)
        text = "The stream delivers." if well else "The stream is silent or down; its books count as stale."
        try:
            Notice.objects.record(kind, self.platform, text, severity=severity, at=now)
        except DATABASE_GONE:
            return  # said at the next report
        self._was_healthy = well


def wait_for_signer(stop: threading.Event, seconds: float = 15) -> None:
    """Give a signer that starts beside us a moment, so that the first handshake does not fail."""
    from markets import signer_client

    deadline = time.monotonic() + seconds
    while not stop.is_set() and time.monotonic() < deadline:
        try:
            signer_client.status()
        except signer_client.SignerError:
            stop.wait(0.1)
        else:
            return

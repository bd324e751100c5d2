"""What `manage.py doctor` looks at in this room: settings, database, Redis, broker, workers, beat."""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.core import checks
from django.db import connection

from arbsite.connections import REDIS_GONE, redis_client
from arbsite.registry import Broken, add_check

CLOCK_SKEW = timedelta(seconds=2)
BEAT_SILENT = timedelta(seconds=90)
START_STACK = "Start the embedded services (python manage.py stack) or set DATABASE_URL and REDIS_URL."


def configuration() -> str:
    """All system checks at error level."""
    errors = [message for message in checks.run_checks() if message.level >= checks.ERROR]
    if errors:
        raise Broken(
            "; ".join(str(error.msg) for error in errors),
            "; ".join(str(error.hint or "") for error in errors),
        )
    return f"mode {settings.ARBSITE.trading.mode}, data in {settings.ARBSITE.core.data_dir.name}/"


def database() -> str:
    """It answers, its clock agrees, and its tables are up to date."""
    from django.db.migrations.executor import MigrationExecutor

    from arbsite.components import DATABASE_GONE

    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp(), current_setting('server_version')")
            theirs, version = cursor.fetchone()
    except DATABASE_GONE as error:
        raise Broken(str(error).strip().splitlines()[0], START_STACK) from error
    skew = abs(datetime.now(UTC) - theirs)
    if skew > CLOCK_SKEW:
        raise Broken(
            f"its clock differs by {skew.total_seconds():.1f} s", "Synchronise both machines' clocks (NTP)."
        )
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise Broken(f"{len(missing)} migrations are missing", "Run: python manage.py migrate")
    return f"PostgreSQL {version}, migrated"


def redis() -> str:
    """It answers and never evicts: a broker that evicts loses messages."""
    try:
        info = redis_client().info("memory")
        policy = info.get("maxmemory_policy", "noeviction")
    except REDIS_GONE as error:
        raise Broken(type(error).__name__, START_STACK) from error
    if policy != "noeviction" and info.get("maxmemory"):
        raise Broken(
            f"maxmemory-policy is {policy}", "Set maxmemory-policy noeviction: evicted messages are lost."
        )
    return f"{info['used_memory_human']} used"


def broker() -> str:
    """It accepts connections; queues are not piling up."""
    from arbsite.health import Unwell, queue_depths

    try:
        depths = queue_depths()
    except Unwell as error:
        raise Broken(str(error), "Check CELERY_BROKER_URL (default: REDIS_URL).") from error
    deep = {name: depth for name, depth in depths.items() if depth > 500}
    if deep:
        raise Broken(f"waiting: {deep}", "Start a worker, or more of them: celery -A arbsite worker")
    return f"{sum(depths.values())} messages wait"


def workers() -> str:
    """At least one worker serves every queue."""
    from kombu.exceptions import OperationalError

    from arbsite.celery import QUEUES, app

    start = "Start one: celery -A arbsite worker -Q " + ",".join(QUEUES)
    try:
        found = app.control.inspect(timeout=2).active_queues() or {}
    except (OperationalError, *REDIS_GONE) as error:
        raise Broken("the broker does not answer", start) from error
    served = {queue["name"] for queues in found.values() for queue in queues}
    missing = [queue for queue in QUEUES if queue not in served]
    if missing:
        raise Broken(f"nobody serves {', '.join(missing)}", start)
    return f"{len(found)} workers serve all queues"


def beat() -> str:
    """The scheduler rang the worker lately."""
    from arbsite.components import DATABASE_GONE
    from arbsite.models import Component

    start = "Start it: python manage.py beat (and load the table once: python manage.py schedule)"
    try:
        row = Component.objects.filter(pk="worker").first()
    except DATABASE_GONE as error:
        raise Broken("the database is away", START_STACK) from error
    if row is None or datetime.now(UTC) - row.updated_at > BEAT_SILENT:
        raise Broken("no heartbeat of a worker for 90 s", start)
    return f"last heartbeat {(datetime.now(UTC) - row.updated_at).total_seconds():.0f} s ago"


for _name, _run in (
    ("configuration", configuration), ("database", database), ("Redis", redis), ("broker", broker),
    ("workers", workers), ("beat", beat),
):  # fmt: skip
    add_check(_name, _run)

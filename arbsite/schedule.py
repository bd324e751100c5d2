"""The cron table: what runs when. `manage.py schedule` loads it into the database, where beat reads it.

The first seven rows are the specification's (6.2.1), all in UTC. `market-refresh` is called "daily" there and scheduled
every twelve hours; the schedule wins. Rows with a `job` run as processes of their own (they may outlast a task), rows
with a `task` are tasks.
"""

import json
from dataclasses import dataclass, field

from django.db import transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks


@dataclass(frozen=True, slots=True)
class Cron:
    """A row of the table: a cron line (minute hour day month weekday), and the job it queues."""

    name: str
    line: str
    job: str
    about: str


@dataclass(frozen=True, slots=True)
class Every:
    """An internal row: a task every so many seconds."""

    name: str
    seconds: int
    task: str
    about: str
    arguments: dict[str, str] = field(default_factory=dict)


SPECIFIED = (
    Cron("price-sync", "*/30 * * * *", "price-sync", "Sync prices from all platforms"),
    Cron("arbitrage-scan", "*/5 * * * *", "arbitrage-scan", "Run arbitrage detection over every active bet"),
    Cron("risk-check", "0 * * * *", "risk-check", "Hourly risk assessment"),
    Cron("position-reconcile", "0 */6 * * *", "position-reconcile", "Compare positions with the fills"),
    Cron("market-refresh", "0 */12 * * *", "market-refresh", "Refresh the list of markets"),
    Cron("daily-report", "0 9 * * *", "daily-report", "Daily P&L report"),
    Cron("weekly-report", "0 9 * * 1", "weekly-report", "Weekly performance report"),
)
# The other subagent of 6.1; the first one's duty is `arbitrage-scan`
SUBAGENTS = (
    Cron("whale-monitor", "* * * * *", "whale-monitor", "Tell of large transfers and repeated flows"),
)
INTERNAL = (
    Every("sweep", 5, "arbsite.sweep", "Ring again for windows that nobody served"),
    Every("signals-sweep", 5, "signals.sweep", "Judge and expire what was forgotten"),
    Every("refusals", 10, "persist.refusals", "Counted refusals into the ledger"),
    Every("refusal-fates", 300, "persist.refusal_fates", "What became of refusals"),
    Every("pair-gaps", 60, "signals.pair_gaps", "Gaps that speak against proposed pairs"),
    Every("sources", 5, "signals.poll_sources", "Ask the sources whose time has come"),
    Every("compose", 5, "signals.compose", "Proposals for a person from whales, news and calendar"),
    Every("correlate", 5, "signals.correlate", "What stands for and against markets, and repeated flows"),
    Every("judge-predictions", 30, "signals.judge_predictions", "What became of predictions that are due"),
    Every("fit-sources", 3_600, "signals.fit_sources", "Fits of sources that are a day old, made anew"),
    Every(
        "forget-evidence",
        3_600,
        "persist.forget_evidence",
        "Claims and what they are made of, once old enough",
    ),
    Every("calendar-guards", 30, "signals.guards", "Guards around scheduled events"),
    Every("calendar-links", 300, "signals.calendar_links", "Markets that near events touch"),
    Every("calendar-news", 60, "signals.mark_news", "News that follow a scheduled event"),
    Every("price-moves", 5, "persist.price_moves", "Jumps, bursts and one-sided books of our feeds"),
    Every("correlations", 3_600, "signals.correlations", "How markets move together"),
    Every("execution-sweep", 5, "execution.sweep", "Execute what was forgotten, settle what has ended"),
    Every("execution-reader", 2, "execution.read_signals", "Consumer group execution"),
    Every("analysis-reader", 5, "persist.signal_snapshots", "Consumer group analysis"),
    Every("alert-reader", 2, "alerts.read_signals", "Consumer group alert, and delivery of notices"),
    Every("mark-positions", 5, "execution.mark", "What the positions are worth"),
    Every("worker-heartbeat", 20, "arbsite.heartbeat", "The worker is alive"),
    Every("fee-changes", 600, "markets.fee_changes", "Fees that change between two discoveries"),
    Every("ended-markets", 5, "markets.watch_ended", "Results of markets that have ended"),
    Every("partitions", 3_600, "persist.partitions", "Partitions of the prices table"),
    Every(
        "sandbox-pairs",
        5,
        "markets.sandbox_pairs",
        "Pairs of the local sandbox, where it stands for the platforms",
    ),
)


def load() -> int:
    """Write the table into the database and return its rows; what left it is removed, switches made by hand stay."""
    with transaction.atomic():
        for row in (*SPECIFIED, *SUBAGENTS):
            _write(
                row.name,
                row.about,
                "arbsite.queue_job",
                {"job": row.job},
                crontab=_crontab(row.line),
                expires=None,
            )
        for every in INTERNAL:
            interval, _ = IntervalSchedule.objects.get_or_create(
                every=every.seconds, period=IntervalSchedule.SECONDS
            )
            _write(
                every.name,
                every.about,
                every.task,
                every.arguments,
                interval=interval,
                expires=2 * every.seconds,
            )
        known = [row.name for row in (*SPECIFIED, *SUBAGENTS, *INTERNAL)]
        PeriodicTask.objects.filter(description__startswith=MARK).exclude(name__in=known).delete()
        PeriodicTasks.update_changed()
    return len(SPECIFIED) + len(SUBAGENTS) + len(INTERNAL)


MARK = "arbsite: "  # rows that are ours to change


def _crontab(line: str) -> CrontabSchedule:
    minute, hour, day, month, weekday = line.split()
    found, _ = CrontabSchedule.objects.get_or_create(
        minute=minute, hour=hour, day_of_month=day, month_of_year=month, day_of_week=weekday, timezone="UTC"
    )
    return found


def _write(
    name: str,
    about: str,
    task: str,
    arguments: dict[str, str],
    *,
    crontab: CrontabSchedule | None = None,
    interval: IntervalSchedule | None = None,
    expires: int | None,
) -> None:
    PeriodicTask.objects.update_or_create(
        name=name,
        defaults={
            "task": task,
            "kwargs": json.dumps(arguments),
            "crontab": crontab,
            "interval": interval,
            "description": MARK + about,
            "expire_seconds": expires,
        },
    )

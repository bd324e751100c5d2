"""Jobs and the cron table: one run a slot, as a process of its own, taken over when its runner dies."""

import io
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from arbsite import jobs, registry, schedule
from arbsite.models import JobRun, Notice

NOW = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def job(job_id: str, *command: str, timeout: int = 30, retries: int = 1) -> registry.Job:
    made = registry.Job(job_id, command, timeout, retries=retries)
    registry.jobs[job_id] = made
    return made


@pytest.fixture(autouse=True)
def _own_jobs():
    before = dict(registry.jobs)
    yield
    registry.jobs.clear()
    registry.jobs.update(before)


def test_the_table_holds_the_seven_jobs_of_the_specification():
    schedule.load()
    rows = {
        row.name: row.crontab
        for row in PeriodicTask.objects.filter(crontab__isnull=False)
        if row.name in registry.jobs and row.name not in {cron.name for cron in schedule.SUBAGENTS}
    }
    lines = {
        name: f"{cron.minute} {cron.hour} {cron.day_of_month} {cron.month_of_year} {cron.day_of_week}"
        for name, cron in rows.items()
    }
    assert lines == {
        "price-sync": "*/30 * * * *",
        "arbitrage-scan": "*/5 * * * *",
        "risk-check": "0 * * * *",
        "position-reconcile": "0 */6 * * *",
        "market-refresh": "0 */12 * * *",
        "daily-report": "0 9 * * *",
        "weekly-report": "0 9 * * 1",
    }
    assert {str(cron.timezone) for cron in rows.values()} == {"UTC"}


def test_loading_twice_changes_nothing_and_keeps_a_switch_made_by_hand():
    schedule.load()
    PeriodicTask.objects.filter(name="price-sync").update(enabled=False)
    count = PeriodicTask.objects.count()
    schedule.load()
    assert PeriodicTask.objects.count() == count
    assert not PeriodicTask.objects.get(name="price-sync").enabled


def test_a_slot_is_queued_once():
    assert jobs.queue("price-sync", now=NOW)
    assert not jobs.queue("price-sync", now=NOW + timedelta(seconds=20))
    assert jobs.queue("price-sync", now=NOW + timedelta(minutes=1))


def test_an_unknown_job_is_named():
    with pytest.raises(jobs.UnknownJob, match=r"there are: .*price-sync"):
        jobs.queue("prise-sync", now=NOW)


def test_a_row_is_claimed_by_one_runner_and_taken_over_when_that_falls_silent():
    jobs.queue("price-sync", now=NOW)
    row = jobs.claim("one", now=NOW)
    assert row is not None and row.attempts == 1
    assert jobs.claim("two", now=NOW + timedelta(seconds=10)) is None
    again = jobs.claim("two", now=NOW + timedelta(seconds=60))
    assert again is not None and (again.pk, again.attempts, again.claimed_by) == (row.pk, 2, "two")


@pytest.mark.django_db(transaction=True)
def test_a_job_runs_as_a_process_and_leaves_its_output():
    job("help", "schedule", "--help")
    jobs.queue("help", now=NOW)
    row = jobs.claim("one", now=NOW)
    assert jobs.run(row, "one", threading.Event())
    row.refresh_from_db()
    assert (row.state, row.exit_status) == (JobRun.DONE, 0)
    assert "cron table" in row.output


@pytest.mark.django_db(transaction=True)
def test_a_job_that_fails_is_tried_again_and_then_told():
    job("broken", "no-such-command", retries=2)
    jobs.queue("broken", now=NOW)
    for state in (JobRun.QUEUED, JobRun.FAILED):
        row = jobs.claim("one", now=NOW)
        assert not jobs.run(row, "one", threading.Event())
        row.refresh_from_db()
        assert row.state == state
    assert Notice.objects.filter(kind="job_failed", subject="broken").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_job_is_ended_at_its_limit():
    job("endless", "stack", timeout=0)
    jobs.queue("endless", now=NOW)
    row = jobs.claim("one", now=NOW)
    assert not jobs.run(row, "one", threading.Event())
    row.refresh_from_db()
    assert row.state == JobRun.FAILED and "limit of 0 s" in row.output


# --- by hand


def by_hand(*arguments):
    out = io.StringIO()
    call_command("job", *arguments, stdout=out)
    return out.getvalue()


def test_the_list_shows_when_each_runs_and_how_long_it_may(redis):
    shown = by_hand("--list")
    for job_id in (*(cron.job for cron in (*schedule.SPECIFIED, *schedule.SUBAGENTS)),):
        assert job_id in registry.jobs and job_id in shown
    assert "*/5 * * * *" in shown and "180 s" in shown and "arbitrage-scanner" in shown


def test_the_whale_monitor_runs_every_minute_within_sixty_seconds():
    schedule.load()
    cron = PeriodicTask.objects.get(name="whale-monitor").crontab
    assert (cron.minute, cron.hour) == ("*", "*")
    assert (registry.jobs["whale-monitor"].timeout_seconds, registry.jobs["whale-monitor"].retries) == (60, 3)


@pytest.mark.django_db(transaction=True)
def test_by_hand_it_prints_what_it_printed_and_leaves_its_row():
    job("help", "schedule", "--help")
    assert "cron table" in by_hand("help")
    row = JobRun.objects.get()
    assert (row.state, row.exit_status, row.attempts) == (JobRun.DONE, 0, 1)


@pytest.mark.django_db(transaction=True)
def test_by_hand_it_is_tried_again_and_ends_with_its_status():
    job("broken", "no-such-command", retries=2)
    with pytest.raises(CommandError, match="after 2 of 2 attempts") as error:
        by_hand("broken")
    row = JobRun.objects.get()
    assert error.value.returncode == row.exit_status == 1
    assert (row.state, row.attempts) == (JobRun.FAILED, 2)
    assert Notice.objects.filter(kind="job_failed", subject="broken").count() == 1


@pytest.mark.django_db(transaction=True)
def test_by_hand_it_is_ended_at_its_limit():
    job("endless", "stack", timeout=0)
    with pytest.raises(CommandError) as error:
        by_hand("endless")
    assert error.value.returncode >= 1 and "limit of 0 s" in JobRun.objects.get().output


def test_by_hand_beside_its_slot_of_the_same_minute(monkeypatch):
    job("help", "schedule", "--help")
    jobs.queue("help", now=NOW)
    monkeypatch.setattr(jobs, "run", lambda row, runner, stop: jobs._finish(row, runner, 0, "", retry=False))
    row = jobs.run_now("help", "me", threading.Event(), now=NOW)
    assert row.state == JobRun.DONE and JobRun.objects.filter(state=JobRun.QUEUED).count() == 1


def test_another_runner_may_take_it_between_two_attempts(monkeypatch):
    job("help", "schedule", "--help", retries=2)

    def fail(row, runner, stop):
        jobs._finish(row, runner, 1, "", retry=True)
        other = jobs.claim("other", now=timezone.now())
        jobs._finish(other, "other", 0, "done by the other", retry=False)

    monkeypatch.setattr(jobs, "run", fail)
    row = jobs.run_now("help", "me", threading.Event(), now=NOW)
    assert (row.state, row.attempts, row.output) == (JobRun.DONE, 2, "done by the other")


@pytest.mark.parametrize("arguments", [("prise-sync",), ()])
def test_what_is_no_job_is_said(arguments):
    with pytest.raises(CommandError, match="price-sync"):
        by_hand(*arguments)


def test_every_job_is_a_command_that_takes_its_arguments():
    for one in registry.jobs.values():
        name, *arguments = one.command
        load_command_class(get_commands()[name], name).create_parser("manage.py", name).parse_args(arguments)

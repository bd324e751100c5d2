"""Notices, components and their heartbeats, jobs, and API keys: what every room above needs."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

CRITICAL, HIGH, MEDIUM, LOW, INFO = "CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"
SEVERITIES = (CRITICAL, HIGH, MEDIUM, LOW, INFO)


def one_of(field: str, values: tuple[str, ...], name: str) -> models.CheckConstraint:
    """A constraint that a column holds one of these words."""
    return models.CheckConstraint(condition=models.Q(**{f"{field}__in": values}), name=name)


class NoticeManager(models.Manager["Notice"]):
    """Notices are recorded, never changed."""

    def record(
        self, kind: str, subject: str, message: str, *, severity: str = INFO, at: datetime, **data: Any
    ) -> "Notice":
        """Write that something happened; call it inside the transaction that changes the state."""
        return self.create(
            kind=kind, subject=subject[:200], message=message, severity=severity, data=data, created_at=at
        )


class Notice(models.Model):
    """An immutable record that something happened; `alerts` tells people about it."""

    kind = models.CharField(max_length=64)  # signal_opened, order_filled, feed_gap, …
    severity = models.CharField(max_length=16, default=INFO)
    subject = models.CharField(max_length=200)  # what it is about: an id, a platform
    message = models.TextField()
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    objects: ClassVar[NoticeManager] = NoticeManager()

    class Meta:
        db_table = "notices"
        indexes = [
            models.Index(fields=["-created_at"], name="idx_notices_created_at"),
            models.Index(fields=["kind", "-created_at"], name="idx_notices_kind"),
        ]
        constraints = [one_of("severity", SEVERITIES, "notices_severity_known")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject}"


class Component(models.Model):
    """The health row of one running part: a connector, a worker, the scheduler."""

    RUNNING, DEGRADED, STOPPED = "RUNNING", "DEGRADED", "STOPPED"

    name = models.CharField(max_length=64, primary_key=True)
    state = models.CharField(max_length=16)
    detail = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "components"
        constraints = [one_of("state", ("RUNNING", "DEGRADED", "STOPPED"), "components_state_known")]

    def __str__(self) -> str:
        return self.name


class Heartbeat(models.Model):
    """One row a minute for each component that was alive in it: uptime is counted from these."""

    component = models.CharField(max_length=64)
    minute = models.DateTimeField()
    healthy = models.BooleanField(default=True)

    class Meta:
        db_table = "heartbeats"
        constraints = [
            models.UniqueConstraint(fields=["component", "minute"], name="heartbeats_once_a_minute")
        ]


class JobRun(models.Model):
    """One run of a job: the scheduler queues it, `manage.py jobs` claims it and runs it as a process."""

    QUEUED, RUNNING, DONE, FAILED = "QUEUED", "RUNNING", "DONE", "FAILED"
    STATES = (QUEUED, RUNNING, DONE, FAILED)

    job = models.CharField(max_length=64)
    scheduled_for = models.DateTimeField()
    state = models.CharField(max_length=16, default=QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    claimed_by = models.CharField(max_length=128, blank=True)
    alive_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    exit_status = models.IntegerField(null=True)
    output = models.TextField(blank=True)  # the end of what it printed

    class Meta:
        db_table = "job_runs"
        constraints = [
            models.UniqueConstraint(fields=["job", "scheduled_for"], name="job_runs_one_per_slot"),
            one_of("state", ("QUEUED", "RUNNING", "DONE", "FAILED"), "job_runs_state_known"),
        ]
        indexes = [models.Index(fields=["state", "scheduled_for"], name="idx_job_runs_state")]

    def __str__(self) -> str:
        return f"{self.job} {self.scheduled_for:%Y-%m-%d %H:%M}"


class ApiKey(models.Model):
    """A client's key: `prefix.secret` is shown once, only the secret's SHA-256 is kept (256 random bits)."""

    name = models.CharField(max_length=64)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    prefix = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64)
    scopes = models.JSONField(default=list)  # read, trade, …
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    LIFETIME = timedelta(days=30)

    class Meta:
        db_table = "api_keys"
        verbose_name, verbose_name_plural = "API key", "API keys"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @classmethod
    def issue(cls, user: Any, name: str, scopes: list[str], *, now: datetime) -> tuple["ApiKey", str]:
        """A new key and its full text, which is never stored."""
        prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        key = cls.objects.create(
            user=user, name=name, prefix=prefix, digest=digest_of(secret), scopes=scopes, created_at=now,
            expires_at=now + cls.LIFETIME,
        )  # fmt: skip
        return key, f"{prefix}.{secret}"

    def usable(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and now < self.expires_at


def digest_of(secret: str) -> str:
    """SHA-256 of a key's secret part: a plain hash is enough for 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()

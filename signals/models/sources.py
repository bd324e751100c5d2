"""Where each source stands: when it was asked, what it said, where to go on."""

from django.db import models
from django.utils import timezone

from arbsite.models import one_of


class Source(models.Model):
    """One source: its cursor, its health and its counts. Written by `signals.sources.polling` alone."""

    OK, STALE, OFF, LIMITED, BROKEN, SUSPECT = "OK", "STALE", "OFF", "LIMITED", "BROKEN", "SUSPECT"
    STATES = (OK, STALE, OFF, LIMITED, BROKEN, SUSPECT)

    name = models.CharField(max_length=64, primary_key=True)
    kind = models.CharField(max_length=16)  # whales, news, calendar
    state = models.CharField(max_length=16, default=OFF)
    why = models.TextField(blank=True)  # of a state that is not OK, without secrets
    next_at = models.DateTimeField(null=True)  # not asked before
    asked_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)  # last success
    item_at = models.DateTimeField(null=True)  # the newest item's own time
    failures = models.PositiveIntegerField(default=0)  # in a row
    etag = models.CharField(max_length=512, blank=True)
    last_modified = models.CharField(max_length=128, blank=True)
    cursor = models.JSONField(default=dict)  # where to go on, in the source's own terms; never with a key
    items = models.BigIntegerField(default=0)  # ever taken
    repeats = models.BigIntegerField(default=0)  # that we had already
    late = models.BigIntegerField(default=0)  # too old for a signal when first seen
    lies = models.BigIntegerField(default=0)  # with a time that cannot be
    dropped = models.BigIntegerField(default=0)  # unreadable, too large, or over the limit
    latency_ms = models.BigIntegerField(null=True)  # median from published to seen, of the last items
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "sources"
        constraints = [
            one_of("state", ("OK", "STALE", "OFF", "LIMITED", "BROKEN", "SUSPECT"), "sources_state_known")
        ]

    def __str__(self) -> str:
        return self.name

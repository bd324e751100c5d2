"""What people were told."""

from django.db import models

from arbsite.models import Notice, one_of


class Alert(models.Model):
    """One message about one notice on one channel; a row is claimed before anything leaves."""

    CLAIMED, SENT, FAILED = "CLAIMED", "SENT", "FAILED"

    notice = models.ForeignKey(Notice, models.CASCADE, related_name="alerts")
    channel = models.CharField(max_length=32)
    status = models.CharField(max_length=16, default=CLAIMED)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "alerts"
        constraints = [
            models.UniqueConstraint(fields=["notice", "channel"], name="alerts_once_per_channel"),
            one_of("status", ("CLAIMED", "SENT", "FAILED"), "alerts_status_known"),
        ]

    def __str__(self) -> str:
        return f"{self.notice_id} → {self.channel}"

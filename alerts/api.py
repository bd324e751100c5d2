"""What people were told, over the API."""

from django.urls import path
from rest_framework import serializers

from alerts.models import Alert
from arbsite.api import PERIOD, Millis
from arbsite.auth import READ
from arbsite.endpoints import ListEndpoint


class AlertSerializer(serializers.ModelSerializer):
    """One message about one notice on one channel. Times are Unix milliseconds."""

    notice_id = serializers.IntegerField()
    kind = serializers.CharField(source="notice.kind")
    severity = serializers.CharField(source="notice.severity")
    subject = serializers.CharField(source="notice.subject")
    message = serializers.CharField(source="notice.message")
    created_at = Millis()
    sent_at = Millis(allow_null=True)

    class Meta:
        model = Alert
        fields = [
            "id", "notice_id", "kind", "severity", "subject", "message", "channel", "status", "error", "created_at",
            "sent_at",
        ]  # fmt: skip


class Alerts(ListEndpoint):
    """What people were told, newest first."""

    scope, permission = READ, "alerts.view_alert"
    queryset = Alert.objects.select_related("notice")
    serializer_class = AlertSerializer
    filters = {
        "channel": ("channel", str),
        "status": ("status", (Alert.CLAIMED, Alert.SENT, Alert.FAILED)),
        **PERIOD,
    }


urlpatterns = [path("alerts", Alerts.as_view(), name="alerts")]

"""What people were told, in the admin."""

from django.contrib import admin
from django.utils.safestring import SafeString

from alerts.models import Alert
from arbsite.admin import ReadOnlyAdmin, link, words
from arbsite.models import SEVERITIES, Notice


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """Messages about notices."""

    list_display = ["created_at", "channel", "status", "severity", "notice_link", "sent_at", "error"]
    list_filter = [
        words("status", (Alert.CLAIMED, Alert.SENT, Alert.FAILED)),
        words("notice__severity", SEVERITIES, "severity"),
    ]
    list_select_related = ["notice"]
    search_fields = ["channel", "notice__subject", "notice__kind"]
    ordering = ["-pk"]
    fields = ["notice_link", "channel", "status", "error", "created_at", "sent_at"]
    readonly_fields = ["notice_link"]

    @admin.display(description="severity", ordering="notice__severity")
    def severity(self, alert: Alert) -> str:
        """How grave the notice is."""
        return alert.notice.severity

    @admin.display(description="notice")
    def notice_link(self, alert: Alert) -> SafeString | str:
        """The notice's page."""
        return link(Notice, alert.notice_id, str(alert.notice))

"""Notices → people."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    """The alerts app."""

    name = "alerts"

    def ready(self) -> None:
        """Offer this room's sweep."""
        from alerts import doors

        doors.open_all()

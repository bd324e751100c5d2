"""Detection, whales, news, calendar, correlation, decision."""

from django.apps import AppConfig


class SignalsConfig(AppConfig):
    """The signals app."""

    name = "signals"

    def ready(self) -> None:
        """Offer this room's jobs and sweeps."""
        from signals import doors

        doors.open_all()

"""Risk, orders, legs, fills, positions, portfolio."""

from django.apps import AppConfig


class ExecutionConfig(AppConfig):
    """The execution app."""

    name = "execution"

    def ready(self) -> None:
        """Offer this room's jobs and sweeps."""
        from execution import doors

        doors.open_all()

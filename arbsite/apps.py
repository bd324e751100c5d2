"""The frame."""

from django.apps import AppConfig


class ArbsiteConfig(AppConfig):
    """The frame as an app: notices, components, jobs, API keys."""

    name = "arbsite"

    def ready(self) -> None:
        """Register the system checks and this room's lines of the doctor."""
        from arbsite import celery, checks, doctor  # noqa: F401 - celery: shared tasks belong to our application

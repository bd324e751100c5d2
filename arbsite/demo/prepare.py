"""Brings the demo's database to where the system can run: tables, cron table, login."""

from django.contrib.auth import get_user_model
from django.core.management import call_command

from arbsite import schedule
from arbsite.demo.launch import LOGIN


def prepare() -> None:
    """Safe to run on every start."""
    call_command("migrate", verbosity=0, interactive=False)
    schedule.load()
    name, password = LOGIN
    user, _ = get_user_model().objects.get_or_create(
        username=name, defaults={"is_staff": True, "is_superuser": True}
    )
    if not user.check_password(password):
        user.is_staff = user.is_superuser = True
        user.set_password(password)  # known to everybody, which is fine on loopback and nowhere else
        user.save()

"""Brings the demo's database to where the system can run: tables, cron table, login."""

import json
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection, transaction

from arbsite import schedule
from arbsite.demo.launch import LOGIN

SANDBOX = "sandbox"
MET = "traded_with"  # the id of the exchange that our books of sandbox mode are about
# Rows of those that belong to it: the table, what names the owner, and the owner's table
CHILDREN = (("plan_steps", "plan_id", "plans"), ("settling", "fill_id", "fills"))
OF_AN_EXCHANGE = ("starting", "cash_differs", "differences", "stale_feed", "unknown_orders")


def prepare() -> None:
    """Safe to run on every start."""
    call_command("migrate", verbosity=0, interactive=False)
    if settings.ARBSITE.trading.mode == SANDBOX:
        meet_the_exchange(settings.ARBSITE.core.data_dir / "exchange")
    schedule.load()
    name, password = LOGIN
    user, _ = get_user_model().objects.get_or_create(
        username=name, defaults={"is_staff": True, "is_superuser": True}
    )
    if not user.check_password(password):
        user.is_staff = user.is_superuser = True
        user.set_password(password)  # known to everybody, which is fine on loopback and nowhere else
        user.save()


def meet_the_exchange(folder: Path) -> None:
    """An exchange that goes on knows what we know of it; what belongs to another one is forgotten."""
    here, met = json.loads((folder / "urls.json").read_text())["exchange"], folder / MET
    if met.is_file() and met.read_text() == here:
        return
    forget_the_last_exchange()
    met.write_text(here)


def forget_the_last_exchange() -> None:
    """A new sandbox exchange has new accounts: what is known of the last one's would all differ, and halt everything.

    Rows that are never changed otherwise, so their triggers are off for this transaction.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND column_name = 'mode'"
        )
        owners = [name for (name,) in cursor.fetchall()]
        for table, column, owner in CHILDREN:
            cursor.execute(
                f"DELETE FROM {table} WHERE {column} IN (SELECT id FROM {owner} WHERE mode = %s)", [SANDBOX]
            )
        cursor.execute(
            "UPDATE plans SET shadow_of_id = NULL WHERE shadow_of_id IN (SELECT id FROM plans WHERE mode = %s)",
            [SANDBOX],
        )
        for owner in owners:
            cursor.execute(f"DELETE FROM {owner} WHERE mode = %s", [SANDBOX])
        cursor.execute("DELETE FROM halts WHERE lifted_at IS NULL AND code = ANY(%s)", [list(OF_AN_EXCHANGE)])

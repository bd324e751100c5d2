"""`manage.py beat`: the scheduler, one at a time. Others wait and take over within seconds."""

import os
import sys
import threading
import time
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand

from arbsite.stopping import stop_event

LOCK = 0x42454154
RETRY_SECONDS = 1.0
LOOK_SECONDS = 2.0


class Command(BaseCommand):
    """Hold a PostgreSQL advisory lock on a connection of its own, and run celery's beat while it is held."""

    help = "Run the scheduler; a second one waits as a stand-by (held by a lock in PostgreSQL)."

    def handle(self, *_: Any, **__: Any) -> None:
        """Wait for the lock, run beat, leave when the lock is lost: the supervisor starts us again."""
        stop = stop_event()
        link = self._locked(stop)
        if link is None:
            return
        from arbsite.celery import app

        threading.Thread(target=_watch, args=(link,), daemon=True).start()
        scheduler = app.Beat(
            loglevel=settings.ARBSITE.core.log_level, pidfile=None, schedule=None, redirect_stdouts=False
        )
        scheduler.run()

    def _locked(self, stop: threading.Event) -> psycopg.Connection | None:
        said = False
        while not stop.is_set():
            try:
                # TCP keep-alives free the lock within seconds when a holder's machine is gone
                link = psycopg.connect(
                    settings.DATABASE_URL, autocommit=True, connect_timeout=5, keepalives_idle=5, keepalives_interval=2,
                    keepalives_count=3, application_name="arbsite-beat",
                )  # fmt: skip
                row = link.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
                if row and row[0]:
                    return link
                link.close()
                if not said:
                    self.stdout.write("another beat is running: waiting as a stand-by")
                    said = True
            except psycopg.OperationalError as error:
                self.stderr.write(f"beat waits for the database: {str(error).splitlines()[0]}")
            stop.wait(RETRY_SECONDS)
        return None


def _watch(link: psycopg.Connection) -> None:
    """End the process when the connection that holds the lock is gone."""
    while True:
        time.sleep(LOOK_SECONDS)
        try:
            link.execute("SELECT 1")
        except psycopg.Error:
            sys.stderr.write("beat lost its lock: the database went away\n")
            os._exit(4)

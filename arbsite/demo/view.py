"""The demo's screen and its closing summary. What the tables hold comes from the rooms above, through the registry."""

import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel as Box
from rich.table import Table
from rich.text import Text

from arbsite import registry
from arbsite.components import DATABASE_GONE
from arbsite.connections import REDIS_GONE
from arbsite.demo.launch import LOGIN

REFRESH_SECONDS = 1.0
PLAIN_SECONDS = 5.0
SUMMARY_ATTEMPTS = 20
WORST = ("ERROR", "CRITICAL")


def show(*, seconds: int | None, data: Path, began: datetime, web: int, flower: int) -> int:
    """Show the tables until interrupted or `seconds` have passed, then write and print the summary."""
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    console = Console()
    deadline = time.monotonic() + seconds if seconds else None
    if console.is_terminal:
        with Live(console=console, screen=False, auto_refresh=False) as live:
            while not _over(stop, deadline, REFRESH_SECONDS):
                live.update(screen(web, flower), refresh=True)
    else:
        console.print(head(web, flower))
        while not _over(stop, deadline, PLAIN_SECONDS):
            console.print(one_line())
    result = summary(began, data)
    path = data / "demo.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    console.print_json(json.dumps(result))
    console.print(f"written to {path}")
    return 0


def _over(stop: threading.Event, deadline: float | None, pause: float) -> bool:
    left = pause if deadline is None else max(0.0, min(pause, deadline - time.monotonic()))
    return stop.wait(left) or (deadline is not None and time.monotonic() >= deadline)


def screen(web: int, flower: int) -> Group:
    """All tables, under the addresses."""
    parts: list[Any] = [Box(head(web, flower), title=_title())]
    for panel in _panels():
        table = Table(*panel.columns, title=panel.title, title_justify="left", expand=True)
        for row in panel.rows:
            table.add_row(*row)
        parts.append(table)
    return Group(*parts)


def _title() -> str:
    mode = settings.ARBSITE.trading.mode
    how = "paper: fills of our own on live books" if mode == "paper" else "orders go to the sandbox exchange"
    return f"Arbsite demo · {how} · no real money"


def head(web: int, flower: int) -> Text:
    """Where to look, and the login."""
    return Text(
        f"admin   http://127.0.0.1:{web}/admin/       login {LOGIN[0]} / {LOGIN[1]}\n"
        f"API     http://127.0.0.1:{web}/api/v1/docs/ \n"
        f"Flower  http://127.0.0.1:{flower}/\n"
        "Ctrl-C stops everything."
    )


def one_line() -> str:
    """Every table's rows in short, for a log."""
    parts = [f"{panel.title}: " + " | ".join(" ".join(row) for row in panel.rows[:3]) for panel in _panels()]
    return f"{timezone.now():%H:%M:%S}  " + "  ·  ".join(parts)


def _panels() -> list[registry.Panel]:
    now = timezone.now()
    found = []
    for name, run in registry.panels.items():
        try:
            found.append(run(now))
        except (*DATABASE_GONE, *REDIS_GONE) as error:
            connection.close()  # a connection that died once stays dead
            found.append(registry.Panel(name, ("waiting",), [(str(error).splitlines()[0][:100],)]))
    return found


def summary(began: datetime, data: Path) -> dict[str, Any]:
    """What happened since `began`, with every error line of the logs counted."""
    result: dict[str, Any] = {"seconds": round((timezone.now() - began).total_seconds(), 1)}
    for run in registry.summaries.values():
        result |= _patiently(run, began)
    errors = error_lines(data, began)
    return {**result, "errors": len(errors), "error_lines": errors[:5]}


def _patiently(run: Callable[[datetime], dict[str, Any]], began: datetime) -> dict[str, Any]:
    """A server that was just killed is back in a second: the last word waits for it."""
    for _ in range(SUMMARY_ATTEMPTS):
        try:
            return run(began)
        except (*DATABASE_GONE, *REDIS_GONE):
            connection.close()
            time.sleep(0.5)
    return run(began)


def error_lines(data: Path, began: datetime) -> list[str]:
    """Lines of level ERROR and above in the logs of this run, shortened."""
    found = []
    for path in sorted([*data.glob("logs/*.log"), *data.glob("exchange/logs/*.log")]):
        for line in path.read_text(errors="replace").splitlines():
            if not line.startswith("{"):
                continue
            try:
                entry = json.loads(line)
                at = datetime.fromisoformat(entry["time"])
            except (ValueError, KeyError):
                continue
            # Notices told by the alerts room are news, not failures of the system
            failed = entry.get("level") in WORST and entry.get("logger") != "alerts.services"
            if failed and at >= began:
                found.append(f"{path.stem}: {entry.get('message', '')}"[:200])
    return found


def began_at(unix: str) -> datetime:
    """The launcher's start, as it passed it on."""
    try:
        return datetime.fromtimestamp(int(unix.split(".")[0]), UTC)
    except ValueError:
        sys.exit(f"--began {unix} is no Unix time")

"""Doors that a lower room offers and the apps above fill in their `ready()`.

Imports point down only, so `manage.py stream`, `doctor`, the demo and the job runner find here what each app
contributes, without knowing the app.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `manage.py doctor`: `run` returns what it saw; it raises Broken when something is wrong."""

    name: str
    run: Callable[[], str]
    needed: bool = True  # a red line of a needed part makes the exit status 1


class Broken(Exception):
    """A check failed. `remedy` is one sentence that says what to do."""

    def __init__(self, seen: str, remedy: str) -> None:
        super().__init__(seen)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Job:
    """Work that may outlast a task: a command run as a process of its own by `manage.py jobs`."""

    id: str
    command: tuple[str, ...]  # arguments of manage.py
    timeout_seconds: int
    retries: int = 3
    about: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One table of the demo's screen: column names and rows of text."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of `make bench`: what was measured, beside what it is compared with in the same run."""

    name: str
    value: float
    unit: str  # seconds, ratio, rows/s, …
    reference: str = ""  # what the value is a ratio to, or stands beside
    target: str = ""
    met: bool | None = None


StreamRunner = Callable[[], None]

checks: list[Check] = []
jobs: dict[str, Job] = {}
streams: dict[str, StreamRunner] = {}
sweeps: dict[str, Callable[[datetime], int]] = {}
panels: dict[str, Callable[[datetime], Panel]] = {}
benchmarks: dict[str, Callable[[], list[Figure]]] = {}
summaries: dict[str, Callable[[datetime], dict[str, Any]]] = {}


def add_check(name: str, run: Callable[[], str], *, needed: bool = True) -> None:
    """Add a line to `manage.py doctor`."""
    if name not in {check.name for check in checks}:
        checks.append(Check(name, run, needed))


def add_job(job: Job) -> None:
    """Make a job known under its id."""
    jobs[job.id] = job


def add_stream(name: str, run: StreamRunner) -> None:
    """Make `manage.py stream NAME` run this until SIGTERM."""
    streams[name] = run


def add_sweep(name: str, run: Callable[[datetime], int]) -> None:
    """Have the sweep call this every few seconds; it rings for forgotten work and returns how much it found."""
    sweeps[name] = run


def add_panel(name: str, run: Callable[[datetime], Panel]) -> None:
    """Show this table on the demo's screen."""
    panels[name] = run


def add_summary(name: str, run: Callable[[datetime], dict[str, Any]]) -> None:
    """Put these figures, which must be JSON, into the demo's closing summary; `run` takes when the demo began."""
    summaries[name] = run


def add_benchmark(name: str, run: Callable[[], list[Figure]]) -> None:
    """Make `manage.py bench` run this; it may use the database and Redis of the bench's own data folder."""
    benchmarks[name] = run

"""Every source at a glance, for people and machines: its row, its cadence, and how much of its quotas is used."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from arbsite.connections import REDIS_GONE
from signals.models import Source
from signals.sources import budgets, polling, registry
from signals.sources.base import Spec

NOT_ASKED = "not asked yet: it is on, and its turn comes within seconds of a worker and beat"


def listing(*, now: datetime) -> list[dict[str, Any]]:
    """Every source that is known or was once, by kind and name. Times are UTC, quotas of the windows of now."""
    polling.due(now=now)  # makes the rows of sources that nobody has asked yet
    specs = registry.all_specs()
    return [of(row, specs.get(row.name)) for row in polling.listing()]


def one(name: str, *, now: datetime) -> dict[str, Any]:
    """One source. Raises UnknownSource."""
    found = {row["name"]: row for row in listing(now=now)}
    if name not in found:
        registry.spec(name)
    return {**found[name], "tells": registry.told(name, now)}


def of(row: Source, spec: Spec | None) -> dict[str, Any]:
    """A row with what its specification adds; without one the source has left the settings."""
    return {
        "name": row.name, "kind": row.kind, "state": row.state,
        "why": row.why or (NOT_ASKED if spec and not spec.off and row.asked_at is None else ""),
        "about": spec.about if spec else "", "every_seconds": spec.every_seconds if spec else None,
        "hosts": list(spec.hosts) if spec else [], "quotas": quotas(spec) if spec else [],
        "asked_at": row.asked_at, "answered_at": row.answered_at, "next_at": row.next_at, "item_at": row.item_at,
        "failures": row.failures, "items": row.items, "repeats": row.repeats, "late": row.late, "lies": row.lies,
        "dropped": row.dropped, "latency_ms": row.latency_ms,
    }  # fmt: skip


def quotas(spec: Spec) -> list[dict[str, Any]]:
    """Every budget with what is used of it; `used` is null while Redis is away."""
    try:
        counted: Sequence[tuple[Any, int | None]] = budgets.used(spec)
    except REDIS_GONE:
        counted = [(budget, None) for budget in spec.budgets]
    return [
        {"name": budget.name, "calls": budget.calls, "seconds": budget.seconds, "used": used}
        for budget, used in counted
    ]

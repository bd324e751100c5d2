"""What the demo shows of this room: the open opportunities."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from arbsite.registry import Panel
from signals.compositing.composing import KIND as PROPOSAL
from signals.models import NewsEvent, Prediction, Signal, WhaleAlert
from signals.records import wording

SHOWN = 8


def opportunities(now: datetime) -> Panel:
    """The best open signals, with both markets and their prices."""
    found = Signal.objects.filter(status__in=Signal.OPEN).order_by("-profit_pct")
    rows = []
    for row in found[:SHOWN]:
        legs = row.metadata.get("legs", [])
        names = [
            f"{leg['platform']} {leg['outcome']} {leg['market_id'][:18]} @ {_short(leg['best_price'])}"
            for leg in legs
        ]
        rows.append(
            (*[*names, "", ""][:2], f"{row.size:.0f}", f"${row.net_profit:.2f}", f"{row.profit_pct:.2%}",
             "-" if row.expected_edge is None else f"{row.expected_edge * 100:.2f} ¢",
             wording.a_year(row), _state(row))
        )  # fmt: skip
    columns = ("market A", "market B", "size", "net", "net edge", "expected", "annualised", "state")
    return Panel(f"Open opportunities ({found.count()})", columns, rows)


def _state(row: Signal) -> str:
    """The status with its first reason."""
    return f"{row.status} {row.reasons[0]['code']}" if row.reasons else row.status


def _short(price: str) -> str:
    return f"${Decimal(price).normalize():f}"


def summary(began: datetime) -> dict[str, Any]:
    """How many signals were opened, and what evidence came and was judged meanwhile."""
    predictions = Prediction.objects.filter(created_at__gte=began)
    return {
        "signals_opened": Signal.objects.filter(created_at__gte=began).exclude(kind=PROPOSAL).count(),
        "stories": NewsEvent.objects.filter(created_at__gte=began).count(),
        "transfers": WhaleAlert.objects.filter(created_at__gte=began).count(),
        "predictions": predictions.count(),
        "predictions_judged": predictions.exclude(outcome="OPEN").count(),
        "proposals": Signal.objects.filter(created_at__gte=began, kind=PROPOSAL).count(),
    }

"""From which transfer on somebody is told: the specification's 6.1.2 as rows, which people may change."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

ALERT, SIGNAL, LOG = "alert", "signal", "log"
ACTIONS = (ALERT, SIGNAL, LOG)
PRIORITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO")  # highest first


@dataclass(frozen=True, slots=True)
class Trigger:
    """A transfer strictly above `above_usd` that is of this category, direction and asset (empty: any)."""

    name: str
    above_usd: Decimal
    action: str
    priority: str
    category: str = ""
    direction: str = ""
    asset: str = ""


DEFAULTS = (
    Trigger("large_transfer", Decimal(1_000_000), ALERT, "MEDIUM"),
    Trigger("exchange_inflow", Decimal(5_000_000), SIGNAL, "HIGH", direction="INFLOW"),
    Trigger("exchange_outflow", Decimal(5_000_000), SIGNAL, "HIGH", direction="OUTFLOW"),
    Trigger("defi_activity", Decimal(0), LOG, "LOW", category="defi"),
)


def pulled(
    triggers: Iterable[Trigger], *, usd: Decimal | None, category: str, direction: str, asset: str
) -> list[Trigger]:
    """The triggers that a transfer pulls, the most urgent first. One whose value nobody knows pulls those from zero on."""
    found = [
        trigger
        for trigger in triggers
        if trigger.category in ("", category)
        and trigger.direction in ("", direction)
        and trigger.asset in ("", asset)
        and (usd > trigger.above_usd if usd is not None else trigger.above_usd == 0)
    ]
    return sorted(found, key=lambda trigger: PRIORITIES.index(trigger.priority))

"""What the profit is made of: what is won or lost for good, what is sure to come, and what still hangs on the outcome.

    profit = realised + locked in + until settlement + at risk

A complete set has cost less than it pays in every state. The difference is locked in, but until it pays it is worth its
bids, which are lower: that loss goes by itself. Contracts that no other leg covers pay in some states only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import F

from execution import ledger
from execution.ledger import PositionKey
from execution.models import Fill, Order
from execution.portfolio import calendar, exposure, holders
from execution.portfolio.apportioning import CENT, to_cents
from execution.portfolio.calendar import Entry

ZERO = Decimal(0)
SETTLED, FREED, SOLD_BACK, LEFT, OTHERWISE = (
    "settled", "merged_or_converted", "sold_back", "left_early", "otherwise",
)  # fmt: skip
OF_KIND = {Fill.SETTLEMENT: SETTLED, Fill.MERGE: FREED, Fill.CONVERSION: FREED}
OF_ROLE = {Order.UNWIND: SOLD_BACK, Order.EXIT: LEFT}


@dataclass(frozen=True, slots=True)
class Held:
    """What is held, in dollars: `locked_in + until_settlement + at_risk` is what it has gained at the best bids."""

    pays: Decimal  # in every state that is still possible
    cost: Decimal  # of what stands behind it, fees included
    worth: Decimal  # of the same at the best bids
    lone_cost: Decimal  # of contracts that pay in some states only, fees included
    lone_worth: Decimal  # of the same at the best bids

    @property
    def locked_in(self) -> Decimal:
        """Comes at settlement, whatever happens."""
        return self.pays - self.cost

    @property
    def until_settlement(self) -> Decimal:
        """By how much the bids are below what is sure to come (mostly negative): nothing at settlement."""
        return self.worth - self.pays

    @property
    def at_risk(self) -> Decimal:
        """Gained, at the best bids, on what no other leg covers; it may lose all of `lone_worth` yet."""
        return self.lone_worth - self.lone_cost


def held(entries: Sequence[Entry]) -> Held:
    """The sum of these entries of the calendar, exactly."""
    pays, cost, worth, all_cost, all_worth = (
        sum((getattr(entry, field) for entry in entries), ZERO)
        for field in ("sure", "cost_of_sure", "worth_of_sure", "cost", "worth")
    )
    return Held(pays, cost, worth, all_cost - cost, all_worth - worth)


def look(mode: str, marks: Mapping[PositionKey, Decimal], now: datetime) -> Held:
    """What a mode holds; `marks` are those of its open positions."""
    return held(calendar.exactly(exposure.parts(holders.open_positions(mode), marks), now))


def as_json(found: Held, realised: Decimal, unrealised: Decimal) -> dict[str, Any]:
    """In whole cents; the four parts of `made_of` add up to `realised` + `unrealised` as shown there."""
    parts = to_cents(
        {"locked_in": found.locked_in, "until_settlement": found.until_settlement, "at_risk": found.at_risk},
        unrealised,
    )
    return {
        "made_of": {"realized_pnl": realised, **parts},
        "sure": {"pays": found.pays.quantize(CENT), "cost": found.cost.quantize(CENT)},
        "lone": {"cost": found.lone_cost.quantize(CENT), "worth": found.lone_worth.quantize(CENT)},
    }


# --- what was realised, and by what


def realised(mode: str, total: Decimal) -> dict[str, Decimal]:
    """What settlements, merges, sales back and early exits have won or lost, in whole cents that add up to `total`."""
    return to_cents(by_name(mode), total)


def by_name(mode: str) -> dict[str, Decimal]:
    """The same, exactly: together it is what all positions have realised."""
    rows = Fill.objects.filter(mode=mode).annotate(role=F("order__role")).order_by("id")
    found = ledger.realised_by(
        (name_of(fill.kind, fill.role), ledger.Entry(
            fill.platform, fill.market_id, fill.outcome, fill.side, fill.quantity, fill.price, fill.fee, fill.kind,
        ))
        for fill in rows.iterator(chunk_size=2_000)
    )  # fmt: skip
    return dict.fromkeys((SETTLED, FREED, SOLD_BACK, LEFT, OTHERWISE), ZERO) | found


def name_of(kind: str, role: str | None) -> str:
    """What a fill is called here."""
    return OF_KIND.get(kind) or (OF_ROLE.get(role or "", OTHERWISE) if kind == Fill.TRADE else OTHERWISE)

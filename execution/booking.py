"""Writing what moved: fills, and the positions that are their sum, inside the transaction that owns the ledger."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from arbsite import bulk
from execution import ledger
from execution.holdings import rows_of, value_of
from execution.ledger import Entry, PositionKey
from execution.models import Fill, Position

PRICE_STEP = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Movement:
    """One entry with where it came from. `trade_id` is unique on its platform: booking twice is refused."""

    entry: Entry
    trade_id: str
    order_id: str | None = None


def book(movements: Sequence[Movement], *, mode: str, now: datetime) -> dict[PositionKey, Position]:
    """Write the fills and the new positions; returns every position row of the markets that were touched.

    The caller holds the ledger's lock. Raises LedgerError for what cannot be, and
    IntegrityError for what is booked already.
    """
    if not movements:
        return {}
    entries = [movement.entry for movement in movements]
    rows = rows_of(mode, sorted({entry.market_id for entry in entries}))
    after = ledger.positions(entries, {key: value_of(row) for key, row in rows.items()})
    bulk.insert([_fill(movement, mode, now) for movement in movements])
    opened_by = {movement.entry.key: movement.order_id for movement in reversed(movements)}
    changed = {
        entry.key: _position(rows.get(entry.key), entry, after[entry.key], opened_by[entry.key], mode, now)
        for entry in entries
    }
    bulk.upsert(
        list(changed.values()), key="id",
        update=("order_id", "quantity", "avg_price", "realized_pnl", "opened_at", "closed_at", "updated_at", "cost", "paid",
                "fees"),
    )  # fmt: skip
    return rows | changed


def _fill(movement: Movement, mode: str, now: datetime) -> Fill:
    entry = movement.entry
    return Fill(
        kind=entry.kind,
        order_id=movement.order_id,
        platform=entry.platform,
        market_id=entry.market_id,
        outcome=entry.outcome,
        side=entry.side,
        quantity=entry.quantity,
        price=entry.price,
        fee=entry.fee,
        cash=entry.cash,
        mode=mode,
        trade_id=movement.trade_id,
        created_at=now,
    )


def _position(
    row: Position | None, entry: Entry, value: ledger.Position, order_id: str | None, mode: str, now: datetime
) -> Position:
    if row is None:
        row = Position(
            id=position_id(entry, mode), platform=entry.platform, market_id=entry.market_id, outcome=entry.outcome,
            mode=mode, order_id=order_id,
            opened_at=now,
        )  # fmt: skip
    elif not row.quantity and value.quantity:
        row.opened_at, row.order_id = now, order_id
    row.quantity, row.cost, row.paid = value.quantity, value.cost, value.paid
    row.realized_pnl, row.fees = value.realised, value.fees
    average = value.average_price
    row.avg_price = average.quantize(PRICE_STEP) if average is not None else row.avg_price
    row.closed_at = None if value.quantity else now
    row.updated_at = now
    return row


def position_id(entry: Entry, mode: str) -> str:
    """The stable id of a position: short enough for the column, the same every time."""
    text = f"{mode}:{entry.platform}:{entry.market_id}:{entry.outcome}"
    return f"pos_{hashlib.sha256(text.encode()).hexdigest()[:24]}"

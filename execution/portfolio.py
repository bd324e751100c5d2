"""The book of what is held: marks, settlement, profit two ways, and what an operator wants to see of it."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from arbsite.connections import redis_client
from arbsite.models import HIGH, INFO, Notice
from execution import booking, holdings, ledger, publishing
from execution.booking import Movement
from execution.ledger import Entry
from execution.models import Fill, Order, Plan, Position
from markets.platforms.base import SETTLED

PAPER = "paper"
CENT = Decimal("0.01")


def settle(*, now: datetime, mode: str = PAPER) -> int:
    """Close the positions of settled markets at what they pay; returns how many markets."""
    waiting = Position.objects.filter(
        mode=mode, quantity__gt=0, market__status=SETTLED, market__settlement_value__isnull=False
    )
    if not waiting.exists():
        return 0
    with transaction.atomic():
        holdings.lock_ledger()
        settled = dict(waiting.values_list("market_id", "market__settlement_value"))
        rows = holdings.rows_of(mode, list(settled))
        values = {key: holdings.value_of(row) for key, row in rows.items()}
        movements, notices = [], []
        for platform, market_id in sorted({key[:2] for key in rows}):
            pays = settled[market_id]
            entries = ledger.settlement(values, platform, market_id, pays)
            movements += [
                Movement(
                    entry,
                    trade_id=f"settlement:{mode}:{market_id}:{entry.outcome}:{rows[entry.key].opened_at:%s}"[
                        :128
                    ],
                )
                for entry in entries
            ]
            paid = sum((entry.cash for entry in entries), Decimal(0))
            notices.append(
                Notice(kind="market_settled", severity=INFO, subject=market_id, created_at=now,
                       message=f"YES pays ${pays}: ${paid:.2f} received", data={})
            )  # fmt: skip
        changed = booking.book(movements, mode=mode, now=now)
        Notice.objects.bulk_create(notices)
    publishing.tell([], [], changed.values(), [])
    return len(notices)


def mark(*, mode: str = PAPER) -> int:
    """Write what each position is worth now; returns how many are open."""
    rows = {key: row for key, row in holdings.rows_of(mode).items() if row.quantity}
    for key, price in holdings.marks(rows).items():
        row = rows[key]
        row.current_price = price
        row.unrealized_pnl = holdings.value_of(row).unrealised(price)
    for row in rows.values():
        # Only while the quantity is what we valued: a fill may have come in between
        Position.objects.filter(pk=row.pk, quantity=row.quantity).update(
            current_price=row.current_price, unrealized_pnl=row.unrealized_pnl
        )
    pipe = redis_client().pipeline(transaction=False)
    for row in rows.values():
        publishing.put_position(pipe, row)
    if pipe.command_stack:
        pipe.execute()
    return len(rows)


def entries(mode: str = PAPER) -> Iterator[Entry]:
    """Every fill of a mode as a ledger entry, oldest first."""
    for fill in Fill.objects.filter(mode=mode).order_by("id").iterator(chunk_size=2_000):
        yield Entry(
            fill.platform,
            fill.market_id,
            fill.outcome,
            fill.side,
            fill.quantity,
            fill.price,
            fill.fee,
            fill.kind,
        )


def summary(*, now: datetime, mode: str = PAPER) -> dict[str, Any]:
    """The portfolio: cash, exposure and profit. `pnl_from_fills` is computed from the fills alone; both agree."""
    with transaction.atomic():
        with_snapshot()
        rows = holdings.rows_of(mode)
        marks = holdings.marks({key: row for key, row in rows.items() if row.quantity})
        pnl = ledger.pnl({key: holdings.value_of(row) for key, row in rows.items()}, marks)
        from_fills = ledger.pnl_from_fills(entries(mode), marks)
        cash = holdings.cash(mode)
        counts = {
            "open_positions": sum(bool(row.quantity) for row in rows.values()),
            "open_orders": Order.objects.filter(mode=mode, status__in=Order.OPEN_STATUSES).count(),
            "plans_filled": Plan.objects.filter(mode=mode, status=Plan.FILLED).count(),
            "fills": Fill.objects.filter(mode=mode, kind=Fill.TRADE).count(),
        }
    invested = sum((row.cost for row in rows.values()), Decimal(0))
    return {
        "as_of": now,
        "mode": mode,
        "cash": {platform: amount.quantize(CENT) for platform, amount in cash.items()},
        "invested": invested.quantize(CENT),
        "realized_pnl": pnl.realised.quantize(CENT),
        "unrealized_pnl": pnl.unrealised.quantize(CENT),
        "pnl": pnl.total.quantize(CENT),
        "pnl_from_fills": from_fills.quantize(CENT),
        "exact": pnl.total == from_fills,
        **counts,
    }


def with_snapshot() -> None:
    """Have the rest of this transaction read one moment of the database."""
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def reconcile(*, now: datetime, mode: str = PAPER) -> list[str]:
    """Compare the positions with the sum of the fills; tells about every difference and returns them as sentences."""
    with transaction.atomic():
        with_snapshot()
        rows = holdings.rows_of(mode)
        computed = ledger.positions(entries(mode))
    differences = list(_differences(rows, computed))
    if differences:
        Notice.objects.record(
            "positions_differ",
            mode,
            "; ".join(differences)[:2_000],
            severity=HIGH,
            at=now,
            count=len(differences),
        )
    return differences


def _differences(rows: dict, computed: dict) -> Iterable[str]:
    for key in sorted(set(rows) | set(computed)):
        stored = holdings.value_of(rows[key]) if key in rows else ledger.Position()
        wanted = computed.get(key, ledger.Position())
        if (stored.quantity, stored.cost, stored.realised) != (wanted.quantity, wanted.cost, wanted.realised):
            yield (
                f"{':'.join(key)}: stored {stored.quantity} at {stored.cost}, realised {stored.realised};"
                f" the fills say {wanted.quantity} at {wanted.cost}, realised {wanted.realised}"
            )

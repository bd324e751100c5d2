"""Writing what moved: fills, cash, and the positions and accounts that are their sums.

Everything here runs inside the transaction that owns the ledger (`holdings.lock_ledger`).
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import connection

from arbsite import bulk
from execution import crashpoints, ledger
from execution.ledger import Entry, PositionKey
from execution.models import CashMovement, Fill, Position
from execution.portfolio.holdings import OPENING, PAPER, rows_of, unopened, value_of
from markets.models import Market
from markets.platforms.base import KALSHI, PLATFORMS

PRICE_STEP = Decimal("0.000001")
ZERO = Decimal(0)

Purse = tuple[str, int]  # platform, shard


@dataclass(frozen=True, slots=True)
class Movement:
    """One entry with where it came from. `trade_id` is unique on its platform: booking twice is refused.

    `shard` is where the platform keeps the money; None: wherever the market is listed.
    """

    entry: Entry
    trade_id: str
    order_id: str | None = None
    shard: int | None = None


def book(movements: Sequence[Movement], *, mode: str, now: datetime) -> dict[PositionKey, Position]:
    """Write the fills, the new positions and the accounts; returns every position row of the markets touched.

    The caller holds the ledger's lock. Raises LedgerError for what cannot be, and
    IntegrityError for what is booked already.
    """
    if not movements:
        return {}
    open_paper(mode, now=now)
    entries = [movement.entry for movement in movements]
    rows = rows_of(mode, sorted({entry.market_id for entry in entries}))
    before = {key: value_of(row) for key, row in rows.items()}
    shards = _shards(movements, mode)
    after, changes = _changes(entries, shards, before)
    bulk.insert([_fill(*both, mode, now) for both in zip(movements, shards, strict=True)])
    crashpoints.reach("fills:stored")
    opened_by = {movement.entry.key: movement.order_id for movement in reversed(movements)}
    changed = {
        entry.key: _position(rows.get(entry.key), entry, after[entry.key], opened_by[entry.key], mode, now)
        for entry in entries
    }
    bulk.upsert(
        list(changed.values()), key="id",
        update=("order_id", "quantity", "avg_price", "realized_pnl", "opened_at", "closed_at", "updated_at", "cost", "paid",
                "fees", "unrealized_pnl"),
    )  # fmt: skip
    _keep_accounts(changes, mode, now)
    return rows | changed


def move_cash(
    mode: str,
    platform: str,
    amount: Decimal,
    kind: str,
    reference: str,
    *,
    now: datetime,
    shard: int = 0,
    why: str = "",
) -> CashMovement:
    """Write dollars that came (or, negative, went) without contracts, and keep the account in step.

    `kind` is one of CashMovement.KINDS, `reference` the platform's or ours. The caller holds the ledger's lock. Raises
    IntegrityError where the same reference is written already.
    """
    open_paper(mode, now=now, platforms=[] if kind == CashMovement.OPENING else PLATFORMS)
    shard = 0 if mode == PAPER else shard
    row = CashMovement.objects.create(
        mode=mode,
        platform=platform,
        shard=shard,
        kind=kind,
        amount=amount,
        reference=reference,
        why=why,
        at=now,
    )
    _keep_accounts({(platform, shard): (amount, ZERO)}, mode, now)
    return row


def open_paper(mode: str, *, now: datetime, platforms: Sequence[str] = PLATFORMS) -> None:
    """Put the dollars that paper trading begins with into its accounts, once; other modes begin with what is there."""
    if mode != PAPER:
        return
    for platform in unopened(mode, platforms):
        move_cash(
            mode, platform, settings.ARBSITE.trading.paper_cash, CashMovement.OPENING, OPENING, now=now,
            why="what paper trading begins with (TRADING_PAPER_CASH)",
        )  # fmt: skip


def _changes(
    entries: Sequence[Entry], shards: Sequence[int], held: dict[PositionKey, ledger.Position]
) -> tuple[dict[PositionKey, ledger.Position], dict[Purse, tuple[Decimal, Decimal]]]:
    """Every position after the entries; and by purse, how its cash and what is invested change. Dollars."""
    held = dict(held)
    cash: dict[Purse, Decimal] = defaultdict(lambda: ZERO)
    invested: dict[Purse, Decimal] = defaultdict(lambda: ZERO)
    for entry, shard in zip(entries, shards, strict=True):
        before = held.get(entry.key, ledger.Position())
        after = held[entry.key] = ledger.apply(before, entry)
        cash[entry.platform, shard] += entry.cash
        invested[entry.platform, shard] += after.paid - before.paid
    return held, {purse: (cash[purse], invested[purse]) for purse in cash}


def _keep_accounts(changes: dict[Purse, tuple[Decimal, Decimal]], mode: str, now: datetime) -> None:
    """Add to the accounts, in one statement; a new one begins at nothing."""
    rows = [
        [mode, platform, shard, cash, invested, now]
        for (platform, shard), (cash, invested) in sorted(changes.items())
    ]
    values = ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(rows))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts (mode, platform, shard, cash, invested, updated_at)"
            f" VALUES {values} ON CONFLICT (mode, platform, shard) DO UPDATE SET cash = accounts.cash + EXCLUDED.cash,"
            " invested = accounts.invested + EXCLUDED.invested, updated_at = EXCLUDED.updated_at",
            [value for row in rows for value in row],
        )


def _shards(movements: Sequence[Movement], mode: str) -> list[int]:
    """The shard of each movement. Paper money of a platform lies in one purse."""
    if mode == PAPER:
        return [0] * len(movements)
    asked = {
        movement.entry.market_id
        for movement in movements
        if movement.shard is None and movement.entry.platform == KALSHI
    }
    listed = dict(
        Market.objects.filter(id__in=asked).values_list("id", "metadata__exchange_index") if asked else ()
    )
    return [
        movement.shard if movement.shard is not None else int(listed.get(movement.entry.market_id) or 0)
        for movement in movements
    ]


def _fill(movement: Movement, shard: int, mode: str, now: datetime) -> Fill:
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
        shard=shard,
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
    if average is not None:
        row.avg_price = average.quantize(PRICE_STEP)
    elif row.avg_price is None:  # bought and gone at once, as by a trade that failed
        row.avg_price = entry.price
    # As the next mark would without a live price: the row must agree with itself at once
    mark = row.current_price if row.current_price is not None else row.avg_price
    row.unrealized_pnl = value.unrealised(mark)
    row.closed_at = None if value.quantity else now
    row.updated_at = now
    return row


def position_id(entry: Entry, mode: str) -> str:
    """The stable id of a position: short enough for the column, the same every time."""
    text = f"{mode}:{entry.platform}:{entry.market_id}:{entry.outcome}"
    return f"pos_{hashlib.sha256(text.encode()).hexdigest()[:24]}"

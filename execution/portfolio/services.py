"""The book of what is held: marks, settlement, profit two ways, and what an operator wants to see of it."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Q, Sum

from arbsite.connections import redis_client
from arbsite.models import HIGH, INFO, Notice
from execution import ledger, publishing
from execution.ledger import Entry, Pnl, PositionKey
from execution.models import Difference, Fill, Order, Plan, Position, Settling
from execution.portfolio import booking, equity, holdings, made_of
from execution.portfolio.apportioning import CENT, to_cents
from execution.portfolio.booking import Movement
from markets.platforms.base import PLATFORMS, SETTLED

PAPER = "paper"
ZERO = Decimal(0)
RATIO, MICRO_DOLLAR = Decimal("0.000001"), Decimal("0.000001")
POSITIONS = "positions"
LONGEST_MARKET = 100  # characters that fit into a trade id


def settle(*, now: datetime, mode: str = PAPER) -> int:
    """Close the positions of settled markets at what they pay; returns how many markets.

    On paper the market's own status is the word. Elsewhere reconciliation brings the platform's, by `settle_market`.
    """
    waiting = Position.objects.filter(
        mode=mode, quantity__gt=0, market__status=SETTLED, market__settlement_value__isnull=False
    )
    settled = dict(waiting.values_list("market_id", "market__settlement_value"))
    platforms = dict(waiting.values_list("market_id", "platform"))
    return sum(
        settle_market(platforms[market_id], market_id, pays, now=now, mode=mode)
        for market_id, pays in sorted(settled.items())
    )


def settle_market(
    platform: str, market_id: str, yes_pays: Decimal, *, now: datetime, mode: str = PAPER
) -> bool:
    """Book a settlement: YES pays `yes_pays` dollars, NO the rest, be it 0, 1 or anything between.

    Whoever hears of it first books it; for the second there is nothing left to close, and the trade ids are taken. False
    where nothing was held. Raises LedgerError for a value that no contract can pay.
    """
    with transaction.atomic():
        holdings.lock_ledger()
        rows = {key: row for key, row in holdings.rows_of(mode, [market_id]).items() if key[0] == platform}
        values = {key: holdings.value_of(row) for key, row in rows.items()}
        entries = ledger.settlement(values, platform, market_id, yes_pays)
        if not entries:
            return False
        movements = [Movement(entry, trade_id=settlement_id(mode, entry)) for entry in entries]
        changed = booking.book(movements, mode=mode, now=now)
        paid = sum((entry.cash for entry in entries), Decimal(0))
        Notice.objects.record(
            "market_settled", market_id, f"YES pays ${yes_pays}: ${paid:.2f} received", severity=INFO, at=now
        )
    publishing.tell([], [], changed.values(), [])
    return True


def settlement_id(mode: str, entry: Entry) -> str:
    """One id for each settlement of an outcome: the next only where a fill came to light after the last.

    Reconciliation asks for the same, so that a position is settled once, whoever comes first. Under the ledger's lock.
    """
    earlier = Fill.objects.filter(
        mode=mode, market_id=entry.market_id, outcome=entry.outcome, kind=Fill.SETTLEMENT
    ).count()
    market = entry.market_id
    if len(market) > LONGEST_MARKET:
        market = hashlib.sha256(market.encode()).hexdigest()[:32]
    return f"settlement:{market}:{entry.outcome}" + (f":{earlier + 1}" if earlier else "")


def mark(*, mode: str = PAPER) -> int:
    """Write what each position is worth now; returns how many are open."""
    rows = {key: row for key, row in holdings.rows_of(mode).items() if row.quantity}
    changed: list[Position] = []
    for key, price in holdings.marks(rows).items():
        row, worth = rows[key], holdings.value_of(rows[key]).unrealised(price)
        if row.current_price == price and row.unrealized_pnl == worth.quantize(MICRO_DOLLAR):
            continue
        row.current_price, row.unrealized_pnl = price, worth
        changed.append(row)
    for row in changed:
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


def summary(*, now: datetime, mode: str | None = None) -> dict[str, Any]:
    """The portfolio in dollars: cash, what is held, what is locked, and profit. Every sum holds as shown, to the cent.

    `pnl_from_fills` is computed from the fills alone; both agree, or `exact` is false. `made_of` says how much of the
    profit is locked in until settlement, and how much is at risk. Raises no error for accounts that
    differ: `differences` tells.
    """
    mode = mode or trading_mode()
    with transaction.atomic():
        with_snapshot()
        rows = holdings.rows_of(mode)
        opened = {key: row for key, row in rows.items() if row.quantity}
        marks = holdings.marks(opened)
        pnl = ledger.pnl({key: holdings.value_of(row) for key, row in rows.items()}, marks)
        from_fills = ledger.pnl_from_fills(entries(mode), marks)
        cash = equity.cash(mode)
        moved = equity.moved(mode)
        worth = {key: row.quantity * marks[key] for key, row in opened.items()}
        corrected = equity.corrected(mode)
        moment = equity.Moment(
            now, sum(cash.values(), ZERO), sum(worth.values(), ZERO), profit=pnl.total + corrected
        )
        money = _money(cash, moment, moved, corrected, pnl, from_fills)
        return {
            "as_of": now,
            "mode": mode,
            **money,
            **made_of.as_json(made_of.look(mode, marks, now), money["realized_pnl"], money["unrealized_pnl"]),
            "invested": _cents(sum((row.cost for row in rows.values()), ZERO)),
            "margin": margin(mode, opened),
            "provisional": provisional(mode),
            "exposure": _by_platform(opened, worth),
            **_since(mode, now, moment),
            "exact": pnl.total == from_fills,
            "differences": [*equity.accounts_off(mode), *_adds_up(moment, moved)],
            "open_differences": Difference.objects.filter(mode=mode, closed_at__isnull=True).count(),
            **_counts(mode, opened),
        }


def trading_mode() -> str:
    """How orders are carried out."""
    return str(settings.ARBSITE.trading.mode)


def _money(
    cash: Mapping[equity.Shard, Decimal],
    moment: equity.Moment,
    moved: Decimal,
    corrected: Decimal,
    pnl: Pnl,
    from_fills: Decimal,
) -> dict[str, Any]:
    """Cash + positions = equity = moved + corrections + profit; realised + unrealised = profit: in whole cents."""
    total = _cents(moment.equity)
    pots = to_cents(
        {**{f"{name}/{shard}": sum_ for (name, shard), sum_ in cash.items()}, POSITIONS: moment.positions},
        total,
    )
    sources = to_cents(
        {"moved": moved, "corrections": corrected, "pnl": pnl.total},
        total if moment.equity == moved + moment.profit else None,
    )
    profit = to_cents({"realised": pnl.realised, "unrealised": pnl.unrealised}, sources["pnl"])
    by_platform: dict[str, Decimal] = {}
    for platform, shard in cash:
        by_platform[platform] = by_platform.get(platform, ZERO) + pots[f"{platform}/{shard}"]
    return {
        "cash": by_platform,
        "shards": [
            {"platform": platform, "shard": shard, "cash": pots[f"{platform}/{shard}"]}
            for platform, shard in sorted(cash)
        ],
        "positions": pots[POSITIONS],
        "equity": total,
        "moved": sources["moved"],
        "corrections": sources["corrections"],
        "realized_pnl": profit["realised"],
        "unrealized_pnl": profit["unrealised"],
        "pnl": sources["pnl"],
        "pnl_from_fills": sources["pnl"] + _cents(from_fills - pnl.total),
    }  # fmt: skip


def _adds_up(moment: equity.Moment, moved: Decimal) -> list[str]:
    if moment.equity == moved + moment.profit:
        return []
    return [f"equity is ${moment.equity}, money moved ${moved} and profit ${moment.profit} do not make that"]


def margin(mode: str, opened: Mapping[PositionKey, Position]) -> dict[str, Any]:
    """Dollars that are locked, by platform: in positions until they settle, and behind open purchases.

    Both platforms want the whole price of a contract in advance, so what is paid is what is locked.
    """
    positions = dict.fromkeys(PLATFORMS, ZERO)
    for key, row in opened.items():
        positions[key[0]] += row.paid
    orders = dict.fromkeys(PLATFORMS, ZERO)
    waiting = Order.objects.filter(mode=mode, status__in=Order.OPEN_STATUSES, side=Order.BUY)
    for order in waiting.only("platform", "quantity", "filled_qty", "price", "cash"):
        orders[order.platform] += reserved(order)
    total = _cents(sum(positions.values(), ZERO) + sum(orders.values(), ZERO))
    locked = to_cents(
        {f"positions/{name}": sum_ for name, sum_ in positions.items()}
        | {f"orders/{name}": sum_ for name, sum_ in orders.items()},
        total,
    )  # fmt: skip
    return {
        "total": total,
        **{
            platform: {what: locked[f"{what}/{platform}"] for what in ("positions", "orders")}
            for platform in PLATFORMS
        },
    }


def reserved(order: Order) -> Decimal:
    """Dollars before fees that an open purchase may still spend."""
    left = max(ZERO, (order.quantity or ZERO) - order.filled_qty)
    if order.cash is not None and order.quantity:
        return order.cash * left / order.quantity
    return left * (order.price or ZERO)


def provisional(mode: str) -> dict[str, Any]:
    """Fills whose settlement is not final: money that may still be undone. `paid` and `received` are dollars."""
    rows = Settling.objects.filter(fill__mode=mode).exclude(status__in=(Settling.CONFIRMED, Settling.FAILED))
    sums = rows.values_list("fill__platform").annotate(
        fills=Count("pk"),
        paid=Sum("fill__cash", filter=Q(fill__cash__lt=0)),
        received=Sum("fill__cash", filter=Q(fill__cash__gt=0)),
    )
    found = {
        platform: {"fills": count, "paid": _cents(-(paid or ZERO)), "received": _cents(received or ZERO)}
        for platform, count, paid, received in sums.order_by("fill__platform")
    }
    nothing = {"fills": 0, "paid": _cents(ZERO), "received": _cents(ZERO)}
    return {platform: found.get(platform, nothing) for platform in PLATFORMS}


def _by_platform(
    opened: Mapping[PositionKey, Position], worth: Mapping[PositionKey, Decimal]
) -> dict[str, dict[str, Decimal]]:
    found = {}
    for platform in PLATFORMS:
        keys = [key for key in opened if key[0] == platform]
        found[platform] = {
            "paid": _cents(sum((opened[key].paid for key in keys), ZERO)),
            "worth": _cents(sum((worth[key] for key in keys), ZERO)),
        }
    return found


def _since(mode: str, now: datetime, moment: equity.Moment) -> dict[str, Any]:
    """The day's profit and the drawdown. Null: nobody looked at that time, so nobody knows."""
    began = equity.day_began(now)
    profits = {}
    for name, since in (("day", began), ("rolling_day", now - timedelta(hours=24))):
        before = equity.profit_at(mode, since)
        profits[name] = None if before is None else _cents(moment.profit - before)
    below = equity.drawdown(mode, moment)
    top = moment.equity + below
    return {
        "day_began": began,
        "day_profit": profits["day"],
        "rolling_day_profit": profits["rolling_day"],
        "drawdown": _cents(below),
        "drawdown_pct": (below / top).quantize(RATIO) if top > 0 else ZERO,
    }


def _counts(mode: str, opened: Mapping[PositionKey, Position]) -> dict[str, int]:
    return {
        "open_positions": len(opened),
        "open_orders": Order.objects.filter(mode=mode, status__in=Order.OPEN_STATUSES).count(),
        "plans_filled": Plan.objects.filter(mode=mode, status=Plan.FILLED).count(),
        "fills": Fill.objects.filter(mode=mode, kind=Fill.TRADE).count(),
    }


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT)


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

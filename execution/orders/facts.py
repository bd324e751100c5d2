"""What the platforms say became of orders, applied to our rows, whoever brings it.

Answers, private feeds, look-ups and reconciliation all end here. Everything may come in any order, late, and more than
once: the same reports leave the same rows. `matched_qty` is the platform's word and drives the saga; fills are booked
into the ledger, and `filled_qty` is their sum.

What is not ours is handed back: somebody placed it by hand. What may be ours, of an order whose answer was lost, is
neither booked nor handed back; it is told again when that order is known.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import F, Q, Sum

from arbsite.models import CRITICAL, HIGH, INFO, Notice
from execution import ledger, lifecycle, publishing, ringing
from execution.halting import halts
from execution.ledger import Entry, LedgerError, PositionKey
from execution.models import Fill, Order, Plan, PlanStep, Position, Settling
from execution.orders import hearing
from execution.portfolio import booking, holdings
from execution.portfolio.booking import Movement
from execution.portfolio.freeing import merges
from execution.reconciling import comparing
from markets import clients
from markets.books import NO, YES, Level
from markets.models import Market
from markets.platforms.base import KALSHI, POLYMARKET
from markets.platforms.trading import FAILED, PARTIAL, FillReport, OrderReport

log = logging.getLogger(__name__)

ZERO, ONE = Decimal(0), Decimal(1)
PRICE_STEP, MONEY_STEP, FEE_STEP = Decimal("0.000001"), Decimal("0.000001"), Decimal("0.000000000001")
NOT_UNDONE = "trade_not_undone"  # a notice's kind, and a halt's code
PAPER = "paper"
SETTLES_LATER = frozenset({POLYMARKET})  # a trade is money there only when it is CONFIRMED
NETS_AT_ONCE = frozenset({KALSHI})  # YES and NO of one market become a dollar by themselves
NOTHING, CHANGED, NEWS = 0, 1, 2
MAY_TURN_UP = timedelta(hours=1)  # an abandoned order whose id nobody knows


# --- orders


def orders_told(
    reports: Sequence[OrderReport], *, mode: str, platform: str, now: datetime
) -> list[OrderReport]:
    """Apply what a platform says of orders; returns the reports that are not ours."""
    if not reports:
        return []
    unknown = []
    with transaction.atomic():
        known = _orders_of(reports, mode, platform)
        changed: dict[str, Order] = {}
        news: set[str] = set()
        for report in reports:
            order = known.get(report.platform_order_id) or known.get(report.client_order_id)
            if order is None:
                if not _may_be_ours(report, mode, platform, now):
                    unknown.append(report)
                continue
            heard = _hear(order, report.status, report.matched, report.platform_order_id, report.reason, now)
            if heard:
                changed[order.id] = order
            if heard == NEWS and order.plan_id:
                news.add(order.plan_id)
        _save(list(changed.values()), now)
        reopen(news, "the platform told more about its orders", now)
    return unknown


def answered(order_id: str, status: str, matched: Decimal, platform_order_id: str, *, now: datetime) -> Order:
    """Record that the platform has an order, and what it said; returns the row as it is now."""
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        if _hear(order, status, matched, platform_order_id, "", now):
            _save([order], now)
    return order


def _orders_of(reports: Iterable[OrderReport], mode: str, platform: str) -> dict[str, Order]:
    """Our orders by the platform's id and by ours, locked."""
    theirs = [report.platform_order_id for report in reports if report.platform_order_id]
    ours = [report.client_order_id for report in reports if report.client_order_id]
    rows = (
        Order.objects.select_for_update()
        .filter(Q(platform_order_id__in=theirs) | Q(client_order_id__in=ours), mode=mode, platform=platform)
        .order_by("id")
    )
    found = {}
    for row in rows:
        found[row.client_order_id] = row
        if row.platform_order_id:
            found[row.platform_order_id] = row
    return found


def _hear(
    order: Order, status: str, matched: Decimal, platform_order_id: str, reason: str, now: datetime
) -> int:
    """Let an order know: NOTHING new, CHANGED, or NEWS that matter to a plan that is done."""
    before = (order.status, order.matched_qty, order.platform_order_id, order.answered_at)
    order.matched_qty = max(order.matched_qty, matched)
    order.platform_order_id = order.platform_order_id or platform_order_id
    order.status = hearing.state(order.status or "", status, order.matched_qty, quantity_of(order))
    if reason and order.status == lifecycle.CANCELLED:
        order.error_message = order.error_message or reason
    if order.status not in (lifecycle.PLANNED, lifecycle.SUBMITTED):
        order.answered_at = order.answered_at or now
    if order.status == lifecycle.REJECTED and order.matched_qty > before[1]:
        _tell_of_a_refused_order_that_lives(order, now)
    if order.matched_qty > before[1] or (
        before[0] in lifecycle.DONE and order.status in lifecycle.AT_PLATFORM
    ):
        return NEWS
    return (
        CHANGED
        if before != (order.status, before[1], order.platform_order_id, order.answered_at)
        else NOTHING
    )


def quantity_of(order: Order) -> Decimal | None:
    """Contracts that fill an order; None where it was by cash."""
    return order.quantity if order.cash is None else None


def _tell_of_a_refused_order_that_lives(order: Order, now: datetime) -> None:
    Notice.objects.record(
        "refused_order_lives", order.id,
        f"{order.platform} had refused it and says now that {order.matched_qty} contracts matched; look at its page there.",
        severity=CRITICAL, at=now,
    )  # fmt: skip


def _save(orders: Sequence[Order], now: datetime) -> None:
    """Write orders, and tell everybody once it is committed."""
    for order in orders:
        order.updated_at = now
        if order.status == lifecycle.FAILED:  # heard all at once: it was filled before that
            filled_from = lifecycle.before(lifecycle.FILLED) - {lifecycle.CANCELLED}
            Order.objects.filter(pk=order.pk, status__in=filled_from).update(status=lifecycle.FILLED)
        order.save(
            update_fields=[
                "status", "matched_qty", "filled_qty", "avg_fill_price", "fee", "platform_order_id",
                "error_message", "answered_at", "updated_at",
            ]
        )  # fmt: skip
    publishing.after_commit(orders=orders)


def reopen(plan_ids: Iterable[str], why: str, now: datetime) -> None:
    """Have plans that were done looked at again, and ring for all of them."""
    ids = sorted(plan_ids)
    if not ids:
        return
    # Locked whatever their state: one that is being ended at this moment is done once that is committed
    for plan in Plan.objects.select_for_update().filter(id__in=ids).order_by("id"):
        if plan.status not in lifecycle.PLAN_DONE:
            continue
        Plan.objects.filter(pk=plan.pk).update(status=lifecycle.EXECUTING, finished_at=None)
        PlanStep.objects.create(plan=plan, at=now, what="reopened", sentence=f"{plan.status} no more: {why}")
    transaction.on_commit(lambda: ringing.ring(*ids))


def _may_be_ours(report: OrderReport | FillReport, mode: str, platform: str, now: datetime) -> bool:
    """Whether an order of ours, of which we do not know the platform's id, could be the one that is told of."""
    nameless = Q(status__in=lifecycle.AT_PLATFORM) | Q(
        status=lifecycle.ABANDONED, sent_at__gt=now - MAY_TURN_UP
    )
    return Order.objects.filter(
        nameless, mode=mode, platform=platform, market_id=report.market_id, platform_order_id=""
    ).exists()


# --- fills


@dataclass(slots=True)
class _Batch:
    """What one telling writes."""

    movements: list[Movement] = field(default_factory=list)
    values: dict[PositionKey, ledger.Position] = field(default_factory=dict)
    touched: dict[str, Order] = field(default_factory=dict)
    undone: set[str] = field(default_factory=set)  # orders of which a trade failed
    settling: dict[str, FillReport] = field(default_factory=dict)  # by fill id


def fills_told(reports: Sequence[FillReport], *, mode: str, platform: str, now: datetime) -> list[FillReport]:
    """Book what a platform says was executed, once each; returns the reports that are not ours.

    A sale of contracts whose purchase was not told yet waits: `matched_qty` stays ahead of `filled_qty`, so the fills are
    asked for again.
    """
    if not reports:
        return []
    unknown: list[FillReport] = []
    with transaction.atomic():
        holdings.lock_ledger()
        known = _orders_by_platform_id(reports, mode, platform)
        booked = _booked(reports, mode, platform)
        batch = _Batch()
        batch.values = {
            key: holdings.value_of(row)
            for key, row in holdings.rows_of(
                mode, sorted({order.market_id or "" for order in known.values()})
            ).items()
        }
        for report in sorted(_last_words(reports), key=lambda one: (one.side != "BUY", one.at, one.fill_id)):
            order = known.get(report.platform_order_id)
            if order is None:
                if not _may_be_ours(report, mode, platform, now):
                    unknown.append(report)
                continue
            _take(batch, order, report, booked.get(report.fill_id[:128]), now)
        positions = _write(batch, mode, platform, now)
    publishing.after_commit(positions=positions.values())
    return unknown


def _last_words(reports: Sequence[FillReport]) -> list[FillReport]:
    """One report for each fill: the one whose settlement has come furthest."""
    last: dict[str, FillReport] = {}
    for report in reports:
        other = last.get(report.fill_id)
        if other is None or hearing.settlement(other.status, report.status) != other.status:
            last[report.fill_id] = report
    return list(last.values())


def _orders_by_platform_id(reports: Iterable[FillReport], mode: str, platform: str) -> dict[str, Order]:
    ids = {report.platform_order_id for report in reports if report.platform_order_id}
    rows = Order.objects.select_for_update().filter(platform_order_id__in=ids, mode=mode, platform=platform)
    return {row.platform_order_id: row for row in rows.order_by("id")}


def _booked(reports: Iterable[FillReport], mode: str, platform: str) -> dict[str, Fill]:
    ids = {report.fill_id[:128] for report in reports}
    rows = Fill.objects.filter(mode=mode, platform=platform, trade_id__in=ids).select_related("settling")
    return {row.trade_id: row for row in rows}


def _take(batch: _Batch, order: Order, report: FillReport, fill: Fill | None, now: datetime) -> None:
    """Put one report into the batch, as far as it is new."""
    failed = report.status == FAILED
    if fill is None and order.role == Order.HAND:
        _take_by_hand(batch, order, report)
        return
    if fill is None:
        entry = _entry(order, report)
        if entry is None:
            _tell_of_a_stranger(order, report, now)
            return
        if not _add(batch, order, entry, report.fill_id[:128]):
            order.matched_qty = max(order.matched_qty, order.filled_qty + report.size)
            batch.touched[order.id] = order
            return
    else:
        if fill.order_id != order.id:
            return  # reconciliation booked it before we knew whose it was
        entry = Entry(
            fill.platform, fill.market_id, fill.outcome, fill.side, fill.quantity, fill.price, fill.fee
        )
    if failed and not _is_undone(fill):
        if not _add(batch, order, ledger.reversal(entry), _reversal_id(report.fill_id)):
            _tell_of_what_cannot_be_undone(order, entry, report, now)
            return  # what was sold since must be undone first: it is told again
        batch.undone.add(order.id)
    batch.settling[report.fill_id[:128]] = report


def _take_by_hand(batch: _Batch, order: Order, report: FillReport) -> None:
    """A trade of an order that somebody placed on the platform itself, in the words that reconciliation books it in."""
    if report.status == FAILED:
        return  # it was never booked, and is nothing
    held = {
        outcome: batch.values.get((order.platform, report.market_id, outcome), ledger.Position()).quantity
        for outcome in (YES, NO)
    }
    fee = report.fee if report.fee is not None else _fee(order, report.price, report)
    for number, piece in enumerate(comparing.pieces(report, held, fee)):
        entry = Entry(
            order.platform, report.market_id, piece.outcome, piece.side, piece.contracts, piece.price,
            piece.fee.quantize(FEE_STEP), ledger.HAND,
        )  # fmt: skip
        _add(batch, order, entry, f"{report.fill_id}{':rest' if number else ''}"[:128])
    batch.settling[report.fill_id[:128]] = report


def _tell_of_what_cannot_be_undone(order: Order, entry: Entry, report: FillReport, now: datetime) -> None:
    """A trade failed whose contracts we have sold: we owe them. Told once, and nothing new goes to that market."""
    if Notice.objects.filter(kind=NOT_UNDONE, subject=order.id, data__fill=report.fill_id).exists():
        return
    sentence = (
        f"A trade of {entry.side} {entry.quantity} {entry.outcome} failed to settle on {order.platform}, and what it"
        f" brought is gone from our books already (order {order.id}): compare with the account page there."
    )
    Notice.objects.record(NOT_UNDONE, order.id, sentence, severity=HIGH, at=now, fill=report.fill_id)
    halts.trip(NOT_UNDONE, sentence, by="facts", now=now, platform=order.platform, market_id=order.market_id)


def _is_undone(fill: Fill | None) -> bool:
    settling = getattr(fill, "settling", None) if fill is not None else None
    return settling is not None and settling.status == Settling.FAILED


def _reversal_id(fill_id: str) -> str:
    return f"reversal:{fill_id}"[:128]


def _add(batch: _Batch, order: Order, entry: Entry, trade_id: str) -> bool:
    """Add a movement; False where the ledger cannot take it yet."""
    try:
        after = ledger.apply(batch.values.get(entry.key, ledger.Position()), entry)
    except LedgerError as error:
        log.warning("fill waits", extra={"order": order.id, "trade": trade_id, "error": str(error)})
        return False
    batch.values[entry.key] = after
    batch.movements.append(Movement(entry, trade_id=trade_id, order_id=order.id))
    batch.touched[order.id] = order
    return True


def _entry(order: Order, report: FillReport) -> Entry | None:
    """The report as an entry in the order's own words; None where it tells of something else.

    Buying NO at 0.40 and selling YES at 0.60 is one and the same on Kalshi, and told as either.
    """
    price = report.price
    if (report.outcome, report.side) != (order.outcome, order.side):
        if report.outcome == order.outcome or report.side == order.side:
            return None
        price = ONE - price
    fee = report.fee if report.fee is not None else _fee(order, price, report)
    return Entry(
        order.platform, order.market_id or "", order.outcome or "", order.side or "", report.size, price, fee
    )


def _fee(order: Order, price: Decimal, report: FillReport) -> Decimal:
    """What the market's schedule says that this fill cost; the platform did not tell."""
    document = Market.objects.filter(pk=order.market_id).values_list("fees", flat=True).first()
    fees = clients.fees_from_json(order.platform, document) or clients.standard_fees(order.platform)
    return fees.order_cost(order.side or "BUY", [Level(price, report.size)], maker=not report.taker).fee


def _tell_of_a_stranger(order: Order, report: FillReport, now: datetime) -> None:
    Notice.objects.record(
        "fill_does_not_fit", order.id,
        f"{order.platform} told of {report.side} {report.size} {report.outcome} for an order to {order.side}"
        f" {order.outcome}; it was not booked: run manage.py reconcile and look at the trade there.",
        severity=HIGH, at=now, fill=report.fill_id,
    )  # fmt: skip


def _write(batch: _Batch, mode: str, platform: str, now: datetime) -> dict[PositionKey, Position]:
    positions = booking.book(batch.movements, mode=mode, now=now)
    if mode == PAPER or platform in NETS_AT_ONCE:
        positions |= booking.book(merges(positions), mode=mode, now=now)
    _settle(batch, mode, platform, now)
    more = set()
    for order in batch.touched.values():
        before = order.matched_qty
        _sum_up(order)
        if order.matched_qty > before and order.plan_id:
            more.add(order.plan_id)
    _save(list(batch.touched.values()), now)
    _tell_of_fills(batch, now)
    reopen(more, "more contracts came than were known of", now)
    if batch.undone:
        plans = {
            order.plan_id for order in batch.touched.values() if order.id in batch.undone and order.plan_id
        }
        reopen(plans, "a trade failed to settle, and what it held is gone", now)
    return positions


def _settle(batch: _Batch, mode: str, platform: str, now: datetime) -> None:
    """How far the settlement of these fills is, where a platform settles later."""
    if mode == PAPER or platform not in SETTLES_LATER or not batch.settling:
        return
    ids = dict(
        Fill.objects.filter(mode=mode, platform=platform, trade_id__in=batch.settling).values_list(
            "trade_id", "id"
        )
    )
    known = {row.fill_id: row for row in Settling.objects.filter(fill_id__in=ids.values())}
    for trade_id, report in batch.settling.items():
        row = known.get(ids[trade_id])
        if row is None:
            Settling.objects.create(
                fill_id=ids[trade_id], trade_id=report.trade_id, status=report.status,
                transaction_hash=report.transaction_hash, updated_at=now,
            )  # fmt: skip
            continue
        status = hearing.settlement(row.status, report.status)
        if status != row.status or (report.transaction_hash and not row.transaction_hash):
            row.status, row.updated_at = status, now
            row.transaction_hash = report.transaction_hash or row.transaction_hash
            row.save(update_fields=["status", "transaction_hash", "updated_at"])


def _sum_up(order: Order) -> None:
    """An order's own figures from its booked fills."""
    kind = Fill.HAND if order.role == Order.HAND else Fill.TRADE
    sums = {
        row["kind"]: row
        for row in Fill.objects.filter(order_id=order.id, kind__in=(kind, Fill.REVERSAL))
        .values("kind")
        .annotate(contracts=Sum("quantity"), worth=Sum(F("quantity") * F("price")), fees=Sum("fee"))
        .order_by("kind")
    }
    nothing = {"contracts": ZERO, "worth": ZERO, "fees": ZERO}
    traded, undone = sums.get(kind, nothing), sums.get(Fill.REVERSAL, nothing)
    filled = traded["contracts"] - undone["contracts"]
    order.matched_qty = max(order.matched_qty, traded["contracts"])
    most = quantity_of(order)
    order.filled_qty = (
        filled if most is None else min(filled, most)
    )  # the ledger has it all; see `overfilled`
    order.avg_fill_price = (
        ((traded["worth"] - undone["worth"]) / filled).quantize(PRICE_STEP) if filled > 0 else None
    )
    order.fee = (traded["fees"] + undone["fees"]).quantize(MONEY_STEP)
    order.status = hearing.state(order.status or "", PARTIAL, order.matched_qty, most)
    order.status = hearing.undone(order.status, order.matched_qty, undone["contracts"])


def _tell_of_fills(batch: _Batch, now: datetime) -> None:
    for order in batch.touched.values():
        if order.id in batch.undone:
            Notice.objects.record(
                "trade_failed", order.id,
                f"A trade of {order.side} {order.outcome} failed to settle on {order.platform}; its fills were reversed.",
                severity=HIGH, at=now, plan=order.plan_id,
            )  # fmt: skip
        elif order.filled_qty:
            Notice.objects.record(
                "order_filled", order.id,
                f"{order.side} {order.filled_qty} {order.outcome} at {order.avg_fill_price}: {order.market_id}",
                severity=INFO, at=now, plan=order.plan_id,
            )  # fmt: skip
        most = quantity_of(order)
        if most is not None and order.matched_qty > most:
            Notice.objects.record(
                "overfilled", order.id, f"{order.matched_qty} contracts came of {most} that were asked for",
                severity=HIGH, at=now,
            )  # fmt: skip


def unsettled(mode: str, platform: str) -> list[Order]:
    """Orders of which fills are missing here, or not final there: whose fills must be asked for again."""
    ours = Order.objects.filter(mode=mode, platform=platform).exclude(platform_order_id="")
    missing = ours.filter(matched_qty__gt=F("filled_qty"), status__in=lifecycle.DONE - {lifecycle.FAILED})
    on_the_way = Settling.objects.filter(status__in=(Settling.MATCHED, Settling.MINED, Settling.RETRYING))
    # Each asked alone has an index of few rows; together every order would be read
    ids = {*missing.values_list("pk", flat=True), *on_the_way.values_list("fill__order_id", flat=True)}
    return list(ours.filter(pk__in=ids).order_by("sent_at")[:200])

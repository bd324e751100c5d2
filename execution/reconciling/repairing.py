"""The repairs of a reconciliation: facts told, orders adopted, trades by hand, settlements and cash booked.

Each may run twice: what is written is named after what the platform calls it, and looked for before. Each returns what
it did as a sentence, or nothing where it did nothing.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, transaction

from execution import ledger, publishing
from execution.ledger import Entry, LedgerError
from execution.models import CashMovement, Fill, Order, Reconciliation
from execution.orders import facts
from execution.portfolio import booking, holdings
from execution.portfolio import services as portfolio
from execution.portfolio.booking import Movement
from execution.reconciling import comparing, gathering
from execution.reconciling.comparing import Finding, Theirs
from markets import clients, live
from markets import services as market_services
from markets.books import Level, dollars
from markets.models import Market, Price
from markets.platforms.base import KALSHI, PlatformError
from markets.platforms.trading import (
    CANCELLED,
    FILLED,
    PARTIAL,
    Balance,
    CashReport,
    FillReport,
    Holding,
    OrderRef,
    OrderReport,
    SettlementReport,
    Trading,
)  # fmt: skip

log = logging.getLogger(__name__)
ZERO, ONE, HALF = Decimal(0), Decimal(1), Decimal("0.5")
PRICE_STEP, FEE_STEP = Decimal("0.000001"), Decimal("0.000000000001")
HAND = "HAND"
LISTED = "listed_before"
# Where every deposit and withdrawal is listed. Polymarket's list is an index of the chain, which may lack or delay some
LISTS_CASH = frozenset({KALSHI})
LEAST_MOVE = Decimal(1)  # dollars; less than that is rather a fee that we reckon differently
NOT_ASKED = (PlatformError, OSError)


@dataclass(frozen=True, slots=True)
class Place:
    """Where repairs happen."""

    trade: Trading
    mode: str
    now: datetime

    @property
    def platform(self) -> str:
        """Whose books they are."""
        return self.trade.platform


def repair(finding: Finding, place: Place) -> str:
    """Do what the finding says is safe; returns what was done, nothing where it could not be."""
    do: dict[str, Callable[[Finding, Place], str]] = {
        comparing.TELL: tell, comparing.ADOPT: adopt, comparing.BOOK: book_by_hand, comparing.CANCEL: cancel,
        comparing.MOVE: move, comparing.SETTLE: settle, comparing.NET: net,
    }  # fmt: skip
    if finding.repair not in do:
        return ""
    try:
        return do[finding.repair](finding, place)
    except (LedgerError, IntegrityError, *NOT_ASKED) as error:
        log.warning("not repaired", extra={"finding": finding.sentence, "error": str(error)})
        return ""


# --- orders and their fills


def tell(finding: Finding, place: Place) -> str:
    """Facts of orders that are ours."""
    report = finding.report
    if isinstance(report, OrderReport):
        facts.orders_told([report], mode=place.mode, platform=place.platform, now=place.now)
        return "our row says now what the platform says"
    assert isinstance(report, FillReport)
    facts.fills_told([report], mode=place.mode, platform=place.platform, now=place.now)
    return "the fill is booked"


def adopt(finding: Finding, place: Place) -> str:
    """An order that somebody placed on the platform itself becomes a row, so that its money counts as spoken for."""
    report = finding.report
    assert isinstance(report, OrderReport)
    if not known_market(report.market_id, place):
        return ""
    _hand_order(report, place)
    return "it is in our books as an order placed by hand"


def _hand_order(report: OrderReport, place: Place) -> Order:
    name = hand_id(place, report.platform_order_id)
    status = {FILLED: PARTIAL, PARTIAL: PARTIAL, CANCELLED: CANCELLED}.get(report.status, "OPEN")
    order, _ = Order.objects.get_or_create(
        platform=place.platform,
        platform_order_id=report.platform_order_id,
        defaults={
            "id": name, "client_order_id": name,
            "market_id": report.market_id, "outcome": report.outcome, "side": report.side, "quantity": report.size,
            "price": report.limit_price, "order_type": "LIMIT", "status": status, "matched_qty": report.matched,
            "role": Order.HAND, "mode": place.mode, "time_in_force": "GOOD_TILL_CANCELLED",
            "created_at": report.at or place.now, "updated_at": place.now, "answered_at": place.now,
            "shard": shard_of(report.market_id), "error_message": "placed on the platform itself",
        },
    )  # fmt: skip
    return order


def hand_id(place: Place, platform_order_id: str) -> str:
    """The stable id of an order that is not ours."""
    text = f"{place.mode}:{place.platform}:{platform_order_id}"
    return f"hand_{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def cancel(finding: Finding, place: Place) -> str:
    """An order that is done for us and open there is cancelled; the next look sees whether it is gone."""
    row = Order.objects.get(pk=str(finding.report))
    answer = place.trade.cancel([gathering.ref(row)])
    return "it was cancelled there" if answer.gone else ""


def book_by_hand(finding: Finding, place: Place) -> str:
    """A trade that somebody made on the platform itself, with an order of its own."""
    report = finding.report
    assert isinstance(report, FillReport)
    if not known_market(report.market_id, place):
        return ""
    told = _order_of(report, place)
    if told is not None and not told.client_order_id.startswith("hand_") and _is_ours(told, place):
        facts.orders_told([told], mode=place.mode, platform=place.platform, now=place.now)
        facts.fills_told([report], mode=place.mode, platform=place.platform, now=place.now)
        return "its order is ours after all, and the fill is booked"
    with transaction.atomic():
        holdings.lock_ledger()
        if _booked(report.fill_id, place):
            return "it is booked"
        order = _hand_order(told or _order_from(report), place)
        movements = _hand_movements(report, order, place)
        positions = booking.book(movements, mode=place.mode, now=place.now)
        _sum_up(order, place.now)
    publishing.tell([], [], positions.values(), [])
    return "it is in our books as a trade by hand"


def _is_ours(told: OrderReport, place: Place) -> bool:
    return bool(told.client_order_id) and Order.objects.filter(
        client_order_id=told.client_order_id, mode=place.mode, platform=place.platform
    ).exclude(role=Order.HAND).exists()  # fmt: skip


def _order_of(report: FillReport, place: Place) -> OrderReport | None:
    """The order that traded, as the platform tells it; None where it does not know it any more."""
    known = Order.objects.filter(
        platform=place.platform, platform_order_id=report.platform_order_id, mode=place.mode
    ).first()
    if known is not None:
        return place.trade.find(gathering.ref(known))
    return place.trade.find(OrderRef("", report.platform_order_id, report.market_id, report.at))


def _order_from(report: FillReport) -> OrderReport:
    return OrderReport(
        report.platform_order_id, "", report.market_id, report.outcome, report.side, FILLED, report.size, report.size,
        report.price, at=report.at,
    )  # fmt: skip


def _hand_movements(report: FillReport, order: Order, place: Place) -> list[Movement]:
    rows = holdings.rows_of(place.mode, [report.market_id])
    held = {outcome: row.quantity for (_, _, outcome), row in rows.items()}
    fee = report.fee if report.fee is not None else _fee(report, place.platform)
    return [
        Movement(
            Entry(
                place.platform, report.market_id, piece.outcome, piece.side, piece.contracts, piece.price,
                piece.fee.quantize(FEE_STEP), HAND,
            ),
            trade_id=f"{report.fill_id}{'' if not number else ':rest'}"[:128], order_id=order.id,
        )
        for number, piece in enumerate(comparing.pieces(report, held, fee))
    ]  # fmt: skip


def _fee(report: FillReport, platform: str) -> Decimal:
    """By the market's schedule, where the platform does not tell."""
    document = Market.objects.filter(pk=report.market_id).values_list("fees", flat=True).first()
    fees = clients.fees_from_json(platform, document) or clients.standard_fees(platform)
    return fees.order_cost(report.side, [Level(report.price, report.size)], maker=not report.taker).fee


def _sum_up(order: Order, now: datetime) -> None:
    """A hand order's figures are the sum of its fills."""
    fills = list(Fill.objects.filter(order=order))
    filled = sum((fill.quantity for fill in fills), ZERO)
    worth = sum((fill.quantity * fill.price for fill in fills), ZERO)
    order.filled_qty = min(filled, order.quantity) if order.quantity is not None else filled
    order.matched_qty = max(order.matched_qty, order.filled_qty)
    order.avg_fill_price = (worth / filled).quantize(PRICE_STEP) if filled else None
    order.fee = sum((fill.fee for fill in fills), ZERO).quantize(PRICE_STEP)
    if (
        order.quantity is not None
        and order.filled_qty >= order.quantity
        and order.status in ("OPEN", "PARTIAL")
    ):
        order.status = "FILLED"
    order.updated_at = now
    order.save(update_fields=["filled_qty", "matched_qty", "avg_fill_price", "fee", "status", "updated_at"])


def _booked(trade_id: str, place: Place) -> bool:
    return Fill.objects.filter(mode=place.mode, platform=place.platform, trade_id=trade_id[:128]).exists()


# --- money


def move(finding: Finding, place: Place) -> str:
    """A deposit, a withdrawal or a transfer: listed by the platform, or the only thing that explains its cash."""
    report = finding.report
    with transaction.atomic():
        holdings.lock_ledger()
        if isinstance(report, CashReport):
            kind, reference, shard = report.kind, report.reference, report.shard
            why = f"listed by {place.platform} for {report.at:%Y-%m-%d %H:%M:%S}"
        else:
            shard = int(finding.subject.removeprefix("shard "))
            kind = inferred_kind(finding)
            reference = f"{gathering.INFERRED}{shard}:{place.now:%Y%m%dT%H%M%S}"
            why = f"inferred: ours {finding.ours}, theirs {finding.theirs}, and nothing else differs"
        booking.move_cash(
            place.mode,
            place.platform,
            finding.amount,
            kind,
            reference[:128],
            now=place.now,
            shard=shard,
            why=why,
        )
    return f"it is in our books as a {kind.lower()} of ${finding.amount}"


def inferred_kind(finding: Finding) -> str:
    """What cash that came or went by itself is called."""
    if finding.kind == comparing.CASH_BETWEEN_SHARDS:
        return CashMovement.TRANSFER
    return CashMovement.DEPOSIT if finding.amount > 0 else CashMovement.WITHDRAWAL


def settle(finding: Finding, place: Place) -> str:
    """Close what our books still hold of a market that paid out, at what it paid."""
    report = finding.report
    assert isinstance(report, SettlementReport)
    with transaction.atomic():
        holdings.lock_ledger()
        rows = holdings.rows_of(place.mode, [report.market_id])
        values = {key: holdings.value_of(row) for key, row in rows.items()}
        entries = ledger.settlement(values, place.platform, report.market_id, report.yes_pays)
        movements = [
            Movement(entry, trade_id=portfolio.settlement_id(place.mode, entry)) for entry in entries
        ]
        positions = booking.book(movements, mode=place.mode, now=place.now)
    publishing.tell([], [], positions.values(), [])
    paid = sum((entry.cash for entry in entries), ZERO)
    return f"it is in our books as a settlement of ${paid.quantize(comparing.CENT)}"


def net(finding: Finding, place: Place) -> str:
    """YES and NO that the platform made a dollar a pair of."""
    with transaction.atomic():
        holdings.lock_ledger()
        rows = holdings.rows_of(place.mode, [str(finding.market_id)])
        values = {key: holdings.value_of(row) for key, row in rows.items()}
        pairs = ledger.mergeable(values, place.platform, str(finding.market_id))
        if pairs <= 0:
            return "it is booked"
        entries = ledger.merge(values, place.platform, str(finding.market_id), pairs)
        stamp = f"{place.now:%Y%m%dT%H%M%S%f}"
        movements = [
            Movement(entry, trade_id=f"netted:{finding.market_id}:{stamp}:{entry.outcome}"[:128])
            for entry in entries
        ]
        positions = booking.book(movements, mode=place.mode, now=place.now)
    publishing.tell([], [], positions.values(), [])
    return f"{pairs} pairs are in our books as merged"


# --- what a second look permits


def second_looks(
    findings: list[Finding], waited: dict[tuple[str, str], tuple[str, str]], place: Place
) -> list[Finding]:
    """Findings with repairs that are safe because they stood as they are for longer than anything is in flight.

    `waited` are the differences that are as old: their kind and subject, and both sides as they were seen.
    """
    same = {
        key for key, sides in waited.items() for one in findings if _key(one) == key and _same(one, sides)
    }
    contracts_agree = not any(one.kind == comparing.POSITION for one in findings)
    settled = [_second(one, contracts_agree, place) if _key(one) in same else one for one in findings]
    return [one for one in settled if one.repair]


def _key(finding: Finding) -> tuple[str, str]:
    return finding.kind, finding.subject[:128]


def _same(finding: Finding, sides: tuple[str, str]) -> bool:
    return (finding.ours, finding.theirs) == sides


def _second(finding: Finding, contracts_agree: bool, place: Place) -> Finding:
    if finding.kind == comparing.ORDER_UNKNOWN_THERE and finding.ours in ("OPEN", "PARTIAL", "CANCELLING"):
        row = Order.objects.get(pk=str(finding.report))
        gone = OrderReport(
            row.platform_order_id, row.client_order_id, row.market_id or "", row.outcome or "", row.side or "", CANCELLED,
            row.quantity, row.matched_qty, row.price, reason="the platform does not know it any more", at=place.now,
        )  # fmt: skip
        return replace(finding, repair=comparing.TELL, report=gone, loud=True)
    lists = place.platform in LISTS_CASH
    explained = finding.sure and contracts_agree and abs(finding.amount) >= LEAST_MOVE
    between = finding.kind == comparing.CASH_BETWEEN_SHARDS
    if between or (finding.kind == comparing.CASH and explained and not lists):
        return replace(finding, repair=comparing.MOVE, report=None, loud=True)
    return finding


# --- the first look ever


def is_open(mode: str, platform: str) -> datetime | None:
    """When our books of a platform began; None before the first look."""
    rows = CashMovement.objects.filter(mode=mode, platform=platform, kind=CashMovement.OPENING)
    return rows.order_by("at").values_list("at", flat=True).first()


def open_books(theirs: Theirs, place: Place, row: Reconciliation) -> int:
    """Begin our books with what is there: contracts at their market price, and cash. Returns how many rows.

    The contracts are booked as purchases by hand, and their price added to the opening cash, so that cash is what the
    platform says.
    """
    found = [one for one in theirs.holdings or () if one.size > 0]
    known = [one for one in found if known_market(one.market_id, place)]
    with transaction.atomic():
        holdings.lock_ledger()
        if is_open(place.mode, place.platform) is not None:
            return 0
        row.counts = {LISTED: listed_lately(theirs, place.now)}
        row.save(update_fields=["counts"])
        entries = [_opening(one, place) for one in known]
        spent: dict[int, Decimal] = {}
        for entry in entries:
            shard = shard_of(entry.market_id)
            spent[shard] = spent.get(shard, ZERO) - entry.cash
        balances = {balance.shard: balance for balance in theirs.balances or ()}
        for shard in sorted({0, *spent, *balances}):
            cash = cash_of(balances.get(shard), theirs) + spent.get(shard, ZERO)
            booking.move_cash(
                place.mode, place.platform, cash, CashMovement.OPENING, f"opening:{shard}", now=place.now, shard=shard,
                why="what the platform held at the first reconciliation; contracts at their market price",
            )  # fmt: skip
        movements = [
            Movement(entry, trade_id=f"opening:{entry.market_id}:{entry.outcome}"[:128]) for entry in entries
        ]
        booking.book(movements, mode=place.mode, now=place.now)
    return len(entries) + 1


def listed_lately(theirs: Theirs, now: datetime) -> list[str]:
    """Fills and movements that are in the opening balance though the clock does not prove it."""
    late = now - 2 * comparing.CLOCKS
    fills = [fill.fill_id for fill in theirs.fills if fill.at > late]
    return [*fills, *(move.reference for move in theirs.moves if move.at > late)]


def cash_of(balance: Balance | None, theirs: Theirs) -> Decimal:
    """Everything on a shard; where only what is free is told, with what open orders have spoken for."""
    if balance is None:
        return ZERO
    if balance.cash is not None:
        return balance.cash
    spoken = ZERO
    for report in theirs.orders:
        if (
            report.side == ledger.BUY
            and report.size
            and report.limit_price
            and shard_of(report.market_id) == balance.shard
        ):
            spoken += (report.size - report.matched) * report.limit_price
    return balance.free + spoken


def _opening(holding: Holding, place: Place) -> Entry:
    price = market_price(place.platform, holding.market_id, holding.outcome)
    return Entry(
        place.platform, holding.market_id, holding.outcome, ledger.BUY, holding.size, price, kind=HAND
    )


def market_price(platform: str, market_id: str, outcome: str) -> Decimal:
    """Dollars a contract: the best bid now, else the last price we stored, else one half."""
    view = live.book_view(platform, market_id)
    bids = view.bids_for(outcome) if view is not None else ()
    if bids:
        return dollars(bids[0][0])
    row = Price.objects.filter(market_id=market_id, mid_price__isnull=False).order_by("-timestamp").first()
    if row is None or row.mid_price is None:
        return HALF
    return row.mid_price if row.outcome == outcome else ONE - row.mid_price


# --- markets


def known_market(market_id: str, place: Place) -> bool:
    """Whether we have a row of this market; the platform is asked for one that we never saw."""
    if Market.objects.filter(pk=market_id).exists():
        return True
    try:
        market_services.refresh(place.platform, [market_id], now=place.now)
    except NOT_ASKED as error:
        log.warning("market not read", extra={"market": market_id, "error": str(error)})
    return Market.objects.filter(pk=market_id).exists()


def shard_of(market_id: str) -> int:
    """Where the platform keeps the money of a market."""
    found = Market.objects.filter(pk=market_id).values_list("metadata__exchange_index", flat=True).first()
    return int(found or 0)

"""Both sides of a comparison, read in the order that keeps it honest: what they hold, what they executed, then ours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from execution import holdings, lifecycle
from execution.comparing import OurFill, OurMove, OurOrder, Ours, Terms, Theirs
from execution.models import Account, CashMovement, Fill, Order, Position, Settling
from markets.models import Market
from markets.platforms.base import KALSHI, POLYMARKET, SETTLED
from markets.platforms.trading import OrderRef, Trading

NETS = frozenset({KALSHI})
DUST = {POLYMARKET: Decimal("0.01")}  # contracts; its fills drift by as much
# Polymarket tells what a wallet holds from the chain's index, which lags behind the trades
LAGS = {KALSHI: 1, POLYMARKET: 2}
PENDING = (Settling.MATCHED, Settling.MINED, Settling.RETRYING)
RECENT = timedelta(days=1)  # orders that ended within it may still be told of
MOST_ORDERS = 2_000


def terms(platform: str, since: datetime) -> Terms:
    """How a platform is compared; `since` is when our books of it began."""
    window = timedelta(seconds=float(settings.ARBSITE.execution.look_up_seconds)) * LAGS.get(platform, 1)
    return Terms(window, since, nets=platform in NETS, dust=DUST.get(platform, Decimal(0)))


# --- theirs


def theirs(
    trade: Trading, mode: str, *, since: datetime, stocks: bool, terms: Terms, now: datetime
) -> Theirs:
    """What the platform says. Raises PlatformError: what could not be asked is unknown, never nothing."""
    held = trade.holdings() if stocks else None
    balances = trade.balances() if stocks else None
    moves = trade.cash_since(since) if stocks else []
    settlements = trade.settlements_since(since) if stocks else []
    fills = list(trade.fills_since(since))
    reports = list(trade.open_orders())
    open_ids = frozenset(report.platform_order_id for report in reports)
    named = open_ids | {report.client_order_id for report in reports if report.client_order_id}
    missing = set()
    for row in _to_look_up(mode, trade.platform):
        if row.platform_order_id in named or row.client_order_id in named:
            continue
        if row.status in (lifecycle.SUBMITTED, lifecycle.UNKNOWN) and now - changed_at(row) < terms.in_flight:
            continue  # whoever sent it is asking
        found = trade.find(ref(row))
        if found is None:
            missing.add(row.id)
        else:
            reports.append(found)
    lacking = [ref(row) for row in _lacking_fills(mode, trade.platform)]
    if lacking:
        fills += trade.fills(lacking)
    return Theirs(
        orders=tuple(reports), open_ids=open_ids, missing=frozenset(missing), fills=_once(fills), moves=tuple(moves),
        settlements=tuple(settlements), holdings=None if held is None else tuple(held),
        balances=None if balances is None else tuple(balances),
    )  # fmt: skip


def ref(row: Order) -> OrderRef:
    """How a platform knows an order of ours."""
    return OrderRef(row.client_order_id, row.platform_order_id, row.market_id or "", row.sent_at)


def changed_at(row: Order) -> datetime:
    """When we last sent or wrote it."""
    return max(row.sent_at or row.updated_at, row.updated_at)


def _to_look_up(mode: str, platform: str) -> list[Order]:
    rows = Order.objects.filter(mode=mode, platform=platform, status__in=lifecycle.AT_PLATFORM)
    return list(rows.order_by("created_at")[:MOST_ORDERS])


def _lacking_fills(mode: str, platform: str) -> list[Order]:
    """Orders that filled further than our books, or whose trades are not final."""
    lacking = Q(matched_qty__gt=F("filled_qty")) | Q(fills__settling__status__in=PENDING)
    rows = Order.objects.filter(lacking, mode=mode, platform=platform).exclude(status=lifecycle.FAILED)
    return list(rows.exclude(platform_order_id="").distinct().order_by("-created_at")[:200])


def _once(fills: Sequence) -> tuple:
    """Each fill once, as it was told last."""
    return tuple({fill.fill_id: fill for fill in fills}.values())


# --- ours


@dataclass(frozen=True, slots=True)
class _Named:
    """What theirs names, so that our side of it is read too."""

    orders: tuple[str, ...]
    clients: tuple[str, ...]


def ours(mode: str, platform: str, said: Theirs, *, terms: Terms, now: datetime) -> Ours:
    """Our books, at one moment."""
    with transaction.atomic():
        holdings.lock_ledger()  # nobody is between a fill and its position
        held = _held(mode, platform)
        return Ours(
            orders=_orders(mode, platform, _named(said), now),
            booked=_booked(mode, platform, said),
            held=held,
            cash=dict(
                Account.objects.filter(mode=mode, platform=platform)
                .values_list("shard", "cash")
                .order_by("shard")
            ),
            moved=frozenset(
                CashMovement.objects.filter(
                    mode=mode, platform=platform, reference__in=[move.reference for move in said.moves]
                ).values_list("reference", flat=True)
            ),
            young_fills=_young_fills(mode, platform, now - terms.in_flight),
            young_moves=_young_moves(mode, platform, now - terms.in_flight),
            settled=_settled(said, {market_id for market_id, _ in held}),
        )


def _named(said: Theirs) -> _Named:
    return _Named(
        tuple(
            ({one.platform_order_id for one in said.orders} | {one.platform_order_id for one in said.fills})
            - {""}
        ),
        tuple({report.client_order_id for report in said.orders if report.client_order_id}),
    )


def _orders(mode: str, platform: str, named: _Named, now: datetime) -> tuple[OurOrder, ...]:
    wanted = (
        Q(status__in=lifecycle.AT_PLATFORM)
        | Q(platform_order_id__in=named.orders)
        | Q(client_order_id__in=named.clients)
        | Q(matched_qty__gt=F("filled_qty"), updated_at__gt=now - RECENT)
    )
    rows = Order.objects.filter(wanted, mode=mode, platform=platform).order_by("id")
    return tuple(
        OurOrder(
            id=row.id, client_order_id=row.client_order_id, platform_order_id=row.platform_order_id,
            market_id=row.market_id or "", outcome=row.outcome or "", side=row.side or "", status=row.status or "",
            size=row.quantity, price=row.price, matched=row.matched_qty, filled=row.filled_qty,
            changed_at=changed_at(row), cash=row.cash, shard=row.shard, hand=row.role == Order.HAND,
        )
        for row in rows
    )  # fmt: skip


def _booked(mode: str, platform: str, said: Theirs) -> frozenset[str]:
    ids = [fill.fill_id[:128] for fill in said.fills]
    found = Fill.objects.filter(mode=mode, platform=platform, trade_id__in=ids).values_list(
        "trade_id", flat=True
    )
    return frozenset(found)


def _held(mode: str, platform: str) -> dict:
    rows = Position.objects.filter(mode=mode, platform=platform, quantity__gt=0)
    return {
        (market_id, outcome): quantity
        for market_id, outcome, quantity in rows.values_list("market_id", "outcome", "quantity")
    }


def _young_fills(mode: str, platform: str, since: datetime) -> tuple[OurFill, ...]:
    """Fills that were booked within the window, and those whose trade is not final."""
    young = Q(created_at__gt=since) | Q(settling__status__in=PENDING)
    rows = Fill.objects.filter(young, mode=mode, platform=platform).values_list(
        "market_id", "outcome", "side", "quantity", "cash", "shard"
    )
    return tuple(
        OurFill(market_id, outcome, quantity if side == Order.BUY else -quantity, cash, shard)
        for market_id, outcome, side, quantity, cash, shard in rows
    )


def _young_moves(mode: str, platform: str, since: datetime) -> tuple[OurMove, ...]:
    """Deposits and the like within the window. What we opened with was read from the platform itself."""
    rows = CashMovement.objects.filter(mode=mode, platform=platform, at__gt=since)
    rows = rows.exclude(kind__in=(CashMovement.OPENING, CashMovement.CORRECTION))
    return tuple(OurMove(shard, amount) for shard, amount in rows.values_list("shard", "amount"))


def _settled(said: Theirs, held: set[str]) -> dict:
    """What YES paid in markets that our ledger has settled, and the platform still lists until they are collected."""
    ids = {holding.market_id for holding in said.holdings or ()} - held
    rows = Market.objects.filter(id__in=ids, status=SETTLED, settlement_value__isnull=False)
    return dict(rows.values_list("id", "settlement_value"))

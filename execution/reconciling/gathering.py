"""Both sides of a comparison, read in the order that keeps it honest: what they hold, what they executed, then ours."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from execution import lifecycle
from execution.models import Account, CashMovement, Fill, Order, Position, Settling
from execution.portfolio import holdings
from execution.reconciling.comparing import OurFill, OurMove, OurOrder, Ours, Terms, Theirs
from markets.models import Market
from markets.platforms.base import KALSHI, POLYMARKET, SETTLED
from markets.platforms.trading import CashReport, OrderRef, Trading

NETS = frozenset({KALSHI})
DUST = {POLYMARKET: Decimal("0.01")}  # contracts; its fills drift by as much
# Polymarket tells what a wallet holds from the chain's index, which lags behind the trades
LAGS = {KALSHI: 1, POLYMARKET: 2}
COLLECTED_LATER = frozenset({POLYMARKET})  # a settlement is cash there only when a wallet has redeemed it
COLLECTED_WITHIN = timedelta(days=90)
INFERRED = "inferred:"  # cash movements that nobody listed
ZERO = Decimal(0)
PENDING = (Settling.MATCHED, Settling.MINED, Settling.RETRYING)
RECENT = timedelta(days=1)  # orders that ended within it may still be told of
MOST_ORDERS = 2_000


def terms(platform: str, since: datetime, before: Iterable[str] = ()) -> Terms:
    """How a platform is compared; `since` is when our books of it began, `before` what was listed then."""
    window = timedelta(seconds=float(settings.ARBSITE.execution.look_up_seconds)) * LAGS.get(platform, 1)
    return Terms(
        window, since, nets=platform in NETS, dust=DUST.get(platform, ZERO), before=frozenset(before)
    )


# --- theirs


def theirs(
    trade: Trading, mode: str, *, since: datetime, stocks: bool, terms: Terms, now: datetime
) -> Theirs:
    """What the platform says. Raises PlatformError: what could not be asked is unknown, never nothing."""
    if stocks:
        _refresh(trade)
    held = trade.holdings() if stocks else None
    balances = trade.balances() if stocks else None
    moves = trade.cash_since(since) if stocks else []
    settlements = trade.settlements_since(_settled_since(mode, trade.platform, since)) if stocks else []
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


def _refresh(trade: Trading) -> None:
    """Polymarket's order book keeps what a wallet holds in a cache, which a deposit or a merge does not renew."""
    refresh = getattr(trade, "refresh_balances", None)
    if refresh is not None:
        refresh()


def _settled_since(mode: str, platform: str, since: datetime) -> datetime:
    """Payouts are asked for from the first settlement on that may not be collected yet."""
    if platform not in COLLECTED_LATER:
        return since
    first = _settlements(mode, platform).order_by("created_at").values_list("created_at", flat=True).first()
    return min(since, first) if first is not None else since


def ref(row: Order) -> OrderRef:
    """How a platform knows an order of ours."""
    return OrderRef(
        row.client_order_id, row.platform_order_id, row.market_id or "", row.sent_at, row.created_at
    )


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
            moved=_moved(mode, platform, said.moves),
            young_fills=(
                *_young_fills(mode, platform, now - terms.in_flight),
                *_uncollected(mode, platform, said, now - terms.in_flight),
            ),
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


def _uncollected(mode: str, platform: str, said: Theirs, before: datetime) -> tuple[OurFill, ...]:
    """Settlements of our ledger that a wallet has to collect first, as long as the platform lists no payout."""
    if platform not in COLLECTED_LATER:
        return ()
    collected = {report.market_id for report in said.settlements if report.revenue}
    rows = _settlements(mode, platform).exclude(market_id__in=collected).filter(created_at__lte=before)
    return tuple(OurFill(row.market_id, row.outcome, ZERO, row.cash, row.shard) for row in rows)


def _settlements(mode: str, platform: str) -> QuerySet[Fill]:
    rows = Fill.objects.filter(mode=mode, platform=platform, kind=Fill.SETTLEMENT, cash__gt=0)
    return rows.filter(created_at__gt=timezone.now() - COLLECTED_WITHIN)


def _young_moves(mode: str, platform: str, since: datetime) -> tuple[OurMove, ...]:
    """Deposits and the like within the window. What we opened with was read from the platform itself."""
    rows = CashMovement.objects.filter(mode=mode, platform=platform, at__gt=since)
    rows = rows.exclude(kind__in=(CashMovement.OPENING, CashMovement.CORRECTION))
    return tuple(OurMove(shard, amount) for shard, amount in rows.values_list("shard", "amount"))


def _settled(said: Theirs, held: set[str]) -> frozenset[str]:
    """Markets that our ledger has settled, and that the platform may list until they are collected."""
    ids = {holding.market_id for holding in said.holdings or ()} - held
    return frozenset(Market.objects.filter(id__in=ids, status=SETTLED).values_list("id", flat=True))


def _moved(mode: str, platform: str, moves: Sequence[CashReport]) -> frozenset[str]:
    """References that are booked: under their name, or inferred before the platform listed them."""
    rows = CashMovement.objects.filter(mode=mode, platform=platform)
    known = set(
        rows.filter(reference__in=[move.reference for move in moves]).values_list("reference", flat=True)
    )
    inferred = list(
        rows.filter(reference__startswith=INFERRED).order_by("at").values_list("shard", "amount", "at")
    )
    for move in sorted(moves, key=lambda one: (one.at, one.reference)):
        if move.reference in known:
            continue
        same = next(
            (one for one in inferred if one[:2] == (move.shard, move.amount) and one[2] >= move.at - RECENT),
            None,
        )
        if same is not None:
            inferred.remove(same)
            known.add(move.reference)
    return frozenset(known)

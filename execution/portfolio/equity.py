"""What everything is worth: cash by platform and shard, positions at their best bids, profit since any moment.

Cash is summed from its two sources, the cash movements and the fills; the `accounts` rows are derived from the same and
only compared with it. Deposits are no profit. A correction is money that nobody can explain, so it counts as won or lost,
as the watch over losses counts it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.db.models import Q, Sum

from execution.models import Account, CashMovement, EquityPoint, Fill
from markets.platforms.base import PLATFORMS

ZERO = Decimal(0)
PAPER = "paper"
Shard = tuple[str, int]  # platform, shard


@dataclass(frozen=True, slots=True)
class Moment:
    """One point of the curve, in dollars. `profit` is since the beginning; deposits are none."""

    at: datetime
    cash: Decimal
    positions: Decimal
    profit: Decimal

    @property
    def equity(self) -> Decimal:
        """Cash and positions."""
        return self.cash + self.positions


def cash(mode: str) -> dict[Shard, Decimal]:
    """Dollars on every shard by our ledger; every platform has its shard 0."""
    found = dict.fromkeys([(platform, 0) for platform in PLATFORMS], ZERO)
    for model, column in ((CashMovement, "amount"), (Fill, "cash")):
        rows = model.objects.filter(mode=mode).values_list("platform", "shard").annotate(Sum(column))
        for platform, shard, total in rows.order_by():
            found[platform, shard] = found.get((platform, shard), ZERO) + total
    for platform in _without_opening(mode):
        found[platform, 0] += settings.ARBSITE.trading.paper_cash
    return found


def moved(mode: str, until: datetime | None = None) -> Decimal:
    """Dollars that came less those that left, up to and with `until`. What paper began with was there from the start."""
    rows = CashMovement.objects.filter(mode=mode).exclude(kind=CashMovement.CORRECTION)
    if until is not None:
        began = Q(kind=CashMovement.OPENING) if mode == PAPER else Q(pk__isnull=True)
        rows = rows.filter(Q(at__lte=until) | began)
    total = rows.aggregate(total=Sum("amount"))["total"] or ZERO
    return total + len(_without_opening(mode)) * settings.ARBSITE.trading.paper_cash


def corrected(mode: str) -> Decimal:
    """Dollars that corrections brought; negative where they took some."""
    rows = CashMovement.objects.filter(mode=mode, kind=CashMovement.CORRECTION)
    return rows.aggregate(total=Sum("amount"))["total"] or ZERO


def _without_opening(mode: str) -> list[str]:
    """Paper's platforms whose first dollars no row tells of yet."""
    if mode != PAPER:
        return []
    told = CashMovement.objects.filter(mode=mode, kind=CashMovement.OPENING).values_list(
        "platform", flat=True
    )
    return [platform for platform in PLATFORMS if platform not in set(told)]


def accounts_off(mode: str) -> list[str]:
    """Where an `accounts` row tells another amount of cash than two sums of fills and movements: a sentence each.

    For a page that is asked for often; `holdings.accounts_differ` goes through every fill, and looks at what is invested.
    """
    ours = cash(mode)
    rows = Account.objects.filter(mode=mode).order_by("platform", "shard")
    return [
        f"{row.platform}/{row.shard}: the account says ${row.cash}, fills and movements ${told}"
        for row in rows
        if row.cash != (told := ours.get((row.platform, row.shard), ZERO))
    ]


# --- the curve


def moment_of(point: EquityPoint) -> Moment:
    """A stored point with its profit."""
    profit = point.cash + point.positions - moved(point.mode, point.at)
    return Moment(point.at, point.cash, point.positions, profit)


def curve(mode: str, since: datetime, until: datetime, *, points: int = 400) -> list[Moment]:
    """The stored points from `since` to `until`, thinned to the last one of each of `points` equal spans."""
    seconds = max(1, int((until - since).total_seconds() / points))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (date_bin(%s, at, %s)) id FROM equity_points"
            " WHERE mode = %s AND at BETWEEN %s AND %s ORDER BY date_bin(%s, at, %s), at DESC",
            [timedelta(seconds=seconds), since, mode, since, until, timedelta(seconds=seconds), since],
        )
        ids = [number for (number,) in cursor.fetchall()]
    rows = list(EquityPoint.objects.filter(pk__in=ids).order_by("at"))
    return _with_profit(mode, rows)


def _with_profit(mode: str, rows: list[EquityPoint]) -> list[Moment]:
    """Many points in two queries: the movements are added up on the way."""
    if not rows:
        return []
    so_far = moved(mode, rows[0].at)
    after = CashMovement.objects.filter(mode=mode, at__gt=rows[0].at).order_by("at")
    after = after.exclude(kind=CashMovement.CORRECTION)
    if mode == PAPER:
        after = after.exclude(kind=CashMovement.OPENING)
    waiting = list(after.values_list("at", "amount"))
    found = []
    for row in rows:
        while waiting and waiting[0][0] <= row.at:
            so_far += waiting.pop(0)[1]
        found.append(Moment(row.at, row.cash, row.positions, row.cash + row.positions - so_far))
    return found


def profit_at(mode: str, at: datetime) -> Decimal | None:
    """The profit that stood at `at`: of the last point before it; nothing where nothing was traded by then.

    None where there were trades and nobody looked: the first point after it would hide what happened between.
    """
    point = EquityPoint.objects.filter(mode=mode, at__lte=at).order_by("-at").first()
    if point is not None:
        return moment_of(point).profit
    if not Fill.objects.filter(mode=mode, created_at__lte=at).exists():
        return ZERO
    return None


def day_began(now: datetime) -> datetime:
    """Midnight of today in the zone that the daily loss limit counts in."""
    local = now.astimezone(ZoneInfo(settings.ARBSITE.risk.time_zone))
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


def drawdown(mode: str, now: Moment) -> Decimal:
    """Dollars below the highest that the profit has been, by the points and by now."""
    last = EquityPoint.objects.filter(mode=mode).order_by("-at").first()
    if last is None:
        return max(ZERO, -now.profit)
    below = last.high_water - (last.cash + last.positions - last.moved)
    return max(ZERO, below + moment_of(last).profit - now.profit)

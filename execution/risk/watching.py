"""The watch over what is lost: an equity point a minute, and halts and warnings where a line is crossed.

The executor calls `watch` every few seconds. What trips stands in the database until a person lifts it: no restart and no
midnight does. After a lift, losses count from the moment of the lift, or the very same loss would trip again at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.db.models import F, Max

from arbsite.models import MEDIUM, Notice
from execution import crashpoints
from execution.halting import halts
from execution.ledger import PositionKey
from execution.limits import Limits
from execution.models import CashMovement, EquityPoint, Halt
from execution.portfolio import holdings
from execution.risk import losses
from execution.risk import services as risk
from execution.risk.losses import Lines, Point
from markets import live
from markets.books import dollars

BY = "risk watch"
ZERO = Decimal(0)
MINUTE = timedelta(minutes=1)
POSITION_LOSS = "position_loss"
# Money that came or went, not profit; a correction is money that nobody can explain, so it counts as won or lost
NO_PROFIT = (CashMovement.OPENING, CashMovement.DEPOSIT, CashMovement.WITHDRAWAL, CashMovement.TRANSFER)


@dataclass(frozen=True, slots=True)
class Holding:
    """An open position: contracts, dollars they cost with fees, and the last price known."""

    id: str
    quantity: Decimal
    cost: Decimal
    last: Decimal
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Worth:
    """Everything at one moment, in dollars."""

    cash: Decimal
    positions: Decimal
    moved: Decimal
    marks: dict[PositionKey, Decimal]
    holdings: dict[PositionKey, Holding]

    def point(self, at: datetime) -> Point:
        """As the core reads it."""
        return Point(at, self.cash + self.positions, self.moved)


def watch(mode: str, now: datetime) -> list[Halt]:
    """Look at what everything is worth now; returns the halts that this look has tripped."""
    limits = risk.limits()
    worth = value(mode)
    keep_point(mode, worth, now)
    tripped = _losses(mode, worth.point(now), limits)
    _warn_of_positions(worth, limits, now)
    return tripped


def value(mode: str) -> Worth:
    """Cash, and positions at their best bids (the last price known, where nobody bids now)."""
    cash, moved, held = _read(mode)
    views = live.book_views({key[:2] for key in held})
    marks, positions = {}, ZERO
    for key, one in held.items():
        view = views.get(key[:2])
        bids = view.bids_for(key[2]) if view is not None else ()
        marks[key] = dollars(bids[0][0]) if bids else one.last
        positions += one.quantity * marks[key]
    return Worth(cash, positions, moved, marks, held)


def _read(mode: str) -> tuple[Decimal, Decimal, dict[PositionKey, Holding]]:
    """Cash, what was paid in, and open positions, in one statement: one moment, or a fill between two would be a loss."""
    opening = ZERO
    if mode == holdings.PAPER:
        paper = settings.ARBSITE.trading.paper_cash
        opening = paper * len(holdings.unopened(mode, holdings.PLATFORMS))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 'cash', '', '', '', sum(cash), NULL::numeric, NULL::numeric, NULL::timestamptz FROM accounts"
            " WHERE mode = %(mode)s"
            " UNION ALL SELECT 'moved', '', '', '', sum(amount), NULL, NULL, NULL FROM cash_movements"
            " WHERE mode = %(mode)s AND kind = ANY(%(no_profit)s)"
            " UNION ALL SELECT id, platform, market_id, outcome, quantity, cost, coalesce(current_price, avg_price),"
            " opened_at FROM positions WHERE mode = %(mode)s AND quantity > 0",
            {"mode": mode, "no_profit": list(NO_PROFIT)},
        )
        rows = cursor.fetchall()
    sums = {row[0]: row[4] or ZERO for row in rows if not row[1]}
    held = {
        (platform, market_id, outcome): Holding(found, *rest)
        for found, platform, market_id, outcome, *rest in rows
        if platform
    }
    return sums["cash"] + opening, sums["moved"] + opening, held


def keep_point(mode: str, worth: Worth, now: datetime) -> None:
    """Add to the equity curve, at most once a minute."""
    last = EquityPoint.objects.filter(mode=mode).order_by("-at").first()
    if last is not None and now - last.at < MINUTE:
        return
    profit = worth.point(now).profit
    high = profit if last is None else max(profit, last.high_water)
    EquityPoint.objects.bulk_create(
        [EquityPoint(mode=mode, at=now, cash=worth.cash, positions=worth.positions, moved=worth.moved, high_water=high)],
        ignore_conflicts=True,
    )  # fmt: skip


# --- lines


def _losses(mode: str, point: Point, limits: Limits) -> list[Halt]:
    now, zone = point.at, ZoneInfo(settings.ARBSITE.risk.time_zone)
    begins = (losses.midnight(now, zone), now - losses.DAY)
    tripped = []
    stand = set(Halt.objects.filter(lifted_at__isnull=True, platform="").values_list("code", flat=True))
    for code, lines in _each_line(limits):
        if code in stand:
            continue
        lifted = _last_lift(code)
        day, rolling = (opening(mode, _later(begin, lifted)) for begin in begins)
        highest = peak(mode, point, lifted)
        for crossed in losses.crossed(day, rolling, highest, point, lines):
            halt = halts.trip(crossed.code, crossed.sentence, by=BY, now=now, cancel_open=crossed.cancel)
            crashpoints.reach("loss:tripped")
            if halt is not None:
                tripped.append(halt)
    return tripped


def _each_line(limits: Limits) -> list[tuple[str, Lines]]:
    """Each line by itself: a lift answers for one of them only."""
    return [
        (losses.DAILY_LOSS_CANCEL, Lines(None, limits.daily_loss_cancel_pct, None)),
        (losses.DAILY_LOSS, Lines(limits.daily_loss_pct, None, None)),
        (losses.DRAWDOWN, Lines(None, None, limits.max_drawdown_pct)),
    ]


def opening(mode: str, since: datetime) -> Point | None:
    """What a period that begins at `since` is measured from: the last point before it, else the first after it."""
    points = EquityPoint.objects.filter(mode=mode)
    row = (
        points.filter(at__lte=since).order_by("-at").first()
        or points.filter(at__gt=since).order_by("at").first()
    )
    return None if row is None else Point(row.at, row.cash + row.positions, row.moved)


def _last_lift(code: str) -> datetime | None:
    """When a person last lifted a halt of this code."""
    return Halt.objects.filter(code=code, lifted_at__isnull=False).aggregate(at=Max("lifted_at"))["at"]


def _later(begin: datetime, lifted: datetime | None) -> datetime:
    return begin if lifted is None else max(begin, lifted)


def peak(mode: str, now: Point, lifted: datetime | None = None) -> Decimal:
    """The highest equity without what was paid in, `now` among it; since the lift, where there was one."""
    points = EquityPoint.objects.filter(mode=mode)
    if lifted is None:
        known = points.order_by("-at").values_list("high_water", flat=True).first()
    else:
        start = points.filter(at__lte=lifted).order_by("-at").values_list("at", flat=True).first()
        profit = F("cash") + F("positions") - F("moved")
        known = points.filter(at__gte=start or lifted).aggregate(top=Max(profit))["top"]
    return now.profit if known is None else max(now.profit, known)


# --- positions


def _warn_of_positions(worth: Worth, limits: Limits, now: datetime) -> None:
    """Tell once for each position and level: at the line, and at twice, four times, … of it."""
    line = limits.position_loss_pct
    if line is None:
        return
    levels = {
        key: level
        for key, one in worth.holdings.items()
        if (level := losses.position_level(one.cost, one.quantity * worth.marks[key], line))
    }
    if not levels:
        return
    told = _told(worth.holdings[key] for key in levels)
    Notice.objects.bulk_create(
        _warning(key, worth, level, now)
        for key, level in sorted(levels.items())
        if told.get(_life(worth.holdings[key]), 0) < level
    )


def _warning(key: PositionKey, worth: Worth, level: int, now: datetime) -> Notice:
    one, mark = worth.holdings[key], worth.marks[key]
    lost = one.cost - one.quantity * mark
    platform, market_id, outcome = key
    return Notice(
        kind=POSITION_LOSS, severity=MEDIUM, subject=one.id, created_at=now,
        message=f"{one.quantity:f} {outcome} of {platform}:{market_id} have lost ${lost:.2f}, {lost / one.cost:.1%} of what"
                f" they cost (best bid {mark:f}); other legs of its bet may have gained it",
        data={"level": level, "life": _life(one), "market_id": market_id, "platform": platform, "lost": f"{lost:.2f}"},
    )  # fmt: skip


def _life(one: Holding) -> str:
    """A position's row is used again when it is opened again: what was told of it then is not told of it now."""
    return f"{one.id}@{one.opened_at:%Y%m%d%H%M%S%f}"


def _told(of: Iterable[Holding]) -> dict[str, int]:
    """The highest level told for each life of these positions."""
    rows = Notice.objects.filter(kind=POSITION_LOSS, subject__in=[one.id for one in of]).values_list(
        "data__life", "data__level"
    )
    found: dict[str, int] = {}
    for life, level in rows:
        found[life] = max(level, found.get(life, 0))
    return found

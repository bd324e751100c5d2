"""What was lost, and which lines that crosses: of a day, of 24 hours, from the highest equity, of one position.

Equity is cash and positions at their best bids; `moved` is deposits less withdrawals since the beginning, so that
`equity - moved` is profit and nothing else. Dollars; shares are fractions of 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

ZERO = Decimal(0)
DAY = timedelta(hours=24)

DAILY_LOSS, DAILY_LOSS_CANCEL, DRAWDOWN = "daily_loss", "daily_loss_cancel", "drawdown"


@dataclass(frozen=True, slots=True)
class Point:
    """Equity at a moment."""

    at: datetime
    equity: Decimal
    moved: Decimal = ZERO

    @property
    def profit(self) -> Decimal:
        """Equity without what was paid in and out."""
        return self.equity - self.moved


@dataclass(frozen=True, slots=True)
class Lines:
    """Where trading stops. None: that line is not drawn."""

    daily: Decimal | None  # fraction of the bankroll at the day's start
    daily_cancel: Decimal | None
    drawdown: Decimal | None  # fraction of the highest equity


@dataclass(frozen=True, slots=True)
class Crossed:
    """A line that was crossed: which, and a sentence with its figures. `cancel`: open orders are to go, too."""

    code: str
    sentence: str
    cancel: bool


def midnight(now: datetime, zone: ZoneInfo) -> datetime:
    """When the trading day of `now` began: 00:00 in the zone, also on days of 23 and 25 hours."""
    return now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)


def opening(points: Sequence[Point], since: datetime) -> Point | None:
    """The point that a period beginning at `since` is measured from: the last one before it, else the first within.

    `points` are in the order of time.
    """
    before = [point for point in points if point.at <= since]
    if before:
        return before[-1]
    return points[0] if points else None


def loss(start: Point | None, now: Point) -> Decimal:
    """Dollars lost since `start`, deposits and withdrawals aside; 0 where something was earned."""
    return max(ZERO, start.profit - now.profit) if start is not None else ZERO


def share(amount: Decimal, of: Decimal) -> Decimal:
    """A loss as a part of a bankroll; a loss without any bankroll is all of it."""
    if of > 0:
        return amount / of
    return Decimal(1) if amount > 0 else ZERO


def crossed(
    day: Point | None, rolling: Point | None, peak: Decimal, now: Point, lines: Lines
) -> list[Crossed]:
    """Every line that is crossed, the gravest first.

    `day` is where today began, `rolling` where the last 24 hours did, `peak` the highest profit-equity so far.
    """
    found = []
    for start, words in ((day, "since the day began"), (rolling, "within 24 hours")):
        lost = loss(start, now)
        bankroll = bankroll_since(start or now, now)
        part = share(lost, bankroll)
        for code, line in ((DAILY_LOSS_CANCEL, lines.daily_cancel), (DAILY_LOSS, lines.daily)):
            if line is not None and lost > 0 and part >= line:
                found.append(
                    Crossed(
                        code,
                        f"${lost:.2f} were lost {words}, {part:.2%} of the bankroll of ${bankroll:.2f};"
                        f" the line is {line:.2%}",
                        cancel=code == DAILY_LOSS_CANCEL,
                    )
                )
    fallen = peak - now.profit
    # What was paid in is part of what can be lost, whenever it came
    part = share(max(ZERO, fallen), peak + now.moved)
    if lines.drawdown is not None and fallen > 0 and part >= lines.drawdown:
        sentence = (
            f"equity is ${fallen:.2f} ({part:.2%}) below its highest, ${peak + now.moved:.2f};"
            f" the line is {lines.drawdown:.2%}"
        )
        found.append(Crossed(DRAWDOWN, sentence, cancel=False))
    found.sort(key=lambda one: not one.cancel)
    return _each_once(found)


def bankroll_since(start: Point, now: Point) -> Decimal:
    """What there was at the start; on the first day, what was paid in since, for nothing was there before."""
    return start.equity if start.equity > 0 else start.equity + now.moved - start.moved


def _each_once(found: Sequence[Crossed]) -> list[Crossed]:
    first: dict[str, Crossed] = {}
    for one in found:
        first.setdefault(one.code, one)
    return list(first.values())


def position_level(cost: Decimal, worth: Decimal, line: Decimal) -> int:
    """How bad a position's loss is: 0 below `line` (a fraction of its cost), 1 from it, 2 from twice it, 3 from four."""
    if cost <= 0 or line <= 0 or worth >= cost:
        return 0
    lines = int((cost - worth) / cost / line)
    return lines.bit_length()

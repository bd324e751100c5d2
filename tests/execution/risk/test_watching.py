"""The watch over losses: what trips it, that it stays tripped, and what a lift means."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.utils import timezone

from arbsite.models import CRITICAL, MEDIUM, Notice
from execution.halting import halts
from execution.ledger import BUY, Entry
from execution.models import CashMovement, EquityPoint, Halt
from execution.portfolio import booking
from execution.portfolio.booking import Movement
from execution.risk import watching
from markets import store
from markets.books import YES
from markets.platforms.base import KALSHI, PLATFORMS
from tests import factories
from tests.factories import IDS

pytestmark = pytest.mark.django_db
NOW = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
MODE = "sandbox"


@pytest.fixture(autouse=True)
def _money(redis):
    store.upsert([factories.info(platform) for platform in PLATFORMS], now=NOW)
    booking.move_cash(MODE, KALSHI, D(1000), CashMovement.DEPOSIT, "d", now=NOW)


def bids(price: str) -> None:
    at_ms = factories.unix_ms()
    book = factories.book([(price, "1000")], [("0.99", "10")], at_ms)
    factories.window(KALSHI, {IDS[KALSHI]: book}, at_ms)


def buy(quantity="100", price="0.50", number=0) -> None:
    entry = Entry(KALSHI, IDS[KALSHI], YES, BUY, D(quantity), D(price), D(0))
    booking.book([Movement(entry, f"t{number}")], mode=MODE, now=NOW)


def later(**more) -> object:
    return NOW + timedelta(**more)


def codes(found) -> list[str]:
    return [halt.code for halt in found]


def test_a_point_a_minute_with_the_highest_so_far():
    buy()
    for seconds, price in ((0, "0.50"), (5, "0.60"), (60, "0.70"), (125, "0.40")):
        bids(price)
        watching.watch(MODE, later(seconds=seconds))
    points = EquityPoint.objects.order_by("at").values_list("cash", "positions", "moved", "high_water")
    assert list(points) == [(950, 50, 1000, 0), (950, 70, 1000, 20), (950, 40, 1000, 20)]


def test_five_per_cent_halt_and_ten_cancel_too():
    buy()
    bids("0.50")
    assert watching.watch(MODE, NOW) == []
    bids("0.01")  # $49 of $1000
    assert watching.watch(MODE, later(minutes=1)) == []
    buy("101", "0.50", 1)
    assert codes(watching.watch(MODE, later(minutes=2))) == ["daily_loss"]
    assert halts.blocking(KALSHI, IDS[KALSHI]).code == "halted"
    assert Notice.objects.get(kind="trading_halted").severity == CRITICAL
    buy("5", "0.50", 2)
    found = watching.watch(MODE, later(minutes=3))
    assert [(halt.code, halt.cancel_open) for halt in found] == [("daily_loss_cancel", True)]
    assert not Halt.objects.get(code="daily_loss").cancel_open


def lose_fifty() -> None:
    buy()
    bids("0.50")
    watching.watch(MODE, NOW)
    buy("2", "0.50", 1)
    bids("0.01")
    assert codes(watching.watch(MODE, later(minutes=1))) == []
    buy("1", "0.50", 2)
    bids("0.001")
    assert codes(watching.watch(MODE, later(minutes=2))) == ["daily_loss"]


def test_it_stays_tripped_over_midnight_until_a_person_lifts_it():
    lose_fifty()
    for hours in (1, 13, 40):
        assert watching.watch(MODE, later(hours=hours)) == []
        assert halts.blocking(KALSHI, IDS[KALSHI]) is not None
    assert [halt.code for halt in halts.standing()] == ["daily_loss"]


def test_after_a_lift_losses_count_from_there():
    lose_fifty()
    watching.watch(MODE, later(minutes=4))
    Halt.objects.update(lifted_at=later(minutes=5), lifted_by="paula")
    assert watching.watch(MODE, later(minutes=6)) == []  # the very same loss
    assert halts.blocking(KALSHI, IDS[KALSHI]) is None
    buy("90", "0.50", 3)  # worth nothing: 45 of 948 dollars more
    assert watching.watch(MODE, later(minutes=7)) == []
    buy("6", "0.50", 4)
    found = watching.watch(MODE, later(minutes=8))
    assert codes(found) == ["daily_loss"]  # and in all ten per cent are near, which nobody has lifted
    buy("10", "0.50", 5)
    assert codes(watching.watch(MODE, later(minutes=9))) == ["daily_loss_cancel"]


def test_a_loss_over_midnight_counts_within_24_hours():
    buy()
    bids("0.50")
    watching.watch(MODE, later(hours=11))
    bids("0.20")  # $30 before midnight
    watching.watch(MODE, later(hours=11, minutes=50))
    buy("52", "0.50", 1)  # and $16 after it
    bids("0.18")
    assert watching.watch(MODE, later(hours=12, minutes=10)) == []
    bids("0.17")
    found = watching.watch(MODE, later(hours=12, minutes=20))
    assert codes(found) == ["daily_loss"] and "within 24 hours" in found[0].why


def test_taking_money_out_is_no_loss_and_paying_in_heals_none():
    buy()
    bids("0.50")
    watching.watch(MODE, NOW)
    booking.move_cash(MODE, KALSHI, D(-800), CashMovement.WITHDRAWAL, "w", now=NOW)
    assert watching.watch(MODE, later(minutes=1)) == []
    booking.move_cash(MODE, KALSHI, D(800), CashMovement.DEPOSIT, "d2", now=NOW)
    buy("10", "0.50", 1)
    bids("0.01")
    assert codes(watching.watch(MODE, later(minutes=2))) == ["daily_loss"]


def test_an_unexplained_loss_is_a_loss():
    watching.watch(MODE, NOW)
    booking.move_cash(MODE, KALSHI, D(-60), CashMovement.CORRECTION, "c", now=NOW)
    assert codes(watching.watch(MODE, later(minutes=1))) == ["daily_loss"]


def test_drawdown_from_the_highest():
    buy("1000", "0.50")
    bids("0.50")
    watching.watch(MODE, NOW)
    for day, price in enumerate(("0.46", "0.42", "0.38", "0.34"), start=1):  # four per cent a day
        bids(price)
        assert "drawdown" not in codes(watching.watch(MODE, later(days=day)))
    bids("0.30")
    assert "drawdown" in codes(watching.watch(MODE, later(days=5)))
    Halt.objects.update(lifted_at=later(days=5, minutes=1))
    assert watching.watch(MODE, later(days=5, minutes=2)) == []


def test_a_position_that_loses_is_told_once_a_level():
    buy()
    for minutes, price in enumerate(("0.48", "0.475", "0.47", "0.475", "0.45", "0.48", "0.44")):
        bids(price)
        watching.watch(MODE, later(minutes=minutes))
    told = Notice.objects.filter(kind="position_loss").order_by("id")
    assert [(row.severity, row.data["level"]) for row in told] == [(MEDIUM, 1), (MEDIUM, 2)]
    assert "$2.50" in told[0].message


def test_a_quiet_market_is_worth_what_was_known_last(redis):
    buy()
    assert watching.value(MODE).positions == 50
    bids("0.40")
    assert watching.value(MODE).positions == 40
    redis.flushdb()
    assert watching.value(MODE).positions == 50

"""Plans on two platforms in memory, with live books to decide by, and settings that do not wait long."""

from decimal import Decimal as D

import pytest
from django.conf import settings as django_settings
from django.db import transaction

from execution import services
from execution.models import Fill, Order, Plan, Position
from execution.orders import trading
from execution.plans import working
from execution.portfolio import booking, holdings
from markets.platforms.base import KALSHI, POLYMARKET
from signals import catalogue
from signals.models import Signal
from tests import factories
from tests.execution.venue import Venue
from tests.factories import IDS

QUICK = {
    "intent_seconds": D(60), "look_up_seconds": D(2), "look_up_every_ms": 20, "rest_seconds": D("0.1"),
    "retry_backoff_ms": 1, "unwind_seconds": D(3), "at_once": "never", "loss_limit_pct": D("0.10"),
}  # fmt: skip


def tune(monkeypatch, section, **changes):
    config = getattr(django_settings.ARBSITE, section)
    monkeypatch.setattr(django_settings.ARBSITE, section, config.model_copy(update=changes))


@pytest.fixture
def venues(transactional_db, redis, monkeypatch):
    """Polymarket and Kalshi in memory, in sandbox mode, without a twin."""
    catalogue.forget()
    tune(monkeypatch, "execution", **QUICK)
    tune(monkeypatch, "trading", mode="sandbox", shadow=False)
    made = {platform: Venue(platform) for platform in (POLYMARKET, KALSHI)}
    for platform in made:
        with transaction.atomic():
            holdings.lock_ledger()
            booking.move_cash("sandbox", platform, D(10_000), "DEPOSIT", "for the test", now=factories.NOW)
    with trading.use(made):
        yield made
    catalogue.forget()


def show(size="100", poly=("0.42", "0.43"), kalshi=("0.50", "0.51"), number=1):
    """Books of both platforms as they are now: (bid, ask) of YES."""
    at_ms = factories.unix_ms()
    for platform, (bid, ask) in ((POLYMARKET, poly), (KALSHI, kalshi)):
        level = factories.book([(bid, size)], [(ask, size)], at_ms)
        factories.window(platform, {IDS[platform]: level}, at_ms, number)


def a_plan(**changes) -> Plan:
    """An approved pair, a gap of seven cents, and the intent that acting on it left."""
    from tests.signals.windows import GAP, detect_and_judge
    from tests.signals.windows import show as windows

    if not Signal.objects.exists():
        factories.a_pair()
    detect_and_judge(*windows(factories.unix_ms(), *GAP))
    signal = Signal.objects.get()
    acted = services.act_on([signal.id], now_ms=factories.unix_ms())
    signal.refresh_from_db()
    assert acted == 1, (signal.status, signal.reasons)
    plan = Plan.objects.get(shadow_of=None)
    if changes:
        Plan.objects.filter(pk=plan.pk).update(**changes)
        plan.refresh_from_db()
    return plan


def worked(plan: Plan, seconds: float = 60) -> Plan:
    working.work_all("sandbox", seconds=seconds)
    plan.refresh_from_db()
    return plan


def order_of(plan: Plan) -> list[str]:
    """The platforms of its legs, the first sent first."""
    return [leg["platform"] for leg in plan.legs]


def legs(plan: Plan) -> list[Order]:
    return list(Order.objects.filter(plan=plan).order_by("id", "attempt"))


def by_role(plan: Plan, role: str, leg: int | None = None) -> list[Order]:
    rows = Order.objects.filter(plan=plan, role=role).order_by("leg", "attempt")
    return list(rows if leg is None else rows.filter(leg=leg))


def ledger() -> dict[tuple[str, str], D]:
    return {(row.market_id, row.outcome): row.quantity for row in Position.objects.filter(quantity__gt=0)}


def booked() -> D:
    return sum((fill.cash for fill in Fill.objects.all()), D(0))

"""What the demo does to its database."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from arbsite.demo.prepare import forget_the_last_exchange
from execution.models import Account, CashMovement, Halt, Plan, PlanStep

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def rows(mode: str) -> None:
    plan = Plan.objects.create(
        id=f"plan_{mode}", kind=Plan.MANUAL, mode=mode, size=1, outlay=1, created_at=NOW, status="PLANNED"
    )
    PlanStep.objects.create(plan=plan, at=NOW, what="planned", sentence="-", figures={})
    CashMovement.objects.create(
        mode=mode, platform="kalshi", kind=CashMovement.OPENING, amount=Decimal(10), reference=mode, at=NOW
    )
    Account.objects.create(mode=mode, platform="kalshi", cash=Decimal(10), updated_at=NOW)


def test_a_new_exchange_begins_with_empty_books_and_paper_keeps_its_own():
    rows("paper")
    rows("sandbox")
    for code in ("cash_differs", "manual"):
        Halt.objects.create(code=code, platform="kalshi", why="-", by="-", created_at=NOW)

    forget_the_last_exchange()

    for model in (Plan, CashMovement, Account):
        assert set(model.objects.values_list("mode", flat=True)) == {"paper"}
    assert [step.plan_id for step in PlanStep.objects.all()] == ["plan_paper"]
    assert [halt.code for halt in Halt.objects.all()] == ["manual"]  # what a person has halted stays so

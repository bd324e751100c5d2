"""What the demo does to its database."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from arbsite.demo import launch
from arbsite.demo.prepare import forget_the_last_exchange, meet_the_exchange
from arbsite.supervisor import Program, Supervisor
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


def test_our_books_are_kept_with_the_exchange_that_they_are_about(tmp_path):
    def meet(exchange: str) -> list[str]:
        (tmp_path / "urls.json").write_text(json.dumps({"exchange": exchange}))
        meet_the_exchange(tmp_path)
        return [plan.id for plan in Plan.objects.filter(mode="sandbox")]

    rows("sandbox")
    assert meet("one") == []  # ours were about another
    rows("sandbox")
    assert meet("one") == ["plan_sandbox"]
    assert meet("two") == []


def test_an_exchange_that_cannot_start_says_why_before_patience_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(launch, "SANDBOX_PATIENCE", 1_000.0)
    program = Program(
        "sandbox", ["sh", "-c", "echo 'CommandError: state.sqlite3 cannot be read.' >&2; exit 1"]
    )
    with Supervisor(tmp_path, [program]) as exchange, pytest.raises(launch.DemoError) as said:
        launch._await_urls(exchange, 0.0, lambda: False)
    assert str(said.value).startswith(
        "The sandbox exchange does not start: state.sqlite3 cannot be read. More is in "
    )

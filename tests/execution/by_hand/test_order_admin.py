"""Plans and orders in the admin: why what was decided, and cancelling with the permission only."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from execution.models import Order, Plan, PlanStep
from markets.models import Market
from tests.arbsite.callers import user

pytestmark = pytest.mark.django_db(transaction=True)
ORDERS = reverse("admin:execution_order_changelist")


@pytest.fixture
def plan(db) -> Plan:
    market = Market.objects.create(id="KX-1", platform="kalshi", slug="s", question="Will it?", status="OPEN")
    plan = Plan.objects.create(
        id="plan_1", kind="MANUAL", mode="sandbox", requested_by="tina", profit=Decimal("1.5")
    )
    Plan.objects.create(id="plan_2", kind="MANUAL", mode="paper", shadow_of=plan)
    Order.objects.create(
        id="ord_1", plan=plan, role="MANUAL", platform="kalshi", market=market, outcome="YES", side="BUY", quantity=5,
        price=Decimal("0.5"), status="PLANNED", client_order_id="c1", mode="sandbox",
    )  # fmt: skip
    PlanStep.objects.create(plan=plan, what="hold", sentence="nobody bids <b>", figures={"loss": "0.40"})
    return plan


@pytest.fixture
def operator(client, redis):
    person = user("olga", "execution.view_order", "execution.view_plan", is_staff=True)
    client.force_login(person)
    client.person = person
    return client


def may_trade(person):
    person.user_permissions.add(Permission.objects.get(codename="can_trade"))


def cancel(client):
    return client.post(
        ORDERS, {"action": "cancel", "_selected_action": ["ord_1"]}, follow=True
    ).content.decode()


def test_a_plan_shows_its_decisions_its_orders_and_its_twin(operator, plan):
    page = operator.get(reverse("admin:execution_plan_change", args=["plan_1"])).content.decode()
    assert (
        "nobody bids &lt;b&gt;" in page
        and "0.40" in page
        and "ord_1" in page
        and "plan_2" in page
        and "tina" in page
    )
    twin = operator.get(reverse("admin:execution_plan_change", args=["plan_2"])).content.decode()
    assert "twin of" in twin and "plan_1" in twin
    assert (
        "plan_2" in operator.get(reverse("admin:execution_plan_changelist") + "?kind=MANUAL").content.decode()
    )


def test_an_order_is_cancelled_by_who_may_trade(operator, plan):
    may_trade(operator.person)
    assert "Order ord_1 is ABANDONED" in cancel(operator)
    assert Order.objects.get().status == "ABANDONED"
    assert "is ABANDONED already" in cancel(operator)


def test_nobody_else_cancels(operator, plan):
    assert "Cancel the selected" not in operator.get(ORDERS).content.decode()
    cancel(operator)
    assert Order.objects.get().status == "PLANNED"

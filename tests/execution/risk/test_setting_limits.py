"""Who may change a limit, to what, and how it is remembered."""

import json
from decimal import Decimal as D
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.utils import timezone

from arbsite.models import ApiKey, Notice
from execution import limits
from execution.models import RiskLimit
from execution.plans.planning import Ticket
from execution.portfolio import holdings
from execution.risk import services as risk
from execution.risk.limit_names import NAMES, WrongLimit
from markets import store
from markets.platforms.base import KALSHI, POLYMARKET
from signals import rules
from tests import factories
from tests.arbsite.callers import reader
from tests.factories import IDS

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture(autouse=True)
def _fresh(redis):
    risk.forget()
    yield
    risk.forget()


def a_person(name="rita", *, may=True):
    person = get_user_model().objects.create_user(name)
    if may:
        person.user_permissions.add(Permission.objects.get(codename="can_set_limits"))
    return get_user_model().objects.get(pk=person.pk)


def change(name, value, scope="", person=None, why="a test"):
    person = person or get_user_model().objects.filter(username="rita").first() or a_person()
    return risk.set_limit(name, scope, None if value is None else D(str(value)), person, why, now=NOW)


def test_without_rows_the_settings_hold():
    found = holdings.limits()
    assert found.max_order_notional == 250 and found.max_notional == 20_000
    assert found.max_platform_notional == {KALSHI: 10_000, POLYMARKET: 10_000}
    assert found.max_open_orders == 50 and found.kelly_fraction == D("0.25")
    assert found.scoped == {}


def test_every_name_is_a_field_and_has_a_setting():
    found = holdings.limits()
    for name in NAMES:
        assert getattr(found, name) is not None, name
    assert set(NAMES) == set(limits.Limits.__dataclass_fields__) - {"scoped"}


def test_the_newest_row_counts_and_the_old_one_stays():
    change("max_order_notional", 100)
    change("max_order_notional", 200)
    assert holdings.limits().max_order_notional == 200
    assert list(RiskLimit.objects.order_by("id").values_list("value", flat=True)) == [100, 200]
    told = Notice.objects.filter(kind="limit_changed").order_by("-id")[0]
    assert "rita set max_order_notional from 100 to 200: a test" in told.message


def test_limits_are_read_in_one_query(django_assert_num_queries):
    change("max_order_notional", 100)
    with django_assert_num_queries(1):
        holdings.limits()


@pytest.mark.parametrize(
    ("name", "scope", "value", "words"),
    [
        ("max_luck", "", 1, "is no limit"),
        ("max_notional", KALSHI, 1000, "cannot be set for a platform"),
        ("max_bet_notional", f"market:{IDS[KALSHI]}", 400, "cannot be set for a market"),
        ("max_market_notional", "everywhere", 400, "no platform"),
        ("max_market_notional", "market:", 400, "no scope"),
        ("max_market_notional", "market:NOBODY", 400, "no market"),
        ("max_order_notional", "", 501, "above max_market_notional"),
        ("max_notional", "", 9_999, "below max_platform_notional"),
        ("max_group_notional", "", 499, "below max_market_notional"),
        ("max_order_notional", KALSHI, 501, "above max_market_notional"),
        ("daily_loss_pct", "", "0.11", "above daily_loss_cancel_pct"),
        ("daily_loss_pct", "", 5, "fraction"),
        ("daily_loss_pct", "", None, "cannot be lifted"),
        ("kelly_fraction", "", 0, "above 0"),
        ("max_order_notional", "", -1, "above 0"),
        ("max_order_notional", "", "NaN", "above 0"),
        ("max_order_notional", "", "Infinity", "above 0"),
        ("max_order_notional", "", "1.0000001", "six behind"),
        ("max_order_notional", "", "1e15", "13 digits"),
        ("max_open_orders", "", "1.5", "whole number"),
    ],
)
def test_what_no_limit_can_be(name, scope, value, words):
    store.upsert([factories.info(KALSHI)], now=NOW)
    with pytest.raises(WrongLimit, match=words):
        change(name, value, scope)
    assert not RiskLimit.objects.exists()


def test_several_are_checked_together():
    person = a_person()
    both = [
        ("max_order_notional", "", D(600)),
        ("max_market_notional", "", D(600)),
        ("max_bet_notional", "", D(600)),
    ]
    with pytest.raises(WrongLimit):
        risk.set_limits(both[:2], person, "more", now=NOW)
    assert len(risk.set_limits(both, person, "more", now=NOW)) == 3


def test_only_a_person_with_the_permission():
    for person in (None, a_person("sam", may=False)):
        with pytest.raises(risk.NotAllowed):
            risk.set_limit("max_order_notional", "", D(1), person, "why", now=NOW)
    gone = a_person("gina")
    gone.is_active = False
    with pytest.raises(risk.NotAllowed):
        risk.set_limit("max_order_notional", "", D(1), gone, "why", now=NOW)
    with pytest.raises(WrongLimit, match="why"):
        change("max_order_notional", 1, why="  ")


def test_history_is_never_changed():
    row = change("max_order_notional", 100)
    for act in (lambda: RiskLimit.objects.filter(pk=row.pk).update(value=1_000), row.delete):
        with pytest.raises(DatabaseError, match="risk_limits"), transaction.atomic():
            act()
    assert RiskLimit.objects.get().value == 100


def ticket(price="0.40", size="100", market=KALSHI) -> Ticket:
    cost = D(price) * D(size)
    return Ticket("", market, IDS[market], "YES", "BUY", D(size), D(price), cost, cost)


def test_a_scope_of_its_own_replaces_what_holds_everywhere():
    store.upsert([factories.info(KALSHI), factories.info(POLYMARKET)], now=NOW)
    change("max_order_notional", 30, KALSHI)
    held = limits.Held(cash={KALSHI: D(1000), POLYMARKET: D(1000)})

    def refused(market=KALSHI):
        return [
            one.code for one in limits.check(ticket(market=market), held, holdings.limits(), best=D("0.40"))
        ]

    assert refused() == ["max_order_notional"] and refused(POLYMARKET) == []
    change("max_order_notional", 40, f"market:{IDS[KALSHI]}")  # the narrower one wins
    assert refused() == []
    change("max_order_notional", None, f"market:{IDS[KALSHI]}")
    assert refused() == []
    change("max_market_notional", 35, KALSHI)
    assert refused() == ["max_market_notional"]
    change("min_cash", 970, POLYMARKET)
    assert refused(POLYMARKET) == ["cash"]


def test_detection_hears_of_it():
    assert rules.rules().caps.max_outlay == {KALSHI: 250, POLYMARKET: 250}
    change("max_order_notional", 100)
    risk.forget()  # at most seconds later
    assert rules.rules().caps.max_outlay == {KALSHI: 100, POLYMARKET: 100}


# --- the command


def run(*args) -> str:
    out = StringIO()
    call_command("limits", *args, stdout=out)
    return out.getvalue()


def test_the_command_shows_and_changes():
    a_person()
    shown = run()
    assert "max_order_notional" in shown and "RISK_MAX_ORDER_NOTIONAL" in shown and "everywhere" in shown
    shown = run("--set", "max_order_notional", "100", "--user", "rita", "--why", "first week")
    assert "max_order_notional everywhere: 100 from now on" in shown and "first week" in shown
    assert "no limit" in run("--set", "max_notional", "none", "--user", "rita", "--why", "x")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--user", "nobody", "--why", "x"], "--user"),
        (["--user", "sam", "--why", "x"], "permission"),
        (["--user", "rita"], "why"),
    ],
)
def test_the_command_refuses(args, words):
    a_person()
    a_person("sam", may=False)
    with pytest.raises(CommandError, match=words):
        run("--set", "max_order_notional", "100", *args)
    with pytest.raises(CommandError, match="no number"):
        run("--set", "max_order_notional", "lots", "--user", "rita", "--why", "x")


# --- the API


def key(person, *scopes) -> dict[str, str]:
    return {"X-Clawdbot-Key": ApiKey.issue(person, "k", list(scopes), now=timezone.now())[1]}


def post(client, headers, **body):
    return client.post(
        "/api/v1/limits", json.dumps({"name": "max_order_notional", "value": 100, "why": "api"} | body),
        content_type="application/json", headers=headers,
    )  # fmt: skip


def test_no_key_that_trades_may_widen_its_limits(client):
    person = a_person()
    assert post(client, key(person, "read", "trade")).status_code == 403
    assert post(client, key(a_person("sam", may=False), "admin")).status_code == 403
    assert not RiskLimit.objects.exists()
    done = post(client, key(person, "admin"))
    assert done.status_code == 201 and done.json()["set_by"] == "rita"
    client.force_login(person)
    assert post(client, {}, value=90).status_code in (201, 403)  # 403 where a session needs its CSRF token


def test_a_wrong_limit_is_a_409_with_a_sentence(client):
    headers = key(a_person(), "admin")
    found = post(client, headers, value=100_000)
    assert (found.status_code, found.json()["code"]) == (409, "wrong_limit")
    assert "raise that one first" in found.json()["detail"]
    assert post(client, headers, name="luck").status_code == 400
    assert post(client, headers, why="").status_code == 400


def test_the_limits_are_shown_with_their_use(client):
    change("max_order_notional", 100)
    headers = reader("execution.view_risklimit")
    rows = {
        (row["name"], row["scope"]): row
        for row in client.get("/api/v1/limits", headers=headers).json()["limits"]
    }
    assert rows["max_order_notional", ""]["set_by"] == "rita"
    assert (
        rows["max_notional", ""]["used"] == 0
        and rows["max_notional", ""]["source"] == "RISK_MAX_TOTAL_NOTIONAL"
    )
    history = client.get("/api/v1/limits/history?name=max_order_notional", headers=headers).json()["results"]
    assert [row["value"] for row in history] == [100]
    # Sets, but cannot see
    assert client.get("/api/v1/limits", headers=key(a_person("sam"), "read")).status_code == 403

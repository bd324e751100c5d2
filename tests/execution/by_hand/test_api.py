"""Orders and executions over HTTP: the specification's body and answer, every refusal a problem with a stable code."""

import json
from decimal import Decimal

import pytest
from django.utils import timezone

from arbsite import throttles
from arbsite.models import Notice
from execution.by_hand import manual
from execution.halting import halts
from execution.models import Order, Plan
from markets.platforms.base import KALSHI, POLYMARKET
from signals.models import Signal
from tests import factories
from tests.arbsite.callers import key, user
from tests.factories import IDS
from tests.signals.windows import *  # noqa: F403
from tests.signals.windows import GAP, detect_and_judge, show

pytestmark = pytest.mark.django_db(transaction=True)
TRADE = "execution.can_trade"
SUBMIT, CANCEL, EXECUTE = "/api/v1/orders/submit", "/api/v1/orders/cancel", "/api/v1/execute"


@pytest.fixture
def trader(redis):
    return key(user("tina", TRADE), "trade")


@pytest.fixture
def signal(redis):
    factories.a_pair()
    detect_and_judge(*show(factories.unix_ms(), *GAP))
    return Signal.objects.get()


@pytest.fixture
def post(client, trader):
    def send(address, body, headers=None, **more):
        raw = body if isinstance(body, str) else json.dumps(body, default=float)
        answer = client.post(
            address, raw, content_type="application/json", headers={**(headers or trader), **more}
        )
        return answer.status_code, json.loads(answer.content, parse_float=Decimal), answer

    return send


def order(signal, **changes):
    """The specification's example, on our market."""
    return {
        "signal_id": signal.id, "platform": "polymarket", "market_id": IDS[POLYMARKET], "outcome": "YES", "side": "BUY",
        "amount": 100.00, "price": 0.43, "order_type": "LIMIT", "time_in_force": "FILL_OR_KILL", "max_slippage_pct": 0.01,
        **changes,
    }  # fmt: skip


def test_the_specifications_order(post, signal):
    status, body, _ = post(SUBMIT, order(signal))
    assert status == 201, body
    row = Order.objects.get()
    assert (body["order_id"], body["status"]) == (row.id, "PLANNED")
    assert abs(body["submitted_at"] - factories.unix_ms()) < 60_000
    assert (body["estimated_fill_price"], body["estimated_total"]) == (Decimal("0.43"), 43)
    assert (row.time_in_force, row.quantity, row.price) == ("FILL_OR_KILL", 100, Decimal("0.43"))
    assert (row.signal_id, row.max_slippage_pct) == (signal.id, Decimal("0.01"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"platform": "betfair"}, "platform"), ({"outcome": "MAYBE"}, "outcome"), ({"side": "HOLD"}, "side"),
        ({"amount": "many"}, "amount"), ({"price": None}, "price"), ({"order_type": "STOP"}, "order_type"),
        ({"order_type": "MARKET"}, "price"), ({"max_slippage_pct": 2}, "max_slippage_pct"),
        ({"market_id": ""}, "market_id"), ({"amount": 1e30}, "amount"), ({"expires_at": -1}, "expires_at"),
        ({"time_in_force": "x" * 40}, "time_in_force"),
    ],
)  # fmt: skip
def test_a_body_that_is_no_order_names_the_field(post, signal, changes, field):
    status, body, _ = post(SUBMIT, order(signal, **changes))
    assert (status, body["code"]) == (400, "invalid") and field in body["errors"]
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"market_id": "0xnothing"}, 404, "market_unknown"), ({"signal_id": "sig_0"}, 404, "signal_unknown"),
        ({"price": 0.4301}, 409, "off_tick"), ({"amount": 0.1}, 409, "below_minimum"),
        ({"time_in_force": "SOON"}, 409, "bad_time_in_force"), ({"price": 0.44}, 409, "max_slippage"),
        ({"side": "SELL", "price": 0.42}, 409, "not_held"), ({"amount": 1_000_000}, 409, "no_balance"),
    ],
)  # fmt: skip
def test_a_refusal_is_a_problem_that_names_its_row(post, signal, changes, status, code):
    got, body, answer = post(SUBMIT, order(signal, **changes))
    assert (got, body["code"]) == (status, code), body
    assert answer["Content-Type"] == "application/problem+json"
    row = Order.objects.get(pk=body["order_id"])
    assert (row.status, row.error_code, row.error_message) == ("REJECTED", code, body["detail"])


def test_the_same_key_gets_the_first_answer_and_another_body_409(post, signal):
    first = post(SUBMIT, order(signal), **{"Idempotency-Key": "abc"})[:2]
    assert post(SUBMIT, order(signal), **{"Idempotency-Key": "abc"})[:2] == first
    status, body, _ = post(SUBMIT, order(signal, amount=50), **{"Idempotency-Key": "abc"})
    assert (status, body["code"]) == (409, "idempotency_key_reused") and Order.objects.count() == 1
    assert post(SUBMIT, order(signal), **{"Idempotency-Key": "x" * 300})[0] == 400


def test_a_refused_request_is_refused_alike_again(post, signal):
    halts.trip("manual", "a drill", by="paula", now=timezone.now())
    first = post(SUBMIT, order(signal), **{"Idempotency-Key": "abc"})[:2]
    assert first[0] == 409 and first == post(SUBMIT, order(signal), **{"Idempotency-Key": "abc"})[:2]
    assert Order.objects.count() == 1


def test_an_order_is_cancelled(post, signal):
    order_id = post(SUBMIT, order(signal))[1]["order_id"]
    assert post(CANCEL, {"order_id": order_id})[:2] == (200, {"order_id": order_id, "status": "ABANDONED"})
    assert post(CANCEL, {"order_id": order_id})[1]["code"] == "order_done"
    status, body, _ = post(CANCEL, {"order_id": "ord_0"})
    assert (status, body["code"]) == (404, "order_unknown")


def test_a_signal_is_executed_once(post, signal):
    status, shown, _ = post(EXECUTE, {"signal_id": signal.id, "dry_run": True})
    assert status == 200 and shown["status"] == "DRY_RUN" and not Plan.objects.exists()
    status, done, _ = post(EXECUTE, {"signal_id": signal.id, "size": 40}, **{"Idempotency-Key": "abc"})
    assert (
        status == 200 and done["size"] == 40 and Plan.objects.get(pk=done["plan_id"]).signal_id == signal.id
    )
    assert post(EXECUTE, {"signal_id": signal.id, "size": 40}, **{"Idempotency-Key": "abc"})[:2] == (
        200,
        done,
    )


def test_a_second_execution_is_refused(post, signal):
    assert post(EXECUTE, {"signal_id": signal.id})[0] == 200
    status, body, _ = post(EXECUTE, {"signal_id": signal.id})
    assert (status, body["code"]) == (409, "signal_executed")
    assert Plan.objects.get(pk=body["plan_id"]).status == "ABANDONED" and Order.objects.count() == 2


def test_executing_has_a_limit_of_its_own(post, signal, redis):
    answers = [post(EXECUTE, {"signal_id": "sig_0"}) for _ in range(5)]
    # A burst of three; each further second brings one more
    assert [status for status, _, _ in answers[:3]] == [404, 404, 404] and 429 in [
        status for status, _, _ in answers
    ]
    late = next(answer for status, _, answer in answers if status == 429)
    assert late.json()["code"] == "throttled" and int(late["Retry-After"]) >= 1
    assert post(SUBMIT, order(signal))[0] == 201  # others are not held up


def test_without_redis_nobody_executes(post, signal, monkeypatch):
    def away(*_):
        raise throttles.REDIS_GONE[0]

    monkeypatch.setattr(throttles, "take", away)
    assert post(EXECUTE, {"signal_id": signal.id})[0] == 503
    assert not Plan.objects.exists()


@pytest.mark.parametrize("address", [SUBMIT, CANCEL, EXECUTE])
def test_who_may_not_trade_is_refused_and_that_is_written_down(post, signal, address):
    status, body, _ = post(address, order(signal), headers=key(user("tom"), "trade"))
    assert (status, body["code"]) == (403, "permission_denied")
    assert Notice.objects.get(kind="trade_refused").subject == "tom"
    assert post(address, order(signal), headers=key(user("tim", TRADE), "read"))[0] == 403
    assert not Order.objects.exists() and not Plan.objects.exists()


def test_a_permission_taken_away_counts_at_once(post, signal, trader):
    owner = manual.asking.get_user_model().objects.get(username="tina")
    owner.user_permissions.clear()
    assert post(EXECUTE, {"signal_id": signal.id})[0] == 403


def test_one_number_under_two_names_is_no_order(post, signal):
    raw = json.dumps(order(signal, platform=KALSHI))[:-1] + ', "amount": 1}'
    assert post(SUBMIT, raw)[0] == 400

"""The specification's subagents: their output to the letter, and who is told what."""

import io
import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.utils import timezone

from arbsite import registry
from arbsite.models import Notice
from signals import subagents
from signals.models import FlowPattern, Signal, WhaleAlert, WhaleTrigger
from tests import factories
from tests.signals.windows import *  # noqa: F403
from tests.signals.windows import GAP, show

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal
NOW = timezone.now()


def printed(command):
    out = io.StringIO()
    call_command(command, stdout=out)
    return json.loads(out.getvalue(), parse_float=Decimal)


# --- arbitrage scanner


def test_the_scanner_s_output_is_the_specification_s(redis):
    factories.a_pair()
    show(factories.unix_ms(), *GAP)
    found = printed("arbitrage-scanner")
    assert list(found) == [
        "subagent_id", "status", "opportunities_found", "total_expected_profit", "execution_time_ms", "results",
    ]  # fmt: skip
    row = Signal.objects.get()
    (one,) = found["results"]
    assert list(one) == ["opportunity_id", "profit_pct", "confidence", "markets"]
    assert (one["opportunity_id"], one["markets"]) == (row.id, ["polymarket", "kalshi"])
    assert (found["status"], found["opportunities_found"]) == ("completed", 1)
    assert found["total_expected_profit"] == one["profit_pct"] == row.profit_pct
    assert found["subagent_id"].startswith("sa_arbitrage_") and isinstance(found["execution_time_ms"], int)
    started, done = Notice.objects.filter(subject="arbitrage-scanner").order_by("id")
    assert (started.kind, done.kind) == ("subagent_started", "subagent_completed")
    assert found["subagent_id"] == f"sa_arbitrage_{started.pk:03d}" == done.data["subagent_id"]
    assert {started.severity, done.severity} == {"LOW"}  # INFO would be told to nobody


def test_nothing_found_is_completed_too(redis):
    found = printed("arbitrage-scanner")
    assert (found["status"], found["opportunities_found"], found["total_expected_profit"], found["results"]) == (
        "completed", 0, 0, [],
    )  # fmt: skip


def test_a_scan_that_fails_is_told_without_the_text_of_its_error(redis, monkeypatch):
    def fail(**_):
        raise RuntimeError("https://secret@host")

    monkeypatch.setattr("signals.subagents.scanning.run", fail)
    with pytest.raises(RuntimeError):
        printed("arbitrage-scanner")
    notice = Notice.objects.get(kind="subagent_failed")
    assert (notice.severity, notice.message) == ("HIGH", "arbitrage-scanner failed: RuntimeError")
    assert not Notice.objects.filter(kind="subagent_completed").exists()


def test_the_cron_row_runs_it():
    assert registry.jobs["arbitrage-scan"].command == ("arbitrage-scanner",)
    assert registry.jobs["arbitrage-scan"].timeout_seconds == 180


# --- whale monitor


@pytest.fixture
def triggers(db):
    """The thresholds of 6.1.2."""
    WhaleTrigger.objects.all().delete()
    WhaleTrigger.objects.create(
        name="large transfer", asset="USDC", above_usd=1_000_000, action="alert", priority="HIGH"
    )
    WhaleTrigger.objects.create(name="inflow", direction="INFLOW", above_usd=5_000_000, action="signal")
    WhaleTrigger.objects.create(name="outflow", direction="OUTFLOW", above_usd=5_000_000, action="signal")
    WhaleTrigger.objects.create(name="defi", category="defi", above_usd=0, action="log")


def transfer(amount, **changes):
    number = WhaleAlert.objects.count()
    values = {
        "asset": "USDC", "token_symbol": "USDC", "direction": "NEUTRAL", "transaction_hash": f"0x{number}",
        "created_at": NOW, "seen_at": NOW, "exchange": "binance",
    }  # fmt: skip
    return WhaleAlert.objects.create(amount=D(amount), **{**values, **changes})


def watch(now=NOW):
    return subagents.watch(now=now)


def test_the_monitor_s_output_has_the_form_of_the_scanner_s(triggers):
    row = transfer("2000000", direction="INFLOW", related_markets=["KX-1"], created_at=timezone.now())
    found = printed("whale-monitor")
    assert list(found) == [
        "subagent_id", "status", "transactions_seen", "large_transactions", "pattern_detected", "execution_time_ms",
        "results",
    ]  # fmt: skip
    assert (found["status"], found["transactions_seen"], found["large_transactions"], found["pattern_detected"]) == (
        "completed", 1, 1, False,
    )  # fmt: skip
    (one,) = found["results"]
    assert (one["event"], one["alert_id"], one["trigger"], one["action"], one["priority"]) == (
        "large_transaction", row.pk, "large transfer", "alert", "HIGH",
    )  # fmt: skip
    assert one["markets"] == ["KX-1"] and one["amount_usd"] == 2_000_000
    notice = Notice.objects.get(kind="large_transaction")
    assert (notice.subject, notice.severity) == (f"whale:{row.pk}", "HIGH")
    assert notice.message == "$2,000,000 of USDC INFLOW binance (large transfer)"


@pytest.mark.parametrize(
    ("amount", "changes", "trigger"),
    [
        ("1000000", {}, None), ("1000000.01", {}, "large transfer"), ("4000000", {"asset": "BTC"}, None),
        ("5000001", {"asset": "BTC", "direction": "INFLOW"}, "inflow"),
        ("5000000", {"asset": "BTC", "direction": "INFLOW"}, None),
        ("9000000", {"asset": "", "direction": "OUTFLOW"}, "outflow"),
        ("9000000", {"asset": "BTC", "category": "defi"}, None), ("9000000", {"asset": "", "token_symbol": "USDC"}, None),
    ],
    ids=[
        "at the line", "above it", "another asset", "inflow", "at that line", "outflow", "only logged",
        "a name is no asset",
    ],
)  # fmt: skip
def test_what_is_a_large_transaction(triggers, amount, changes, trigger):
    transfer(amount, **changes)
    found = watch()
    assert [one["trigger"] for one in found["results"]] == ([trigger] if trigger else [])


@pytest.mark.parametrize(
    "changes",
    [
        {"fresh": False}, {"gone_at": NOW}, {"created_at": NOW - timedelta(hours=2)},
    ],
    ids=["late", "its block was replaced", "seen long ago"],
)  # fmt: skip
def test_what_is_no_news_is_not_told(triggers, changes):
    transfer("9000000", **changes)
    assert watch()["large_transactions"] == 0


def test_a_part_of_one_movement_is_not_told_again(triggers):
    first = transfer("9000000")
    transfer("8000000", chained_to=first)
    assert [one["alert_id"] for one in watch()["results"]] == [first.pk]


def test_each_is_told_once(triggers):
    transfer("9000000")
    assert watch()["large_transactions"] == 1
    again = watch(NOW + timedelta(minutes=1))
    assert (again["transactions_seen"], again["large_transactions"], again["results"]) == (1, 0, [])
    assert Notice.objects.filter(kind="large_transaction").count() == 1


def test_a_trigger_that_is_switched_off_tells_nothing(triggers):
    WhaleTrigger.objects.update(enabled=False)
    transfer("9000000")
    assert watch()["large_transactions"] == 0


def test_a_pattern_is_told_once(triggers):
    row = FlowPattern.objects.create(
        asset="BTC", exchange="kraken", direction="OUTFLOW", began_at=NOW - timedelta(minutes=30), last_at=NOW, count=9,
        usd=D("45000000"), usual=D("1.5"), chance=D("0.00002"),
    )  # fmt: skip
    FlowPattern.objects.create(
        asset="BTC", exchange="old", direction="OUTFLOW", began_at=NOW - timedelta(hours=5),
        last_at=NOW - timedelta(hours=4), count=9, usd=D(1), usual=D(1), chance=D(0),
    )  # fmt: skip
    found = watch()
    assert found["pattern_detected"] is True and [one["pattern_id"] for one in found["results"]] == [row.pk]
    notice = Notice.objects.get(kind="pattern_detected")
    assert (notice.subject, notice.severity) == (f"pattern:{row.pk}", "MEDIUM")
    assert "9 transfers of BTC OUTFLOW kraken where 1.5 are usual" in notice.message
    row.refresh_from_db()
    assert row.told and watch()["pattern_detected"] is False


def test_a_monitor_that_fails_is_told(triggers, monkeypatch):
    monkeypatch.setattr("signals.subagents._recent", lambda now: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        watch()
    assert Notice.objects.get(kind="subagent_failed").message == "whale-monitor failed: ZeroDivisionError"

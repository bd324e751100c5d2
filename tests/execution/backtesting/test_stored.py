"""Backtests over what the database keeps: best prices, sizes of findings; and what these cannot say."""

import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from django.conf import settings
from django.core.management import call_command

from markets.models import Market, Price
from signals.models import LegOutcome, Refusal, Signal, SignalSnapshot
from tests.execution.ledgers import a_pair

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def quoted(market_id, *rows):
    Price.objects.bulk_create(
        Price(
            market_id=market_id,
            outcome="YES",
            bid=D(bid),
            ask=D(ask),
            timestamp=AT + timedelta(seconds=second),
        )
        for second, bid, ask in rows
    )


@pytest.fixture
def gap(db, redis):
    """YES at 0.40 on Polymarket, NO at 0.52 on Kalshi, for eight seconds; 100 of each were found."""
    Price.objects.all().delete()
    bet = a_pair(settlement="clean", read_by_person=True)
    Market.objects.update(settles_at=AT + timedelta(days=10))
    quoted("PM-1", (0, "0.44", "0.46"), (10, "0.38", "0.40"), (18, "0.44", "0.46"))
    quoted("KX-1", (0, "0.48", "0.50"), (18, "0.48", "0.50"))
    legs = [
        {"platform": "polymarket", "market_id": "PM-1", "outcome": "YES", "side": "BUY", "size": "100"},
        {"platform": "kalshi", "market_id": "KX-1", "outcome": "NO", "side": "BUY", "size": "100"},
    ]
    Signal.objects.create(
        id="sig", type="arbitrage", bet=bet, kind="pair", label="arbitrage", status="CLOSED", size=D(100),
        direction="polymarket:YES+kalshi:NO", metadata={"legs": legs}, created_at=AT,
    )  # fmt: skip
    for number, second in enumerate((10, 14)):
        SignalSnapshot.objects.create(
            stream_id=f"{number}-0",
            signal_id="sig",
            event="opened",
            at=AT + timedelta(seconds=second),
            size=D(100) - 50 * number,
        )
    Refusal.objects.create(
        bet_id=bet.id,
        code="below_hurdle",
        hour=AT,
        stage="decide",
        count=7,
        first_seen=AT,
        last_seen=AT + timedelta(minutes=1),
    )
    return bet


def backtest(*arguments):
    out = io.StringIO()
    call_command(
        "backtest", "--since", "2026-11-20", "--until", "2026-11-21", "--json", *arguments, stdout=out
    )
    return json.loads(out.getvalue(), parse_float=D)


@pytest.mark.parametrize("pays", [0, 1])
def test_a_stored_gap_earns_what_its_prices_say_within_the_stored_size(gap, pays):
    Market.objects.update(settlement_value=pays, status="SETTLED")
    found = backtest()
    assert found["signals"] == 1 and found["plans_by_end"] == {"FILLED": 1}
    profit = found["profit"]
    assert profit["before_costs"] == D(8) and profit["after_costs"] == profit["planned"] > 4
    assert found["refusals"]["stored"] == {"below_hurdle": 7}
    assert "cannot say" in found["cannot_say"]


def test_it_repeats_and_says_what_it_cannot(gap):
    assert backtest() == backtest()
    out = io.StringIO()
    call_command("backtest", "--since", "2026-11-20T00:00:00Z", "--until", "2026-11-21", stdout=out)
    assert "best bid and ask of each second" in out.getvalue()


def test_a_period_without_signals_is_said_so(gap):
    out = io.StringIO()
    call_command("backtest", "--since", "2026-11-18", "--until", "2026-11-19", stdout=out)
    assert "0 signals, and nothing was worth a plan" in out.getvalue()


def test_measured_fill_rates_take_the_place_of_the_assumed(gap):
    assumed = backtest("--measured")["assumptions"]
    assert assumed["first_leg_fills"] != backtest()["assumptions"]["first_leg_fills"]


def test_what_was_measured_later_than_the_history_begins_is_not_known(gap):
    before = backtest("--measured")["assumptions"]
    outcome(AT)  # within the period: it may be of the very orders that are tried again
    assert backtest("--measured")["assumptions"] == before
    outcome(AT - timedelta(days=2))
    assert backtest("--measured")["assumptions"] != before


def outcome(at):
    """Two hundred first legs on Polymarket that filled nothing."""
    mode = settings.ARBSITE.trading.mode
    LegOutcome.objects.bulk_create(
        LegOutcome(
            mode=mode, plan="plan", order=f"{at:%d}-{number}", platform="polymarket", place=0, edge=D("0.05"),
            asked=D(10), filled=D(0), at=at,
        )
        for number in range(200)
    )  # fmt: skip

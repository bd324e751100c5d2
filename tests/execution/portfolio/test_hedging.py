"""Hedges of what is held: over the API, by command, in the exposure report; groups that move together beside them."""

import io
import json
from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.core.management import call_command
from django.utils import timezone

from execution.portfolio import hedging
from markets.models import Bet, Market
from markets.platforms.base import KALSHI, POLYMARKET
from signals import catalogue
from signals.findings import Rules
from signals.models import MarketCorrelation
from tests import factories
from tests.arbsite.callers import reader
from tests.execution.ledgers import a_market, a_neg_risk, a_pair, trade

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fresh(redis):
    catalogue.forget()
    yield
    catalogue.forget()


@pytest.fixture
def lone_leg(redis, monkeypatch):
    """100 YES of a pair with 60 NO against it, a market that moves along, and live books of all."""
    # Ten minutes instead of two seconds: how busy the machine is must not decide
    monkeypatch.setattr("execution.portfolio.hedging.rules.rules", lambda: Rules(max_book_age_ms=600_000))
    bet = a_pair()
    a_market("KX-9", KALSHI, question="Will <i>it</i> too?")
    trade("PM-1", "YES", "BUY", 100, "0.50", bet=bet)
    trade("KX-1", "NO", "BUY", 60, "0.48", bet=bet)
    now = factories.unix_ms()
    factories.window(POLYMARKET, {"PM-1": factories.book([("0.48", "500")], [("0.52", "500")], now)}, now)
    books = {
        "KX-1": factories.book([("0.49", "500")], [("0.51", "500")], now),
        "KX-9": factories.book([("0.48", "500")], [("0.52", "500")], now),
    }
    factories.window(KALSHI, books, now, 2)
    MarketCorrelation.objects.create(
        one="market:kalshi:KX-9", two="market:polymarket:PM-1", clock_seconds=60, rho=D("0.8"), lower=D("0.6"),
        upper=D("0.9"), samples=200, beta=D("1"), computed_at=timezone.now(),
    )  # fmt: skip
    MarketCorrelation.objects.create(
        one="group:corr:kalshi:KX-9", two="market:polymarket:PM-1", clock_seconds=60, rho=D("0.8"), lower=D("0.6"),
        upper=D("0.9"), samples=200, beta=D("1"), computed_at=timezone.now(),
    )  # fmt: skip
    return bet


def test_what_is_uncovered_is_hedged_exactly_or_by_correlation(lone_leg):
    seen = hedging.look("paper", timezone.now())
    assert [(one.market_id, one.outcome, one.contracts) for one in seen.stakes] == [("PM-1", "YES", 40)]
    assert [(one.kind, one.market_id, one.outcome, one.contracts) for one in seen.hedges] == [
        ("exact", "KX-1", "NO", 40), ("exact", "PM-1", "NO", 40), ("correlated", "KX-9", "NO", 40),
    ]  # fmt: skip
    assert all(one.cost > 0 and one.fee > 0 for one in seen.hedges)


def test_of_a_wide_bet_only_what_pays_in_some_states_is_uncovered(redis):
    bet = a_neg_risk()
    for name, quantity in (("N-1", 10), ("N-2", 10), ("N-3", 12)):
        trade(name, "YES", "BUY", quantity, "0.30", bet=bet)
    seen = hedging.look("paper", timezone.now())
    assert [(one.market_id, one.outcome, one.contracts) for one in seen.stakes] == [("N-3", "YES", 2)]
    trade("N-3", "YES", "SELL", 2, "0.30", bet=bet)
    assert hedging.look("paper", timezone.now()).stakes == ()


def test_what_was_bought_by_hand_completes_a_leg_of_a_bet_and_another_by_hand(lone_leg):
    trade("KX-1", "NO", "BUY", 40, "0.48")
    trade("KX-9", "YES", "BUY", 5, "0.50")
    trade("KX-9", "NO", "BUY", 3, "0.50")
    seen = hedging.look("paper", timezone.now())
    assert [(one.market_id, one.outcome, one.contracts) for one in seen.stakes] == [("KX-9", "YES", 2)]


def test_stale_books_offer_no_hedge(lone_leg):
    seen = hedging.look("paper", timezone.now() + timedelta(hours=1))
    assert seen.stakes and seen.hedges == ()


def test_the_api_is_closed_by_default_and_gives_the_same(client, lone_leg):
    assert client.get("/api/v1/portfolio/hedges").status_code == 401
    headers = reader("execution.view_position")
    assert client.get("/api/v1/portfolio/hedges?colour=red", headers=headers).status_code == 400
    found = json.loads(client.get("/api/v1/portfolio/hedges", headers=headers).content, parse_float=D)
    assert [one["kind"] for one in found["hedges"]] == ["exact", "exact", "correlated"]
    assert found["hedges"][2]["variance_taken_at_least"] == D("0.3600") and isinstance(found["as_of"], int)
    assert found["positions"][0]["uncovered"] == 40


def test_the_command_says_what_to_buy(lone_leg):
    out = io.StringIO()
    call_command("hedges", stdout=out)
    assert "buy 40 NO of kalshi:KX-1" in out.getvalue() and "1 positions are not covered" in out.getvalue()
    out = io.StringIO()
    call_command("hedges", "--json", stdout=out)
    assert len(json.loads(out.getvalue())["hedges"]) == 3


def test_the_exposure_report_shows_groups_hedges_and_a_heat_map(lone_leg, capsys):
    def made(form):
        call_command("report", "exposure", "--format", form)
        return capsys.readouterr().out

    document = json.loads(made("json"), parse_float=D)
    assert [(one["name"], one["positions"], one["paid"]) for one in document["correlated"]] == [
        ("corr:kalshi:KX-9", 1, D("50"))
    ]
    assert document["heat"]["rho"][0][1] == D("0.8") and len(document["hedges"]) == 3
    page, words = made("html"), made("table")
    assert "How markets move together" in page and "<i>it</i>" not in page
    assert page.count("data:image/svg+xml;base64,") == 6
    assert "HEDGES" in words and "corr:kalshi:KX-9" in words


def test_nothing_held_and_nothing_known_is_said_in_words(redis, capsys):
    call_command("report", "exposure")
    words = capsys.readouterr().out
    assert "correlations --refresh" in words and "Nothing is open that a live book would offset" in words
    assert not Market.objects.exists() and not Bet.objects.exists()


def test_dust_is_not_offered_and_its_number_is_said(lone_leg, client):
    trade("KX-1", "NO", "BUY", 39, "0.48", bet=lone_leg)  # one YES is uncovered: half a dollar
    out = io.StringIO()
    call_command("hedges", stdout=out)
    assert "buy" not in out.getvalue() and "3 hedges are left out" in out.getvalue()
    headers = reader("execution.view_position")
    found = json.loads(client.get("/api/v1/portfolio/hedges", headers=headers).content)
    assert found["hedges"] == [] and found["left_out"]["count"] == 3
    out = io.StringIO()
    call_command("report", "exposure", stdout=out)
    assert "3 hedges are left out" in " ".join(out.getvalue().split())

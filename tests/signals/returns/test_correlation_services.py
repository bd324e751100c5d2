"""The hourly look on real rows: prices in, correlations and groups out; limits, API, command and catalogue read them."""

import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from execution import limits
from execution.limits import Limits
from execution.plans.planning import Ticket
from execution.portfolio import holdings
from markets.books import YES
from markets.models import Bet, BetOutcome, Market, Price
from markets.platforms.base import KALSHI, POLYMARKET
from signals import catalogue
from signals.models import MarketCorrelation
from signals.returns import services, stored
from tests.arbsite.callers import reader
from tests.execution.ledgers import a_market, trade

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
STEPS = 400
SERIES = {
    name: f"market:{platform}:{name}"
    for name, platform in (("PM-1", POLYMARKET), ("PM-2", POLYMARKET), ("KX-3", KALSHI))
}


@pytest.fixture(autouse=True)
def _fresh(db, redis):
    catalogue.forget()
    Price.objects.all().delete()  # Django does not manage the table, so no test empties it
    yield
    catalogue.forget()


def quoted(market_id, changes, *, until=NOW, platform=POLYMARKET, question=""):
    """Rows of a market whose log-odds move by `changes`, one a minute; each quote repeated a few seconds later."""
    if not Market.objects.filter(pk=market_id).exists():
        a_market(
            market_id, platform, followed=True, question=question or f"Will {market_id}?", event_id=market_id
        )
    mids = 1 / (1 + np.exp(-np.cumsum(changes)))
    rows = []
    for place, mid in enumerate(mids):
        at = until - timedelta(minutes=len(mids) - place)
        price = D(repr(float(mid))).quantize(D("0.000001"))
        for more in (0, 7):
            rows.append(
                Price(
                    market_id=market_id, outcome="YES", bid=price, ask=price, mid_price=price, spread=0,
                    timestamp=at + timedelta(seconds=more),
                )
            )  # fmt: skip
    Price.objects.bulk_create(rows)


def a_world(seed=1, shared=0.95):
    chance = np.random.default_rng(seed)
    common, other = chance.standard_normal((2, STEPS)) * 0.05
    noise = chance.standard_normal(STEPS) * 0.05
    quoted("PM-1", common, question="Will Bitcoin be above 100,000 dollars?")
    quoted(
        "PM-2",
        shared * common + (1 - shared**2) ** 0.5 * noise,
        question="Will BTC be above 110,000 dollars?",
    )
    quoted("KX-3", other, platform=KALSHI)


def test_a_look_finds_what_moves_together_and_makes_a_group_of_it():
    a_world()
    looked = services.refresh(now=NOW)
    assert (looked.markets, looked.market_pairs, looked.groups) == (3, 3, 1)
    row = MarketCorrelation.objects.get(one=SERIES["PM-1"], two=SERIES["PM-2"])
    assert row.lower < D("0.95") < row.upper and row.lower > D("0.8") and abs(row.beta - D("0.95")) < D("0.1")
    assert row.samples > 300
    alone = MarketCorrelation.objects.get(one=SERIES["KX-3"], two=SERIES["PM-1"])
    assert alone.lower < 0 < alone.upper
    assert stored.groups() == dict.fromkeys(
        [(POLYMARKET, "PM-1"), (POLYMARKET, "PM-2")], frozenset({"corr:polymarket:PM-1"})
    )


@pytest.mark.parametrize("seconds", [0, 30, 59])
def test_a_look_at_any_second_sees_busy_and_quiet_markets_at_the_same_tick(seconds):
    """PM-1 is quoted every ten seconds, PM-2 once a minute; both jump together. A tick that cut minutes in two saw the
    busy one a minute later."""
    chance = np.random.default_rng(4)
    mids = np.round(1 / (1 + np.exp(-np.cumsum(chance.standard_normal(STEPS) * 0.05))), 6)
    for market_id, offsets in (("PM-1", range(5, 60, 10)), ("PM-2", (5,))):
        a_market(market_id, POLYMARKET, followed=True, question=market_id, event_id=market_id)
        Price.objects.bulk_create(
            Price(
                market_id=market_id, outcome="YES", bid=D(str(mid)), ask=D(str(mid)), spread=0,
                mid_price=D(str(mid)) + second * D("0.000001"),
                timestamp=NOW - timedelta(minutes=STEPS - place) + timedelta(seconds=second),
            )
            for place, mid in enumerate(mids) for second in offsets
        )  # fmt: skip
    services.refresh(now=NOW + timedelta(seconds=seconds))
    row = MarketCorrelation.objects.get(one=SERIES["PM-1"], two=SERIES["PM-2"])
    assert row.rho > D("0.99") and row.samples > 350


def test_a_second_look_replaces_the_first_and_repeats_change_nothing():
    a_world()
    services.refresh(now=NOW)
    before = list(
        MarketCorrelation.objects.order_by("one", "two").values("one", "two", "rho", "lower", "samples")
    )
    services.refresh(now=NOW)
    assert (
        list(MarketCorrelation.objects.order_by("one", "two").values("one", "two", "rho", "lower", "samples"))
        == before
    )
    Market.objects.filter(pk="KX-3").update(followed=False)
    services.refresh(now=NOW + timedelta(seconds=1))
    assert not MarketCorrelation.objects.filter(one=SERIES["KX-3"]).exists()


def test_a_group_outlives_a_quiet_hour_and_ends_in_time():
    a_world()
    services.refresh(now=NOW)
    Price.objects.all().delete()
    services.refresh(now=NOW + timedelta(days=2))
    assert stored.groups()
    services.refresh(now=NOW + timedelta(days=4))
    assert stored.groups() == {} and not MarketCorrelation.objects.exists()


def two_bets():
    """Two bets of no common event or source, one on each of the markets that move together."""
    for number in (1, 2):
        Market.objects.filter(pk=f"PM-{number}").update(event_id=f"E{number}", resolution_source="")
        bet = Bet.objects.create(id=f"bet:{number}", kind=Bet.YES_NO, name="b", states=["happens", "fails"])
        for outcome, state in (("YES", "happens"), ("NO", "fails")):
            BetOutcome.objects.create(bet=bet, market_id=f"PM-{number}", outcome=outcome, pays_in=[state])


def test_the_limit_of_a_group_binds_on_bets_that_move_together():
    a_world()
    two_bets()
    trade("PM-1", "YES", "BUY", 100, "0.90", bet=Bet.objects.get(pk="bet:1"))
    ticket = Ticket("bet:2", POLYMARKET, "PM-2", YES, "BUY", D(20), D("0.60"), D(12), D(12))

    def refused():
        found = holdings.held("paper", catalogue.current(), bets=["bet:2"])
        risk = Limits(max_group_notional=D(100))
        return [one.code for one in limits.check(ticket, found, risk, best=D("0.60"))]

    assert refused() == []
    services.refresh(now=NOW)
    assert catalogue.current().groups("bet:2") >= {"corr:polymarket:PM-1"}
    assert refused() == ["max_group_notional"]
    MarketCorrelation.objects.all().delete()
    stored.write([], {}, services.CLOCK_SECONDS, NOW)
    catalogue.forget()
    assert refused() == []


def test_the_catalogue_learns_of_groups_without_being_told_to_forget():
    a_world()
    two_bets()
    assert "corr:polymarket:PM-1" not in catalogue.current().groups("bet:1")
    services.refresh(now=NOW)
    known = catalogue.current()
    assert "corr:polymarket:PM-1" in known.groups("bet:1")
    assert known.markets_of("corr:polymarket:PM-1") == {(POLYMARKET, "PM-1"), (POLYMARKET, "PM-2")}
    Price.objects.all().delete()
    services.refresh(now=NOW + timedelta(days=9))
    assert "corr:polymarket:PM-1" not in catalogue.current().groups("bet:1")
    assert catalogue.current().markets_of("corr:polymarket:PM-1") == set()


def test_assets_are_compared_with_assets():
    a_world()
    chance = np.random.default_rng(1)
    common = chance.standard_normal((2, STEPS))[0] * 0.05
    for number in (4, 5):
        quoted(
            f"KX-{number}",
            common + chance.standard_normal(STEPS) * 0.01,
            platform=KALSHI,
            question="Will ETH be up?",
        )
    looked = services.refresh(now=NOW)
    assert looked.bundle_pairs == 1
    row = MarketCorrelation.objects.get(one="asset:bitcoin", two="asset:ethereum")
    assert row.lower > D("0.8")


def test_the_command_lists_refreshes_and_says_who_leads():
    chance = np.random.default_rng(2)
    common = chance.standard_normal(STEPS + 2) * 0.05
    quoted("PM-1", common[2:])
    quoted("PM-2", common[:-2])
    out = io.StringIO()
    call_command("correlations", "--refresh", "--json", "--lead", SERIES["PM-1"], SERIES["PM-2"], stdout=out)
    found = json.loads(out.getvalue())
    assert found["looked"]["markets"] == 2 and found["lead"]["steps"] == 2 and found["lead"]["sure"] is True
    assert len(found["pairs"]) == 1
    with pytest.raises(CommandError, match="two markets that are known"):
        call_command("correlations", "--lead", SERIES["PM-1"], "market:kalshi:NOBODY")
    with pytest.raises(CommandError, match="--most"):
        call_command("correlations", "--most", "0")
    words = io.StringIO()
    call_command("correlations", stdout=words)
    assert SERIES["PM-2"] in words.getvalue()


def test_the_api_gives_rows_and_a_matrix_to_who_may_read(client):
    a_world()
    services.refresh(now=NOW)
    address, headers = "/api/v1/correlations", reader("signals.view_marketcorrelation")
    rows = client.get(f"{address}?one={SERIES['PM-1']}", headers=headers).json()["results"]
    assert [row["two"] for row in rows] == [SERIES["PM-2"]] and rows[0]["computed_at"] == int(
        NOW.timestamp() * 1000
    )
    found = client.get(f"{address}/matrix?most=2", headers=headers).json()
    assert set(found["names"]) == {SERIES["PM-1"], SERIES["PM-2"]} and found["rho"][0][0] == 1
    assert (
        found["rho"][0][1] == found["rho"][1][0] > 0.9
        and "Bitcoin" in found["labels"][found["names"].index(SERIES["PM-1"])]
    )
    for query in ("?most=1", "?most=x", "?of=moon", "?colour=red"):
        assert client.get(f"{address}/matrix{query}", headers=headers).status_code == 400, query
    for path in ("", "/matrix"):
        assert client.get(address + path).status_code == 401

"""Evidence in a backtest: what stood at each moment has its say, what was known later has none, and both runs are shown."""

import io
from datetime import datetime, timedelta
from decimal import Decimal as D

import pytest
from django.core.management import call_command

from markets.models import Market
from signals.correlating import publishing
from signals.deciding import bearing
from signals.models import CalendarEvent
from signals.replay import recalling
from signals.sources.calendar import guarding
from signals.times import unix_ms
from tests.execution.backtesting.test_stored import AT, backtest, gap, quoted
from tests.signals.correlating.stored import fit, prediction

__all__ = ["gap"]
pytestmark = pytest.mark.django_db(transaction=True)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
PM, KX = ("polymarket", "PM-1"), ("kalshi", "KX-1")
SEEN = AT + 5 * SECOND  # the gap stands from the tenth second to the eighteenth


def claimed(item="news:1", market="PM-1", **changes):
    """An unscored story that Polymarket's price will rise: strong enough for a veto, and not answered by any price."""
    values = {"happened_at": SEEN, "seen_at": SEEN, "strength": D("0.9"), "note": "Rates cut"}
    return prediction(item, market, **(values | changes))


def scored(**changes):
    return fit(AT - timedelta(days=1), **changes)


def event(**changes):
    """A decision in the middle of the gap, known for a week, that touches the Kalshi market."""
    values = {
        "name": "FOMC", "source": "fed", "external_id": "x", "kind": "decision", "importance": "high",
        "certainty": "exact", "starts_at": AT + 12 * SECOND, "created_at": AT - timedelta(days=7),
    }  # fmt: skip
    row = CalendarEvent.objects.create(**(values | changes))
    row.markets.add(Market.objects.get(pk="KX-1"))
    return row


def borne():
    """What evidence did, and both runs."""
    found = backtest()["evidence"]
    return {name: one["gaps"] for name, one in found["gaps"].items() if one["gaps"]}, found


def test_without_evidence_both_runs_are_one_and_the_report_says_so(gap):
    done, found = borne()
    assert done == {} and found["with"] == found["without"] and found["without"]["plans"] == 1
    out = io.StringIO()
    call_command("backtest", "--since", "2026-11-20", "--until", "2026-11-21", stdout=out)
    assert "No claim stood and no event was near" in out.getvalue()


def test_a_claim_that_stood_vetoes_and_the_report_says_what_that_cost(gap, tmp_path):
    claimed()
    done, found = borne()
    assert done == {"vetoed": 1} and found["claims"] == 1
    assert found["with"]["plans"] == 0 and found["with"]["after_costs"] == 0
    vetoed = found["gaps"]["vetoed"]
    assert vetoed["with"]["plans"] == 0 and vetoed["without"]["plans"] == 1
    assert vetoed["without"]["planned"] > 4 and vetoed["without"] == {
        name: value for name, value in found["without"].items() if name != "max_drawdown"
    }
    whole = backtest("--html", str(tmp_path / "page.html"))
    assert whole["plans"] == 0 and whole["refusals"]["decide"]["evidence_veto"] >= 1
    page = (tmp_path / "page.html").read_text()
    assert "vetoed" in page and "earned without" in page and "1 claims and 0 events" in page


@pytest.mark.parametrize(
    "changes",
    [
        {"created_at": AT + HOUR},
        {"seen_at": AT + 20 * SECOND, "happened_at": AT + 20 * SECOND},
        {"horizon_seconds": 4},
        {"market_id": "KX-2"},
    ],
    ids=["written down later", "seen later", "over before", "another market"],
)
def test_what_did_not_stand_at_that_moment_has_no_say(gap, changes):
    if "market_id" in changes:
        Market.objects.create(id="KX-2", platform="kalshi", question="?", status="OPEN")
    claimed(market=changes.pop("market_id", "PM-1"), **changes)
    done, found = borne()
    assert done == {} and found["with"]["plans"] == 1


def test_a_claim_speaks_with_the_fit_that_was_frozen_with_it(gap):
    noise = scored(weight=D(0))
    claimed(fit=noise, probability=D("0.95"))
    fit(AT + HOUR, weight=D(1))  # what was learned later
    assert borne()[0] == {}
    claimed("news:2", fit=scored(kind="told", weight=D(1)), kind="told", probability=D("0.95"))
    assert borne()[0] == {"vetoed": 1}


def test_a_moderate_claim_shrinks(gap):
    claimed(fit=scored(base_rate=D("0.3"), weight=D(1)), probability=D("0.45"))
    done, found = borne()
    assert done == {"shrunk": 1}
    shrunk = found["gaps"]["shrunk"]
    assert shrunk["with"]["plans"] == shrunk["without"]["plans"] == 1
    assert 0 < shrunk["with"]["planned"] < shrunk["without"]["planned"]


def test_prices_answer_a_claim_up_to_the_moment(gap):
    """Before the gap both platforms fall by more than their spread: that is what the story said."""
    before = {"seen_at": AT - 50 * SECOND, "happened_at": AT - 50 * SECOND, "direction": -1}
    claimed(**before)
    quoted("PM-1", (-60, "0.60", "0.62"), (-40, "0.50", "0.52"))
    assert borne()[0] == {"vetoed": 1}  # Kalshi has not moved yet
    quoted("KX-1", (-60, "0.60", "0.62"))
    assert borne()[0] == {}


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({}, True),
        ({"created_at": AT + HOUR}, False),
        ({"cancelled_at": AT - HOUR}, False),
        ({"cancelled_at": AT + HOUR}, True),
        ({"certainty": "tentative", "importance": "medium"}, False),
    ],
    ids=["known", "known later", "cancelled before", "cancelled later", "only a hurdle"],
)
def test_an_event_holds_as_its_calendar_had_it(gap, changes, holds):
    event(**changes)
    done, found = borne()
    assert (done.get("held", 0), found["with"]["plans"]) == ((1, 0) if holds else (0, 1))
    assert found["without"]["plans"] == 1


@pytest.mark.parametrize(("seen", "holds"), [(AT + HOUR, True), (AT - HOUR, False)], ids=["later", "before"])
def test_an_event_that_was_moved_held_where_it_stood(gap, seen, holds):
    moves = [{"from": (AT + 12 * SECOND).isoformat(), "seen": seen.isoformat()}]
    event(
        starts_at=AT + timedelta(days=40),
        metadata={"moves": moves, "moved_ms": unix_ms(seen), "topic": "fomc"},
    )
    assert bool(borne()[0]) is holds


def test_the_past_is_what_was_published_then(gap, redis):
    """At any moment the stored past says what readers of Redis heard."""
    (
        claimed(),
        claimed("news:2", "KX-1", fit=scored(), seen_at=AT + HOUR, happened_at=AT),
        claimed("news:3", direction=0),
    )
    event(), event(external_id="y", name="CPI", starts_at=AT + 2 * HOUR, importance="medium")
    bets = [gap.value()]
    past = recalling.recall(bets, AT, AT + timedelta(days=1))
    for seconds in (6, 700, 3_599, 3_605, 6_000, 9_000):
        now = AT + seconds * SECOND
        redis.flushdb()
        publishing.publish({"PM-1": "polymarket", "KX-1": "kalshi"}, now=now)
        guarding.refresh(now=now)
        told = bearing.of([PM, KX], now_ms=unix_ms(now))
        seen = {market: _by_then(rows, now) for market, rows in told.standings.items()}
        heard = past.heard([PM, KX], unix_ms(now))
        assert heard.standings == {market: rows for market, rows in seen.items() if rows}
        assert heard.guards == told.guards


def _by_then(rows, now: datetime):
    """Tests write rows before their time; live they are not there yet. Claims of the calendar's own are not asked for."""
    return tuple(row for row in rows if row.seen_ms <= unix_ms(now) and not row.source.startswith("calendar"))


def test_it_repeats(gap):
    claimed()
    event()
    assert backtest() == backtest()

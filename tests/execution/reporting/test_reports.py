"""Reports: honest words, figures that add up, pages that need nothing from elsewhere."""

import csv
import io
import json
import re
from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from arbsite import registry
from arbsite.models import Notice
from execution import doors, panels
from execution.models import Difference, EquityPoint, Fill, Halt, Order, Plan, Position
from execution.portfolio import exposure, freeing
from execution.reporting import rendering, reports
from markets.models import Market
from markets.platforms.base import KALSHI
from signals import catalogue
from signals.models import Refusal
from tests.execution.ledgers import a_market, a_neg_risk, a_pair, an_order, trade

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fresh_catalogue():
    catalogue.forget()


@pytest.fixture
def now(redis):
    return timezone.now()


def a_day(now):
    """Trades on two platforms, a lone remainder, refusals, a halt, a difference, a curve."""
    for hour in range(24):
        at = now - timedelta(hours=24 - hour)
        EquityPoint.objects.create(
            mode="paper", at=at, cash=D(20_000) - hour, positions=D(hour) + D(hour) ** 2 / 40, moved=D(20_000),
            high_water=D(20),
        )  # fmt: skip
    at = now - timedelta(hours=5)
    one, two = a_pair(), a_pair("pair:2", "PM-2", "KX-2")
    Market.objects.filter(pk="KX-2").update(
        question="Will <b>the</b> Federal Reserve & friends cut rates in 2026?"
    )
    trade("PM-1", "YES", "BUY", 100, "0.40", "1.20", bet=one, at=at)
    trade("KX-1", "NO", "BUY", 100, "0.50", "1.75", bet=one, at=at)
    trade("PM-2", "YES", "BUY", 250, "0.61", "2.97", bet=two, at=at)
    trade("KX-2", "NO", "BUY", 240, "0.33", "3.72", bet=two, at=at)
    a_neg_risk()
    a_market("HAND", KALSHI, settles=None, question="=cmd() placed by hand")
    trade("HAND", "YES", "BUY", 10, "0.40", "0.17", at=at, kind="HAND")
    Plan.objects.update(status="EXECUTING", expected_profit=D("3.5"))
    Plan.objects.filter(bet=one).update(status="FILLED")
    Plan.objects.filter(bet=two).update(
        status="UNWOUND", profit=D("-2.31"), reason="the second leg was gone; 10 YES were sold back"
    )
    order = an_order(one, "PM-1", at=at, role="LEG")
    type(order).objects.filter(pk=order.pk).update(status="REJECTED")
    for code, count in (("below_hurdle", 4_120), ("book_stale", 512), ("not_clean", 77)):
        Refusal.objects.create(
            bet_id=one.id, code=code, hour=at, stage="decide", count=count, first_seen=at, last_seen=at,
            best_profit=D("1.25"),
        )  # fmt: skip
    Halt.objects.create(
        platform=KALSHI, code="stale_feed", why="no frame for 61 s", by="watching", created_at=at
    )
    Difference.objects.create(
        mode="paper", platform=KALSHI, kind="cash", subject="0", sentence="cash differs by $0.02"
    )
    Position.objects.filter(market_id="PM-1").update(current_price=D("0.44"))
    return one, two


def test_a_report_tells_the_whole_day(now):
    a_day(now)
    found = reports.gather(now=now, days=1)
    assert found["trades"]["count"] == 5 and found["trades"]["fees"] == D("9.81")
    assert found["plans"]["by_status"] == {"FILLED": 2, "PLANNED": 1, "UNWOUND": 2}
    assert {one["cost"] for one in found["remainders"]} == {D("2.31")} and len(found["remainders"]) == 2
    assert [(one["code"], one["count"]) for one in found["refusals"]["by_code"]][0] == ("below_hurdle", 4_120)
    leg = next(one for one in found["fill_rates"] if one["role"] == "LEG")
    assert (leg["orders"], leg["whole"], leg["none"], leg["share"]) == (1, 0, 1, 0)
    assert found["profit"] == found["portfolio"]["pnl"] and len(found["equity"]) == 25
    assert found["equity"][-1]["profit"] == found["profit"]
    assert [one["code"] for one in found["halts"]] == ["stale_feed"] and len(found["differences"]) == 1
    assert found["verdict"].startswith("5 plans, 5 trades")
    total = next(line for line in found["limits"] if line["name"] == "max_notional")
    assert (
        total["used"] == sum((row.paid for row in Position.objects.all()), D(0)) and total["limit"] == 20_000
    )


def test_a_report_says_what_the_profit_is_made_of_and_its_lines_add_up(now):
    one, _ = a_day(now)
    back = trade("PM-1", "YES", "SELL", 30, "0.37", "0.2", bet=one, at=now - timedelta(hours=4))
    Order.objects.filter(pk=back.order_id).update(role=Order.UNWIND)
    found = reports.gather(now=now, days=1)
    section = next(one for one in reports.sections(found) if one.title == "What the profit is made of")
    lines = dict(section.rows)
    assert list(lines) == [
        "realised: lone legs sold back", "locked in until settlement", "worth less at the bids until then",
        "at risk: no other leg covers it", "together",
    ]  # fmt: skip
    amounts = {name: D(text.replace("−", "-").replace("$", "")) for name, text in lines.items()}
    assert sum(amounts.values()) == 2 * amounts["together"] == 2 * found["portfolio"]["pnl"]
    assert amounts["realised: lone legs sold back"] < 0 < amounts["locked in until settlement"]
    assert any("locked in until settlement" in line for line in reports.headline(found))


def test_the_demos_last_words_say_what_the_profit_is_made_of(now):
    a_day(now)
    said = panels.summary(now - timedelta(days=1))
    parts = dict(said["pnl_made_of"])
    assert sum(D(amount) for amount in parts.pop("realized_by").values()) == D(parts["realized_pnl"])
    assert sum(D(amount) for amount in parts.values()) == D(said["pnl"])
    assert D(said["uncovered"]["cost"]) > 0 and "at risk" in panels.positions(now).title


def test_a_day_without_a_plan_says_why(now):
    a_pair()
    for code, count in (("below_hurdle", 40), ("book_stale", 5)):
        Refusal.objects.create(
            code=code, hour=now, stage="decide", count=count, first_seen=now, last_seen=now
        )
    found = reports.gather(now=now, days=1)
    assert found["verdict"] == (
        "Nothing was worth it: 45 findings were left alone, most of them for below_hurdle (40), book_stale (5)."
    )
    assert found["verdict"] in rendering.text("t", found["verdict"], reports.sections(found))


def test_a_silent_day_asks_whether_the_feeds_are_up(now):
    assert "Are the feeds up" in reports.gather(now=now, days=1)["verdict"]


def page_of(text):
    return re.sub(r'src="data:image/svg\+xml;base64,[A-Za-z0-9+/=]+"', "", text)


@pytest.mark.parametrize("what", ["daily", "weekly", "exposure"])
def test_a_page_stands_alone_and_escapes_what_platforms_say(now, what, tmp_path):
    a_day(now)
    call_command("report", what, "--format", "html", "--out", str(tmp_path / "report.html"))
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/svg+xml;base64,") >= (5 if what == "exposure" else 3)
    bare = page_of(page)
    assert not re.search(r"(src|href)=|url\(|@import|<script|http", bare)
    assert "<b>the</b>" not in bare and 'name="viewport"' in bare


def test_the_exposure_report_comes_in_four_forms_that_agree(now, capsys):
    a_day(now)

    def made(form):
        call_command("report", "exposure", "--format", form)
        return capsys.readouterr().out

    document = json.loads(made("json"), parse_float=D)
    rows = list(csv.DictReader(io.StringIO(made("csv"))))
    for view in exposure.VIEWS:
        of_view = [row for row in rows if row["view"] == view]
        assert len(of_view) == len(document[view]) > 0
        for column, name in (("cost", "cost"), ("worth", "worth"), ("unrealized_pnl", "unrealized_pnl")):
            assert sum(D(row[column]) for row in of_view) == document["total"][name]
    assert any(row["label"].startswith("'=cmd()") for row in rows)  # no formula for a spreadsheet
    table = made("table")
    assert (
        "BY SETTLEMENT DATE" in table
        and "day unknown" in table
        and f"${document['total']['cost']:,.2f}" in table
    )


def test_a_report_in_json_has_every_digit(now, capsys):
    a_day(now)
    call_command("report", "daily", "--format", "json")
    found = json.loads(capsys.readouterr().out, parse_float=D)
    assert found["trades"]["fees"] == D("9.81") and found["portfolio"]["exact"] is True
    assert sum(day["cost"] for day in found["calendar"]["days"]) == found["portfolio"]["invested"]


@pytest.mark.parametrize(
    "wrong", [("daily", "--format", "csv"), ("daily", "--days", "3"), ("--days", "0")]
)  # fmt: skip
def test_what_cannot_be_reported_is_refused(now, wrong):
    with pytest.raises(CommandError):
        call_command("report", *wrong)


def test_the_cron_jobs_keep_working_and_leave_a_notice(now, capsys):
    a_day(now)
    doors.open_all()
    kinds = {"daily-report": "profit_report", "weekly-report": "profit_report", "risk-check": "risk_report"}
    for name, kind in kinds.items():
        Notice.objects.all().delete()
        call_command(*registry.jobs[name].command)
        assert Notice.objects.get().kind == kind
    out = capsys.readouterr().out
    assert "Daily report" in out and "Weekly report" in out and "max notional: $" in out


def test_a_limit_that_is_nearly_full_is_a_warning(now):
    bet = a_pair()
    trade("PM-1", "YES", "BUY", 1_000, "0.45", bet=bet)
    call_command("report", "--risk")
    notice = Notice.objects.get(kind="risk_report")
    assert (
        notice.severity == "MEDIUM"
        and "max market notional (PM-1): $450.00 of $500.00 (90%)" in notice.message
    )


def test_reports_of_a_converted_basket_count_it_apart(now):
    bet = a_neg_risk()
    for name in ("N-1", "N-2", "N-3"):
        trade(name, "NO", "BUY", 10, "0.62", bet=bet, at=now)
    freeing.free(now=now)
    found = reports.gather(now=now, days=1)
    assert found["trades"]["count"] == 3 and found["trades"]["by_kind"][Fill.CONVERSION] == 3
    assert found["profit"] == D("1.40")

"""What a wallet could do: listed with its request, booked by nobody."""

import json
from decimal import Decimal as D

import pytest
from django.core.management import call_command

from execution.models import Fill
from execution.portfolio import actions
from execution.portfolio import services as portfolio
from markets.models import Market
from markets.platforms.base import KALSHI, SETTLED
from markets.platforms.polymarket.contracts import ADAPTER, NEG_RISK_ADAPTER
from tests.arbsite.callers import reader
from tests.execution.ledgers import a_market, a_neg_risk, a_pair, trade

pytestmark = pytest.mark.django_db(transaction=True)
ONE = "0x" + "ab" * 32
EVENT = "0x" + "cd" * 31 + "00"


def question(number):
    return EVENT[:-2] + f"{number:02x}"


@pytest.fixture
def held(redis):
    """Both sides of one market, a settled winner and loser, a basket of NO, and Kalshi's, that nets by itself."""
    a_pair(a=ONE)
    trade(ONE, "YES", "BUY", 30, "0.40", mode="live")
    trade(ONE, "NO", "BUY", 20, "0.55", mode="live")
    a_market("0x" + "11" * 32, status=SETTLED, settlement_value=D("0.5"))
    trade("0x" + "11" * 32, "NO", "BUY", "12.5", "0.55", mode="live")
    a_market("0x" + "22" * 32, status=SETTLED, settlement_value=D(1))
    trade("0x" + "22" * 32, "NO", "BUY", 9, "0.55", mode="live")
    names = ["0x" + f"{number:02x}" * 32 for number in (0x31, 0x32, 0x33)]
    bet = a_neg_risk(names=names)
    for number, name in enumerate(names):
        facts = {
            "neg_risk": True,
            "neg_risk_market_id": EVENT,
            "question_id": question(number),
            "version": "v1",
        }
        Market.objects.filter(pk=name).update(metadata=facts)
        trade(name, "NO", "BUY", 10, "0.62", bet=bet, mode="live")
    a_market("KX-9", KALSHI)
    trade("KX-9", "YES", "BUY", 5, "0.40", mode="live")
    trade("KX-9", "NO", "BUY", 5, "0.40", mode="live")


def test_merges_redeems_and_conversions_are_listed_with_their_requests(held):
    found = actions.look("live")
    assert [(one.kind, one.quantity, one.frees) for one in found] == [
        ("convert", 10, 20), ("merge", 20, 20), ("redeem", D("12.5"), D("6.25")),
    ]  # fmt: skip
    by_kind = {one.kind: one.request for one in found}
    assert all(call is not None and call.data.startswith("0x") for call in by_kind.values())
    assert by_kind["merge"].to == ADAPTER and by_kind["convert"].to == NEG_RISK_ADAPTER
    before = Fill.objects.count()
    portfolio.summary(now=Fill.objects.last().created_at, mode="live")
    assert Fill.objects.count() == before and not Fill.objects.exclude(kind="TRADE").exists()


def test_what_has_no_usable_ids_is_listed_with_the_reason(held):
    Market.objects.filter(pk__startswith="0x3").update(metadata={"version": "v1"})
    (one,) = [one for one in actions.look("live") if one.kind == "convert"]
    assert one.request is None and one.why and one.frees == 20
    Market.objects.filter(pk__startswith="0x3").update(metadata={"version": "v2"})
    (one,) = [one for one in actions.look("live") if one.kind == "convert"]
    assert one.request is None and "Protocol V2" in one.why


def test_the_command_and_the_api_tell_the_same(held, capsys, client):
    call_command("wallet", "--mode", "live", "--json")
    told = json.loads(capsys.readouterr().out)
    answer = client.get("/api/v1/portfolio/actions?mode=live", headers=reader("execution.view_position"))
    assert answer.json() == told and len(told["actions"]) == 3
    call_command("wallet", "--mode", "live")
    out = capsys.readouterr().out
    assert "3 things to do in live mode would free $46.25" in out and "Merge 20 YES and NO" in out


def test_on_paper_there_is_nothing_to_list(redis, capsys):
    call_command("wallet")
    assert "0 things to do in paper mode" in capsys.readouterr().out

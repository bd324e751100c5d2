"""`manage.py headline` prints what a headline says, and bad input gets one sentence."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from markets import catalogue_version, store
from markets.platforms.base import POLYMARKET
from signals.language import linking
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _one_market(redis):
    linking.forget()
    question = "Will Bitcoin reach $150,000 by the end of [bold]the[/bold] year?"
    store.upsert([factories.info(POLYMARKET, "0xbtc", question=question)], now=timezone.now())
    catalogue_version.changed()
    yield
    linking.forget()


def run(*arguments):
    out = StringIO()
    call_command("headline", *arguments, stdout=out)
    return out.getvalue()


def test_it_prints_topics_names_colour_and_markets():
    out = run("Bitcoin tops $120,000 as ETF inflows hit record")
    for part in ("bitcoin", "BTC", "positive", "urgency", "impact", "YES likelier", "[bold]the[/bold]"):
        assert part in out


def test_json_is_one_document():
    found = json.loads(run("Bitcoin slides below $58,000", "--summary", "Outflows grow", "--json"))
    assert found["sentiment"] == "negative"
    assert found["related_markets"][0]["direction"] == -1
    assert found["related_markets"][0]["market_id"] == "0xbtc"


def test_markup_alone_is_no_headline():
    with pytest.raises(CommandError, match="no text"):
        run("<b></b>")

"""Whale alerts over the API."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from signals.models import WhaleAlert
from signals.sources.whales import defaults, storing
from tests.arbsite.callers import reader
from tests.signals.sources.whales.given import BINANCE, NOW, OTHER, transfer

URL = "/api/v1/whales"


@pytest.fixture
def headers(db, redis):
    defaults.ensure(NOW)
    storing.keep(
        [
            transfer(), transfer(position=1, from_address=BINANCE, to_address=OTHER),
            transfer(position=2, happened_at=NOW - timedelta(hours=3)),
        ],
        NOW, links=lambda asset, now: [],
    )  # fmt: skip
    return reader("signals.view_whalealert")


def found(client, headers, query=""):
    response = client.get(URL + query, headers=headers)
    assert response.status_code == 200, response.content
    return json.loads(response.content, parse_float=Decimal)["results"]


def test_an_alert_has_the_specifications_fields_and_ours(client, headers):
    row = next(row for row in found(client, headers) if row["direction"] == "INFLOW" and row["fresh"])
    assert row["event_type"] == "whale_alert" and row["amount"] == Decimal("6000000.00")
    assert row["timestamp"] == int((NOW - timedelta(minutes=1)).timestamp() * 1000)
    assert (row["exchange"], row["asset"], row["chained_to"]) == ("binance", "USDC", None)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 3), ("?direction=OUTFLOW", 1), ("?exchange=binance", 3), ("?exchange=kraken", 0), ("?fresh=true", 2),
        ("?fresh=false", 1), ("?asset=USDC&category=exchange", 3), ("?happened_since=2026-11-24T11:00:00Z", 2),
    ],
)  # fmt: skip
def test_filters(client, headers, query, count):
    assert len(found(client, headers, query)) == count


def test_links_of_chains_and_replaced_blocks_are_left_out_of_lists(client, headers):
    one, two, _ = WhaleAlert.objects.order_by("pk")
    WhaleAlert.objects.filter(pk=two.pk).update(chained_to=one)
    WhaleAlert.objects.filter(pk=one.pk).update(gone_at=NOW)
    assert len(found(client, headers)) == 1
    assert client.get(f"{URL}/{two.pk}", headers=headers).json()["chained_to"] == one.pk


def test_one_alert_with_its_triggers(client, headers):
    row = WhaleAlert.objects.filter(direction="INFLOW", fresh=True).get()
    body = client.get(f"{URL}/{row.pk}", headers=headers).json()
    assert body["triggers"] == ["exchange_inflow", "large_transfer"] and body["priority"] == "HIGH"
    assert client.get(f"{URL}/999999", headers=headers).status_code == 404


def test_a_wrong_filter_is_named(client, headers):
    assert list(client.get(f"{URL}?direction=UP", headers=headers).json()["errors"]) == ["direction"]

"""The old REST shape, as recordings have it."""

import json
from decimal import Decimal

import pytest

from signals.sources.base import KeyRefused, LimitReached, Malformed
from signals.sources.whales import rest_v1

ROW = {
    "blockchain": "bitcoin", "symbol": "btc", "hash": "cd" * 32, "transaction_type": "transfer", "timestamp": 1588578025,
    "from": {"address": "1A", "owner_type": "unknown"}, "to": {"address": "Multiple Addresses", "owner_type": "unknown"},
    "amount": 139.2, "amount_usd": 1_250_000.5,
}  # fmt: skip


def page(*rows, **more):
    return rest_v1.page(
        json.dumps({"result": "success", "cursor": "c", "transactions": list(rows), **more}).encode()
    )


def test_the_recorded_page(recorded):
    found = rest_v1.page((recorded / "sources/whale_alert/v1_transactions_ok.json").read_bytes())
    one, two = found.transfers
    assert (one.symbol, two.symbol, found.cursor) == ("USDT", "USDT", "2712f286-2712f286-5eafc711")
    assert one.from_address == "0x477b8d5ef7c2c42db84deb555419cd817c336b6f" and one.from_owner == ""
    assert (one.usd, one.units) == (Decimal("503430.84"), Decimal(500000))
    assert (two.from_owner, two.from_kind, two.to_owner) == ("stuart", "exchange", "stuart")


def test_a_recorded_empty_page_keeps_its_cursor(recorded):
    found = rest_v1.page((recorded / "sources/whale_alert/v1_transactions_empty.json").read_bytes())
    assert found == rest_v1.Page((), "2712e8b6-2712e8b6-5eafc647")


def test_the_recorded_refusal(recorded):
    with pytest.raises(KeyRefused):
        rest_v1.page((recorded / "sources/whale_alert/v1_error_bad_key.json").read_bytes())


@pytest.mark.parametrize(
    ("message", "kind"),
    [("usage limit reached", LimitReached), ("something else", Malformed), ("invalid api_key", KeyRefused)],
)
def test_refusals_come_with_200(message, kind):
    with pytest.raises(kind):
        rest_v1.page(json.dumps({"result": "error", "message": message}).encode())


@pytest.mark.parametrize("raw", [b"<html>Bad gateway</html>", b"", b"[]", b"{}", b"Forbidden"])
def test_what_is_no_page(raw):
    with pytest.raises(Malformed):
        rest_v1.page(raw)


def test_many_addresses_are_none():
    one = page(ROW).transfers[0]
    assert (one.from_address, one.to_address) == ("1A", "")


def test_rows_that_cannot_be_read_are_counted():
    found = page(ROW, {**ROW, "hash": ""}, {**ROW, "timestamp": "soon"}, 7, {**ROW, "amount": None})
    assert (len(found.transfers), found.dropped) == (1, 4)

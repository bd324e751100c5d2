"""The enterprise REST interface: pages by height, a cursor that must stay at home, blocks that are replaced."""

import json
from decimal import Decimal

import pytest

from signals.sources.base import Cursor, Malformed
from signals.sources.whales import rest_v2
from signals.sources.whales.reorganising import Vanished
from tests.signals.sources.whales.given import NOW, SECONDS, FakeFetch

KEY = "top-secret"
SETUP = rest_v2.Setup("https://w.example", KEY, ("ethereum",), Decimal(500_000))


def transaction(height, name="aa", amount="600000"):
    return {
        "height": height, "index_in_block": 0, "timestamp": SECONDS - 30, "hash": f"0x{name * 32}",
        "sub_transactions": [{
            "symbol": "USDC", "unit_price_usd": 0.5, "transaction_type": "transfer",
            "inputs": [{"amount": amount, "address": "0x" + "11" * 20}],
            "outputs": [{"amount": amount, "address": "0x" + "22" * 20, "owner": "Binance 14", "owner_type": "exchange"}],
        }],
    }  # fmt: skip


def pages(*found, height=1_000):
    """A server that gives these pages one after the other."""
    left = list(found)

    def answer(url, params):
        return {"start_height": 1, "end_height": height} if url.endswith("/status") else left.pop(0)

    return FakeFetch(answer)


def poll(fetch, cursor=None):
    return rest_v2.poll(fetch, cursor if cursor is not None else Cursor(), NOW, setup=SETUP)


def test_the_recorded_transaction(recorded):
    told = json.loads(
        (recorded / "sources/whale_alert/v2_transaction_example.json").read_text(), parse_float=Decimal
    )
    mint, move = rest_v2.transfers("hyperevm", told)
    assert (mint.transaction_type, mint.from_address, mint.to_kind) == ("mint", "", "unknown")
    assert (move.to_owner, move.to_kind, move.units) == ("usdc treasury", "treasury", Decimal("499999.8"))
    assert move.usd == Decimal("499999.8") * Decimal("0.999999875")
    assert mint.position != move.position


def test_a_relative_next_is_followed_with_the_key_as_a_parameter_only():
    fetch = pages(
        {"transactions": [transaction(999)], "next": f"/ethereum/transactions?cursor=2&api_key={KEY}"},
        {"transactions": [transaction(1_000, "bb")], "next": ""},
    )
    batch = poll(fetch)
    assert [one.block for one in batch.records] == [999, 1_000]
    assert fetch.asked[-1] == ("https://w.example/ethereum/transactions?cursor=2", {"api_key": KEY})


@pytest.mark.parametrize("onward", ["https://evil.example/x", "//evil.example/x", "http://w.example/x"])
def test_a_foreign_next_is_refused_before_the_key_goes_there(onward):
    fetch = pages({"transactions": [transaction(999)], "next": onward})
    with pytest.raises(Malformed, match="another host") as caught:
        poll(fetch)
    assert len(fetch.asked) == 2 and KEY not in str(caught.value)


def test_a_cursor_that_does_not_move_stops():
    same = {"transactions": [transaction(999)], "next": "/ethereum/transactions?cursor=2"}
    fetch = pages(same, same, same, same)
    poll(fetch)
    assert len(fetch.asked) == 3  # the status, the first page, and the one it names


def test_pages_without_end_are_cut_and_their_last_block_read_again():
    found = [
        {"transactions": [transaction(900 + at)], "next": f"/ethereum/transactions?cursor={at}"}
        for at in range(30)
    ]
    cursor = Cursor()
    poll(pages(*found), cursor)
    assert cursor.place["ethereum"]["block"] == max(900 + rest_v2.MOST_PAGES - 2, 1_000 - 11)


def test_unreadable_transactions_are_dropped_and_counted():
    batch = poll(pages({"transactions": [transaction(999), {"hash": ""}, 7], "next": ""}))
    assert (len(batch.records), batch.dropped) == (1, 2)


def test_blocks_are_read_again_until_they_are_old():
    cursor = Cursor()
    poll(pages({"transactions": [], "next": ""}), cursor)
    fetch = pages({"transactions": [], "next": ""}, height=1_005)
    poll(fetch, cursor)
    assert fetch.asked[1][1]["start_height"] == 1_000 - rest_v2.CONFIRMATIONS + 1


def test_what_a_replaced_block_held_is_gone():
    cursor = Cursor()
    poll(pages({"transactions": [transaction(999), transaction(1_000, "bb")], "next": ""}), cursor)
    cursor = Cursor(place=json.loads(json.dumps(cursor.place)))  # as the database keeps it
    batch = poll(pages({"transactions": [transaction(999)], "next": ""}, height=1_001), cursor)
    assert batch.gone == [("ethereum", 1_000)]
    assert batch.records[0] == Vanished("ethereum", 1_000, ("bb" * 32,))
    again = poll(pages({"transactions": [transaction(999)], "next": ""}, height=1_001), cursor)
    assert again.gone == []


def test_change_that_comes_back_moves_nothing():
    sub = {
        "symbol": "BTC", "unit_price_usd": 100_000, "transaction_type": "transfer",
        "inputs": [{"amount": "100", "address": "1A"}, {"amount": "1", "address": "1B"}],
        "outputs": [{"amount": "60", "address": "1C"}, {"amount": "41", "address": "1A"}],
    }  # fmt: skip
    told = {"height": 1, "timestamp": SECONDS, "hash": "aa", "sub_transactions": [sub]}
    (one,) = rest_v2.transfers("bitcoin", told)
    assert (one.from_address, one.to_address, one.units, one.usd) == (
        "1A",
        "1C",
        Decimal(60),
        Decimal(6_000_000),
    )


def test_a_burn_has_no_receiver_and_no_price_no_value():
    sub = {
        "symbol": "USDC",
        "transaction_type": "burn",
        "inputs": [{"amount": "5", "address": "0x" + "11" * 20}],
    }
    (one,) = rest_v2.transfers(
        "ethereum", {"height": 1, "timestamp": SECONDS, "hash": "aa", "sub_transactions": [sub]}
    )
    assert (one.transaction_type, one.to_address, one.usd) == ("burn", "", None)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"end_height": "soon"}'])
def test_a_status_that_is_none(body):
    with pytest.raises(Malformed):
        poll(FakeFetch(lambda url, params: body))


def test_the_key_is_not_in_the_text_of_its_setup():
    assert KEY not in repr(SETUP)

"""Frames of Whale Alert's WebSocket: both forms of an alert, and everything that is none."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from signals.sources.base import Malformed
from signals.sources.whales import frames

ALERT = {
    "channel_id": "xlLZ7tJq", "timestamp": 1687389431, "blockchain": "ethereum", "transaction_type": "transfer",
    "from": "unknown wallet", "to": "Binance", "text": "transferred",
    "amounts": [{"symbol": "usdc", "amount": 20006425.31, "value_usd": 20008425.95}],
}  # fmt: skip


def read(value):
    return frames.read(json.dumps(value).encode())


def test_every_recorded_frame_is_what_it_is_called(recorded):
    told = json.loads((recorded / "sources/whale_alert/ws_frames.json").read_text())
    assert read(told["subscribed"]) == frames.Subscribed("8QFdN74g")
    found = read(told["alert_without_type"])
    assert isinstance(found, frames.Alert) and found.transfers[0].usd == Decimal("20008425.95")
    assert json.loads(frames.subscription("8QFdN74g", ["Ethereum"], ["ETH", "weth"], Decimal(1_000_000))) == {
        name: value for name, value in told["subscribe_sent"].items() if name != "tx_types"
    }


def test_an_alert_names_owners_not_addresses_and_is_exact():
    one = read(ALERT).transfers[0]
    assert (one.from_owner, one.to_owner, one.to_kind) == ("", "binance", "exchange")
    assert (one.from_address, one.transaction_hash, one.channel) == ("", "", "xlLZ7tJq")
    assert one.happened_at == datetime(2023, 6, 21, 23, 17, 11, tzinfo=UTC)
    assert (one.symbol, one.units, one.usd) == ("USDC", Decimal("20006425.31"), Decimal("20008425.95"))


def test_the_newer_form_has_a_type_and_a_transaction():
    newer = {**ALERT, "type": "alert", "transaction": {"hash": "0xAB12", "height": 17}}
    one = read(newer).transfers[0]
    assert (one.transaction_hash, one.block) == ("ab12", 17)


def test_a_whole_transaction_in_an_alert_is_read_as_one():
    sub = {
        "symbol": "USDC", "unit_price_usd": 1.5, "transaction_type": "transfer",
        "inputs": [{"amount": "2", "address": "0x" + "11" * 20}],
        "outputs": [{"amount": "2", "address": "0x" + "22" * 20, "owner": "Kraken", "owner_type": "exchange"}],
    }  # fmt: skip
    told = {"hash": "0xAB", "height": 17, "timestamp": 1687389431, "sub_transactions": [sub]}
    one = read({**ALERT, "type": "alert", "transaction": told}).transfers[0]
    assert (one.source, one.to_owner, one.usd) == ("whale_alert", "kraken", Decimal("3.0"))


def test_one_transaction_may_move_several_assets():
    two = {**ALERT, "amounts": [*ALERT["amounts"], {"symbol": "WBTC", "amount": 10, "value_usd": 900000}]}
    assert [one.symbol for one in read(two).transfers] == ["USDC", "WBTC"]


def test_other_frames():
    assert read({"error": "Invalid API key"}) == frames.Refused("Invalid API key")
    assert isinstance(read({"urls": ["https://x"], "text": "hello <b>you</b>"}), frames.Social)
    assert read({"type": "subscribed_socials", "id": "a"}) == frames.Subscribed("a")
    assert read({"type": "heartbeat"}) == frames.Other()


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"<html>", b"[]", b"nonsense", b'{"amounts": []}', b'{"amounts": [{"amount": 1}], "blockchain": "x"}',
        json.dumps({**ALERT, "timestamp": 0}).encode(), json.dumps({**ALERT, "amounts": [{"amount": "-1"}]}).encode(),
        json.dumps({**ALERT, "blockchain": 7}).encode(), b'{"amounts": NaN}', b"[" * 5_000, b"\xff\xfe",
        json.dumps(ALERT).replace("20006425.31", "1" * 500).encode(),
    ],
)  # fmt: skip
def test_nonsense_is_malformed(raw):
    with pytest.raises(Malformed):
        frames.read(raw)


def test_empty_filters_are_left_out():
    asked = json.loads(frames.subscription("a", [], [], Decimal(500_000)))
    assert asked == {"type": "subscribe_alerts", "id": "a", "min_value_usd": 500_000}


def test_hostile_names_are_plain_and_short():
    bad = {
        **ALERT,
        "from": "<script>x</script>\u202ebinance",
        "amounts": [{"symbol": "USDC\x00" * 50, "amount": 1}],
    }
    one = read(bad).transfers[0]
    assert "<" not in one.from_owner and one.symbol.isprintable() and len(one.symbol) <= 16
    assert one.usd is None

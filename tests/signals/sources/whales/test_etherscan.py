"""Etherscan V2: two encodings in one API, errors with HTTP 200, and tokens that call themselves what they like."""

import json
from decimal import Decimal

import pytest

from signals.sources.base import KeyRefused, LimitReached, Malformed, Unavailable
from signals.sources.whales import etherscan
from tests.signals.sources.whales.given import (
    BINANCE,
    FAKE_USDC,
    SECONDS,
    STRANGER,
    TOPIC,
    USDC,
    ZERO,
)  # fmt: skip

PRICES = {("ethereum", USDC): Decimal("0.999")}


def row(**fields):
    return {
        "blockNumber": "100", "timeStamp": str(SECONDS), "hash": "0x" + "AB" * 32, "from": STRANGER, "to": BINANCE,
        "contractAddress": USDC, "value": "50000000000", "tokenName": "x", "tokenSymbol": "BTC", "tokenDecimal": "6",
        **fields,
    }  # fmt: skip


def log(giver=STRANGER, taker=BINANCE, data="0xba43b7400", **fields):
    return {
        "address": USDC, "topics": [TOPIC, etherscan.topic(giver), etherscan.topic(taker)], "data": data,
        "blockNumber": "0x64", "timeStamp": hex(SECONDS), "logIndex": "0x", "transactionHash": "0x" + "ab" * 32, **fields,
    }  # fmt: skip


def one(rows, prices=PRICES):
    (found,), dropped = rows("ethereum", prices) if callable(rows) else rows
    assert dropped == 0
    return found


def test_every_recorded_row_of_token_transfers(recorded):
    name = "get_erc20_token_transfer_events_by_address_and_contract_paginated.json"
    told = json.loads((recorded / "sources/etherscan" / name).read_text())["res"]
    found, dropped = etherscan.token_transfers("ethereum", told, {})
    assert (len(found), dropped) == (len(told), 0)
    assert found[0].units == Decimal("5901.522149285533025181") and found[0].usd is None
    assert found[0].symbol == ""  # MKR is what the token calls itself; the contract is none of ours


@pytest.mark.parametrize(
    "name", ["get_normal_txs_by_address_paginated", "get_internal_txs_by_address_paginated"]
)
def test_recorded_rows_of_other_actions_are_rows_but_no_token_transfers(recorded, name):
    told = json.loads((recorded / "sources/etherscan" / f"{name}.json").read_text())["res"]
    assert etherscan.rows(json.dumps({"status": "1", "message": "OK", "result": told}).encode()) == told
    found, dropped = etherscan.token_transfers("ethereum", told, {})
    assert found == [] and dropped == len(told)


def test_every_recorded_error(recorded):
    meant = {
        "Max rate": LimitReached, "Invalid API Key": KeyRefused, "Missing or unsupported": etherscan.ChainRefused,
    }  # fmt: skip
    for body in json.loads((recorded / "sources/etherscan/errors.json").read_text()):
        raw = json.dumps(body).encode()
        if body["result"] == []:
            assert etherscan.rows(raw) == []
            continue
        kind = next(kind for start, kind in meant.items() if body["result"].startswith(start))
        with pytest.raises(kind):
            etherscan.rows(raw)


@pytest.mark.parametrize(
    ("text", "kind", "after"),
    [
        ("Max rate limit reached", LimitReached, 5.0), ("Max calls per sec rate limit reached (3/sec)", LimitReached, 5.0),
        ("Max daily rate limit reached. 100000 (100%) of 100000", LimitReached, 3_600.0),
        ("Invalid API Key (#err2)|SECRET", KeyRefused, None), ("Missing/Invalid API Key", KeyRefused, None),
        ("Too many invalid api key attempts, please try again later", KeyRefused, None),
        ("Free API access is not supported for this chain. Please upgrade", etherscan.ChainRefused, None),
        ("Free tier access is temporarily closed", etherscan.ChainRefused, None),
        ("Query Timeout occured. Please select a smaller result dataset", Unavailable, None),
        ("Unexpected error, timeout or server too busy", Unavailable, None),
        ("Result window is too large, PageNo x Offset size must be less than 10000", Malformed, None),
        ("Error! Invalid address format", Malformed, None), (None, Malformed, None), (7, Malformed, None),
    ],
)  # fmt: skip
def test_what_an_error_means_and_that_it_is_not_repeated(text, kind, after):
    raw = json.dumps({"status": "0", "message": "NOTOK", "result": text}).encode()
    for read in (etherscan.rows, etherscan.height):
        with pytest.raises(kind) as caught:
            read(raw)
        assert "SECRET" not in str(caught.value)
        assert getattr(caught.value, "retry_after", None) == after


@pytest.mark.parametrize("raw", [b"<html>", b"", b"[]", b"{}", b"upstream error"])
def test_what_is_no_answer(raw):
    for read in (etherscan.rows, etherscan.height):
        with pytest.raises(Malformed):
            read(raw)


def test_a_height_is_hexadecimal():
    assert etherscan.height(b'{"jsonrpc":"2.0","id":83,"result":"0x10d4f"}') == 68_943


def test_the_same_transfer_is_one_in_both_encodings():
    by_row = one(etherscan.token_transfers("ethereum", [row()], PRICES))
    by_log = one(etherscan.log_transfers("ethereum", [log()], PRICES))
    assert by_row == by_log
    assert (by_row.units, by_row.usd) == (Decimal(50_000), Decimal("49950.000"))
    assert (by_row.symbol, by_row.transaction_hash, by_row.block) == ("USDC", "ab" * 32, 100)


def test_a_zero_may_be_written_as_nothing():
    assert one(etherscan.log_transfers("ethereum", [log(data="0x")], PRICES)).units == 0


def test_a_token_is_its_contract_whatever_it_calls_itself():
    fake = one(
        etherscan.token_transfers("ethereum", [row(contractAddress=FAKE_USDC, tokenSymbol="USDC")], PRICES)
    )
    assert (fake.symbol, fake.usd) == ("", None)
    # and how many decimals it has is our table's word
    lying = one(etherscan.token_transfers("ethereum", [row(tokenDecimal="0")], PRICES))
    assert lying.units == Decimal(50_000)


def test_from_nobody_is_a_mint_and_to_nobody_a_burn():
    made = one(etherscan.log_transfers("ethereum", [log(giver=ZERO)], PRICES))
    burnt = one(etherscan.log_transfers("ethereum", [log(taker=ZERO)], PRICES))
    assert (made.transaction_type, burnt.transaction_type) == ("mint", "burn")


@pytest.mark.parametrize(
    "topics", [[TOPIC], [TOPIC, "0x1", "0x2", "0x3"], ["0x" + "dd" * 32, "0x1", "0x2"], None, [1, 2, 3]]
)
def test_exactly_three_topics(topics):
    assert etherscan.log_transfers("ethereum", [log(topics=topics)], PRICES) == ([], 1)


@pytest.mark.parametrize(
    "fields",
    [
        {"value": "-1"}, {"value": "0x10"}, {"value": None}, {"timeStamp": "0"}, {"timeStamp": "x"}, {"hash": ""},
        {"blockNumber": "1.5"}, {"contractAddress": ""}, {"tokenDecimal": "900", "contractAddress": FAKE_USDC},
        {"from": "GENESIS <b>"}, {"to": 7},
    ],
)  # fmt: skip
def test_rows_that_cannot_be_read_are_counted(fields):
    assert etherscan.token_transfers("ethereum", [row(**fields), "x", None], PRICES) == ([], 3)


def test_a_topic_is_padded():
    assert etherscan.topic(BINANCE) == "0x" + "0" * 24 + BINANCE[2:]

"""Following wallets: windows sliced by block, one quota, chains that are closed, and what was replaced."""

import json
from decimal import Decimal

import pytest

from signals.sources.base import Cursor, KeyRefused, LimitReached
from signals.sources.whales import etherscan, etherscan_poll
from signals.sources.whales.reorganising import Vanished
from tests.signals.sources.whales.given import (
    BINANCE,
    BINANCE_15,
    FAKE_USDC,
    NOW,
    SECONDS,
    STRANGER,
    USDC,
    ZERO,
    FakeFetch,
)  # fmt: skip

HEAD = 1_000
KEY = "top-secret"


def setup(**fields):
    given = {
        "url": "https://e.example/v2/api", "key": KEY, "chain_ids": (1,), "confirmations": 12,
        "min_usd": Decimal(500_000), "wallets": lambda chain: [BINANCE], "pause": lambda seconds: None,
        "prices": lambda now: {("ethereum", USDC): Decimal(1)},
    }  # fmt: skip
    return etherscan_poll.Setup(**{**given, **fields})


def row(block, dollars=1_000_000, name="ab", contract=USDC, taker=BINANCE):
    return {
        "blockNumber": str(block), "timeStamp": str(SECONDS), "hash": "0x" + name * 32, "from": STRANGER, "to": taker,
        "contractAddress": contract, "value": str(dollars * 10**6), "tokenDecimal": "6",
    }  # fmt: skip


def ok(result):
    return {"status": "1", "message": "OK", "result": result}


class Chain:
    """A server with these rows, which pages and cuts windows as Etherscan does."""

    def __init__(self, *rows, head=HEAD, logs=()):
        self.rows, self.head, self.logs = list(rows), head, list(logs)

    def __call__(self, url, params):
        if params["action"] == "eth_blockNumber":
            return {"jsonrpc": "2.0", "id": 83, "result": hex(self.head)}
        if params["action"] == "getLogs":
            return ok([one for one in self.logs if self._asked_for(one, params)])
        found = [
            one for one in self.rows if params["startblock"] <= int(one["blockNumber"]) <= params["endblock"]
        ]
        start = (params["page"] - 1) * params["offset"]
        found = found[start : start + params["offset"]]
        return ok(found) if found else {"status": "0", "message": "No transactions found", "result": []}

    def _asked_for(self, one, params):
        return one["address"] == params["address"] and all(
            one["topics"][at] == params[f"topic{at}"] for at in (1, 2) if f"topic{at}" in params
        )


def poll(answer, cursor=None, **fields):
    fetch = FakeFetch(answer)
    return etherscan_poll.poll(
        fetch, cursor if cursor is not None else Cursor(), NOW, setup=setup(**fields)
    ), fetch


def asked(fetch, action):
    return [params for _, params in fetch.asked if params["action"] == action]


def test_large_transfers_of_known_tokens_are_found():
    batch, fetch = poll(Chain(row(990), row(991, 1_000), row(992, contract=FAKE_USDC, name="cc")))
    assert [one.usd for one in batch.records] == [Decimal(1_000_000)]
    (params,) = asked(fetch, "tokentx")
    assert (params["chainid"], params["address"], params["apikey"]) == (1, BINANCE, KEY)
    assert (params["startblock"], params["endblock"]) == (HEAD - 300 - 12 + 1, HEAD)


def test_without_a_price_a_stablecoin_is_kept_for_its_units_and_has_no_value():
    batch, _ = poll(Chain(row(990)), prices=lambda now: {})
    assert [one.usd for one in batch.records] == [None]


def test_the_next_poll_begins_before_the_last_block_by_the_confirmations():
    cursor = Cursor()
    poll(Chain(), cursor)
    _, fetch = poll(Chain(head=HEAD + 5), cursor)
    assert asked(fetch, "tokentx")[0]["startblock"] == HEAD - 12


def test_a_window_is_sliced_by_block_and_nothing_is_missed_or_doubled(monkeypatch):
    monkeypatch.setattr(etherscan_poll, "PAGE", 3)
    monkeypatch.setattr(etherscan_poll, "WINDOW", 9)
    blocks = [700, 700, 701, 701, 701, 701, 701, 705, 900, 1_000]
    rows = [row(block, name=f"{at:02x}") for at, block in enumerate(blocks)]
    batch, fetch = poll(Chain(*rows))
    assert sorted(one.transaction_hash for one in batch.records) == sorted(
        f"{at:02x}" * 32 for at in range(10)
    )
    assert all(params["page"] * 3 <= 9 for params in asked(fetch, "tokentx"))


def test_a_block_with_more_than_can_be_paged_through_is_left_behind(monkeypatch):
    monkeypatch.setattr(etherscan_poll, "PAGE", 2)
    monkeypatch.setattr(etherscan_poll, "WINDOW", 4)
    rows = [*(row(800, name=f"{at:02x}") for at in range(9)), row(900, name="ff")]
    batch, _ = poll(Chain(*rows))
    assert batch.dropped == 1 and "ff" * 32 in {one.transaction_hash for one in batch.records}


def test_a_flooded_wallet_is_asked_for_by_contract_and_topic(monkeypatch):
    monkeypatch.setattr(etherscan_poll, "PAGE", 3)
    cursor = Cursor()
    spam = [row(900 + at, contract=FAKE_USDC) for at in range(5)]
    poll(Chain(*spam), cursor)
    cursor = Cursor(place=json.loads(json.dumps(cursor.place)))
    log = {
        "address": USDC, "data": hex(10**12), "blockNumber": hex(1_001), "timeStamp": hex(SECONDS),
        "transactionHash": "0x" + "dd" * 32,
        "topics": [etherscan.TRANSFER_TOPIC, etherscan.topic(STRANGER), etherscan.topic(BINANCE)],
    }  # fmt: skip
    batch, fetch = poll(Chain(*spam, head=1_002, logs=[log]), cursor)
    assert asked(fetch, "tokentx") == []
    assert [one.to_address for one in batch.records] == [BINANCE]


def test_mints_are_the_logs_from_nobody():
    log = {
        "address": USDC, "data": hex(10**13), "blockNumber": hex(990), "timeStamp": hex(SECONDS),
        "transactionHash": "0x" + "ee" * 32,
        "topics": [etherscan.TRANSFER_TOPIC, etherscan.topic(ZERO), etherscan.topic(STRANGER)],
    }  # fmt: skip
    batch, _ = poll(Chain(logs=[log]))
    assert [one.transaction_type for one in batch.records] == ["mint"]


def test_a_closed_chain_does_not_keep_the_others_from_being_read():
    closed = {"status": "0", "message": "NOTOK", "result": "Free API access is not supported for this chain."}
    chain = Chain(row(990))
    cursor = Cursor()

    def answer(url, params):
        return closed if params["chainid"] == 137 else chain(url, params)

    batch, fetch = poll(answer, cursor, chain_ids=(137, 1))
    assert len(batch.records) == 1
    _, fetch = poll(answer, cursor, chain_ids=(137, 1))
    assert {params["chainid"] for _, params in fetch.asked} == {1}  # not asked again within the hour


def test_a_closed_chain_alone_is_a_refusal():
    closed = {"status": "0", "message": "NOTOK", "result": "Missing or unsupported chainid parameter"}
    with pytest.raises(KeyRefused, match="ETHERSCAN_CHAINS"):
        poll(lambda url, params: closed)


def test_a_wrong_key_ends_the_poll_at_once():
    fetch = FakeFetch(lambda url, params: {"status": "0", "message": "NOTOK", "result": "Invalid API Key"})
    with pytest.raises(KeyRefused):
        etherscan_poll.poll(fetch, Cursor(), NOW, setup=setup(chain_ids=(1, 137)))
    assert len(fetch.asked) == 1


def test_our_own_quota_of_this_second_is_waited_for_and_a_longer_one_is_not():
    waited, full = [], [LimitReached("full", 0.4), LimitReached("full", 0.2)]
    chain = Chain(row(990))

    def answer(url, params):
        return full.pop() if full else chain(url, params)

    batch, _ = poll(answer, pause=waited.append)
    assert waited == [0.2, 0.4] and len(batch.records) == 1
    with pytest.raises(LimitReached):
        poll(lambda url, params: LimitReached("the day's calls are used up", 40_000))


def test_a_poll_ends_after_its_calls_and_the_next_goes_on_with_those_that_waited():
    cursor, wallets = Cursor(), [BINANCE, BINANCE_15]
    chain = Chain(row(990), row(990, name="cd", taker=BINANCE_15))
    _, fetch = poll(chain, cursor, wallets=lambda chain: wallets, most_calls=2)
    assert len(fetch.asked) == 2
    _, fetch = poll(chain, cursor, wallets=lambda chain: wallets, most_calls=2)
    assert {params["address"] for params in asked(fetch, "tokentx")} == {BINANCE_15}


def test_a_limit_met_half_way_loses_nothing_of_what_was_read():
    cursor, wallets = Cursor(), [BINANCE, BINANCE_15]
    chain = Chain(row(990), row(990, name="cd", taker=BINANCE_15))

    def answer(url, params):
        full = params.get("address") == BINANCE_15 or params.get("topic2") == etherscan.topic(BINANCE_15)
        return LimitReached("asked too often", 5.0) if full else chain(url, params)

    batch, _ = poll(answer, cursor, wallets=lambda chain: wallets)
    assert batch.records
    _, fetch = poll(chain, cursor, wallets=lambda chain: wallets)
    begins = {params["address"]: params["startblock"] for params in asked(fetch, "tokentx")}
    assert begins == {
        BINANCE_15: HEAD - 300 - 12 + 1,
        BINANCE: HEAD - 12,
    }  # what was not read is read from its start


def test_what_a_replaced_block_held_is_gone():
    cursor = Cursor()
    poll(Chain(row(990), row(995, name="cd")), cursor)
    cursor = Cursor(place=json.loads(json.dumps(cursor.place)))
    batch, _ = poll(Chain(row(990), head=HEAD + 1), cursor)
    assert batch.gone == [("ethereum", 995)]
    assert batch.records[0] == Vanished("ethereum", 995, ("cd" * 32,))


def test_an_old_block_is_not_judged_by_an_answer_that_does_not_cover_it():
    cursor = Cursor()
    poll(Chain(row(900)), cursor)
    batch, _ = poll(Chain(head=HEAD + 1), cursor)
    assert batch.gone == []


def test_the_key_is_not_in_the_text_of_its_setup():
    assert KEY not in repr(setup())


def test_a_transfer_that_a_new_price_makes_small_is_not_gone():
    cursor = Cursor()
    poll(Chain(row(995, 500_100)), cursor)
    batch, _ = poll(Chain(row(995, 500_100)), cursor, prices=lambda now: {("ethereum", USDC): Decimal("0.9")})
    assert batch.records == ()


def test_a_chain_with_many_wallets_does_not_starve_the_others():
    cursor, chain = Cursor(), Chain()
    many = [f"0x{at:040x}" for at in range(1, 50)]
    seen = []
    for _ in range(2):
        _, fetch = poll(chain, cursor, wallets=lambda chain: many, chain_ids=(1, 137), most_calls=5)
        seen.append({params["chainid"] for _, params in fetch.asked})
    assert seen == [{1}, {137}]

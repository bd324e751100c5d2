"""Calldata for a wallet, byte for byte what the platform's own client encodes; known selectors; and what is refused."""

from decimal import Decimal
from typing import Any

import pytest
from eth_abi.abi import decode

from markets.platforms.polymarket import contracts, wallet
from markets.platforms.polymarket.wallet import Target

CONDITION = "0x" + "5a" * 32
V2_CONDITION = "0x017791f201d5a788e0039e511fc1900e5f" + "00" * 14 + "00"
EVENT = "0x" + "7c" * 31 + "00"
TEN = Decimal(10)


@pytest.fixture
def calls() -> Any:
    return pytest.importorskip("polymarket._internal.actions.relayer.calls")


def question(place: int) -> str:
    return EVENT[:-2] + f"{place:02x}"


@pytest.mark.parametrize("neg_risk", [False, True])
def test_older_markets_go_through_the_adapters_as_the_platforms_client_encodes_it(calls, neg_risk):
    from polymarket._internal.environment import PRODUCTION_CONFIG

    target = Target(CONDITION, neg_risk)
    adapter = (
        PRODUCTION_CONFIG.neg_risk_collateral_adapter if neg_risk else PRODUCTION_CONFIG.collateral_adapter
    )
    how = {"collateral": PRODUCTION_CONFIG.collateral_token, "condition_id": CONDITION}
    pairs = [
        (wallet.split(target, TEN), calls.ctf_split_position_call(target=adapter, amount=10_000_000, **how)),
        (wallet.merge(target, TEN), calls.ctf_merge_positions_call(target=adapter, amount=10_000_000, **how)),
        (wallet.redeem(target, "YES", TEN), calls.ctf_redeem_positions_call(ctf=adapter, **how)),
    ]
    for ours, theirs in pairs:
        assert (ours.to, ours.data, ours.value) == (theirs.to, theirs.data, 0)


def test_markets_of_protocol_v2_go_through_the_router(calls):
    from polymarket._internal.environment import PRODUCTION_CONFIG

    target, how = (
        Target(V2_CONDITION, version="v2"),
        {"router": PRODUCTION_CONFIG.protocol_v2_router, "condition_id": V2_CONDITION},
    )
    pairs = [
        (wallet.split(target, TEN), calls.router_split_call(amount=10_000_000, **how)),
        (wallet.merge(target, Decimal("0.5")), calls.router_merge_call(amount=500_000, **how)),
        (
            wallet.redeem(target, "NO", TEN),
            calls.router_redeem_call(outcome_index=1, amount=10_000_000, **how),
        ),
    ]
    for ours, theirs in pairs:
        assert (ours.to, ours.data) == (theirs.to, theirs.data)
    assert wallet.split(Target(V2_CONDITION[:-2], version="v2"), TEN) == wallet.split(target, TEN)


def test_every_approval_that_the_platforms_client_asks_for(calls):
    from polymarket._internal.actions.relayer import approvals
    from polymarket._internal.environment import PRODUCTION_CONFIG

    erc20, erc1155 = approvals._required_trading_approvals(PRODUCTION_CONFIG)
    wanted = {
        calls.erc20_approval_call(token_address=one.token_address, spender=one.spender, amount=one.amount)
        for one in erc20
        if one.spender != PRODUCTION_CONFIG.perps_deposit_contract
    } | {
        calls.erc1155_set_approval_for_all_call(token_address=one.token_address, operator=one.operator)
        for one in erc1155
        if one.operator
        # Migrate old holdings: not ours
        not in (
            PRODUCTION_CONFIG.binary_module,
            PRODUCTION_CONFIG.neg_risk_module,
        )
    }
    assert {(one.to, one.data) for one in wallet.approvals()} == {(one.to, one.data) for one in wanted}


@pytest.mark.parametrize(
    ("call", "selector"),
    [
        (wallet.approve_cash(contracts.EXCHANGE), "0x095ea7b3"),
        (wallet.approvals()[-1], "0xa22cb465"),
        (wallet.split(Target(CONDITION), TEN), "0x72ce4275"),
        (wallet.merge(Target(CONDITION), TEN), "0x9e7212ad"),
        (wallet.redeem(Target(CONDITION), "YES", TEN), "0x01b7037c"),
    ],
)
def test_known_selectors(call, selector):
    assert call.data.startswith(selector)


def test_a_conversion():
    call = wallet.convert(EVENT, [question(0), question(3)], Decimal("2.5"), event="Who wins?")
    market, index_set, amount = decode(["bytes32", "uint256", "uint256"], bytes.fromhex(call.data[10:]))
    assert call.to == contracts.NEG_RISK_ADAPTER
    assert ("0x" + market.hex(), index_set, amount) == (EVENT, 0b1001, 2_500_000)
    assert "2.5 pUSD" in call.sentence and "Who wins?" in call.sentence


def test_sentences_say_what_happens():
    assert wallet.merge(Target(CONDITION, question="Rain?"), TEN).sentence == (
        "Merge 10 YES and 10 NO of 'Rain?' into 10 pUSD."
    )
    assert "without limit" in wallet.approve_cash(contracts.ROUTER).sentence
    assert "up to 3" in wallet.approve_cash(contracts.ROUTER, Decimal(3)).sentence


@pytest.mark.parametrize(
    "do",
    [
        lambda: wallet.split(Target(CONDITION), Decimal(0)),
        lambda: wallet.split(Target(CONDITION), Decimal("-1")),
        lambda: wallet.split(Target(CONDITION), Decimal("0.0000001")),
        lambda: wallet.split(Target(CONDITION), Decimal("NaN")),
        lambda: Target("0x12"),
        lambda: Target(CONDITION, version="v3"),
        lambda: wallet.redeem(Target(CONDITION), "MAYBE", TEN),
        lambda: wallet.convert(EVENT, [], TEN),
        lambda: wallet.convert(EVENT, [question(1), question(1)], TEN),
        lambda: wallet.convert(EVENT, ["0x" + "11" * 32], TEN),
        lambda: wallet.convert("0x12", [question(1)], TEN),
    ],
)
def test_what_is_not_prepared(do):
    with pytest.raises(ValueError):
        do()

"""From requests to amounts: the recorded roundings, and what must never happen whatever is asked for."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.platforms.polymarket.amounts import DECIMALS, limit_amounts, market_amounts
from markets.platforms.polymarket.preparing import MICRO, Unsigned, Wallet, cash_of, unsigned
from markets.platforms.polymarket.terms import Terms, facts_of, facts_of_row, from_facts
from markets.platforms.trading import (
    BELOW_MINIMUM,
    BUY,
    FOK,
    GTC,
    GTD,
    INVALID,
    IOC,
    OFF_TICK,
    SELL,
    Declined,
    OrderRequest,
)  # fmt: skip
from tests.markets.polymarket.values import recorded

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
WALLET = Wallet("0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A")
TERMS = Terms(("11", "22"), Decimal("0.01"), Decimal(5), neg_risk=False, version="v1")


def request(**changes) -> OrderRequest:
    given = {
        "client_order_id": "c-1", "created_at": NOW, "market_id": "0x" + "ab" * 32, "outcome": "YES", "side": BUY,
        "size": Decimal(10), "limit_price": Decimal("0.45"),
    }  # fmt: skip
    return OrderRequest(**given | changes)


def made(asked: OrderRequest, terms: Terms = TERMS) -> Unsigned:
    found = unsigned(asked, terms, WALLET, NOW)
    assert isinstance(found, Unsigned), found
    return found


def test_the_recorded_roundings():
    lines = recorded("signing/order_amounts.jsonl").read_text().splitlines()
    assert len(lines) > 400
    for line in lines:
        case = json.loads(line)
        reckon, given = (limit_amounts, "size") if case["kind"] == "limit" else (market_amounts, "amount")
        found = reckon(case["side"], Decimal(case["price"]), Decimal(case[given]), Decimal(case["tick"]))
        assert (str(found.maker), str(found.taker)) == (case["makerAmount"], case["takerAmount"]), case


ticks = st.sampled_from(sorted(DECIMALS))
sizes = st.integers(1, 10_000_000).map(lambda n: Decimal(n).scaleb(-3))


@st.composite
def grids(draw):
    tick = draw(ticks)
    return tick, tick * draw(st.integers(1, int(1 / tick) - 1))


@given(grids(), sizes, st.sampled_from((IOC, FOK)), st.one_of(st.none(), sizes))
def test_an_immediate_purchase_never_spends_more_than_it_may_nor_above_its_limit(grid, size, force, cash):
    tick, price = grid
    asked = request(size=size, limit_price=price, time_in_force=force, cash=cash)
    found = unsigned(asked, replace(TERMS, tick=tick), WALLET, NOW)
    allowed = cash if cash is not None else size * price
    if isinstance(found, Declined):
        assert found.code == BELOW_MINIMUM and allowed < Decimal("1.01")
        return
    spent, shares = Decimal(found.order.maker_amount) / MICRO, Decimal(found.order.taker_amount) / MICRO
    assert spent == found.cash <= allowed and allowed - spent < Decimal("0.01")
    assert spent * 100 == (spent * 100).to_integral_value()
    # The order has no price field: the next price of the grid must lie beyond what the two amounts allow
    assert spent < (price + tick) * shares
    assert found.order.side == BUY


@given(grids(), sizes, st.sampled_from((GTC, IOC, FOK)), st.sampled_from((BUY, SELL)))
def test_shares_are_never_more_than_asked_for_and_a_sale_never_below_its_limit(grid, size, force, side):
    tick, price = grid
    if side == BUY and force != GTC:
        return
    asked = request(size=size, limit_price=price, time_in_force=force, side=side)
    found = unsigned(asked, replace(TERMS, tick=tick, min_size=Decimal(0)), WALLET, NOW)
    if isinstance(found, Declined):
        assert found.code == BELOW_MINIMUM
        return
    maker, taker = Decimal(found.order.maker_amount) / MICRO, Decimal(found.order.taker_amount) / MICRO
    shares, cash = (taker, maker) if side == BUY else (maker, taker)
    assert shares <= size and size - shares < Decimal("0.01")
    assert abs(cash - shares * price) <= Decimal(1).scaleb(-DECIMALS[tick][1])
    if side == BUY:
        assert cash <= shares * price
    else:
        assert cash > (price - tick) * shares


def test_the_same_request_is_the_same_order_and_another_id_is_another():
    assert made(request()) == made(request())
    assert made(request()).order != made(request(client_order_id="c-2")).order
    assert made(request()).order != made(request(created_at=NOW + timedelta(milliseconds=1))).order


def test_cash_is_whole_cents_downwards():
    assert cash_of(request(size=Decimal("7.77"), limit_price=Decimal("0.33"))) == Decimal("2.56")
    assert cash_of(request(cash=Decimal("9.999"))) == Decimal("9.99")


@pytest.mark.parametrize(
    ("force", "word", "rests"),
    [(IOC, "FAK", False), (FOK, "FOK", False), (GTC, "GTC", True), (GTD, "GTD", True)],
)
def test_times_in_force(force, word, rests):
    expires = NOW + timedelta(minutes=10) if force == GTD else None
    found = made(request(time_in_force=force, expires_at=expires))
    assert found.order_type == word
    assert (found.cash == 0) == rests
    # The platform ends a good-till-date order a minute before its expiration
    assert found.expiration == (int(expires.timestamp()) + 60 if expires else 0)


def test_outcome_chooses_the_token():
    assert made(request(outcome="NO")).order.token_id == "22"
    with pytest.raises(ValueError, match="neither YES nor NO"):
        unsigned(request(outcome="MAYBE"), TERMS, WALLET, NOW)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"limit_price": Decimal("0.455")}, OFF_TICK),
        ({"limit_price": Decimal(1)}, OFF_TICK),
        ({"limit_price": Decimal(0)}, OFF_TICK),
        ({"limit_price": Decimal("NaN")}, INVALID),
        ({"size": Decimal("4.99"), "time_in_force": GTC}, BELOW_MINIMUM),
        ({"size": Decimal("0.009"), "side": SELL}, BELOW_MINIMUM),
        ({"cash": Decimal("0.999")}, BELOW_MINIMUM),
        ({"size": Decimal(-5)}, BELOW_MINIMUM),
        ({"post_only": True}, INVALID),
        ({"time_in_force": "DAY"}, INVALID),
        ({"side": "SHORT"}, INVALID),
        ({"time_in_force": GTD}, INVALID),
        ({"time_in_force": GTD, "expires_at": NOW + timedelta(seconds=119)}, INVALID),
    ],
)
def test_what_breaks_the_platforms_rules_is_declined_before_anything_is_signed(change, code):
    found = unsigned(request(**change), TERMS, WALLET, NOW)
    assert isinstance(found, Declined) and found.code == code and found.sentence.endswith(".")


def test_who_signs_and_who_pays():
    funder = "0x2222222222222222222222222222222222222222"
    assert (WALLET.maker, WALLET.signer) == (WALLET.address, WALLET.address)
    safe = Wallet(WALLET.address, 2, funder)
    assert (safe.maker, safe.signer) == (funder, WALLET.address)
    deposit = Wallet(WALLET.address, 3, funder)
    assert (deposit.maker, deposit.signer) == (funder, funder)


def test_terms_from_facts():
    facts = {"token_ids": ["11", "22"], "tick": "0.010", "min_size": "5", "neg_risk": False, "version": "v1"}
    assert from_facts(facts) == TERMS
    row = [{"name": "YES", "token_id": "11"}, {"name": "NO", "token_id": "22"}]
    assert from_facts(facts | {"token_ids": None, "outcomes": row}) == TERMS
    kept = facts_of_row(
        row, [["0.01", "0.99", "0.01"]], Decimal("5.00000000"), {"neg_risk": False, "version": "v1"}
    )
    assert from_facts(kept) == TERMS
    for name in ("tick", "neg_risk", "token_ids"):
        assert from_facts({key: value for key, value in facts.items() if key != name}) is None
    assert from_facts(facts | {"tick": ""}) is None
    for bad in ({"tick": "0.03"}, {"tick": "x"}, {"token_ids": ["11", "0x22"]}):
        with pytest.raises(ValueError):
            from_facts(facts | bad)


def test_facts_of_a_market_are_what_an_order_needs():
    import msgspec

    from markets.platforms.polymarket import parse, wire
    from tests.markets.polymarket.values import recorded

    found = json.loads(recorded("gamma_market_btc15m_2026-10-05.json").read_text())
    raw = found[0] if isinstance(found, list) else found
    info = parse.market_info(msgspec.json.decode(json.dumps(raw), type=wire.GammaMarket))
    terms = from_facts(facts_of(info))
    assert terms is not None and terms.token_ids == tuple(one.token_id for one in info.outcomes)
    assert terms.tick == info.ticks[0].step

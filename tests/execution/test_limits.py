"""Risk limits: each names itself, and no sequence of orders that they let through passes any of them."""

from dataclasses import replace
from decimal import Decimal as D
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.limits import Held, Limits, check, check_plan, tightest
from execution.plans.planning import Ticket

POLY, KAL = ("polymarket", "0xa"), ("kalshi", "KX-B")
RICH = Held(cash={"polymarket": D(10_000), "kalshi": D(10_000)})


def ticket(market=POLY, price="0.40", size="100", side="BUY", bet="bet-1", fee="1") -> Ticket:
    notional = D(price) * D(size)
    return Ticket(
        bet, *market, "YES", side, D(size), D(price), notional, notional + D(fee) if side == "BUY" else D(0)
    )


def codes(refusals) -> list[str]:
    return [refusal.code for refusal in refusals]


FULL = replace(
    RICH,
    by_market={POLY: D(60)}, by_bet={"bet-1": D(60)}, by_platform={"polymarket": D(60), "kalshi": D(30)}, open_orders=3,
)  # fmt: skip


@pytest.mark.parametrize(
    ("at", "below", "code"),
    [
        (Limits(max_order_notional=D(40)), Limits(max_order_notional=D("39.99")), "max_order_notional"),
        (Limits(max_market_notional=D(100)), Limits(max_market_notional=D("99.99")), "max_market_notional"),
        (Limits(max_bet_notional=D(100)), Limits(max_bet_notional=D("99.99")), "max_bet_notional"),
        (
            Limits(max_platform_notional={"polymarket": D(100)}),
            Limits(max_platform_notional={"polymarket": D("99.99")}),
            "max_platform_notional",
        ),
        (Limits(max_notional=D(130)), Limits(max_notional=D("129.99")), "max_notional"),
        (Limits(max_open_orders=4), Limits(max_open_orders=3), "max_open_orders"),
    ],
)
def test_up_to_a_limit_and_not_past_it(at, below, code):
    assert check(ticket(), FULL, at, best=None) == []
    refusals = check(ticket(), FULL, below, best=None)
    assert codes(refusals) == [code]
    assert refusals[0].sentence


GROUPED = replace(FULL, groups={"bet-1": frozenset({"g1", "g2"})}, by_group={"g1": D(10), "g2": D(70)})
LATE = replace(FULL, late=frozenset({POLY}), locked_late=D(60), bankroll=D(1000))


@pytest.mark.parametrize(
    ("held", "at", "below", "code"),
    [
        (GROUPED, Limits(max_group_notional=D(110)), Limits(max_group_notional=D("109.99")), "max_group_notional"),
        (FULL, Limits(max_order_contracts=D(100)), Limits(max_order_contracts=D("99.99")), "max_order_contracts"),
        (replace(FULL, sent=5), Limits(max_orders_per_minute=6), Limits(max_orders_per_minute=5), "max_orders_per_minute"),
        (LATE, Limits(max_locked_pct=D("0.13")), Limits(max_locked_pct=D("0.1299")), "max_locked_pct"),
        (LATE, Limits(max_late_pct=D("0.10")), Limits(max_late_pct=D("0.0999")), "max_late_pct"),
        (replace(RICH, cash={"polymarket": D(51)}), Limits(min_cash=D(10)), Limits(min_cash=D("10.01")), "cash"),
    ],
)  # fmt: skip
def test_the_other_limits_hold_to_the_cent(held, at, below, code):
    assert check(ticket(), held, at, best=None) == []
    refusals = check(ticket(), held, below, best=None)
    assert codes(refusals) == [code]
    assert refusals[0].sentence


def test_what_pays_soon_is_not_late():
    assert check(ticket(KAL), LATE, Limits(max_late_pct=D(0)), best=None) == []


def test_a_shard_has_a_purse_of_its_own():
    held = Held(cash={"kalshi": D(1000)}, purses={("kalshi", 0): D(960), ("kalshi", 2): D(40)})
    one = replace(ticket(KAL), shard=2)
    assert codes(check(one, held, Limits(), best=None)) == ["cash"]
    assert "kalshi/2" in check(one, held, Limits(), best=None)[0].sentence
    assert check(replace(one, shard=0), held, Limits(), best=None) == []
    assert codes(check(replace(one, shard=5), held, Limits(), best=None)) == [
        "cash"
    ]  # nothing is known of it
    assert held.plus(replace(one, shard=0)).purses == {("kalshi", 0): D(919), ("kalshi", 2): D(40)}


def test_legs_of_one_group_share_its_room():
    legs = [ticket(POLY, "0.40"), ticket(KAL, "0.50")]
    held = replace(RICH, groups={"bet-1": frozenset({"g"})}, by_group={"g": D(10)})
    assert check_plan(legs, held, Limits(max_group_notional=D(100)), [None, None]) == []
    assert codes(check_plan(legs, held, Limits(max_group_notional=D("99.99")), [None, None])) == [
        "max_group_notional"
    ]
    assert tightest(legs, held, Limits(max_group_notional=D(55))) == (Fraction(1, 2), "max_group_notional")


def test_an_order_by_hand_counts_to_every_bet_of_its_market():
    by_hand = ticket(bet="")
    held = replace(
        FULL,
        bets={POLY: frozenset({"bet-1", "bet-2"})},
        groups={"bet-2": frozenset({"g"})},
        by_group={"g": D(90)},
    )
    assert codes(check(by_hand, held, Limits(max_bet_notional=D("99.99")), best=None)) == ["max_bet_notional"]
    assert codes(check(by_hand, held, Limits(max_group_notional=D("129.99")), best=None)) == [
        "max_group_notional"
    ]


scopes = ["polymarket", "market:0xa", "bet:bet-1", "group:g1"]


@pytest.mark.parametrize("narrow", range(len(scopes)))
def test_the_narrowest_scope_wins(narrow):
    order = [scopes[1], scopes[2], scopes[3], scopes[0]]
    own = {("max_order_notional", scope): D(39) for scope in order[narrow + 1 :]}
    allowed = Limits(max_order_notional=D(1), scoped=own | {("max_order_notional", order[narrow]): D(40)})
    assert check(ticket(), GROUPED, allowed, best=None) == []
    refused = Limits(scoped={("max_order_notional", scope): D(500) for scope in order} | {
        ("max_order_notional", order[narrow]): D(39)})  # fmt: skip
    expected = [] if narrow else ["max_order_notional"]
    assert codes(check(ticket(), GROUPED, refused, best=None)) == expected


def test_of_several_groups_the_tightest_counts_and_a_null_lifts():
    own = {("max_order_notional", "group:g1"): D(500), ("max_order_notional", "group:g2"): D(39)}
    assert codes(check(ticket(), GROUPED, Limits(scoped=own), best=None)) == ["max_order_notional"]
    lifted = Limits(max_order_notional=D(1), scoped={("max_order_notional", "market:0xa"): None})
    assert check(ticket(), GROUPED, lifted, best=None) == []
    collar = Limits(collar=D("0.01"), scoped={("collar", "market:0xa"): D("0.10")})
    assert check(ticket(), GROUPED, collar, best=D("0.31")) == []
    assert codes(check(ticket(KAL), GROUPED, collar, best=D("0.31"))) == ["price_collar"]


def test_cash_must_pay_for_the_order_with_its_fees():
    assert check(ticket(), Held(cash={"polymarket": D(41)}), Limits(), best=None) == []
    assert codes(check(ticket(), Held(cash={"polymarket": D("40.99")}), Limits(), best=None)) == ["cash"]


def test_a_platform_without_known_cash_has_none():
    assert codes(check(ticket(), Held(cash={"kalshi": D(1000)}), Limits(), best=None)) == ["cash"]


def test_the_collar_is_about_prices_worse_than_the_best_only():
    collar = Limits(collar=D("0.02"))
    assert check(ticket(price="0.40"), RICH, collar, best=D("0.38")) == []
    assert check(ticket(price="0.40"), RICH, collar, best=D("0.90")) == []
    assert codes(check(ticket(price="0.40"), RICH, collar, best=D("0.379"))) == ["price_collar"]
    assert codes(check(ticket(price="0.40"), RICH, collar, best=None)) == ["price_collar"]
    sale = ticket(price="0.40", side="SELL")
    assert check(sale, RICH, collar, best=D("0.42")) == []
    assert codes(check(sale, RICH, collar, best=D("0.421"))) == ["price_collar"]


def test_a_sale_is_not_held_back_by_full_limits_or_overdrawn_cash():
    tight = Limits(
        max_order_notional=D(1), max_market_notional=D(1), max_bet_notional=D(1),
        max_platform_notional={"polymarket": D(1)}, max_notional=D(1),
    )  # fmt: skip
    held = replace(FULL, cash={"polymarket": D("-0.01")})
    assert check(ticket(side="SELL"), held, tight, best=None) == []
    assert codes(check(ticket(side="SELL"), held, Limits(max_open_orders=3), best=None)) == [
        "max_open_orders"
    ]


def test_every_limit_in_the_way_is_named():
    assert codes(check(ticket(), Held(), Limits(max_order_notional=D(1), max_open_orders=0), best=None)) == [
        "max_order_notional", "cash", "max_open_orders",
    ]  # fmt: skip


def test_the_second_leg_stands_on_the_first():
    legs = [ticket(POLY, "0.40"), ticket(KAL, "0.50")]
    assert check_plan(legs, RICH, Limits(max_bet_notional=D(90)), [None, None]) == []
    assert codes(check_plan(legs, RICH, Limits(max_bet_notional=D("89.99")), [None, None])) == [
        "max_bet_notional"
    ]
    assert codes(check_plan(legs, RICH, Limits(max_open_orders=1), [None, None])) == ["max_open_orders"]
    both_here = [ticket(POLY, "0.40"), ticket(POLY, "0.50")]
    assert codes(check_plan(both_here, Held(cash={"polymarket": D(91)}), Limits(), [None, None])) == ["cash"]


markets = st.sampled_from([POLY, ("polymarket", "0xb"), KAL, ("kalshi", "KX-C")])
tickets = st.builds(
    lambda market, price, size, side, bet, fee: ticket(market, D(price) / 100, size, side, bet, D(fee) / 100),
    markets, st.integers(1, 99), st.integers(1, 300), st.sampled_from(["BUY", "BUY", "SELL"]),
    st.sampled_from(["bet-1", "bet-2"]), st.integers(0, 200),
)  # fmt: skip
amounts = st.none() | st.integers(0, 400).map(D)
rules = st.builds(
    lambda order, market, bet, poly, kalshi, total, count: Limits(
        order, market, bet, {k: v for k, v in (("polymarket", poly), ("kalshi", kalshi)) if v is not None}, total, count
    ),
    amounts, amounts, amounts, amounts, amounts, amounts, st.none() | st.integers(0, 10),
)  # fmt: skip
cash = st.fixed_dictionaries({"polymarket": st.integers(0, 500).map(D), "kalshi": st.integers(0, 500).map(D)})


@given(st.lists(tickets, max_size=25), rules, cash)
def test_no_sequence_that_is_let_through_passes_a_limit(tried, limit, free):
    held, passed = Held(cash=free), []
    for one in tried:
        if not check(one, held, limit, best=None):
            held, passed = held.plus(one), [*passed, one]
    buys = [one for one in passed if one.side == "BUY"]

    def at_risk(**where) -> D:
        return sum((b.notional for b in buys if all(getattr(b, k) == v for k, v in where.items())), D(0))

    def most(bound) -> D:
        return D("Infinity") if bound is None else bound

    for platform in ("polymarket", "kalshi"):
        assert at_risk(platform=platform) <= most(limit.max_platform_notional.get(platform))
        assert held.by_platform.get(platform, 0) == at_risk(platform=platform)
        spent = sum((b.cash for b in buys if b.platform == platform), D(0))
        assert held.cash[platform] == free[platform] - spent >= 0
    for one in buys:
        assert one.notional <= most(limit.max_order_notional)
        assert at_risk(platform=one.platform, market_id=one.market_id) <= most(limit.max_market_notional)
        assert at_risk(bet_id=one.bet_id) <= most(limit.max_bet_notional)
        assert held.by_bet[one.bet_id] == at_risk(bet_id=one.bet_id)
        market = (one.platform, one.market_id)
        assert held.by_market[market] == at_risk(platform=one.platform, market_id=one.market_id)
    assert at_risk() == held.notional <= most(limit.max_notional)
    assert (
        len(passed)
        == held.open_orders
        <= (limit.max_open_orders if limit.max_open_orders is not None else 25)
    )


legs_of_plans = st.builds(
    lambda market, price, size, fee: ticket(market, D(price) / 100, size, fee=D(fee) / 100),
    markets, st.integers(1, 99), st.integers(1, 300), st.integers(0, 200),
)  # fmt: skip
plans = st.lists(legs_of_plans, min_size=1, max_size=5)
UNIT, HALF = D("0.000001"), Fraction(1, 2)


def part(size: D, room: Fraction) -> D:
    """A leg cut to the share, in micro-contracts."""
    return D(int(Fraction(size) * room * 10**6)).scaleb(-6)


def cut(one: Ticket, size: D) -> Ticket:
    """The same order for fewer contracts; the fee shrinks alike."""
    notional = size * one.limit_price
    return replace(
        one, size=size, notional=notional, cash=notional + (one.cash - one.notional) * size / one.size
    )


@given(plans, rules, cash, st.lists(tickets, max_size=4))
def test_a_plan_cut_to_its_room_passes_and_a_larger_one_does_not(legs, limit, free, before):
    limit = replace(limit, max_open_orders=None)
    held = Held(cash=free)
    for one in before:
        held = held if check(one, held, limit, best=None) else held.plus(one)
    room = tightest(legs, held, limit)[0]
    assert 0 <= room <= 1
    nobody = [None] * len(legs)
    if room:
        assert check_plan([cut(leg, part(leg.size, room)) for leg in legs], held, limit, nobody) == []
    whole = check_plan(legs, held, limit, nobody)
    assert (room == 1) == (not whole)
    if whole and "cash" not in codes(whole):
        larger = [cut(leg, part(leg.size, room) + UNIT) for leg in legs]
        assert check_plan(larger, held, limit, nobody)


def test_room_is_shared_by_price_not_by_halves():
    legs = [ticket(POLY, "0.20", fee="0"), ticket(KAL, "0.70", fee="0")]
    assert tightest(legs, RICH, Limits(max_bet_notional=D(45)))[0] == HALF
    assert tightest(legs, RICH, Limits())[0] == 1
    assert tightest(legs, Held(), Limits())[0] == 0


def test_room_of_legs_of_different_sizes_is_a_share_of_each():
    legs = [
        ticket(POLY, "0.20", "100", fee="0"), ticket(KAL, "0.70", "50", fee="0"), ticket(KAL, "0.10", "50", fee="0"),
    ]  # fmt: skip
    assert tightest(legs, RICH, Limits(max_bet_notional=D(30)))[0] == HALF  # of 20 + 35 + 5
    assert tightest(legs, RICH, Limits(max_order_notional=D("3.5")))[0] == Fraction(1, 10)
    assert tightest(legs, RICH, Limits(max_platform_notional={"kalshi": D(20)}))[0] == HALF
    assert tightest(legs, RICH, Limits(max_platform_notional={"polymarket": D(20)}))[0] == 1


def test_room_of_two_legs_in_one_market_is_shared():
    legs = [ticket(POLY, "0.20", fee="0"), ticket(POLY, "0.70", fee="0")]
    for limit in (Limits(max_market_notional=D(45)), Limits(max_platform_notional={"polymarket": D(45)})):
        assert tightest(legs, RICH, limit)[0] == HALF
    assert tightest(legs, Held(cash={"polymarket": D(45)}), Limits())[0] == HALF

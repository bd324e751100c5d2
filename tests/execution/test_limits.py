"""Limits: what stands in the way by name, and no sequence of accepted orders ever passes one."""

from collections import defaultdict
from dataclasses import replace
from decimal import ROUND_DOWN
from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution import limits
from execution.limits import Held, Limits
from execution.planning import Ticket
from markets.books import NO, YES

PLATFORMS = ("polymarket", "kalshi")
NOTIONAL = {
    "max_order_notional",
    "max_market_notional",
    "max_bet_notional",
    "max_platform_notional",
    "max_notional",
}
MICRO = D("0.000001")


def ticket(size="100", price="0.40", fee="1", **changes) -> Ticket:
    notional = D(size) * D(price)
    side = changes.get("side", "BUY")
    values = {
        "bet_id": "bet-1", "platform": "kalshi", "market_id": "KX-B", "outcome": YES, "side": side, "size": D(size),
        "limit_price": D(price), "notional": notional, "cash": notional + D(fee) if side == "BUY" else D(0),
    }  # fmt: skip
    return Ticket(**{**values, **changes})


def rich(**changes) -> Held:
    return Held(**{"cash": dict.fromkeys(PLATFORMS, D(10**9)), **changes})


def codes(refusals) -> list[str]:
    return [refusal.code for refusal in refusals]


money = st.integers(0, 30_000).map(lambda n: D(n).scaleb(-2))
maybe = st.none() | money


@st.composite
def tickets(draw, sides=("BUY", "BUY", "BUY", "SELL")) -> Ticket:
    size, price = draw(st.integers(1, 20_000)), draw(st.integers(1, 99))
    return ticket(
        str(D(size).scaleb(-2)),
        str(D(price).scaleb(-2)),
        str(D(draw(st.integers(0, 300))).scaleb(-2)),
        bet_id=draw(st.sampled_from(["bet-1", "bet-2"])),
        platform=draw(st.sampled_from(PLATFORMS)),
        market_id=draw(st.sampled_from(["m1", "m2"])),
        outcome=draw(st.sampled_from([YES, NO])),
        side=draw(st.sampled_from(sides)),
    )


some_limits = st.builds(
    Limits,
    max_order_notional=maybe,
    max_market_notional=maybe,
    max_bet_notional=maybe,
    max_platform_notional=st.dictionaries(st.sampled_from(PLATFORMS), money),
    max_notional=maybe,
    max_open_orders=st.none() | st.integers(0, 6),
)
some_cash = st.fixed_dictionaries(dict.fromkeys(PLATFORMS, money))


@st.composite
def some_held(draw) -> Held:
    risk = {(platform, market): draw(money) for platform in PLATFORMS for market in ("m1", "m2")}
    by_platform = {p: sum((at for (of, _), at in risk.items() if of == p), D(0)) for p in PLATFORMS}
    return Held(
        by_market=risk,
        by_bet={"bet-1": draw(money), "bet-2": draw(money)},
        by_platform=by_platform,
        cash=draw(some_cash),
        open_orders=draw(st.integers(0, 6)),
    )


class Tally:
    """What was accepted, counted apart from `Held`."""

    def __init__(self, cash) -> None:
        self.cash, self.total, self.orders, self.largest = dict(cash), D(0), 0, D(0)
        self.market, self.bet, self.platform = defaultdict(D), defaultdict(D), defaultdict(D)

    def add(self, new: Ticket) -> None:
        self.orders += 1
        if new.side != "BUY":
            return
        notional = new.size * new.limit_price
        self.largest, self.total = max(self.largest, notional), self.total + notional
        self.market[new.platform, new.market_id] += notional
        self.bet[new.bet_id] += notional
        self.platform[new.platform] += notional
        self.cash[new.platform] -= new.cash

    def passed(self, known: Limits) -> set[str]:
        """The limits that are passed by now."""
        amounts = [
            ("max_order_notional", self.largest, known.max_order_notional),
            ("max_notional", self.total, known.max_notional),
            ("max_open_orders", self.orders, known.max_open_orders),
            *(("max_market_notional", at, known.max_market_notional) for at in self.market.values()),
            *(("max_bet_notional", at, known.max_bet_notional) for at in self.bet.values()),
            *(
                ("max_platform_notional", at, known.max_platform_notional.get(p))
                for p, at in self.platform.items()
            ),
            *(("cash", -left, D(0)) for left in self.cash.values()),
        ]
        return {code for code, used, limit in amounts if limit is not None and used > limit}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(tickets(), min_size=1, max_size=2), max_size=10), some_limits, some_cash)
def test_no_sequence_of_accepted_plans_passes_a_limit(plans, known, cash):
    held, tally = Held(cash=cash), Tally(cash)
    for legs in plans:
        if limits.check_plan(legs, held, known, [None] * len(legs)):
            continue
        for leg in legs:
            held = held.plus(leg)
            tally.add(leg)
        assert tally.passed(known) == set()
    assert held.notional == tally.total
    assert held.open_orders == tally.orders


@settings(max_examples=200, deadline=None)
@given(st.lists(tickets(), max_size=8), some_limits, some_cash)
def test_one_order_is_refused_by_exactly_the_limits_it_would_pass(orders, known, cash):
    held, tally = Held(cash=cash), Tally(cash)
    for order in orders:
        found = set(codes(limits.check(order, held, known, best=None)))
        if not found:
            held = held.plus(order)
            tally.add(order)
            continue
        would = Tally(tally.cash)
        would.__dict__.update(
            {name: value.copy() if isinstance(value, dict) else value for name, value in vars(tally).items()}
        )
        would.add(order)
        assert found == would.passed(known)


@pytest.mark.parametrize(
    ("known", "held", "code"),
    [
        ({"max_order_notional": D("39.99")}, {}, "max_order_notional"),
        ({"max_market_notional": D("50")}, {"by_market": {("kalshi", "KX-B"): D("10.01")}}, "max_market_notional"),
        ({"max_bet_notional": D("50")}, {"by_bet": {"bet-1": D("10.01")}}, "max_bet_notional"),
        ({"max_platform_notional": {"kalshi": D("50")}}, {"by_platform": {"kalshi": D("10.01")}}, "max_platform_notional"),
        ({"max_notional": D("50")}, {"by_platform": {"polymarket": D("10.01")}}, "max_notional"),
        ({}, {"cash": {"kalshi": D("40.99"), "polymarket": D(100)}}, "cash"),
        ({}, {"cash": {}}, "cash"),
        ({"max_open_orders": 3}, {"open_orders": 3}, "max_open_orders"),
    ],
)  # fmt: skip
def test_each_limit_refuses_by_its_name(known, held, code):
    assert codes(limits.check(ticket(), rich(**held), Limits(**known), best=None)) == [code]


def test_exactly_at_every_limit_is_inside_it():
    known = Limits(
        max_order_notional=D(40), max_market_notional=D(50), max_bet_notional=D(60),
        max_platform_notional={"kalshi": D(70)}, max_notional=D(80), max_open_orders=3, collar=D("0.01"),
    )  # fmt: skip
    held = Held(
        {("kalshi", "KX-B"): D(10)},
        {"bet-1": D(20)},
        {"kalshi": D(30), "polymarket": D(10)},
        {"kalshi": D(41)},
        2,
    )
    assert limits.check(ticket(), held, known, best=D("0.39")) == []


def test_a_sale_only_meets_the_collar_and_the_count():
    known = Limits(D(0), D(0), D(0), {"kalshi": D(0)}, D(0), max_open_orders=0, collar=D("0.01"))
    refusals = limits.check(ticket(side="SELL"), Held(), known, best=D("0.42"))
    assert codes(refusals) == ["max_open_orders", "price_collar"]


@pytest.mark.parametrize(
    ("side", "best", "refused"),
    [
        ("BUY", "0.38", False), ("BUY", "0.379", True), ("BUY", "0.90", False),
        ("SELL", "0.42", False), ("SELL", "0.421", True), ("SELL", "0.10", False),
        ("BUY", None, True), ("SELL", None, True),
    ],
)  # fmt: skip
def test_the_collar_holds_a_price_that_is_worse_not_one_that_is_better(side, best, refused):
    found = limits.check(ticket(side=side), rich(), Limits(collar=D("0.02")), best=best and D(best))
    assert codes(found) == (["price_collar"] if refused else [])


def test_the_second_leg_is_counted_on_top_of_the_first():
    legs = [ticket(), ticket(platform="polymarket", market_id="0xa")]
    known = Limits(max_bet_notional=D(79))
    assert all(not limits.check(leg, rich(), known, best=None) for leg in legs)
    assert codes(limits.check_plan(legs, rich(), known, [None, None])) == ["max_bet_notional"]


def test_a_best_price_for_each_leg_must_be_given():
    with pytest.raises(ValueError, match="zip"):
        limits.check_plan([ticket(), ticket()], rich(), Limits(), [None])


def as_large_as(order: Ticket, notional: D) -> Ticket:
    """The same order at another notional; its fee stays, which is the most it could be for a smaller one."""
    return replace(order, notional=notional, cash=notional + order.cash - order.notional)


def cut(order: Ticket, size: D) -> Ticket:
    return as_large_as(replace(order, size=size), size * order.limit_price)


@settings(max_examples=200, deadline=None)
@given(st.lists(tickets(), min_size=1, max_size=3), some_held(), some_limits)
def test_a_plan_cut_to_its_room_is_accepted_and_a_larger_one_is_not(legs, held, known):
    legs = [replace(leg, cash=leg.notional if leg.side == "BUY" else D(0)) for leg in legs]  # no fees: exact
    known = replace(known, max_open_orders=None)
    size = limits.plan_room(legs, held, known)
    smallest = min(leg.size for leg in legs)
    assert 0 <= size <= smallest
    assert size == size.quantize(MICRO, ROUND_DOWN)

    def refused(at: D) -> list[str]:
        return codes(limits.check_plan([_sized(leg, at) for leg in legs], held, known, [None] * len(legs)))

    if size > 0:
        assert refused(size) == []
    if size < smallest:
        assert refused(size + MICRO)


def _sized(leg: Ticket, size: D) -> Ticket:
    return cut(leg, size) if leg.side == "BUY" else replace(leg, size=size, notional=size * leg.limit_price)


@settings(max_examples=100, deadline=None)
@given(st.lists(tickets(sides=("BUY",)), min_size=1, max_size=3), some_held(), some_limits)
def test_a_plan_cut_to_its_room_has_cash_for_its_fees(legs, held, known):
    size = limits.plan_room(legs, held, known)
    if size > 0:
        found = limits.check_plan([cut(leg, size) for leg in legs], held, known, [None] * len(legs))
        assert set(codes(found)) <= {"max_open_orders"}

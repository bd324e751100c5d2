"""Wide bets: numbers worked by hand, equality with trying every size, and rules that hold for any books."""

import os
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D
from random import Random

import pytest

from markets import bets
from markets.books import NO, YES, BookView
from markets.platforms.base import KALSHI, POLYMARKET, TickBand
from signals.detection import programs, search, wide_search
from signals.detection.certificates import Certificates
from signals.detection.detector import Rules, find
from signals.detection.sides import Side
from signals.sizing import Caps
from tests.signals.values import CENT, NOW, SETTLES, book, capped, kalshi, listing, plain, polymarket
from tests.signals.wide_values import World, brute_force, profit_in, random_world

P, Q, R = [(POLYMARKET, name) for name in "pqr"]
X, Y, Z = [(KALSHI, name) for name in "XYZ"]
EVENT = bets.one_of("e", bets.NEG_RISK, [P, Q, R], exhaustive=True)
OPEN_EVENT = bets.one_of("e", bets.EXCLUSIVE, [X, Y, Z], exhaustive=False)


def world(bet, tops, fees=None, **changes) -> World:
    """Books of one level each: `tops` gives bid, ask and contracts on either side, by market."""
    books = {
        market: book(market, [(bid, size)] if bid else (), [(ask, size)] if ask else ())
        for market, (bid, ask, size) in zip(bet.markets, tops, strict=True)
    }
    fee = {market: fees or plain() for market in bet.markets}
    return World(bet, books, fee, {market: listing(market, fee[market], **changes) for market in bet.markets})


def only(result):
    assert len(result.findings) == 1, result
    return result.findings[0]


def codes(result) -> set[str]:
    assert not result.findings
    return {refusal.code for refusal in result.refusals}


CHEAP = [("0.28", "0.30", 50), ("0.28", "0.30", 40), ("0.28", "0.35", 60)]


def test_one_yes_of_each_market_of_an_event_is_a_dollar():
    found = only(world(EVENT, CHEAP).look())
    assert (found.direction, found.size, found.net_profit) == ("cover", 40, 2)
    assert [(leg.outcome, leg.size, leg.limit_price) for leg in found.legs] == [
        (YES, 40, D("0.30")), (YES, 40, D("0.30")), (YES, 40, D("0.35")),
    ]  # fmt: skip
    assert (found.limited_by, found.frees_now, found.days_to_cash) == ("depth", False, 30)
    assert found.half_profit == 1


def test_of_an_event_that_may_end_without_a_winner_that_guarantees_nothing():
    assert codes(world(OPEN_EVENT, CHEAP).look()) == set()


NO_BASKET = [("0.40", "0.42", 30), ("0.40", "0.42", 30), ("0.40", "0.42", 30)]


@pytest.mark.parametrize(("bet", "at_once"), [(EVENT, True), (OPEN_EVENT, False)])
def test_a_basket_of_no_pays_for_all_but_one_and_polymarket_converts_it_at_once(bet, at_once):
    found = only(world(bet, NO_BASKET).look())
    assert {leg.outcome for leg in found.legs} == {NO}
    assert (found.size, found.outlay, found.net_profit) == (60, 54, 6)  # 30 of each: 3 x 0.60, pays 2
    assert (found.frees_now, found.days_to_cash) == (at_once, 0 if at_once else 30)


def test_two_no_contracts_of_an_event_free_their_money_too():
    pair = bets.one_of("e", bets.NEG_RISK, [P, Q], exhaustive=True)
    found = only(world(pair, [("0.60", "0.62", 10), ("0.60", "0.62", 10)]).look())
    assert (found.direction, found.frees_now) == ("polymarket:p:NO+polymarket:q:NO", True)


def test_a_higher_threshold_implies_a_lower_one():
    steps = [bets.Step(m, D(low), True, None, False) for m, low in ((X, 90), (Y, 100), (Z, 110))]
    bet = bets.ladder("l", bets.LADDER, steps)
    # "100 or more" is bid at 0.45 while "90 or more" is sold at 0.40
    found = only(world(bet, [("0.38", "0.40", 20), ("0.45", "0.47", 30), ("0.10", "0.12", 9)]).look())
    assert {(leg.market_id, leg.outcome, leg.size) for leg in found.legs} == {("X", YES, 20), ("Y", NO, 20)}
    assert (found.size, found.net_profit) == (20, 1)


def test_an_event_of_one_platform_is_covered_with_markets_of_the_other():
    bet = bets.join("m", bets.MIXTURE, EVENT, OPEN_EVENT, [(P, X, False), (Q, Y, False)])
    tops = {
        P: ("0.28", "0.40", 50), Q: ("0.28", "0.30", 50), R: ("0.28", "0.30", 50),
        X: ("0.28", "0.31", 20), Y: ("0.28", "0.40", 50), Z: ("0.01", "0.40", 50),
    }  # fmt: skip
    found = only(world(bet, [tops[market] for market in bet.markets]).look())
    assert {(leg.market_id, leg.outcome) for leg in found.legs} == {("X", YES), ("q", YES), ("r", YES)}
    assert (found.size, found.net_profit, found.kind) == (20, D("1.80"), bets.MIXTURE)


def test_legs_may_differ_in_size():
    """Two claims that pay in two of three states each, and one that pays in the third, all overlapping."""
    states = ("a", "b", "c")
    claims = (
        bets.Claim(*P, YES, frozenset("ab")), bets.Claim(*Q, YES, frozenset("bc")), bets.Claim(*R, YES, frozenset("a")),
        bets.Claim(*X, YES, frozenset("c")),
    )  # fmt: skip
    bet = bets.Bet("o", bets.CUSTOM, states, True, claims)
    view = {P: ("0.45", 10), Q: ("0.45", 4), R: ("0.9", 50), X: ("0.50", 50)}
    w = world(bet, [("0.01", *view[market]) for market in bet.markets])
    found = only(w.look())
    assert {(leg.market_id, leg.size) for leg in found.legs} == {("p", 10), ("q", 4), ("X", 6)}
    assert (found.size, found.net_profit) == (10, D("0.70"))
    assert all(profit_in(state, found, w) >= found.net_profit for state in states)


# What platforms accept.


def test_a_leg_is_raised_to_its_minimum_where_that_still_pays():
    w = world(EVENT, CHEAP)
    w.known[Q] = replace(w.known[Q], min_size=D(45))
    assert codes(w.look()) == {"below_minimum"}
    w.books[Q] = book(Q, [("0.28", 50)], [("0.30", 40), ("0.33", 40)])
    assert only(w.look()).size == 50


@pytest.mark.parametrize("depth", [50, 50_000])
def test_all_legs_are_raised_together_where_only_that_pays(depth):
    """Two of each would be best, but q is sold from five on: five of each still pay."""
    w = world(EVENT, [("0.28", "0.30", depth), ("0.28", "0.30", 2), ("0.28", "0.35", depth)])
    w.books[Q] = book(Q, [("0.28", 50)], [("0.30", 2), ("0.36", depth)])
    w.known[Q] = replace(w.known[Q], min_size=D(5))
    found = only(w.look())
    assert (found.size, found.net_profit) == (5, D("0.07"))
    assert {leg.size for leg in found.legs} == {5}


def test_sizes_are_multiples_of_each_markets_own_step():
    w = world(EVENT, CHEAP)
    w.known[P] = replace(w.known[P], size_step=D(1))
    w.known[Q] = replace(w.known[Q], size_step=D("0.4"))
    w.books[Q] = book(Q, [("0.28", 50)], [("0.30", "39.9")])
    found = only(w.look())
    # 39 would need 39.2 of q, and the odd fifth costs more than the last contract of each earns.
    assert {leg.market_id: leg.size for leg in found.legs} == {"p": 38, "q": 38, "r": 38}


def test_books_on_different_ticks_keep_their_own():
    w = world(EVENT, CHEAP)
    w.books[P] = book(P, [("0.28", 50)], [("0.305", 50)])
    assert codes(w.look()) == {"off_tick"}
    w.known[P] = replace(w.known[P], ticks=(TickBand(D(0), D(1), D("0.001")),))
    assert only(w.look()).net_profit == D("1.8")


def test_levels_before_one_off_the_grid_are_still_bought():
    w = world(EVENT, CHEAP)
    w.books[P] = book(P, [("0.28", 50)], [("0.30", 10), ("0.305", 50)])
    assert only(w.look()).size == 10


def test_orders_are_in_whole_cents_where_a_platform_asks_for_it():
    w = world(EVENT, CHEAP)
    thousandths = (TickBand(D(0), D(1), D("0.001")),)
    w.books[P] = book(P, [("0.28", 50)], [("0.301", 50)])
    w.known[P] = replace(w.known[P], ticks=thousandths, whole_cents=True)
    found = only(w.look())
    assert {leg.market_id: leg.size for leg in found.legs} == {"p": 40, "q": 40, "r": 40}
    w.books[P] = book(P, [("0.28", 50)], [("0.301", 39)])
    assert only(w.look()).size == 30


@pytest.mark.parametrize(
    ("rules", "size", "why"),
    [
        (capped(max_contracts=D("12.345")), D("12.34"), "max_contracts"),
        (capped(max_payoff=D("12.345")), D("12.34"), "max_payoff"),
        (capped(cash={"polymarket": D(9)}), D("9.47"), "cash:polymarket"),
        (capped(max_outlay={"polymarket": D("9.5")}), 10, "max_outlay:polymarket"),
    ],
)
def test_caps_are_kept_and_named(rules, size, why):
    found = only(world(EVENT, CHEAP).look(rules))
    assert (found.size, found.limited_by) == (size, why)


@pytest.mark.parametrize(
    "caps", [{"max_contracts": D("0.5")}, {"cash": {"polymarket": D(0)}}, {"cash": {"polymarket": D("-3")}}]
)
def test_caps_below_the_smallest_order_are_named(caps):
    assert codes(world(EVENT, CHEAP).look(capped(**caps))) == {"caps_below_minimum"}


def test_rounding_never_passes_a_budget():
    w = world(EVENT, CHEAP, kalshi(), size_step=D(1))
    for cents in range(900, 995, 7):
        budget = D(cents) / 100
        found = only(w.look(capped(cash={"polymarket": budget})))
        assert sum(leg.cost.cash for leg in found.legs) <= budget
        # Nine would fit too, but for the cent that each leg is rounded up eight earn more: 0.03 and not 0.02.
        assert (found.size, found.net_profit, found.limited_by) == (8, D("0.03"), "cash:polymarket")


# A market that must not be traded costs its own claims, and the bet where nothing else pays there.


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "PAUSED"}, "market_not_open"),
        ({"fees": None}, "fees_unknown"),
        ({"rules_known": False}, "rules_missing"),
        ({"settles": SETTLES - timedelta(days=31)}, "settles_past"),
        ({"ticks": ()}, "listing_faulty"),
    ],
)
def test_markets_that_must_not_be_traded_are_named(change, code):
    w = world(EVENT, CHEAP)
    w.known[Q] = replace(w.known[Q], **change)
    assert codes(w.look()) == {code}


@pytest.mark.parametrize(
    ("view", "code"),
    [
        (book(Q, [("0.28", 40)], [("0.30", 40)], age_ms=2001), "book_stale"),
        (book(Q, [("0.28", 40)], [("0.30", 40)], age_ms=-2001), "book_future"),
        (book(Q, [("0.28", 40)], [("0.30", 40)], age_ms=1101), "books_apart"),
        (book(Q, [("0.31", 40)], [("0.30", 40)]), "book_crossed"),
        (book(Q, [("0.28", 40)], [("0.30", 40), ("0.30", 40)]), "book_malformed"),
        (book(Q, [("0.28", 40)], [("0.30", 40), ("1", 40)]), "price_out_of_range"),
        (book(Q, [("0", 40)], [("0.30", 40)]), "price_out_of_range"),
    ],
)
def test_books_that_must_not_be_used_are_named(view, code):
    w = world(EVENT, CHEAP)
    w.books[Q] = view
    assert codes(w.look()) == {code}


def test_what_is_missing_is_named_though_the_rest_offers_nothing():
    w = world(EVENT, CHEAP)
    del w.books[Q]
    assert codes(w.look()) == {"book_missing"}
    w = world(EVENT, CHEAP)
    w.books[Q] = book(Q, [("0.28", 40)])
    assert codes(w.look()) == set()  # nobody sells: no gap
    assert codes(replace(w, known={}).look()) == set()


def test_a_market_that_is_not_needed_spoils_nothing():
    bet = bets.join("m", bets.MIXTURE, EVENT, OPEN_EVENT, [(P, X, False), (Q, Y, False)])
    w = world(bet, [("0.28", "0.30", 50)] * 6)
    w.known[X] = replace(w.known[X], status="PAUSED")
    result = w.look()
    assert "X" not in {leg.market_id for leg in only(result).legs}
    assert {no.code for no in result.refusals} == {"market_not_open"}


def test_old_books_that_agree_in_time_are_used_without_a_newer_one():
    w = world(EVENT, [*CHEAP[:2], ("0.28", "0.35", 60)])
    spare = (KALSHI, "S")
    bet = replace(EVENT, claims=(*EVENT.claims, bets.Claim(*spare, YES, frozenset({EVENT.states[0]}))))
    books = {m: replace(view, confirmed_ms=NOW - 1_900) for m, view in w.books.items()}
    books[spare] = book(spare, [("0.01", 9)], [("0.90", 9)], age_ms=0)
    known = {**w.known, spare: listing(spare, plain())}
    assert only(find(bet, books, known, Rules(), NOW)).size == 40


def test_fees_that_take_the_gap_are_named_and_no_gap_is_silent():
    dear = world(EVENT, [("0.30", "0.33", 50)] * 3, plain("0.07"))
    assert codes(dear.look()) == {"no_profit"}
    assert codes(world(EVENT, [("0.30", "0.34", 50)] * 3).look()) == set()


def test_a_bet_with_faults_is_refused_by_their_names():
    assert codes(replace(world(EVENT, CHEAP), bet=replace(EVENT, exhaustive=False)).look()) == {
        "not_exhaustive"
    }


# Rules that hold for any books: seeded, so that a failure can be looked at again.

WORLDS = 2_200
FILLS = 12  # levels of the largest random world
# The search ends where less than a cent could still be gained by other sizes; beside that, each fill may be rounded up by
# Kalshi's 0.0001 for the fee and as much for the balance, and each half-way by Polymarket's 0.00001.
TOLERANCE = D("0.01") + FILLS * (2 * D("0.0001") + D("0.00001"))


@pytest.mark.parametrize("lot", range(4))
def test_a_wide_bet_earns_what_trying_every_size_earns(lot):
    """LP, rounding and exact prices together, against brute force; and profit in every state."""
    found, paying = 0, 0
    for seed in range(lot * WORLDS // 4, (lot + 1) * WORLDS // 4):
        rng = Random(seed)
        w = random_world(rng, lowest=rng.choice([0, 2, 3]), step=rng.choice(["1", "1", "0.5"]))
        result, best = w.look(), brute_force(w)
        assert w.bet.wide
        net = net_of(result)
        assert best - TOLERANCE <= net <= best, (seed, net, best, result.refusals)
        paying += best > TOLERANCE
        for one in result.findings:
            found += 1
            left = [profit_in(state, one, w) for state in w.bet.states]
            assert min(left) == one.net_profit > 0, seed
            assert one.half_profit is None or one.half_profit <= one.net_profit + TOLERANCE
    assert found >= paying > 40  # the rule is not kept by finding nothing


def test_the_merge_of_two_ladders_earns_what_the_program_earns():
    compared = 0
    for seed in range(400):
        rng = Random(seed)
        w = random_world(rng, markets=2, levels=4, deepest=40, step=rng.choice(["1", "0.01"]), lowest=0)
        bet = bets.pair("p", *w.bet.markets) if w.bet.markets[0] != w.bet.markets[1] else None
        if bet is None:
            continue
        for cover in bet.covers:
            sides = [
                Side(
                    c,
                    w.known[c.market],
                    w.fees[c.market],
                    w.books[c.market],
                    w.books[c.market].asks_for(c.outcome),
                )
                for c in cover
            ]
            if not all(side.asks for side in sides) or sum(side.asks[0][0] for side in sides) >= 1_000_000:
                continue
            merged = search.Search((sides[0], sides[1]), Caps()).best()
            programmed = wide_search.WideSearch(bet.states, sides, Caps()).best()
            one = D(merged.net).scaleb(-18) if isinstance(merged, search.Trade) else D(0)
            two = programmed.net if isinstance(programmed, wide_search.Purchase) else D(0)
            assert abs(one - two) <= D("0.012"), seed
            assert two <= one or one == 0
            compared += one > D("0.02")
    assert compared > 40


def net_of(result) -> D:
    return sum((one.net_profit for one in result.findings), D(0))


def test_more_depth_never_lowers_the_profit_and_higher_fees_never_raise_it():
    gained = 0
    for seed in range(120):
        w = random_world(Random(seed), markets=3, levels=3, deepest=30, step="0.01", linear=True)
        if not w.bet.wide:
            continue
        net = net_of(w.look())
        deep = {m: replace(v, bids=doubled(v.bids), asks=doubled(v.asks)) for m, v in w.books.items()}
        assert net_of(replace(w, books=deep).look()) >= net - D("0.011"), seed
        dear = {m: plain(str(fee.rate + D("0.01"))) for m, fee in w.fees.items()}
        known = {m: replace(rule, fees=dear[m]) for m, rule in w.known.items()}
        assert net_of(replace(w, fees=dear, known=known).look()) <= net + D("0.011"), seed
        gained += net > 0
    assert gained > 10


def doubled(levels):
    return tuple((price, 2 * size) for price, size in levels)


def test_the_order_of_markets_states_and_claims_changes_nothing():
    for seed in range(120):
        rng = Random(seed)
        w = random_world(rng, markets=4, levels=3, deepest=30, step="0.01")
        claims, states = list(w.bet.claims), list(w.bet.states)
        rng.shuffle(claims)
        rng.shuffle(states)
        shuffled = dict(rng.sample(list(w.books.items()), len(w.books)))
        other = replace(w, bet=replace(w.bet, claims=tuple(claims), states=tuple(states)), books=shuffled)
        assert other.look() == w.look()


def test_no_cap_is_ever_passed():
    for seed in range(200):
        rng = Random(seed)
        w = random_world(rng, markets=3, levels=3, deepest=30, step=rng.choice(["1", "0.01"]), lowest=2)
        budget, most = D(rng.randint(50, 900)) / 100, D(rng.randint(100, 3000)) / 100
        for one in w.look(capped(cash={"kalshi": budget}, max_contracts=most, max_payoff=most)).findings:
            assert sum(leg.cost.cash for leg in one.legs if leg.platform == KALSHI) <= budget
            assert all(leg.size <= most for leg in one.legs)
            assert one.size <= most


def test_certificates_change_no_finding_and_are_kept_only_while_they_prove():
    known, kept = Certificates(), 0
    for seed in range(70):
        rng = Random(seed)
        w = random_world(rng, markets=4)
        for _ in range(4):
            asks_moved = {m: moved(rng, view) for m, view in w.books.items()}
            w = replace(w, books=asks_moved)
            with_, without = w.look(certificates=known), w.look()
            assert with_.findings == without.findings, seed
            kept += not with_.findings and not with_.refusals
        known.forget(w.bet.id)
    assert kept > 20


def moved(rng: Random, view: BookView) -> BookView:
    """The same book a few cents up or down, where it fits."""
    by = rng.randint(-5, 5) * 10_000
    prices = [price + by for price, _ in (*view.bids, *view.asks)]
    if not all(0 < price < 1_000_000 for price in prices):
        return view
    return replace(
        view,
        bids=tuple((price + by, size) for price, size in view.bids),
        asks=tuple((price + by, size) for price, size in view.asks),
    )


def test_bad_input_never_raises_and_is_never_bought():
    prices = [-5, 0, 1, 10_000, 400_000, 400_000, 999_999, 1_000_000, 2_000_000]
    for seed in range(250):
        rng = Random(seed)
        w = random_world(rng, markets=3)
        for market in w.bet.markets:
            if rng.random() < 0.5:
                sides = [
                    tuple(
                        (rng.choice(prices), rng.randint(-2, 9) * 500_000) for _ in range(rng.randint(0, 3))
                    )
                    for _ in range(2)
                ]
                w.books[market] = BookView(*market, *sides, NOW, NOW - rng.choice([0, 0, 5_000]))
            if rng.random() < 0.2:
                w.books.pop(market, None)
            if rng.random() < 0.2:
                changes = rng.choice(
                    [{"fees": None}, {"ticks": ()}, {"rules_known": False}, {"size_step": D(0)}]
                )
                w.known[market] = replace(w.known[market], **changes)
            if rng.random() < 0.1:
                del w.known[market]
        for rules in (Rules(), capped(max_contracts=D(-1)), capped(cash={"kalshi": D("1e30")})):
            for one in w.look(rules).findings:
                assert one.net_profit > 0
                assert all(profit_in(state, one, w) > 0 for state in w.bet.states)


def test_a_book_as_deep_as_numbers_go_is_searched_all_the_same():
    w = world(EVENT, [("0.28", "0.30", "1e17")] * 3)
    assert only(w.look()).net_profit > 0


def test_an_offer_on_thousandths_is_a_price_like_any_other():
    assert CENT[0].step == D("0.01")
    w = world(
        EVENT, [("0.281", "0.303", 50)] * 3, polymarket("0.05"), ticks=(TickBand(D(0), D(1), D("0.001")),)
    )
    assert only(w.look()).legs[0].limit_price == D("0.303")


def test_what_the_solver_prints_does_not_reach_standard_output(capfd):
    with programs._said_as_an_error():
        os.write(1, b"HighsMipSolverData: a line\n")
    out, error = capfd.readouterr()
    assert out == "" and "a line" in error

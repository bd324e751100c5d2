"""What differs between our books and a platform's, and what only seems to because it is in flight."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution import lifecycle
from execution.reconciling import comparing
from execution.reconciling.comparing import Finding, OurFill, OurMove, OurOrder, Ours, Terms, Theirs
from markets.platforms.trading import Balance, CashReport, FillReport, Holding, OrderReport, SettlementReport

D = Decimal
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
WINDOW = timedelta(seconds=35)
OLD, YOUNG = NOW - timedelta(minutes=5), NOW - timedelta(seconds=5)
TERMS = Terms(WINDOW, since=NOW - timedelta(days=30))
NETTING = replace(TERMS, nets=True)


def ours(**fields):
    values = {
        "id": "o1", "client_order_id": "c1", "platform_order_id": "p1", "market_id": "M", "outcome": "YES", "side": "BUY",
        "status": "OPEN", "size": D(10), "price": D("0.40"), "matched": D(0), "filled": D(0), "changed_at": OLD,
    }  # fmt: skip
    return OurOrder(**(values | fields))


def theirs(**fields):
    values = {
        "platform_order_id": "p1", "client_order_id": "c1", "market_id": "M", "outcome": "YES", "side": "BUY",
        "status": "OPEN", "size": D(10), "matched": D(0), "limit_price": D("0.40"), "at": OLD,
    }  # fmt: skip
    return OrderReport(**(values | fields))


def fill(**fields):
    values = {
        "fill_id": "f1", "trade_id": "f1", "platform_order_id": "p1", "market_id": "M", "outcome": "YES", "side": "BUY",
        "price": D("0.40"), "size": D(4), "fee": D(0), "at": OLD,
    }  # fmt: skip
    return FillReport(**(values | fields))


def found(mine=None, said=None, terms=TERMS):
    return comparing.compare(mine or Ours(), said or Theirs(), now=NOW, terms=terms)


def kinds(mine=None, said=None, terms=TERMS):
    return [(one.kind, one.repair) for one in found(mine, said, terms) if not one.quiet]


def open_there(*reports):
    return Theirs(orders=reports, open_ids=frozenset(one.platform_order_id for one in reports))


# --- orders


def test_two_books_that_agree_say_nothing():
    mine = Ours(orders=[ours()], held={("M", "YES"): D(3)}, cash={0: D(10)})
    said = replace(
        open_there(theirs()), holdings=(Holding("M", "YES", D(3)),), balances=(Balance(0, D(10), D(6)),)
    )
    assert found(mine, said) == []


@pytest.mark.parametrize(
    "status, matched, report, told",
    [
        ("OPEN", 0, {"status": "PARTIAL", "matched": D(4)}, True),
        ("OPEN", 0, {"status": "FILLED", "matched": D(10)}, True),
        ("OPEN", 0, {"status": "CANCELLED"}, True),
        ("PARTIAL", 4, {"status": "PARTIAL", "matched": D(4)}, False),
        ("PARTIAL", 4, {"status": "PARTIAL", "matched": D(2)}, False),  # an old list
        ("UNKNOWN", 0, {}, True),
        ("SUBMITTED", 0, {}, True),
        ("ABANDONED", 0, {}, True),
        ("CANCELLING", 0, {}, False),
        ("FILLED", 10, {"status": "FILLED", "matched": D(10)}, False),
        ("CANCELLED", 4, {"status": "CANCELLED", "matched": D(4)}, False),
        ("CANCELLED", 0, {"status": "CANCELLED", "matched": D(4)}, True),  # a fill found late
    ],
)
def test_an_order_is_told_what_we_do_not_know_yet(status, matched, report, told):
    mine = Ours(orders=[ours(status=status, matched=D(matched), filled=D(matched))])
    assert (("order_state", "tell") in kinds(mine, Theirs(orders=(theirs(**report),)))) == told


@pytest.mark.parametrize("status", ["CANCELLED", "REJECTED", "FAILED", "FILLED"])
def test_what_is_done_for_us_and_open_there_is_cancelled_unless_the_list_may_lag(status):
    said = open_there(theirs())
    assert kinds(Ours(orders=[ours(status=status)]), said) == [("order_still_open", "cancel")]
    assert kinds(Ours(orders=[ours(status=status, changed_at=YOUNG)]), said) == []


def test_an_order_of_theirs_alone_is_adopted():
    assert kinds(Ours(), open_there(theirs())) == [("order_unknown_here", "adopt")]
    # It may be the very one whose answer is on its way
    waiting = Ours(
        orders=[ours(status="SUBMITTED", platform_order_id="", client_order_id="other", changed_at=YOUNG)]
    )
    assert kinds(waiting, open_there(theirs(client_order_id=""))) == []


@pytest.mark.parametrize(
    "status, age, finds",
    [("OPEN", 60, True), ("PARTIAL", 60, True), ("OPEN", 10, False), ("UNKNOWN", 60, False), ("UNKNOWN", 80, True),
     ("SUBMITTED", 60, False), ("CANCELLED", 300, False), ("FILLED", 300, False)],
)  # fmt: skip
def test_an_order_that_they_do_not_know_is_waited_for(status, age, finds):
    mine = Ours(orders=[ours(status=status, changed_at=NOW - timedelta(seconds=age))])
    said = Theirs(missing=frozenset({"o1"}))
    assert kinds(mine, said) == ([("order_unknown_there", "")] if finds else [])


# --- fills


def test_a_fill_of_ours_that_is_not_booked_is_told():
    mine = Ours(orders=[ours(matched=D(4), status="PARTIAL")])
    assert kinds(mine, Theirs(fills=(fill(),))) == [("fill_missing", "tell")]
    assert kinds(replace(mine, booked=frozenset({"f1"})), Theirs(fills=(fill(),))) == []
    assert kinds(mine, Theirs(fills=(fill(at=YOUNG),))) == []  # put right, and not spoken of


@pytest.mark.parametrize(
    "changes, booked",
    [({}, True), ({"at": YOUNG}, False), ({"status": "MATCHED"}, False), ({"status": "FAILED"}, False),
     ({"at": NOW - timedelta(days=31)}, False)],
)  # fmt: skip
def test_a_fill_of_somebody_else_is_booked_when_it_is_old_and_final(changes, booked):
    said = Theirs(fills=(fill(platform_order_id="x", **changes),))
    assert kinds(Ours(), said) == ([("hand_trade", "book")] if booked else [])


def test_a_fill_beside_an_order_without_a_name_is_not_decided():
    said = Theirs(fills=(fill(platform_order_id="x"),))
    for status in ("SUBMITTED", "UNKNOWN"):
        assert kinds(Ours(orders=[ours(status=status, platform_order_id="")]), said) == []
    assert kinds(Ours(orders=[ours(status="UNKNOWN", platform_order_id="", market_id="N")]), said) == [
        ("hand_trade", "book")
    ]


# --- settlements, deposits, netting


def test_what_was_paid_out_and_is_still_held_here():
    said = Theirs(settlements=(SettlementReport("M", D(1), D(5), OLD),))
    assert kinds(Ours(held={("M", "YES"): D(5)}), said) == [("settlement_missing", "settle")]
    assert kinds(Ours(), said) == []


def test_what_was_listed_when_our_books_began_is_in_them_whatever_the_seconds_say():
    """Lists tell whole seconds: 12:00:00 may be after 12:00:00.4."""
    began = replace(TERMS, since=OLD, before=frozenset({"d1", "f1"}))
    at = OLD - timedelta(milliseconds=400)
    for name, booked in (("1", []), ("2", [("cash_moved", "move"), ("hand_trade", "book")])):
        moves = (CashReport(f"d{name}", 0, D(50), at, "DEPOSIT"),)
        said = Theirs(moves=moves, fills=(fill(fill_id=f"f{name}", platform_order_id="x", at=at),))
        assert sorted(kinds(Ours(), said, began)) == booked


def test_money_is_booked_once_by_its_reference():
    said = Theirs(moves=(CashReport("d1", 0, D(50), OLD, "DEPOSIT"),))
    assert kinds(Ours(), said) == [("cash_moved", "move")]
    assert kinds(Ours(moved=frozenset({"d1"})), said) == []
    before = Theirs(moves=(CashReport("d0", 0, D(50), NOW - timedelta(days=31), "DEPOSIT"),))
    assert kinds(Ours(), before) == []


def test_pairs_are_netted_where_the_platform_nets():
    mine = Ours(held={("M", "YES"): D(5), ("M", "NO"): D(2)})
    said = Theirs(holdings=(Holding("M", "YES", D(3)),))
    (finding,) = found(mine, said, NETTING)
    assert (finding.kind, finding.repair, finding.quiet) == ("netted", "net", True)
    assert [kind for kind, _ in kinds(mine, said)] == ["position_differs", "position_differs"]


# --- what is held


def position(mine, size, terms=TERMS, **said):
    holdings = (Holding("M", "YES", D(size)),) if D(size) else ()
    report = Theirs(holdings=holdings, **said)
    return [one for one in comparing.stocks(mine, report, terms=terms) if one.kind == "position_differs"]


def test_contracts_that_differ():
    mine = Ours(held={("M", "YES"): D(5)})
    assert position(mine, 5) == []
    (finding,) = position(mine, 7)
    assert (finding.amount, finding.sure, finding.subject) == (D(2), True, "M:YES")
    assert position(mine, 0)[0].amount == D(-5)
    dusty = replace(TERMS, dust=D("0.01"))
    assert position(mine, "5.01", dusty) == [] and position(mine, "5.02", dusty) != []


def test_what_is_in_flight_makes_a_range():
    held = {("M", "YES"): D(5)}
    young = Ours(held=held, young_fills=[OurFill("M", "YES", D(5), D(-2))])
    assert [bool(position(young, size)) for size in (0, 3, 5, 6)] == [False, False, False, True]
    sold = Ours(held=held, young_fills=[OurFill("M", "YES", D(-2), D(1))])
    assert [bool(position(sold, size)) for size in (4, 5, 7, 8)] == [True, False, False, True]
    unknown = Ours(held=held, orders=[ours(status="UNKNOWN")])
    assert [bool(position(unknown, size)) for size in (4, 5, 15, 16)] == [True, False, False, True]
    answered = Ours(held=held, orders=[ours(status="CANCELLED", matched=D(3))])
    assert [bool(position(answered, size)) for size in (5, 8, 9)] == [False, False, True]
    undecided = {"fills": (fill(platform_order_id="x", at=YOUNG),)}
    assert [bool(position(Ours(held=held), size, **undecided)) for size in (5, 9, 10)] == [False, False, True]


def test_an_order_that_is_listed_as_untouched_explains_nothing():
    mine = Ours(held={("M", "YES"): D(5)}, orders=[ours()])
    said = open_there(theirs())
    assert position(mine, 9, orders=said.orders, open_ids=said.open_ids)


def test_what_waits_to_be_collected_is_no_difference():
    uncollected = OurFill("M", "YES", D(0), D(5))
    mine = Ours(settled=frozenset({"M"}), cash={0: D(105)}, young_fills=[uncollected])
    said = Theirs(holdings=(Holding("M", "YES", D(5)),), balances=(Balance(0, D(100), D(100)),))
    assert found(mine, said) == []
    assert [one.kind for one in found(replace(mine, young_fills=[]), said)] == ["cash_differs"]
    assert [one.kind for one in found(replace(mine, settled=frozenset()), said)] == ["position_differs"]


def cash(mine, amount, **said):
    report = Theirs(balances=(Balance(0, D(amount), D(amount)),), **said)
    return [one for one in comparing.stocks(mine, report, terms=TERMS) if one.kind == "cash_differs"]


def test_cash_that_differs_to_the_cent():
    mine = Ours(cash={0: D("100.005")})
    assert cash(mine, "100") == [] and cash(mine, "100.01") == []
    (finding,) = cash(mine, "99.98")
    assert finding.amount == D("-0.025") and finding.sure


def test_cash_in_flight_makes_a_range():
    young = Ours(cash={0: D(100)}, young_fills=[OurFill("M", "YES", D(10), D(-4))])
    assert [bool(cash(young, amount)) for amount in (99, 100, 104, 105)] == [True, False, False, True]
    paid_in = Ours(cash={0: D(100)}, young_moves=[OurMove(0, D(50))])
    assert [bool(cash(paid_in, amount)) for amount in (49, 50, 100, 101)] == [True, False, False, True]
    unknown = Ours(cash={0: D(100)}, orders=[ours(status="UNKNOWN")])
    assert [bool(cash(unknown, amount)) for amount in (95, 96, 100, 101)] == [True, False, False, True]


def test_where_only_what_is_free_is_told_open_purchases_count_as_there():
    mine = Ours(cash={0: D(100)}, orders=[ours()])
    said = replace(open_there(theirs()), balances=(Balance(0, None, D(96)),))
    assert comparing.stocks(mine, said, terms=TERMS) == []
    assert comparing.stocks(replace(mine, cash={0: D(101)}), said, terms=TERMS)
    sale = replace(open_there(theirs(side="SELL")), balances=(Balance(0, None, D(96)),))
    assert comparing.stocks(mine, sale, terms=TERMS)


def test_each_shard_by_itself_and_money_between_them():
    mine = Ours(cash={0: D(60), 1: D(40)})
    moved = Theirs(balances=(Balance(0, D(50), D(50)), Balance(1, D(50), D(50))))
    assert [(one.kind, one.amount) for one in comparing.stocks(mine, moved, terms=TERMS)] == [
        ("cash_between_shards", D(-10)), ("cash_between_shards", D(10)),
    ]  # fmt: skip
    lost = Theirs(balances=(Balance(0, D(50), D(50)), Balance(1, D(40), D(40))))
    assert [(one.kind, one.subject) for one in comparing.stocks(mine, lost, terms=TERMS)] == [
        ("cash_differs", "shard 0")
    ]


def test_what_was_not_asked_is_not_compared():
    mine = Ours(held={("M", "YES"): D(5)}, cash={0: D(100)})
    assert found(mine, Theirs()) == []


# --- properties

contracts = st.integers(0, 5_000).map(lambda cents: D(cents) / 100)
prices = st.integers(1, 99).map(lambda cents: D(cents) / 100)
places = st.sampled_from([("M", "YES"), ("M", "NO"), ("N", "YES")])


@st.composite
def histories(draw):
    """Fills of ours, some of which the platform's figures know already: what was booked within the window."""
    made = draw(st.lists(st.tuples(places, contracts, prices, st.booleans(), st.booleans()), max_size=8))
    return [(place, size, price, young, seen or not young) for place, size, price, young, seen in made]


@given(histories(), contracts)
def test_whatever_of_the_young_they_have_seen_there_is_no_false_alarm(history, start):
    held, told, young, mine, there = {}, {}, [], D(1_000) + start, D(1_000) + start
    for place, size, price, is_young, seen in history:
        held[place] = held.get(place, D(0)) + size
        mine -= size * price
        if is_young:
            young.append(OurFill(*place, size, -size * price))
        if seen:
            told[place] = told.get(place, D(0)) + size
            there -= size * price
    said = Theirs(
        holdings=tuple(Holding(*place, size) for place, size in told.items()),
        balances=(Balance(0, there, there),),
    )
    for terms in (TERMS, NETTING):
        assert comparing.stocks(Ours(held=held, cash={0: mine}, young_fills=young), said, terms=terms) == []


@given(histories(), st.integers(2, 1_000).map(lambda cents: D(cents) / 100), st.booleans())
def test_without_anything_in_flight_every_difference_is_found_exactly(history, gap, more):
    held = {}
    for place, size, *_ in history:
        held[place] = held.get(place, D(0)) + size
    gap = gap if more else -gap
    told = held | {("M", "YES"): held.get(("M", "YES"), D(0)) + gap}
    said = Theirs(
        holdings=tuple(Holding(*place, size) for place, size in told.items()),
        balances=(Balance(0, D(5) + gap, D(5)),),
    )
    for terms in (TERMS, NETTING):
        stocks = comparing.stocks(Ours(held=held, cash={0: D(5)}), said, terms=terms)
        assert [(one.kind, one.amount, one.sure) for one in stocks] == [
            ("position_differs", gap, True), ("cash_differs", gap, True),
        ]  # fmt: skip


@given(
    contracts.filter(bool),
    prices,
    contracts,
    contracts,
    st.sampled_from(["BUY", "SELL"]),
    st.sampled_from(["YES", "NO"]),
)
def test_a_trade_by_hand_in_pieces_moves_the_same_net_contracts_and_the_same_dollars(
    size, price, yes, no, side, outcome
):
    held = {"YES": yes, "NO": no}
    report = fill(size=size, price=price, side=side, outcome=outcome, fee=D("0.07"))
    made = comparing.pieces(report, held, D("0.07"))
    net = cash = D(0)
    for piece in made:
        sign = 1 if piece.side == "BUY" else -1
        net += sign * piece.contracts * (1 if piece.outcome == "YES" else -1)
        cash -= sign * piece.contracts * piece.price + piece.fee
        bought_instead = piece.side == "BUY" and side == "SELL"
        cash += piece.contracts if bought_instead else 0  # the pair's dollar
        if piece.side == "SELL":
            assert piece.contracts <= held[piece.outcome]
    sign = 1 if side == "BUY" else -1
    assert net == sign * size * (1 if outcome == "YES" else -1)
    assert abs(cash - (-sign * size * price - D("0.07"))) < D("1e-20")


@given(contracts, contracts, st.integers(-3_000, 3_000).map(lambda cents: D(cents) / 100))
def test_a_correction_makes_the_net_what_it_should_be_and_sells_nothing_that_is_not_held(yes, no, amount):
    held = {"YES": yes, "NO": no}
    after = dict(held)
    for piece in comparing.correction("YES", amount, held, nets=True):
        after[piece.outcome] += piece.contracts if piece.side == "BUY" else -piece.contracts
    assert after["YES"] - after["NO"] == yes - no + amount and min(after.values()) >= 0


@given(st.sampled_from(lifecycle.ORDER_STATES), st.sampled_from(["OPEN", "PARTIAL", "FILLED", "CANCELLED", "DELAYED"]),
       st.integers(0, 10), st.integers(0, 10), st.integers(0, 600))  # fmt: skip
def test_no_state_of_an_order_confuses_it_and_the_young_are_left_alone(status, told, mine, there, age):
    order = ours(status=status, matched=D(mine), filled=D(mine), changed_at=NOW - timedelta(seconds=age))
    said = replace(open_there(theirs(status=told, matched=D(there))), missing=frozenset({"o1"}))
    findings: list[Finding] = [one for one in found(Ours(orders=[order]), said) if not one.quiet]
    if age < WINDOW.total_seconds():
        assert findings == []
    assert all(one.repair or one.kind == "order_unknown_there" for one in findings)

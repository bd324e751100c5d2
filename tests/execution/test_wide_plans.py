"""Plans of many legs, of equal and of unequal size: cut by shares, never beyond the plan, and worth what is left."""

from dataclasses import replace
from decimal import Decimal as D
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution import planning, services
from execution.models import Fill, Order, Plan, Position
from execution.planning import NoPlan, Ticket, smallest_share, uncovered, work_off
from markets import live, store
from markets.bets import Bet as BetValue
from markets.bets import Claim
from markets.books import NO, YES, Level, dollars, micro
from markets.models import Bet, BetOutcome, Market
from markets.platforms.base import KALSHI
from signals import catalogue, edge, storing
from signals.decision import Hurdles
from signals.findings import Finding, Leg, Refusal, Result, Rules
from signals.models import Signal
from tests import factories
from tests.signals.values import NOW, book, listing, plain

NAMES = "abcdef"


# --- the core: any legs, any fills


def ticket(market: str, size: D, price: D = D("0.20"), outcome: str = YES) -> Ticket:
    return Ticket("wide", KALSHI, market, outcome, "BUY", size, price, size * price, size * price)


def paid(legs, sizes, state: str) -> Fraction:
    """What contracts of these legs pay in a state."""
    return sum(
        (Fraction(size) for pays_in, size in zip(legs, sizes, strict=True) if state in pays_in), Fraction(0)
    )


@st.composite
def wide_plans(draw):
    """States, and orders with the states each pays in, that pay something in every state."""
    states = NAMES[: draw(st.integers(2, 6))]
    subsets = st.sets(st.sampled_from(states), min_size=1, max_size=len(states)).map(frozenset)
    legs = draw(st.lists(subsets, min_size=2, max_size=7))
    missing = frozenset(states) - frozenset().union(*legs)
    legs += [missing] if missing else []
    sizes = [draw(st.integers(1, 20_000).map(lambda n: D(n) / 100)) for _ in legs]
    return states, legs, [ticket(f"m{at}", size) for at, size in enumerate(sizes)]


parts = st.lists(st.fractions(0, 1) | st.just(Fraction(1)), min_size=8, max_size=8)
steps = st.sampled_from([D("0.01"), D("0.1"), D(1)])
least = st.sampled_from([D(0), D("0.01"), D(1), D(5)])


@given(wide_plans(), parts, steps, least, st.booleans())
def test_what_is_held_never_passes_the_plan_and_pays_its_smallest_share(made, fills, step, minimum, cents):
    states, legs, planned = made
    known = {
        (KALSHI, one.market_id): replace(
            listing((KALSHI, one.market_id), plain()), size_step=step, min_size=minimum, whole_cents=cents
        )
        for one in planned
    }
    sent: list[Ticket] = []

    def send(order: Ticket) -> D:
        sent.append(order)
        return dollars(int(micro(order.size) * fills[len(sent) - 1]))

    worked = work_off(planned, known, send)
    held = [*worked.filled, *[D(0)] * (len(planned) - len(worked.filled))]
    assert len(sent) == len(worked.filled)
    assert (worked.stopped is None) == (len(sent) == len(planned))
    reached = Fraction(1)
    for plan, order, filled in zip(planned, sent, worked.filled, strict=False):
        assert filled <= order.size <= plan.size
        assert Fraction(order.size) <= reached * Fraction(plan.size), "cut to what the legs before it filled"
        assert order.notional == order.size * order.limit_price
        reached = min(reached, Fraction(filled) / Fraction(plan.size))
    promised = min(paid(legs, [one.size for one in planned], state) for state in states)
    share = smallest_share(planned, worked.filled)
    assert share == (min(reached, Fraction(1)) if len(sent) == len(planned) else 0)
    assert min(paid(legs, held, state) for state in states) >= share * promised
    whole = [share * Fraction(one.size) for one in planned]
    assert min(paid(legs, whole, state) for state in states) == share * promised
    alone = {one.market_id: rest for one, rest in uncovered(planned, worked.filled)}
    for plan, filled, covered in zip(planned, held, whole, strict=True):
        rest = Fraction(alone.get(plan.market_id, D(0)))
        assert 0 <= Fraction(filled) - covered - rest < Fraction(1, 10**6)


@given(wide_plans())
def test_a_plan_that_fills_leaves_nothing_alone(made):
    _, _, planned = made
    known = {(KALSHI, one.market_id): listing((KALSHI, one.market_id), plain()) for one in planned}
    worked = work_off(planned, known, lambda order: order.size)
    assert worked.filled == tuple(one.size for one in planned)
    assert smallest_share(planned, worked.filled) == 1
    assert uncovered(planned, worked.filled) == []


def test_a_leg_that_fills_in_part_cuts_those_after_it_by_its_share():
    planned = [ticket("m0", D(10)), ticket("m1", D(10)), ticket("m2", D("5.01"))]
    known = {(KALSHI, one.market_id): listing((KALSHI, one.market_id), plain()) for one in planned}
    fills = {"m0": D(10), "m1": D(4), "m2": D(2)}
    seen: list[D] = []

    def send(order: Ticket) -> D:
        seen.append(order.size)
        return min(order.size, fills[order.market_id])

    worked = work_off(planned, known, send)
    assert seen == [D(10), D(10), D("2.00")]  # 4/10 of 5.01, on the grid of hundredths
    assert worked.filled == (D(10), D(4), D(2))
    assert [(one.market_id, rest) for one, rest in uncovered(planned, worked.filled)] == [
        ("m0", D("6.007984")), ("m1", D("0.007984")),
    ]  # fmt: skip


def test_after_a_leg_without_a_match_nothing_more_is_sent():
    planned = [ticket("m0", D(10)), ticket("m1", D(10)), ticket("m2", D(10))]
    known = {
        (KALSHI, one.market_id): replace(listing((KALSHI, one.market_id), plain()), min_size=D(5))
        for one in planned
    }
    sent: list[str] = []

    def send(order: Ticket) -> D:
        sent.append(order.market_id)
        return D(1)

    worked = work_off(planned, known, send)
    assert sent == ["m0"]
    assert isinstance(worked.stopped, NoPlan) and worked.stopped.code == "below_minimum"
    assert [rest for _, rest in uncovered(planned, worked.filled)] == [D(1)]


# --- planning: a finding of three legs, looked at again


STATES = ("a", "b", "c")
SIZES = {"KX-A": D(10), "KX-B": D(10), "KX-C": D(5)}  # NO of each: 15 dollars or more in every state


def no_basket() -> BetValue:
    claims = tuple(Claim(KALSHI, f"KX-{state.upper()}", NO, frozenset(STATES) - {state}) for state in STATES)
    return BetValue("wide", "exclusive", STATES, True, claims)


def no_books(depths=(40, 30, 5)):
    """NO at 0.50 (a), 0.60 (b) and 0.55 (c)."""
    return {
        (KALSHI, name): book((KALSHI, name), bids=[(bid, depth)], asks=[("0.99", 5)])
        for name, bid, depth in zip(SIZES, ("0.50", "0.40", "0.45"), depths, strict=True)
    }


def basket_in(views, known, share=Fraction(1)) -> Finding:
    """The basket at a share of SIZES, at the best prices, with exact costs."""
    legs = []
    for name, whole in SIZES.items():
        view, size = views[KALSHI, name], dollars(int(Fraction(whole) * share * 10**6))
        price, depth = (dollars(part) for part in view.asks_for(NO)[0])
        cost = known[KALSHI, name].fees.order_cost("BUY", [Level(price, size)])
        legs.append(
            Leg(
                KALSHI,
                name,
                NO,
                "BUY",
                size,
                price,
                (Level(price, size),),
                cost,
                price,
                depth,
                view.confirmed_ms,
                0,
            )
        )
    sizes = [leg.size for leg in legs]
    payoff = sum(sizes, D(0)) - max(sizes)
    notional, fee = (sum((getattr(leg.cost, name) for leg in legs), D(0)) for name in ("notional", "fee"))
    return Finding(
        "wide", "exclusive", "cover", tuple(legs), payoff, edge.waterfall(payoff, notional, fee, fee), D(3), None,
        "depth", False, None, NOW,
    )  # fmt: skip


def detector(offers=basket_in):
    """Stands in for the search over levels: the basket, cut to what the caps allow for the largest leg."""

    def find(bet, books, listings, rules, now_ms):
        most = rules.caps.max_contracts
        share = min(Fraction(1), Fraction(most) / 10) if most is not None else Fraction(1)
        return Result((offers(books, listings, share),))

    return find


@pytest.fixture
def known():
    return {(KALSHI, name): listing((KALSHI, name), plain()) for name in SIZES}


def planned(finding, views, known):
    return planning.plan(no_basket(), finding, views, known, Rules(), Hurdles(suspicious_edge=D(1)), NOW)


def test_the_thinnest_leg_for_its_size_goes_first(monkeypatch, known):
    monkeypatch.setattr(planning.detection, "find", detector())
    views = no_books()
    made = planned(basket_in(views, known), views, known)
    assert [(one.market_id, one.size) for one in made.tickets] == [
        ("KX-C", D(5)), ("KX-B", D(10)), ("KX-A", D(10)),
    ]  # fmt: skip
    views = no_books((12, 30, 10))  # 1.2, 3 and 2 contracts on offer for each that is wanted
    assert [one.market_id for one in planned(basket_in(views, known), views, known).tickets] == [
        "KX-A", "KX-C", "KX-B",
    ]  # fmt: skip


def test_a_finding_cut_to_its_room_is_planned_at_that_share(monkeypatch, known):
    monkeypatch.setattr(planning.detection, "find", detector())
    views = no_books()
    whole = basket_in(views, known)
    made = planned(replace(whole, size=D("7.5")), views, known)
    assert made.finding.size == D("7.5")
    assert {one.market_id: one.size for one in made.tickets} == {"KX-A": D(5), "KX-B": D(5), "KX-C": D("2.5")}


def test_other_legs_that_pay_more_are_cut_to_the_judged_payoff(monkeypatch, known):
    def dearer(books, listings, share):
        """Legs as large as those of the finding, that pay twice as much."""
        found = basket_in(books, listings, share)
        return replace(
            found,
            size=2 * found.size,
            waterfall=edge.waterfall(2 * found.size, 2 * found.outlay, D(0), D(0)),
        )

    monkeypatch.setattr(planning.detection, "find", detector(dearer))
    views = no_books()
    made = planned(basket_in(views, known), views, known)
    assert made.finding.size == D(15)
    assert max(one.size for one in made.tickets) == D(5)


def test_a_bet_that_always_offers_more_than_was_judged_is_left_alone(monkeypatch, known):
    def stubborn(books, listings, share):
        return replace(basket_in(books, listings), size=D(1_000))

    monkeypatch.setattr(planning.detection, "find", detector(stubborn))
    views = no_books()
    made = planned(basket_in(views, known), views, known)
    assert isinstance(made, NoPlan)
    assert made.code == "gap_gone"


def test_a_wide_gap_that_is_gone_has_its_reason(monkeypatch, known):
    views = no_books()
    finding = basket_in(views, known)
    monkeypatch.setattr(
        planning.detection, "find", lambda *_: Result((), (Refusal("wide", "book_stale", "old", "cover"),))
    )
    assert planned(finding, views, known).code == "book_stale"


def test_the_context_of_a_verdict_is_handed_on(monkeypatch, known):
    heard = {}

    def decide(finding, hurdles, now_ms, **more):
        heard.update(more)
        return planning.decision.Verdict(planning.decision.ACTIONABLE)

    monkeypatch.setattr(planning.detection, "find", detector())
    monkeypatch.setattr(planning.decision, "decide", decide)
    views = no_books()
    planned(basket_in(views, known), views, known)
    assert heard == {}
    arguments = (no_basket(), basket_in(views, known), views, known, Rules(), Hurdles(), NOW)
    planning.plan(*arguments, context="all that is known")
    assert heard == {"context": "all that is known"}


# --- booked: real rows


pytest_db = pytest.mark.django_db(transaction=True)


def a_wide_signal(now_ms: int, depths) -> Signal:
    """Three stored markets with live books, their bet, and the signal that a finding on them left."""
    catalogue.forget()
    infos = [factories.info(KALSHI, name) for name in SIZES]
    store.upsert(infos, now=factories.NOW)
    Market.objects.filter(id__in=SIZES).update(followed=True)
    row = Bet.objects.create(id="wide", kind=Bet.PAIR, name="wide", states=list(STATES))
    BetOutcome.objects.bulk_create(
        BetOutcome(bet=row, market_id=claim.market_id, outcome=claim.outcome, pays_in=sorted(claim.pays_in))
        for claim in no_basket().claims
    )
    books = {
        name: factories.book([(bid, str(depth))], [("0.99", "5")], now_ms)
        for name, bid, depth in zip(SIZES, ("0.50", "0.40", "0.45"), depths, strict=True)
    }
    live.finish(factories.window(KALSHI, books, now_ms))
    views = live.book_views([(KALSHI, name) for name in SIZES])
    listings = catalogue.current().listings
    finding = basket_in(views, listings)
    return Signal.objects.create(
        id="sig_wide", type="arbitrage", bet=row, direction="cover", status=Signal.ACTIONABLE, size=finding.size,
        outlay=finding.outlay, net_profit=finding.net_profit, profit_pct=D("0.07"), metadata=storing.as_json(finding),
    )  # fmt: skip


@pytest_db
def test_legs_of_unequal_size_are_booked_and_add_up(redis, monkeypatch):
    now_ms = factories.unix_ms()
    monkeypatch.setattr(planning.detection, "find", detector())
    signal = a_wide_signal(now_ms, (40, 30, 20))
    assert services.act_on([signal.id], now_ms=now_ms) == 1
    plan = Plan.objects.get()
    assert (plan.status, plan.size) == (Plan.FILLED, D(15))
    orders = {order.market_id: order for order in Order.objects.all()}
    assert {name: order.filled_qty for name, order in orders.items()} == SIZES
    assert sorted(order.leg for order in orders.values()) == [0, 1, 2]
    spent = -sum(fill.cash for fill in Fill.objects.all())
    assert spent == plan.outlay
    positions = {row.market_id: row for row in Position.objects.all()}
    assert {name: row.quantity for name, row in positions.items()} == SIZES
    assert sum(row.cost for row in positions.values()) == spent
    worst = min(sum(SIZES.values()) - SIZES[f"KX-{state.upper()}"] for state in STATES)
    assert worst == plan.size
    assert worst - spent == plan.expected_profit > 0


@pytest_db
def test_a_thin_leg_cuts_the_others_and_what_is_alone_is_said(redis, monkeypatch):
    from arbsite.models import Notice

    now_ms = factories.unix_ms()
    signal = a_wide_signal(now_ms, (40, 30, 20))
    find = detector()

    def late(bet, books, listings, rules, at):
        """The books of the second look still offer everything; the market itself has become thinner."""
        result = find(bet, books, listings, rules, at)
        thin = books[KALSHI, "KX-B"]
        books[KALSHI, "KX-B"] = replace(thin, bids=((thin.bids[0][0], micro("4")),))
        return result

    monkeypatch.setattr(planning.detection, "find", late)
    services.act_on([signal.id], now_ms=now_ms)
    plan = Plan.objects.get()
    filled = {order.market_id: order.filled_qty for order in Order.objects.all()}
    # First b (3 on offer for each contract wanted): 4 of 10. Then c and a at four tenths.
    assert filled == {"KX-B": D(4), "KX-C": D(2), "KX-A": D(4)}
    assert plan.status == Plan.FILLED
    positions = {row.market_id: row.quantity for row in Position.objects.all()}
    assert positions == filled
    assert Notice.objects.get(kind="plan_filled").data["uncovered"] == []


@pytest_db
def test_legs_that_were_filled_before_a_thin_one_are_named(redis, monkeypatch):
    from arbsite.models import Notice

    now_ms = factories.unix_ms()
    signal = a_wide_signal(now_ms, (40, 30, 16))
    find = detector()

    def late(bet, books, listings, rules, at):
        result = find(bet, books, listings, rules, at)
        books[KALSHI, "KX-C"] = replace(books[KALSHI, "KX-C"], bids=((450_000, micro("0.5")),))
        return result

    monkeypatch.setattr(planning.detection, "find", late)
    services.act_on([signal.id], now_ms=now_ms)
    filled = {order.market_id: order.filled_qty for order in Order.objects.all()}
    # b fills whole, c half a contract of 5, and a follows with a tenth of 10: its minimum of 1
    assert filled == {"KX-B": D(10), "KX-C": D("0.5"), "KX-A": D(1)}
    assert Plan.objects.get().status == Plan.PARTIAL
    notice = Notice.objects.get(kind="plan_partial")
    assert notice.data["uncovered"] == [
        {"platform": KALSHI, "market": "KX-B", "outcome": "NO", "contracts": "9.000000"}
    ]

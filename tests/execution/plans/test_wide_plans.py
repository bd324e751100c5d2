"""Plans of many legs, of equal and of unequal size: cut by shares, never beyond the plan, and worth what is left."""

from dataclasses import replace
from decimal import Decimal as D
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbsite.models import Notice
from execution import services
from execution.lifecycle import FILLED
from execution.models import Fill, Order, Plan, Position
from execution.orders import paper
from execution.plans import planning, working
from execution.plans.planning import NoPlan, Ticket, smallest_share, uncovered
from markets import bets, live, store
from markets.books import NO, YES, dollars, micro
from markets.models import Bet, BetOutcome, Market
from markets.platforms.base import KALSHI
from signals import catalogue
from signals.deciding import decision
from signals.deciding.decision import Context, Hurdles
from signals.detection.detector import find
from signals.findings import Refusal, Result, Rules
from signals.models import Signal
from signals.records import storing
from tests import factories
from tests.execution.a_plan import tune
from tests.execution.cutting import work_off
from tests.signals.values import NOW, book, listing, plain
from tests.signals.wide_values import random_world

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


# --- planning: a finding of many legs, looked at again

MARKETS = [(KALSHI, "KX-A"), (KALSHI, "KX-B"), (KALSHI, "KX-C")]
EVENT = bets.one_of("wide", bets.EXCLUSIVE, MARKETS, exhaustive=False)  # at most one of them pays YES
BIDS = ("0.57", "0.50", "0.05")  # of YES, so NO costs 0.43, 0.50 and 0.95
ASKS = ("0.58", "0.51", "0.06")
DEPTHS = (12, 10, 5)
SIZES = {"KX-A": D(10), "KX-B": D(10), "KX-C": D(5)}  # pays 15 dollars where a or b happens, 20 where c does
EASY = Hurdles(D(0), D(0), D(1))


def views(depths=DEPTHS):
    return {
        market: book(market, bids=[(bid, depth)], asks=[(ask, 5)])
        for market, bid, ask, depth in zip(MARKETS, BIDS, ASKS, depths, strict=True)
    }


@pytest.fixture
def known():
    return {market: listing(market, plain()) for market in MARKETS}


def found_in(books, known):
    (finding,) = find(EVENT, books, known, Rules(), NOW).findings
    return finding


def planned(finding, books, known):
    return planning.plan(EVENT, finding, books, known, Rules(), EASY, NOW)


def test_legs_keep_their_own_sizes_and_the_thinnest_for_its_size_goes_first(known):
    books = views()
    finding = found_in(books, known)
    assert (finding.size, {leg.market_id: leg.size for leg in finding.legs}) == (15, SIZES)
    made = planned(finding, books, known)
    # On offer for each contract wanted: 1.2 of a, 1 of b and of c
    assert [(one.market_id, one.outcome, one.size) for one in made.tickets] == [
        ("KX-B", NO, D(10)), ("KX-C", NO, D(5)), ("KX-A", NO, D(10)),
    ]  # fmt: skip
    assert made.finding.size == 15


def test_a_finding_that_was_cut_is_planned_no_larger(known):
    books = views()
    made = planned(replace(found_in(books, known), size=D("7.5")), books, known)
    assert made.finding.size == D("7.5")
    assert max(one.size for one in made.tickets) < 10
    assert made.finding.limited_by == found_in(books, known).limited_by


def test_a_bet_that_offers_more_than_was_judged_is_left_alone(monkeypatch, known):
    books = views()
    finding = found_in(books, known)
    larger = Result((replace(finding, size=D(1_000)),))
    monkeypatch.setattr(planning.detector, "find", lambda *_: larger)
    made = planned(finding, books, known)
    assert isinstance(made, NoPlan)
    assert made.code == "gap_gone"


def test_a_wide_gap_that_is_gone_has_its_reason(monkeypatch, known):
    finding = found_in(views(), known)
    assert planned(
        finding, views((12, 10, 5)) | {MARKETS[0]: book(MARKETS[0], bids=[("0.40", 5)])}, known
    ).code
    stale = Result((), (Refusal("wide", "book_stale", "old", "cover"),))
    monkeypatch.setattr(planning.detector, "find", lambda *_: stale)
    assert planned(finding, views(), known).code == "book_stale"


def test_the_verdict_is_given_in_the_signals_own_context(known):
    books = views()
    finding = found_in(books, known)
    risky = Context(m0=D("0.9"))
    made = planning.plan(EVENT, finding, books, known, Rules(), EASY, NOW, risky)
    assert isinstance(made, NoPlan)
    assert made.code == decision.decide(finding, EASY, NOW, risky).reasons[0].code
    assert isinstance(planned(finding, books, known), planning.Plan)


def test_plans_of_any_wide_bet_fill_as_promised_and_never_beyond_what_was_judged():
    """Random events, ladders and free bets: the orders, filled from the books, leave the profit in every state."""
    whole = cut = 0
    for seed in range(400):
        rng = Random(seed)
        world = random_world(rng, step=rng.choice(["1", "0.5"]), deepest=6)
        for finding in world.look().findings:
            part = rng.choice([D(1), D("0.5"), D("0.3")])
            made = planning.plan(
                world.bet,
                replace(finding, size=finding.size * part),
                world.books,
                world.known,
                Rules(),
                EASY,
                NOW,
            )
            if isinstance(made, NoPlan):
                assert part < 1, (seed, made)
                continue
            assert made.finding.size <= finding.size * part
            assert (part < 1) or made.finding == finding
            whole, cut = whole + (part == 1), cut + (part < 1)
            held, spent = {}, D(0)
            for one in made.tickets:
                market = (one.platform, one.market_id)
                result = paper.fill(replace(one, spend=None), world.books[market], world.fees[market])
                assert (result.status, result.filled) == (FILLED, one.size)
                assert result.cost.cash <= one.cash
                held[(*market, one.outcome)] = result.filled
                spent += result.cost.cash
            assert spent == made.finding.outlay
            pays = [
                sum((held.get((*claim.market, claim.outcome), D(0)) for claim in world.bet.claims
                     if state in claim.pays_in), D(0))
                for state in world.bet.states
            ]  # fmt: skip
            assert min(pays) == made.finding.size
            assert min(pays) - spent == made.finding.net_profit > 0
    assert whole > 20
    assert cut > 20


# --- booked: real rows

pytest_db = pytest.mark.django_db(transaction=True)


def a_wide_signal(now_ms: int, times: int = 1) -> Signal:
    """Three stored markets with live books, their bet, and the signal that a look at them left."""
    catalogue.forget()
    store.upsert([factories.info(*market) for market in MARKETS], now=factories.NOW)
    Market.objects.filter(id__in=SIZES).update(followed=True)
    row = Bet.objects.create(id="wide", kind=Bet.PAIR, name="wide", states=list(EVENT.states))
    BetOutcome.objects.bulk_create(
        BetOutcome(bet=row, market_id=claim.market_id, outcome=claim.outcome, pays_in=sorted(claim.pays_in))
        for claim in EVENT.claims
    )
    books = {
        name: factories.book([(bid, str(depth * times))], [(ask, "5")], now_ms)
        for (_, name), bid, ask, depth in zip(MARKETS, BIDS, ASKS, DEPTHS, strict=True)
    }
    live.finish(factories.window(KALSHI, books, now_ms))
    known = catalogue.current()
    (finding,) = find(known.bets["wide"], live.book_views(MARKETS), known.listings, Rules(), now_ms).findings
    return Signal.objects.create(
        id="sig_wide", type="arbitrage", bet=row, direction="cover", status=Signal.ACTIONABLE, size=finding.size,
        outlay=finding.outlay, net_profit=finding.net_profit, profit_pct=finding.profit_pct,
        metadata=storing.as_json(finding),
    )  # fmt: skip


def thinner(market_id: str, left: str) -> None:
    """After the plan is made, only so many contracts are left on offer."""
    at = [name for _, name in MARKETS].index(market_id)
    book = factories.book([(BIDS[at], left)], [(ASKS[at], "5")], factories.unix_ms())
    live.finish(factories.window(KALSHI, {market_id: book}, factories.unix_ms(), 2))


def filled() -> dict[str, D]:
    sent = Order.objects.filter(role=Order.LEG).exclude(status="ABANDONED")
    return {order.market_id: order.filled_qty for order in sent}


@pytest_db
def test_legs_of_unequal_size_are_booked_and_add_up(redis, monkeypatch):
    tune(monkeypatch, "execution", intent_seconds=D(60))  # whoever comes first loads the solver in that time
    now_ms = factories.unix_ms()
    signal = a_wide_signal(now_ms)
    assert services.act_on([signal.id], now_ms=now_ms) == 1
    working.work_all()
    plan = Plan.objects.get()
    assert (plan.status, plan.size, filled()) == (Plan.FILLED, D(15), SIZES)
    assert sorted(order.leg for order in Order.objects.all()) == [0, 1, 2]
    spent = -sum(fill.cash for fill in Fill.objects.all())
    assert spent == plan.outlay
    positions = {row.market_id: row for row in Position.objects.all()}
    assert {name: row.quantity for name, row in positions.items()} == SIZES
    assert sum(row.cost for row in positions.values()) == spent
    worst = sum(SIZES.values()) - max(SIZES.values())  # the NO of one of them pays nothing
    assert worst == plan.size
    assert worst - spent == plan.expected_profit > 0


@pytest_db
@pytest.mark.parametrize("times", [40, 200, 5_000])
def test_limits_cut_every_leg_of_a_wide_plan(redis, settings, times):
    now_ms = factories.unix_ms()
    signal = a_wide_signal(now_ms, times)
    assert services.act_on([signal.id], now_ms=now_ms) == 1
    working.work_all()
    plan, risk = Plan.objects.get(), settings.ARBSITE.risk
    assert plan.status == Plan.FILLED
    assert 0 < plan.size < signal.size
    orders = list(Order.objects.all())
    assert all(order.quantity * order.price <= risk.max_order_notional for order in orders)
    assert sum(order.quantity * order.price for order in orders) <= risk.max_bet_notional
    quantities = [order.filled_qty for order in orders]
    assert sum(quantities) - max(quantities) == plan.size
    assert -sum(fill.cash for fill in Fill.objects.all()) == plan.outlay


@pytest_db
def test_a_thin_first_leg_cuts_the_others(redis):
    now_ms = factories.unix_ms()
    signal = a_wide_signal(now_ms)
    services.act_on([signal.id], now_ms=now_ms)
    thinner("KX-B", "4")
    working.work_all()
    assert filled() == {"KX-B": D(4), "KX-C": D(2), "KX-A": D(4)}
    assert Plan.objects.get().status == Plan.FILLED
    assert {row.market_id: row.quantity for row in Position.objects.all()} == filled()
    assert Notice.objects.get(kind="plan_filled").data["uncovered"] == []


@pytest_db
def test_what_no_other_leg_completes_is_named(redis, monkeypatch):
    tune(monkeypatch, "execution", unwind_seconds=D("0.1"))
    now_ms = factories.unix_ms()
    signal = a_wide_signal(now_ms)
    services.act_on([signal.id], now_ms=now_ms)
    Plan.objects.update(loss_limit=0)  # nothing is sold back at a loss
    thinner("KX-C", "0.5")
    working.work_all()
    # b fills whole, c a tenth, and a follows with a tenth of 10
    assert filled() == {"KX-B": D(10), "KX-C": D("0.5"), "KX-A": D(1)}
    assert Plan.objects.get().status == Plan.PARTIAL
    assert Notice.objects.get(kind="plan_partial").data["uncovered"] == [
        {"platform": KALSHI, "market": "KX-B", "outcome": "NO", "contracts": "9.000000"}
    ]


@pytest_db
def test_a_share_below_a_minimum_ends_the_plan(redis, monkeypatch):
    tune(monkeypatch, "execution", unwind_seconds=D("0.1"))
    now_ms = factories.unix_ms()
    signal = a_wide_signal(now_ms)
    services.act_on([signal.id], now_ms=now_ms)
    Plan.objects.update(loss_limit=0)  # nothing is sold back at a loss
    thinner("KX-C", "0.1")
    working.work_all()
    # a fiftieth of 10 is under the minimum of one contract: a is not sent
    assert filled() == {"KX-B": D(10), "KX-C": D("0.1")}
    assert Plan.objects.get().status == Plan.PARTIAL
    (not_sent,) = Order.objects.filter(role=Order.LEG, status="ABANDONED")
    assert (not_sent.market_id, not_sent.error_code) == ("KX-A", "below_minimum")
    alone = {
        row["market"]: D(row["contracts"])
        for row in Notice.objects.get(kind="plan_partial").data["uncovered"]
    }
    assert alone == filled()

"""The saga without a database: every state has its one next step, and whatever platforms do, a plan ends unharmed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.lifecycle import AT_PLATFORM, NEXT
from execution.plans import planning, saga
from execution.plans.planning import Ticket
from execution.plans.saga import (
    Cancel,
    Finish,
    GiveUp,
    Gone,
    Line,
    LookUp,
    Lost,
    Patience,
    Remainder,
    Resend,
    Send,
    SendAll,
    Standing,
    Wait,
    Watch,
    next_step,
)
from markets.platforms.base import KALSHI, POLYMARKET
from tests.signals.values import listing, plain

T0 = datetime(2026, 11, 26, 12, tzinfo=UTC)
PATIENCE = Patience()
A, B, C = (POLYMARKET, "a"), (KALSHI, "b"), (KALSHI, "c")


def ticket(market, size=D(100), price=D("0.45"), outcome="YES", side="BUY"):
    spend = size * price if market[0] == POLYMARKET and side == "BUY" else None
    return Ticket("bet", *market, outcome, side, size, price, size * price, size * price + 2, spend=spend)


def line(leg, status="PLANNED", filled=D(0), size=D(100), role="LEG", **more):
    sent = None if status in ("PLANNED", "ABANDONED") else T0
    values = {"sent_at": sent, "answered_at": sent, "created_at": T0, "sends": int(sent is not None)} | more
    return Line(f"{role}{leg}{more.get('id', '')}", leg, role, status, size, filled, **{
        key: value for key, value in values.items() if key != "id"
    })  # fmt: skip


def at(*lines, tickets=None, now=T0, **more):
    legs = tickets or (ticket(A), ticket(B, outcome="NO"))
    known = {(one.platform, one.market_id): listing((one.platform, one.market_id), plain()) for one in legs}
    values = {"kind": "ARBITRAGE", "at_once": False, "created_at": T0, "listings": known} | more
    return Standing(tickets=legs, lines=lines, now=now, **values)


def later(**time):
    return T0 + timedelta(**time)


def test_the_first_leg_goes_first():
    step = next_step(at(line(0), line(1)), PATIENCE)
    assert (step.line, step.place, step.ticket) == ("LEG0", "first", ticket(A))


def test_or_all_together():
    step = next_step(at(line(0), line(1), at_once=True), PATIENCE)
    assert [(one.line, one.place) for one in step.sends] == [("LEG0", "first"), ("LEG1", "next")]


@pytest.mark.parametrize(
    ("status", "kind"),
    [("SUBMITTED", Lost), ("UNKNOWN", LookUp), ("OPEN", LookUp), ("PARTIAL", LookUp), ("CANCELLING", Cancel)],
)
def test_while_one_is_unresolved_nothing_else_is_sent(status, kind):
    step = next_step(at(line(0, status), line(1)), PATIENCE)
    assert isinstance(step, kind) and step.line == "LEG0"


def test_the_next_leg_is_for_what_the_first_filled():
    step = next_step(at(line(0, "CANCELLED", D("31.5")), line(1)), PATIENCE)
    assert (step.line, step.place, step.ticket.size) == ("LEG1", "next", D("31.5"))


def test_an_overfill_never_stretches_the_next_leg_beyond_what_was_reserved():
    second = ticket(B, outcome="NO")
    step = next_step(at(line(0, "FILLED", D(103)), line(1), tickets=(ticket(A), second)), PATIENCE)
    assert step.ticket.cash <= second.cash and step.ticket.notional <= second.notional


@given(st.integers(1, 200), st.integers(1, 400), st.sampled_from(["0.07", "0.35", "0.5", "0.93"]))
def test_no_stretch_costs_more_than_was_reserved(size, percent, price):
    second = replace(ticket(B, D(size), D(price)), cash=D(size) * D(price) + D(size) / 25)
    made = saga.for_reached(second, Fraction(percent, 100), listing(B, plain()))
    if isinstance(made, Ticket):
        assert made.cash <= second.cash and made.notional <= second.notional
        assert made.size <= second.size * max(D(1), D(percent) / 100)


def test_a_leg_that_filled_nothing_ends_the_rest():
    step = next_step(at(line(0, "CANCELLED"), line(1)), PATIENCE)
    assert isinstance(step, GiveUp) and step.lines == ("LEG1",)


def test_a_stale_intent_dies_and_so_does_a_stop_whose_trigger_may_hold_no_more():
    """Another one is written at once where it does hold."""
    old = at(line(0), line(1), now=later(seconds=3))
    assert next_step(old, PATIENCE) == GiveUp(("LEG0", "LEG1"), "stale", next_step(old, PATIENCE).sentence)
    stop = at(line(0, role="STOP"), tickets=(ticket(A, side="SELL"),), kind="STOP", now=later(seconds=29))
    assert isinstance(next_step(stop, PATIENCE), Send)
    step = next_step(replace(stop, now=later(hours=3)), PATIENCE)
    assert isinstance(step, GiveUp) and step.code == "stale"


def test_a_clock_that_was_set_back_makes_no_old_price_young():
    before = T0 - timedelta(minutes=5)
    for one in (at(line(0), line(1), now=before), at(line(0, "FILLED", D(100)), line(1), now=before)):
        step = next_step(one, PATIENCE)
        assert isinstance(step, GiveUp) and step.code == "stale"
    assert isinstance(next_step(at(line(0), line(1), now=T0 - timedelta(seconds=1)), PATIENCE), Send)


def test_a_second_leg_that_waited_too_long_is_left_to_the_books_of_now():
    step = next_step(at(line(0, "FILLED", D(100)), line(1), now=later(seconds=3)), PATIENCE)
    assert isinstance(step, GiveUp) and step.code == "stale"


def test_halted_before_the_first_leg_ends_it_and_after_it_holds():
    assert next_step(at(line(0), line(1), halted=frozenset({1})), PATIENCE).code == "halted"
    held = at(line(0, "FILLED", D(100)), line(1), halted=frozenset({1}))
    assert isinstance(next_step(held, PATIENCE), Wait)


def test_a_look_up_is_patient():
    asked = later(seconds=34)
    missing = {"LEG0": (T0, asked)}
    assert isinstance(next_step(at(line(0, "UNKNOWN"), line(1), missing=missing), PATIENCE), LookUp)
    missing = {"LEG0": (T0, later(seconds=35))}
    assert next_step(at(line(0, "UNKNOWN"), line(1), missing=missing), PATIENCE).code == "not_found"


@pytest.mark.parametrize("role", ["LEG", "COMPLETE", "UNWIND"])
def test_what_a_lone_leg_needs_is_sent_again_under_its_id_as_often_as_permitted(role):
    rest = line(1, "UNKNOWN", role=role, sends=2)
    missing = {rest.id: (T0, later(seconds=36))}
    step = next_step(at(line(0, "FILLED", D(100)), rest, missing=missing, now=later(seconds=37)), PATIENCE)
    assert step == Resend(rest.id, {"LEG": "next"}.get(role, role.lower()))
    step = next_step(
        at(line(0, "FILLED", D(100)), replace(rest, sends=3), missing=missing, now=later(seconds=37)),
        PATIENCE,
    )
    assert isinstance(step, GiveUp)


def test_an_order_that_was_there_and_is_not_any_more_is_over():
    missing = {"LEG0": (later(seconds=1), later(seconds=3))}
    assert next_step(at(line(0, "OPEN"), line(1), missing=missing), PATIENCE) == Gone("LEG0")


def test_what_rests_is_cancelled_in_time_unless_a_person_wants_it():
    resting = line(0, "OPEN", time_in_force="GOOD_TILL_CANCELLED")
    assert next_step(at(resting, line(1)), PATIENCE) == Watch("LEG0")
    assert next_step(at(resting, line(1), now=later(seconds=5)), PATIENCE) == Cancel("LEG0")
    by_hand = replace(resting, role="MANUAL")
    alone = at(by_hand, tickets=(ticket(A),), kind="MANUAL", now=later(days=2))
    assert next_step(alone, PATIENCE) == Watch("LEG0")


def test_equal_shares_are_the_end_and_crumbs_are_nothing():
    done = at(line(0, "FILLED", D("100.01")), line(1, "FILLED", D(100)))
    assert next_step(done, PATIENCE).status == "FILLED"
    part = at(line(0, "CANCELLED", D(31)), line(1, "FILLED", D(31), D(31)))
    assert next_step(part, PATIENCE).status == "FILLED"
    assert next_step(at(line(0, "REJECTED"), line(1, "ABANDONED")), PATIENCE).status == "ABANDONED"


def test_what_is_alone_and_what_it_lacks():
    step = next_step(
        at(line(0, "FILLED", D(100)), line(1, "CANCELLED", D(40)), now=later(seconds=1)), PATIENCE
    )
    assert isinstance(step, Remainder) and step.patient
    assert (step.reached, step.share) == (Fraction(2, 5), Fraction(3, 5))
    assert [(one.leg, one.contracts) for one in step.alone] == [(0, D(60))]
    assert [(one.leg, one.contracts) for one in step.lacking] == [(1, D(60))]
    late = next_step(
        at(line(0, "FILLED", D(100)), line(1, "CANCELLED", D(40)), now=later(seconds=21)), PATIENCE
    )
    assert not late.patient


def test_more_taken_back_than_its_trades_brought_is_owed_whatever_the_other_legs_have():
    """A trade failed after its contracts were sold: they were another plan's."""
    failed, sold = line(0, "FAILED", D(0)), line(0, "FILLED", D(40), D(40), "UNWIND")
    for other, alone in ((D(0), []), (D(60), [(1, D(60))])):
        rest = next_step(at(failed, line(1, "FILLED", other), sold), PATIENCE)
        assert (rest.owed, rest.alone, rest.share) == (True, (), Fraction(2, 5))
        beside = rest.beside  # it goes its own way, and never through the leg that is owed
        assert [(one.leg, one.contracts) for one in (beside.alone if beside else ())] == alone
        assert beside is None or (beside.owed, beside.lacking, beside.share) == (False, (), Fraction(3, 5))
        ((piece),) = rest.open
        assert (piece.leg, piece.contracts, piece.ticket.side) == (0, D(40), "BUY")
    again = line(0, "FILLED", D(40), D(40), "COMPLETE")
    assert next_step(at(failed, line(1, "REJECTED"), sold, again), PATIENCE).status == "UNWOUND"
    assert not next_step(at(failed, line(1, "FILLED", D(60)), sold, again), PATIENCE).owed


def test_completed_or_sold_back_it_ends():
    base = (line(0, "FILLED", D(100)), line(1, "CANCELLED", D(40)))
    done = next_step(at(*base, line(1, "FILLED", D(60), D(60), role="COMPLETE")), PATIENCE)
    sold = next_step(at(*base, line(0, "FILLED", D(60), D(60), role="UNWIND")), PATIENCE)
    assert (done.status, sold.status) == ("FILLED", "UNWOUND")


def test_an_order_by_hand_needs_no_other():
    part = at(line(0, "CANCELLED", D(40), role="MANUAL"), tickets=(ticket(A),), kind="MANUAL")
    assert next_step(part, PATIENCE).status == "PARTIAL"


# --- whatever happens


class World:
    """Platforms that do anything, and a shell that does what the saga says; keeps count of what may never be."""

    def __init__(self, data, legs, at_once):
        self.data, self.now = data, T0
        self.tickets = tuple(legs)
        self.known = {
            (one.platform, one.market_id): listing((one.platform, one.market_id), plain()) for one in legs
        }
        self.lines = {f"L{leg}": Line(f"L{leg}", leg, "LEG", "PLANNED", one.size, D(0), created_at=T0)
                      for leg, one in enumerate(legs)}  # fmt: skip
        self.hidden = {}  # orders that the platform has and we do not know of: line → contracts
        self.missing, self.at_once, self.extra = {}, at_once, 0
        self.spent = {}  # leg → dollars at the limit

    def standing(self):
        return Standing(
            "ARBITRAGE",
            self.at_once,
            self.tickets,
            tuple(self.lines.values()),
            T0,
            self.now,
            self.known,
            self.missing,
        )

    def set(self, name, **changes):
        old = self.lines[name]
        if "status" in changes and changes["status"] != old.status:
            assert changes["status"] in NEXT[old.status], (old.status, changes["status"])
        self.lines[name] = replace(old, **changes)

    def choose(self, options):
        return self.data.draw(st.sampled_from(options))

    def fill(self, size):
        return (size * self.choose([D(0), D("0.3"), D("0.77"), D(1), D(1)])).quantize(D("0.01"))

    def send(self, step):
        old = self.lines[step.line]
        alive = [one for one in self.lines.values() if one.status in AT_PLATFORM]
        assert self.at_once or not alive, "something is unresolved"
        assert not any(one.leg == old.leg for one in alive), "two orders alive for one leg"
        limit = self.tickets[old.leg]
        if old.role == "LEG":
            assert step.ticket.notional <= limit.notional and step.ticket.cash <= limit.cash
        self.set(step.line, status="SUBMITTED", size=step.ticket.size, sent_at=self.now, sends=old.sends + 1)
        if old.sends:
            assert step.line not in self.hidden, "the platform takes an order once"
        self.answer(step.line)

    def answer(self, name):
        size = self.lines[name].size
        how = self.choose(["ok", "ok", "ok", "declined", "drop", "lose", "open"])
        if how == "declined":
            self.set(name, status="REJECTED", answered_at=self.now)
        elif how == "ok":
            self.told(name, self.fill(size))
        elif how == "open":
            self.hidden[name] = self.fill(size)
            self.set(name, status="OPEN", answered_at=self.now)
        else:
            if how == "lose":
                self.hidden[name] = self.fill(size)
            self.set(name, status="UNKNOWN")

    def told(self, name, filled):
        self.hidden.pop(name, None)
        status = "FILLED" if filled >= self.lines[name].size else "CANCELLED"
        self.set(name, status=status, filled=filled, answered_at=self.now)
        self.missing.pop(name, None)

    def look_up(self, name):
        if name in self.hidden:
            if self.choose([True, True, False]):
                self.told(name, self.hidden[name])
        elif self.choose([True, True, False]):  # the platform can be asked, and has nothing
            self.missing[name] = (self.missing.get(name, (self.now,))[0], self.now)

    def remainder(self, step):
        options = [("UNWIND", one) for one in step.alone] + [("COMPLETE", one) for one in step.lacking]
        how = self.choose([*options, None])
        if how is None or self.extra > 30:
            return not step.patient or self.extra > 30
        role, piece = how
        self.extra += 1
        size = piece.contracts.quantize(D("0.01"))
        if size > 0:
            name = f"{role}{self.extra}"
            self.lines[name] = Line(name, piece.leg, role, "PLANNED", size, D(0), created_at=self.now)
        return False

    def do(self, step):
        if isinstance(step, Send):
            self.send(step)
        elif isinstance(step, SendAll):
            assert self.at_once
            for one in step.sends:
                self.send(one)
        elif isinstance(step, Lost):
            self.set(step.line, status="UNKNOWN")
        elif isinstance(step, LookUp | Watch):
            self.look_up(step.line)
        elif isinstance(step, Resend):
            self.set(step.line, status="SUBMITTED", sends=self.lines[step.line].sends + 1, sent_at=self.now)
            self.missing.pop(step.line, None)
            if step.line in self.hidden:
                self.set(step.line, status="UNKNOWN")  # a duplicate: it was there all along
            else:
                self.answer(step.line)
        elif isinstance(step, Gone):
            self.told(step.line, self.hidden.get(step.line, D(0)))
        elif isinstance(step, Cancel):
            if self.lines[step.line].status != "CANCELLING":
                self.set(step.line, status="CANCELLING")
            if self.choose([True, False]):
                self.told(step.line, self.hidden.get(step.line, D(0)))
        elif isinstance(step, GiveUp):
            for name in step.lines:
                self.set(name, status="ABANDONED")
        elif isinstance(step, Remainder):
            return self.remainder(step)
        return False


@given(st.data(), st.booleans(), st.integers(2, 3))
@settings(max_examples=300)
def test_whatever_platforms_do_every_run_ends_and_no_leg_is_ever_doubled(data, at_once, count):
    legs = [ticket(A), ticket(B, D(100), D("0.40"), "NO"), ticket(C, D(50), D("0.08"))][:count]
    world = World(data, legs, at_once)
    for _ in range(3_000):
        step = next_step(world.standing(), PATIENCE)
        if isinstance(step, Finish) or world.do(step):
            break
        world.now += timedelta(milliseconds=data.draw(st.sampled_from([5, 100, 900])))
    else:
        raise AssertionError(f"it does not end: {world.lines}")
    assert not any(one.status in AT_PLATFORM for one in world.lines.values())
    if isinstance(step, Finish):
        shares = [saga.share_of(world.standing(), leg) for leg in range(count)]
        assert max(shares) - min(shares) <= Fraction(2, 100) or step.status == "ABANDONED"
        if step.status == "ABANDONED":
            assert not any(one.filled for one in world.lines.values())


def test_the_same_state_has_the_same_step():
    here = at(line(0, "CANCELLED", D(31)), line(1))
    assert next_step(here, PATIENCE) == next_step(here, PATIENCE)
    assert planning.NO_FILL == "no_fill"


def test_a_smaller_order_stands_for_the_leg_that_was_refused():
    refused, smaller = line(0, "REJECTED"), line(0, size=D(40), attempt=1, id="b")
    step = next_step(at(refused, smaller, line(1)), PATIENCE)
    assert (step.line, step.place, step.ticket.size, step.ticket.spend) == (smaller.id, "first", D(40), D(18))
    done = line(0, "FILLED", D(40), D(40), attempt=1, id="b")
    step = next_step(at(refused, done, line(1)), PATIENCE)
    assert (step.line, step.ticket.size) == ("LEG1", D(40))


def test_a_slipping_order_that_rested_too_long_goes_out_again_unless_somebody_cancelled_it():
    gtc = {"role": "MANUAL", "time_in_force": "GOOD_TILL_CANCELLED"}
    alone = {"tickets": (ticket(A),), "kind": "MANUAL"}
    resting = line(0, "OPEN", slips=True, **gtc)
    assert next_step(at(resting, now=later(seconds=5), **alone), PATIENCE) == Cancel(resting.id)
    gone = line(0, "CANCELLED", D(30), slips=True, **gtc)
    assert next_step(at(gone, **alone), PATIENCE) == saga.Reprice(gone.id)
    assert next_step(at(replace(gone, slips=False), **alone), PATIENCE).status == "PARTIAL"
    third = replace(gone, attempt=2)
    assert isinstance(next_step(at(third, **alone), PATIENCE), Finish)

"""The pure core under random faults: a simulated executor that dies, platforms that lie late, a clock that jumps.

The executor here does what `execution.plans.working` does, without a database: it keeps rows that survive a crash,
and a memory that does not. The platforms are worse than the real ones in one way that matters: they take the same
client id again as soon as its first order is done, so nothing but the saga's own patience stands between a lost
answer and a second fill.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction

from execution import lifecycle
from execution.lifecycle import ABANDONED, CANCELLING, PLANNED, REJECTED, SUBMITTED, UNKNOWN
from execution.orders import hearing
from execution.plans import planning, remainders, saga
from execution.plans.planning import Ticket
from execution.plans.remainders import Act, Money
from execution.plans.saga import ARBITRAGE, Line, Patience, Standing
from markets.bets import MarketKey
from markets.books import BookView
from markets.platforms.base import KALSHI, POLYMARKET
from markets.platforms.kalshi.fees import KalshiFees
from markets.platforms.polymarket.fees import PolymarketFees
from signals.deciding.decision import Hurdles
from tests.signals.values import NOW, PAIR, A, B, book, capped, listings, look

ZERO, ONE = Decimal(0), Decimal(1)
KNOWN = listings(PolymarketFees(Decimal("0.04")), KalshiFees("quadratic", ONE))
RULES = capped(max_contracts=Decimal(40))
PATIENCE = Patience(
    intent=timedelta(seconds=2),
    rest=timedelta(seconds=5),
    look_up=timedelta(seconds=35),
    unwind=timedelta(seconds=20),
)
LATEST = timedelta(seconds=30)  # that a platform takes an order after its sender gave up
LOSS_LIMIT = Decimal(3)
DUST = Decimal("0.02")
MANY_STEPS = 400
DEAR = {
    A: book(A, bids=[("0.39", 200)], asks=[("0.60", 500)]),
    B: book(B, bids=[("0.36", 500)], asks=[("0.57", 50)]),
}

# What becomes of a request
OK, DROPPED, ANSWER_LOST, LATE, REFUSED, DELAYED = (
    "ok",
    "dropped",
    "answer lost",
    "late",
    "refused",
    "delayed",
)
FATES = (OK, OK, OK, DROPPED, ANSWER_LOST, LATE, REFUSED, DELAYED)
# Where the executor dies
NOWHERE, SUBMITTED_THERE, ANSWERED_THERE = "", "submitted", "answered"


class Crash(Exception):
    """The executor is gone; its rows are not."""


@dataclass(slots=True)
class Row:
    """An order's row: survives every crash."""

    id: str
    leg: int
    role: str
    ticket: Ticket
    created_at: datetime
    status: str = PLANNED
    matched: Decimal = ZERO  # the platform's word
    failed: Decimal = ZERO  # of it, what did not settle
    sent_at: datetime | None = None
    answered_at: datetime | None = None
    sends: int = 0
    intent: str = ""  # what it is for; the id of its own

    def __post_init__(self) -> None:
        self.intent = self.intent or self.id

    def line(self) -> Line:
        return Line(
            self.id, self.leg, self.role, self.status, self.ticket.size, self.matched - self.failed,
            self.ticket.time_in_force, self.created_at, self.sent_at, self.answered_at, self.sends,
        )  # fmt: skip

    @property
    def by_cash(self) -> bool:
        return self.ticket.spend is not None

    def move(self, status: str) -> None:
        assert lifecycle.can_move(self.status, status), f"{self.status} → {status} is not in the table"
        self.status = status


@dataclass(slots=True)
class Theirs:
    """An order as the platform has it."""

    client_id: str
    ticket: Ticket
    matched: Decimal
    status: str
    failed: Decimal = ZERO
    matches_at: datetime | None = None  # held back until then
    will_match: Decimal = ZERO


@dataclass(slots=True)
class Platform:
    """Takes orders, and the same id again once its first order is done."""

    name: str
    orders: list[Theirs] = field(default_factory=list)
    on_the_way: list[tuple[datetime, Row, Ticket, Decimal]] = field(default_factory=list)
    away: bool = False  # cannot be asked

    others: Decimal = (
        ZERO  # settled contracts of the same outcome, which other plans hold on the same account
    )

    def free(self) -> Decimal:
        """Contracts that the account can sell: what an order offers already is not free."""
        bought = sum((one.matched - one.failed for one in self.orders if one.ticket.side == "BUY"), ZERO)
        sold = sum(
            (one.matched - one.failed + (one.will_match if one.matches_at is not None else ZERO)
             for one in self.orders if one.ticket.side == "SELL"), ZERO,
        )  # fmt: skip
        return self.others + bought - sold

    def take(self, row: Row, ticket: Ticket, part: Decimal) -> Theirs | None:
        """Take an order; None where Polymarket refuses it, for the account does not hold what it would sell."""
        if self.name == POLYMARKET and ticket.side == "SELL" and ticket.size > self.free():
            return None
        size = (ticket.size * part).quantize(Decimal("0.01"))
        if row.by_cash and part == ONE:
            size += Decimal("0.01")  # a better price brings more for the same cash
        made = Theirs(row.id, ticket, size, "FILLED" if part == ONE else "CANCELLED")
        self.orders.append(made)
        return made

    def hold(self, row: Row, ticket: Ticket, part: Decimal, until: datetime) -> Theirs | None:
        """Take an order, and match it later."""
        made = self.take(row, ticket, part)
        if made is None:
            return None
        made.matches_at, made.will_match = until, made.matched
        made.matched, made.status = ZERO, "DELAYED"
        return made

    def of(self, client_id: str) -> list[Theirs]:
        return [one for one in self.orders if one.client_id == client_id]


class Desk:
    """One plan, from its intent to its end."""

    patience = PATIENCE
    ended: Counter[str] = Counter()  # how plans ended, and what happened on the way, for all desks

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.true_time = datetime(2026, 11, 26, 12, tzinfo=UTC)  # of the platforms
        self.skew = timedelta(0)  # how far our clock is off
        self.platforms = {name: Platform(name) for name in (POLYMARKET, KALSHI)}
        self.halted = False
        self.sent_while_halted = 0
        self.thin = False  # books with nothing to trade on
        self.dear = False  # going on costs more than going back
        self.held: list[str] = []
        self.begin()

    def begin(self) -> None:
        """A new plan."""
        views = {
            A: book(A, bids=[("0.39", 200)], asks=[("0.40", 40), ("0.41", 500)]),
            B: book(B, bids=[("0.55", 40), ("0.54", 500)], asks=[("0.57", 50)]),
        }
        (finding,) = look(views[A], views[B], KNOWN, RULES).findings
        made = planning.plan(PAIR, finding, views, KNOWN, RULES, Hurdles(suspicious_edge=ONE), NOW)
        assert isinstance(made, planning.Plan)
        self.views, self.plan = views, made
        self.created_at = self.now()
        self.rows = [
            Row(f"leg{number}", number, saga.LEG, ticket, self.created_at)
            for number, ticket in enumerate(made.tickets)
        ]
        self.missing: dict[str, tuple[datetime, datetime]] = {}
        self.finished = ""

    def now(self) -> datetime:
        """By our own clock."""
        return self.true_time + self.skew

    # --- what the executor does

    def standing(self) -> Standing:
        halted = frozenset(range(len(self.plan.tickets))) if self.halted else frozenset()
        return Standing(
            ARBITRAGE, False, self.plan.tickets, tuple(row.line() for row in self.rows), self.created_at, self.now(),
            KNOWN, dict(self.missing), halted,
        )  # fmt: skip

    def step(self, fate: str = OK, part: Decimal = ONE, dies: str = NOWHERE) -> str:
        """One step of the saga; returns its name. Raises Crash."""
        if self.finished:
            return "done"
        step = saga.next_step(self.standing(), self.patience)
        if isinstance(step, saga.Send):
            self._send(self._row(step.line), step.ticket, fate, part, dies)
        elif isinstance(step, saga.SendAll):
            for one in step.sends:
                self._send(self._row(one.line), one.ticket, fate, part, dies)
        elif isinstance(step, saga.Resend):
            self._resend(self._row(step.line), fate, part, dies)
        elif isinstance(step, saga.Lost):
            self._row(step.line).move(UNKNOWN)
        elif isinstance(step, saga.LookUp | saga.Watch):
            self._look_up(self._row(step.line))
        elif isinstance(step, saga.Gone):
            self.hear(self._row(step.line), Theirs(step.line, self._row(step.line).ticket, ZERO, "CANCELLED"))
        elif isinstance(step, saga.Cancel):
            self._cancel(self._row(step.line))
        elif isinstance(step, saga.GiveUp):
            for line in step.lines:
                self._row(line).move(ABANDONED)
        elif isinstance(step, saga.Remainder):
            self._remainder(step)
        elif isinstance(step, saga.Finish):
            self.finished = step.status
        self.ended[type(step).__name__] += 1
        return type(step).__name__

    def _row(self, line: str) -> Row:
        return next(row for row in self.rows if row.id == line)

    def _send(self, row: Row, ticket: Ticket, fate: str, part: Decimal, dies: str) -> None:
        if self.halted:
            self.sent_while_halted += 1
        if row.role == saga.LEG:
            row.ticket = ticket  # everything else is sent as its row says
        ticket = row.ticket
        row.move(SUBMITTED)
        row.sent_at, row.sends = self.now(), row.sends + 1
        self.missing.pop(row.id, None)
        if dies == SUBMITTED_THERE:
            raise Crash
        platform = self.platforms[ticket.platform]
        told: Theirs | None = None
        if fate == LATE:
            after = timedelta(milliseconds=self.random.randint(1, int(LATEST.total_seconds() * 1000)))
            platform.on_the_way.append((self.true_time + after, row, ticket, part))
        elif fate in (OK, ANSWER_LOST):
            told = platform.take(row, ticket, part)
        elif fate == DELAYED:
            told = platform.hold(
                row, ticket, part, self.true_time + timedelta(seconds=self.random.uniform(0.05, 10))
            )
        if dies == ANSWERED_THERE:
            raise Crash
        if fate in (DROPPED, ANSWER_LOST, LATE):
            row.move(UNKNOWN)
        elif told is not None:
            self.hear(row, told)
        else:
            row.move(REJECTED)

    def _resend(self, row: Row, fate: str, part: Decimal, dies: str) -> None:
        """The very same order once more."""
        self._send(row, row.ticket, fate, part, dies)

    def hear(self, row: Row, told: Theirs) -> None:
        """What the platform says of an order, whoever brings it."""
        before = (row.matched, row.failed, row.status)
        row.matched = max(row.matched, told.matched)
        quantity = None if row.by_cash else row.ticket.size
        row.status = hearing.state(row.status, told.status, row.matched, quantity)
        row.failed = max(row.failed, told.failed)
        row.status = hearing.undone(row.status, row.matched, row.failed)
        if row.status not in (PLANNED, SUBMITTED):
            row.answered_at = row.answered_at or self.now()
        back = before[2] in lifecycle.DONE and row.status in lifecycle.AT_PLATFORM
        if row.matched > before[0] or row.failed > before[1] or back:
            self.finished = (
                ""  # a plan that was done is looked at again, and needs a new reason to hold anything
            )
            self.held.clear()

    def _look_up(self, row: Row) -> None:
        platform = self.platforms[row.ticket.platform]
        if platform.away:
            return
        found = platform.of(row.id)
        if found:
            self.missing.pop(row.id, None)
            self.hear(row, found[0])
        else:
            now = self.true_time  # by a clock that does not jump
            self.missing[row.id] = (self.missing.get(row.id, (now, now))[0], now)

    def _cancel(self, row: Row) -> None:
        if row.status != CANCELLING:
            row.move(CANCELLING)
        platform = self.platforms[row.ticket.platform]
        if not platform.away:
            for one in platform.of(row.id):
                if one.matches_at is not None:
                    one.matches_at, one.status = None, "CANCELLED"
        self._look_up(row)

    def _remainder(self, rest: saga.Remainder) -> None:
        if self.halted:
            return
        holds = []
        for matter in rest.matters:
            made = self._decide(matter)
            if isinstance(made, Act):
                assert made.loses <= LOSS_LIMIT, made
                number = sum(row.role == made.role for row in self.rows)
                self.rows.append(Row(f"{made.role}{number}", made.leg, made.role, made.ticket, self.now()))
                return
            holds.append(made.sentence)
        if not rest.patient:
            self.held.append("; ".join(holds))
            self.finished = lifecycle.PARTIAL

    def _decide(self, rest: saga.Remainder) -> Act | remainders.Hold:
        payoff = ZERO if rest.owed else _six(self.plan.finding.size * _decimal(rest.share))
        money = Money(self._paid(rest), payoff, _six(LOSS_LIMIT * _decimal(rest.share)))
        return remainders.decide(rest, money, self._books(), KNOWN)

    def _books(self) -> dict[MarketKey, BookView]:
        if self.thin:
            return {key: replace(view, bids=(), asks=()) for key, view in self.views.items()}
        return DEAR if self.dear else self.views

    def _paid(self, rest: saga.Remainder) -> Decimal:
        """What the contracts that are alone have cost at most, fees included; or what was got for those that are owed."""
        if rest.owed:
            got = {
                row.leg: row.ticket.limit_price
                for row in self.rows
                if row.role == saga.UNWIND and row.matched
            }
            return -_six(sum((got[piece.leg] * piece.contracts for piece in rest.lacking), ZERO))
        return _six(sum((p.ticket.cash * p.contracts / p.ticket.size for p in rest.alone), ZERO))

    # --- what happens to it

    def wait(self, seconds: float) -> None:
        """Time passes; what was on its way arrives."""
        self.true_time += timedelta(seconds=seconds)
        for platform in self.platforms.values():
            due = [one for one in platform.on_the_way if one[0] <= self.true_time]
            platform.on_the_way = [one for one in platform.on_the_way if one[0] > self.true_time]
            for _, row, ticket, part in due:
                platform.take(row, ticket, part)
            for one in platform.orders:
                if one.matches_at is not None and one.matches_at <= self.true_time:
                    one.matches_at, one.matched = None, one.will_match
                    one.status = "FILLED" if one.matched >= one.ticket.size else "CANCELLED"

    def crash(self) -> None:
        """The executor starts again, with its rows and nothing else."""
        self.missing = {}

    def private_news(self, duplicated: bool) -> None:
        """The private channels tell of everything, in any order, some of it twice."""
        news = [one for platform in self.platforms.values() for one in platform.orders]
        news += news if duplicated else []
        self.random.shuffle(news)
        for one in news:
            self.hear(self._row(one.client_id), one)

    def fail_a_trade(self) -> bool:
        """A matched trade of Polymarket does not settle."""
        platform = self.platforms[POLYMARKET]
        orders, free = platform.orders, platform.free()
        # Only settled contracts can be sold there, so what was sold since, or is on offer, did settle
        whole = [
            one for one in orders
            if one.matched and not one.failed and (one.ticket.side == "SELL" or free >= one.matched)
        ]  # fmt: skip
        if not whole or len(orders) > 4:
            return False
        one = self.random.choice(whole)
        one.failed = one.matched
        return True

    # --- what must hold

    def check(self) -> None:
        """After every step."""
        assert not self.sent_while_halted, "an order was sent although trading is halted"
        for platform in self.platforms.values():
            for row in self.rows:
                taken = platform.of(row.id)
                same = [
                    one for other in self.rows if other.intent == row.intent for one in platform.of(other.id)
                ]
                assert len(same) <= 1, f"{row.intent} was accepted {len(same)} times"
                if taken:
                    assert row.matched <= taken[0].matched, "we know of more than there is"
                    assert taken[0].ticket.cash <= self._reserved(row), "it may cost more than was reserved"
        for leg in range(len(self.plan.tickets)):
            assert sum(row.leg == leg and row.role == saga.LEG for row in self.rows) == 1

    def _reserved(self, row: Row) -> Decimal:
        return self.plan.tickets[row.leg].cash if row.role == saga.LEG else row.ticket.cash

    def end(self, more: Callable[[], None] | None = None) -> None:
        """The night is over: nothing is broken any more, and the plan must come to an end that adds up."""
        self.halted, self.thin, self.dear = False, False, False
        self.skew = max(self.skew, timedelta(0))
        for platform in self.platforms.values():
            platform.away = False
        for _ in range(MANY_STEPS):
            self.wait(1)
            self.step()
            self.check()
            if more is not None:
                more()
            if self.finished and not any(platform.on_the_way for platform in self.platforms.values()):
                self.private_news(duplicated=True)
                if self.finished:
                    break
        assert self.finished, f"it does not end: {[(row.id, row.status) for row in self.rows]}"
        self.ended[self.finished] += 1
        self._adds_up()

    def _adds_up(self) -> None:
        """Ours equals theirs, order by order; and no leg is alone but what was held for a reason."""
        for row in self.rows:
            theirs = [one for platform in self.platforms.values() for one in platform.of(row.id)]
            filled = sum((one.matched - one.failed for one in theirs), ZERO)
            assert row.matched - row.failed == filled, f"{row.id}: ours {row.matched}, theirs {filled}"
            assert row.status in lifecycle.DONE, f"{row.id} ended as {row.status}"
        shares = [self._share(leg) for leg in range(len(self.plan.tickets))]
        alone = (max(shares) - min(shares)) * Fraction(self.plan.tickets[0].size)
        if not self.held:
            assert alone <= Fraction(DUST), f"{float(alone):.4f} contracts are alone: {shares}"

    def _share(self, leg: int) -> Fraction:
        signed: Iterable[Decimal] = (
            (one.matched - one.failed) * (-1 if row.role == saga.UNWIND else 1)
            for row in self.rows if row.leg == leg
            for one in self.platforms[row.ticket.platform].of(row.id)
        )  # fmt: skip
        return Fraction(sum(signed, ZERO)) / Fraction(self.plan.tickets[leg].size)


def _decimal(part: Fraction) -> Decimal:
    return Decimal(part.numerator) / Decimal(part.denominator)


def _six(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.000001"), ROUND_DOWN)

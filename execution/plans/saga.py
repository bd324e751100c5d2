"""The next step of a plan, from its tickets and what became of its orders so far. Pure: the same state, the same step.

Legs go out one after the other, the thinnest first, each for the share that the ones before it filled; or all at once.
While any order of the plan is unresolved nothing else is sent. What no other leg completes is a remainder: the shell
asks the live books (`execution.plans.remainders`) and comes back with an order that completes or sells it, or holds it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from execution import lifecycle
from execution.lifecycle import (
    ABANDONED,
    AT_PLATFORM,
    CANCELLED,
    CANCELLING,
    FILLED,
    PARTIAL,
    PLANNED,
    REJECTED,
    SUBMITTED,
    UNKNOWN,
    UNWOUND,
)
from execution.plans import planning
from execution.plans.planning import FOK, IOC, NoPlan, Ticket
from markets.bets import MarketKey
from markets.books import dollars, micro
from signals import sizing
from signals.findings import BUY, Listing

ZERO = Decimal(0)
LEG, COMPLETE, UNWIND, EXIT, MANUAL, STOP = "LEG", "COMPLETE", "UNWIND", "EXIT", "MANUAL", "STOP"
LEGS = frozenset({LEG, EXIT, MANUAL, STOP})  # what a plan was made of; the rest came after
ARBITRAGE = "ARBITRAGE"
BOUND = frozenset({ARBITRAGE, EXIT})  # kinds whose legs belong together
IMMEDIATE = frozenset({IOC, FOK})
# Crumbs by which fills may differ without being a remainder
DUST_CONTRACTS, DUST_DOLLARS = Decimal("0.01"), Decimal("0.01")

STALE, NOT_FOUND, HALTED = "stale", "not_found", "halted"


@dataclass(frozen=True, slots=True)
class Line:
    """One order as the saga sees it. `filled` is what the platform says has matched and was not undone since."""

    id: str
    leg: int
    role: str
    status: str
    size: Decimal
    filled: Decimal
    time_in_force: str = IOC
    created_at: datetime | None = None
    sent_at: datetime | None = None
    answered_at: datetime | None = None
    sends: int = 0
    attempt: int = 0
    slips: bool = False  # when it has rested for too long, it goes out again at the price of now

    @property
    def immediate(self) -> bool:
        """Whether it trades at once or not at all."""
        return self.time_in_force in IMMEDIATE


@dataclass(frozen=True, slots=True)
class Patience:
    """The settings that the steps depend on."""

    intent: timedelta = timedelta(seconds=2)
    by_hand: timedelta = timedelta(
        seconds=30
    )  # the same for what a person asked for at a price of their own, and stops
    rest: timedelta = timedelta(seconds=5)
    look_up: timedelta = timedelta(seconds=35)
    unwind: timedelta = timedelta(seconds=20)
    gone: timedelta = timedelta(seconds=2)  # an order that was there is not known any more
    max_sends: int = 3


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a plan stands."""

    kind: str
    at_once: bool
    tickets: tuple[Ticket, ...]  # as planned, in the order of sending
    lines: tuple[Line, ...]
    created_at: datetime
    now: datetime
    listings: Mapping[MarketKey, Listing] = field(default_factory=dict)
    # Since when the platform, whenever it was asked for an order, did not have it; and when it was last asked. Both by a
    # clock that does not jump
    missing: Mapping[str, tuple[datetime, datetime]] = field(default_factory=dict)
    halted: frozenset[int] = frozenset()  # legs on whose market nothing new may be sent


# --- steps


@dataclass(frozen=True, slots=True)
class Send:
    """Send this order for what `ticket` says. `place` names it for crash points: first, next, complete, ..."""

    line: str
    ticket: Ticket
    place: str


@dataclass(frozen=True, slots=True)
class SendAll:
    """Send these together."""

    sends: tuple[Send, ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """Nobody is waiting for this order's answer any more: it is UNKNOWN."""

    line: str


@dataclass(frozen=True, slots=True)
class LookUp:
    """Ask the platform for this order."""

    line: str


@dataclass(frozen=True, slots=True)
class Watch:
    """This order rests: ask for it now and then."""

    line: str


@dataclass(frozen=True, slots=True)
class Resend:
    """The platform does not have this order, and a lone leg needs it: send the very same one again."""

    line: str
    place: str


@dataclass(frozen=True, slots=True)
class Gone:
    """This order was there, and the platform does not know it any more: it is over."""

    line: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Have this order cancelled."""

    line: str


@dataclass(frozen=True, slots=True)
class Reprice:
    """This order rested for too long and was cancelled: its rest goes out again at the price of now, if that is near."""

    line: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """These orders are not sent, or were never there."""

    lines: tuple[str, ...]
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing may be done now."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Contracts of one leg."""

    leg: int
    ticket: Ticket
    contracts: Decimal


@dataclass(frozen=True, slots=True)
class Remainder:
    """What is alone, and what would complete it: both for `share` of the plan, above the `reached` that all legs have.

    Or, `owed`: more of a leg was taken back than its trades brought in the end, for one of them failed. What is lacking
    has to be had again whatever the other legs have: it was somebody else's. What they have is alone `beside` it, and
    goes its own way: it can only be taken back, for what is bought of the owed leg pays the debt first.
    """

    reached: Fraction
    share: Fraction
    alone: tuple[Piece, ...]
    lacking: tuple[Piece, ...]
    patient: bool  # still within the time in which it is tried at once
    refused: frozenset[str]  # roles that our own checks have refused lately
    owed: bool = False
    beside: "Remainder | None" = None

    @property
    def matters(self) -> tuple["Remainder", ...]:
        """What has to be decided, each for itself, the debt first."""
        return (self,) if self.beside is None else (self, self.beside)

    @property
    def open(self) -> tuple[Piece, ...]:
        """The contracts that are the matter."""
        return self.lacking if self.owed else self.alone


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing is left to do."""

    status: str
    sentence: str


Step = (
    Send
    | SendAll
    | Lost
    | LookUp
    | Watch
    | Resend
    | Gone
    | Cancel
    | Reprice
    | GiveUp
    | Wait
    | Remainder
    | Finish
)


def next_step(at: Standing, patience: Patience) -> Step:
    """What to do now. Unresolved orders come before everything else."""
    for line in at.lines:
        if line.status in AT_PLATFORM:
            return _resolve(at, line, patience)
    waiting = [line for line in at.lines if line.status == PLANNED]
    if waiting:
        return _send(at, waiting, patience)
    return _end(at, patience)


# --- unresolved orders


def _resolve(at: Standing, line: Line, patience: Patience) -> Step:
    if line.status == SUBMITTED:
        return Lost(line.id)
    if line.status == UNKNOWN:
        return _unknown(at, line, patience)
    since, last = at.missing.get(line.id, (at.now, at.now))
    if last - since >= patience.gone:
        return Gone(line.id)
    if line.status == CANCELLING:
        return Cancel(line.id)
    if line.role == MANUAL and not line.immediate and not line.slips:
        return Watch(line.id)  # a person's order rests as long as the person wants
    if line.sent_at is not None and at.now - line.sent_at >= patience.rest:
        return Cancel(line.id)
    return LookUp(line.id) if line.immediate else Watch(line.id)


def _unknown(at: Standing, line: Line, patience: Patience) -> Step:
    # Not since it was sent: a clock that jumped meanwhile would make a second of patience look like minutes
    since, last = at.missing.get(line.id, (at.now, at.now))
    if last - since < patience.look_up:
        return LookUp(line.id)
    if _makes_whole(at, line) and line.sends < patience.max_sends and line.leg not in at.halted:
        return Resend(line.id, place_of(at, line))
    return GiveUp((line.id,), NOT_FOUND, f"the platform did not have it in {last - since} of asking")


def _makes_whole(at: Standing, line: Line) -> bool:
    """Whether contracts are alone without this order."""
    if line.role in (COMPLETE, UNWIND):
        return True
    return (
        line.role in LEGS
        and at.kind in BOUND
        and any(other.filled > 0 for other in at.lines if other.leg != line.leg)
    )


def place_of(at: Standing, line: Line) -> str:
    """The name of an order's place in its plan, as crash points spell it."""
    if line.role == LEG:
        sent = any(
            other.sent_at is not None for other in at.lines if other.role == LEG and other.leg != line.leg
        )
        return "next" if sent else "first"
    return line.role.lower()


# --- orders that wait to be sent


def _send(at: Standing, waiting: Sequence[Line], patience: Patience) -> Step:
    extra = [line for line in waiting if line.role not in LEGS]
    if extra:  # decided on the books of its moment
        return _if_fresh(at, extra[0], extra[0].created_at, patience)
    waiting = sorted(waiting, key=lambda line: (line.leg, line.id))
    sent = [line for line in at.lines if line.role in LEGS and line.status != PLANNED]
    if not sent:
        return _begin(at, waiting, patience)
    # A smaller one in the place of a leg that was refused stands for it
    pending = {line.leg for line in waiting}
    sent = [line for line in sent if line.leg not in pending]
    if at.kind not in BOUND or not sent:
        return _if_fresh(at, waiting[0], waiting[0].created_at, patience)
    return _follow(at, waiting, sent, patience)


def _old(at: Standing, since: datetime, patience: timedelta) -> bool:
    """Whether so much time has passed; what comes from the future says that a clock has jumped, and counts as old."""
    return abs(at.now - since) > patience


def _if_fresh(at: Standing, line: Line, since: datetime | None, patience: Patience) -> Step:
    """Send an order as it is, unless it has waited for too long."""
    if _old(at, since or at.created_at, patience.intent):
        return GiveUp((line.id,), STALE, "it was not sent in time, and its prices are old")
    if line.leg in at.halted:
        return Wait("trading is halted there: what is held stays held until it is resumed")
    return Send(line.id, replace_size(at.tickets[line.leg], line.size), place_of(at, line))


def replace_size(ticket: Ticket, size: Decimal) -> Ticket:
    """A ticket as it is, but for so many contracts."""
    if ticket.size == size:
        return ticket
    notional = size * ticket.limit_price
    less = None
    if ticket.spend is not None:
        less = planning.spend(ticket.platform, ticket.side, ticket.spend * size / ticket.size, notional)
    return replace(ticket, size=size, notional=notional, cash=ticket.cash * size / ticket.size, spend=less)


def _begin(at: Standing, waiting: Sequence[Line], patience: Patience) -> Step:
    """Nothing of the plan has been sent yet."""
    ids = tuple(line.id for line in waiting)
    patient = patience.by_hand if at.kind in (MANUAL, STOP) else patience.intent
    if _old(at, at.created_at, max(patient, patience.intent)):
        return GiveUp(ids, STALE, "nothing of it was sent in time, and its prices are old")
    legs = {line.leg for line in waiting}
    if legs & at.halted:
        return GiveUp(ids, HALTED, "trading is halted on one of its markets")
    sends = tuple(
        Send(line.id, replace_size(at.tickets[line.leg], line.size), _first_place(at, line, number))
        for number, line in enumerate(waiting)
    )
    return SendAll(sends) if at.at_once and len(sends) > 1 else sends[0]


def _first_place(at: Standing, line: Line, number: int) -> str:
    return place_of(at, line) if line.role != LEG else ("first" if number == 0 else "next")


def _follow(at: Standing, waiting: Sequence[Line], sent: Sequence[Line], patience: Patience) -> Step:
    """Some legs are done: the next one for the share that all of them reached."""
    ids = tuple(line.id for line in waiting)
    done = {line.leg for line in sent}
    reached = min(share_of(at, leg) for leg in done)
    if reached <= 0:
        return GiveUp(
            ids, planning.NO_FILL, "a leg before it filled nothing, so there is nothing to complete"
        )
    line = waiting[0]
    last = max((one.answered_at or one.sent_at or at.created_at for one in sent), default=at.created_at)
    if _old(at, last, patience.intent):
        return GiveUp(ids, STALE, "the legs before it are done for too long: the books of now decide")
    if line.leg in at.halted:
        return Wait("trading is halted there: what is held stays held until it is resumed")
    ticket = at.tickets[line.leg]
    cut = for_reached(ticket, reached, at.listings[ticket.platform, ticket.market_id])
    if isinstance(cut, NoPlan):
        return GiveUp(ids, cut.code, cut.sentence)
    if line.attempt and cut.size > line.size:
        cut = replace_size(cut, line.size)
    return Send(line.id, cut, place_of(at, line))


def for_reached(ticket: Ticket, reached: Fraction, listing: Listing) -> Ticket | NoPlan:
    """A planned ticket for the share that filled: cut, or stretched as far as what was reserved for it allows."""
    if reached <= 1:
        return planning.for_share(ticket, reached, listing)
    if ticket.side != BUY or listing.fees is None or listing.fault:
        return ticket
    wanted = sizing.down(micro(dollars(int(reached * Fraction(micro(ticket.size))))), _step(ticket, listing))
    size = dollars(wanted)
    if size <= ticket.size:
        return ticket
    notional = size * ticket.limit_price
    cash = planning.most_cash(ticket.side, size, ticket.limit_price, listing.fees)
    if cash > ticket.cash or notional > ticket.notional:
        return ticket
    return replace(ticket, size=size, notional=notional, cash=cash)


def _step(ticket: Ticket, listing: Listing) -> int:
    if listing.whole_cents:
        return sizing.cent_step(micro(ticket.limit_price), listing.step)
    return listing.step


# --- the end


def held(at: Standing, leg: int) -> Decimal:
    """Contracts of a leg that its plan has: bought (or sold, for an exit) less what was taken back."""
    forth = sum((line.filled for line in at.lines if line.leg == leg and line.role != UNWIND), ZERO)
    back = sum((line.filled for line in at.lines if line.leg == leg and line.role == UNWIND), ZERO)
    return forth - back


def share_of(at: Standing, leg: int) -> Fraction:
    """How much of a planned leg its plan has; above 1 where an order by cash brought more."""
    return Fraction(held(at, leg)) / Fraction(at.tickets[leg].size)


def reached(at: Standing) -> Fraction:
    """The share that all legs have."""
    return max(Fraction(0), min(share_of(at, leg) for leg in range(len(at.tickets))))


def _end(at: Standing, patience: Patience) -> Step:
    slipping = [
        line for line in at.lines if line.slips and line.status == CANCELLED and line.filled < line.size
    ]
    last = max(at.lines, key=lambda line: (line.leg, line.attempt), default=None)
    if last in slipping and not last.immediate and last.attempt + 1 < patience.max_sends:
        return Reprice(last.id)
    if not any(line.filled > 0 for line in at.lines):
        return Finish(ABANDONED, "nothing filled")
    if at.kind not in BOUND:
        whole = all(share_of(at, leg) >= 1 for leg in range(len(at.tickets)))
        return Finish(FILLED if whole else PARTIAL, "filled" if whole else "a part of it filled")
    rest = remainder(at, patience)
    if rest is not None:
        return rest
    return ended(at)


def ended(at: Standing) -> Finish:
    """How a plan ends of which nothing is alone."""
    if any(line.role == UNWIND and line.filled > 0 for line in at.lines):
        return Finish(UNWOUND, "what no other leg completed was sold back")
    share = reached(at)
    return Finish(
        FILLED,
        "every leg filled" if share >= 1 else f"every leg filled {float(share):.2%} of what was planned",
    )


def remainder(at: Standing, patience: Patience) -> Remainder | None:
    """What is owed, with what is alone beside it, or what is alone; None where it is nothing, or crumbs."""
    legs = range(len(at.tickets))
    debts = [max(Fraction(0), -share_of(at, leg)) for leg in legs]
    owed = tuple(
        piece for leg in legs if (piece := _piece(at, leg, debts[leg])) is not None and not is_dust(piece)
    )
    shares = [max(Fraction(0), share_of(at, leg)) for leg in legs]
    low, high = min(shares), max(shares)
    alone = tuple(
        piece
        for leg in legs
        if (piece := _piece(at, leg, shares[leg] - low)) is not None and not is_dust(piece)
    )
    tries = _tries(at, patience)
    if owed:
        beside = Remainder(low, high - low, alone, (), *tries) if alone else None
        return Remainder(Fraction(0), max(debts), (), owed, *tries, owed=True, beside=beside)
    if not alone:
        return None
    lacking = tuple(piece for leg in legs if (piece := _piece(at, leg, high - shares[leg])) is not None)
    return Remainder(low, high - low, alone, lacking, *tries)


def _tries(at: Standing, patience: Patience) -> tuple[bool, frozenset[str]]:
    """Whether a remainder is still tried at once, and the roles that our own checks have refused lately."""
    last = max(
        (line.answered_at or line.sent_at or at.created_at for line in at.lines if line.role in LEGS),
        default=at.created_at,
    )
    lately = at.now - patience.unwind
    refused = frozenset(
        line.role for line in at.lines
        if line.status == REJECTED and line.role in (COMPLETE, UNWIND) and (line.created_at or last) > lately
    )  # fmt: skip
    return not _old(at, last, patience.unwind), refused


def _piece(at: Standing, leg: int, share: Fraction) -> Piece | None:
    ticket = at.tickets[leg]
    contracts = dollars(int(share * Fraction(micro(ticket.size))))
    return Piece(leg, ticket, contracts) if contracts > 0 else None


def is_dust(piece: Piece) -> bool:
    """Whether so few contracts are crumbs of rounding."""
    return piece.contracts <= DUST_CONTRACTS or piece.contracts * piece.ticket.limit_price < DUST_DOLLARS


DONE = lifecycle.DONE

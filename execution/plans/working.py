"""Working a plan: load it, ask the saga for the next step, do it, and again, until it is done or must wait.

Whoever works a plan holds its advisory lock, so a second taker does nothing. Everything that matters is in the database
before and after each step: after a kill the next taker goes on where this one stopped.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from execution import lifecycle
from execution.halting import halts
from execution.models import Order, Plan, PlanStep
from execution.orders import facts, ordering, playbook
from execution.orders.trading import trading
from execution.plans import finishing, planning, remainders, saga
from execution.plans.alone import covers, figures_of, money_of, not_for_sale_yet, short_of, was_netted
from execution.plans.planning import Ticket
from execution.plans.remainders import Act
from execution.plans.rows import line_of, orders_of, ticket_of, tickets_of
from execution.plans.saga import Patience, Remainder, Standing
from markets import live, store
from markets.bets import MarketKey
from markets.models import Market
from markets.platforms.base import OPEN, MarketInfo
from markets.platforms.trading import INSUFFICIENT_BALANCE
from signals.findings import Listing

log = logging.getLogger(__name__)

ZERO = Decimal(0)
MOST_STEPS = 1_000  # of one taking: a plan that needs more is looked at again later
REST_LOOK = timedelta(seconds=1)  # how often an order that rests is asked for
LONGEST_PAUSE = timedelta(seconds=2)
AWAY_PAUSE = timedelta(milliseconds=400)  # between questions to a platform that cannot be asked
MOST_TRIES = 8  # to complete or sell back within a minute, in vain: a book that shows what is not there is left for a while
LOCK_SPACE = 0x504C414E  # "PLAN"

# Set when the process is to end: no plan is begun any more, and what is under way goes on until it would wait
stopping = threading.Event()

# When platforms were asked for orders and did not have them; whoever starts anew asks anew
_missing: dict[str, tuple[datetime, datetime]] = {}
_started = (timezone.now(), time.monotonic())


def _steady_now() -> datetime:
    """Now by a clock that does not jump: patience with a platform must not end because somebody set the time."""
    return _started[0] + timedelta(seconds=time.monotonic() - _started[1])


# --- which plans


def claim(limit: int = 1_000, mode: str | None = None) -> list[str]:
    """The plans that wait to be worked in this mode, the oldest first; their paper twins, too, each after its plan."""
    mode = mode or settings.ARBSITE.trading.mode
    rows = Plan.objects.filter(
        Q(mode=mode) | Q(shadow_of__mode=mode), status__in=(lifecycle.PLANNED, lifecycle.EXECUTING)
    )
    return list(
        rows.order_by("created_at", F("shadow_of").asc(nulls_first=True), "id").values_list("id", flat=True)[
            :limit
        ]
    )


def work_all(mode: str | None = None, *, seconds: float = 60) -> int:
    """Work every plan that waits, here and now, until each is done or rests; returns how many were looked at. For tests
    and commands: the executor does the same in its threads.
    """
    deadline = time.monotonic() + seconds
    seen: set[str] = set()
    resting: set[str] = set()
    while time.monotonic() < deadline:
        ids = [plan_id for plan_id in claim(mode=mode) if plan_id not in resting]
        if not ids:
            break
        seen |= set(ids)
        for plan_id in ids:
            again = work(plan_id)
            if again is None:
                resting.add(plan_id)  # done, or somebody else's
            elif again - timezone.now() >= REST_LOOK / 2:
                resting.add(plan_id)
            else:
                time.sleep(max(0.0, (again - timezone.now()).total_seconds()))
    return len(seen)


@contextmanager
def taken(plan_id: str) -> Iterator[bool]:
    """Hold the plan, as long as this connection lives; False where somebody else does."""
    number = int.from_bytes(hashlib.sha256(plan_id.encode()).digest()[:4], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK_SPACE, number])
        (got,) = cursor.fetchone()
    try:
        yield bool(got)
    finally:
        if got and connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK_SPACE, number])


def work(plan_id: str) -> datetime | None:
    """Take a plan as far as it goes now; when to look again, None where it is done or somebody else works it.

    Raises what the database raises when it is away; what was begun is found again later.
    """
    with taken(plan_id) as got:
        if not got:
            return None
        plan = Plan.objects.filter(pk=plan_id).select_related("signal").first()
        if plan is None or plan.status in lifecycle.PLAN_DONE:
            return None
        return _Worker(plan).run()


# --- one plan


class _Later(Exception):
    """Nothing more now; look again after `pause`."""

    def __init__(self, pause: timedelta) -> None:
        super().__init__()
        self.pause = pause


@dataclass(slots=True)
class _Worker:
    """One taking of a plan. What cannot change while it is held is read once."""

    plan: Plan
    tickets: tuple[Ticket, ...] = ()
    infos: dict[MarketKey, MarketInfo] = field(default_factory=dict)
    listings: dict[MarketKey, Listing] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)

    def run(self) -> datetime | None:
        """Step by step until it is done or must wait."""
        patience = patience_of_settings()
        try:
            for _ in range(MOST_STEPS):
                step = saga.next_step(self.load(), patience)
                if isinstance(step, saga.Finish):
                    if not finishing.finish(self.plan, self.orders, self.tickets, step):
                        continue
                    self.forget()
                    return None
                if stopping.is_set() and _begins(step):
                    return timezone.now() + REST_LOOK
                self.do(step)
        except _Later as later:
            return timezone.now() + later.pause
        except _Done:
            return None
        return timezone.now() + REST_LOOK

    def forget(self) -> None:
        for order in self.orders:
            _missing.pop(order.id, None)

    def load(self) -> Standing:
        """Where the plan stands now, from the database."""
        self.orders = orders_of(self.plan)
        if not self.tickets:
            self._read_once()
        return Standing(
            kind=self.plan.kind, at_once=self.plan.at_once, tickets=self.tickets,
            lines=tuple(line_of(order) for order in self.orders), created_at=self.plan.created_at, now=timezone.now(),
            listings=self.listings, missing={order.id: _missing[order.id] for order in self.orders if order.id in _missing},
            halted=self._halted(),
        )  # fmt: skip

    def _read_once(self) -> None:
        self.tickets = tickets_of(self.plan, self.orders)
        ids = {ticket.market_id for ticket in self.tickets}
        for market in Market.objects.filter(id__in=ids):
            info = store.info_of(market)
            self.infos[info.platform, info.id] = info
            self.listings[info.platform, info.id] = Listing.of(info)

    def _halted(self) -> frozenset[int]:
        """Legs on whose market nothing new may be sent. Mostly one short query says that there are none."""
        if not _anything_stands():
            return frozenset()
        return frozenset(
            leg
            for leg, ticket in enumerate(self.tickets)
            if halts.blocking(ticket.platform, ticket.market_id) is not None
        )

    def order(self, order_id: str) -> Order:
        return next(order for order in self.orders if order.id == order_id)

    def info(self, order: Order) -> MarketInfo:
        return self.infos[order.platform, order.market_id or ""]

    # --- steps

    def do(self, step: saga.Step) -> None:
        """Do one step. Raises _Later where the next one must wait."""
        if isinstance(step, saga.Send):
            self._send(step)
        elif isinstance(step, saga.SendAll):
            self._send_all(step)
        elif isinstance(step, saga.Lost):
            ordering.lost(self.order(step.line))
        elif isinstance(step, saga.LookUp):
            self._look_up(self.order(step.line), look_up_pause())
        elif isinstance(step, saga.Watch):
            self._look_up(self.order(step.line), REST_LOOK)
        elif isinstance(step, saga.Resend):
            self._resend(step)
        elif isinstance(step, saga.Gone):
            ordering.gone(self.order(step.line))
        elif isinstance(step, saga.Cancel):
            self._cancel(self.order(step.line))
        elif isinstance(step, saga.Reprice):
            self._reprice(self.order(step.line))
        elif isinstance(step, saga.GiveUp):
            self._give_up(step)
        elif isinstance(step, saga.Wait):
            self._wait(step.sentence)
        elif isinstance(step, saga.Remainder):
            self._remainder(step)

    def _send(self, step: saga.Send) -> None:
        order = self.order(step.line)
        ticket = self._ticket(order, step.ticket)
        became = ordering.send(order, ticket, step.place, self.info(order), edge=self.plan.edge)
        if became == ordering.DECLINED and order.error_code == INSUFFICIENT_BALANCE:
            self._smaller(order, ticket)
        self._after(became)

    def _smaller(self, order: Order, ticket: Ticket) -> None:
        """The money is not enough: once more for what it is enough for, or skipped."""
        if order.attempt or order.role != Order.LEG:
            return
        try:
            balances = trading(order.platform, order.mode).balances()
        except ordering.NOT_ASKED as error:
            log.warning("balances not read", extra={"platform": order.platform, "error": str(error)})
            return
        free = next((one.free for one in balances if one.shard == order.shard), ZERO)
        cut = playbook.smaller(ticket, free, self.listings[order.platform, order.market_id or ""])
        if cut is None:
            self.write("skipped", f"${free} are free on {order.platform}: too little for any size it takes")
            return
        again = ordering.follower(
            order, now=timezone.now(), quantity=cut.size, cash=cut.spend, replaces_id=order.id
        )
        sentence = f"${free} are free on {order.platform}: {cut.size} instead of {ticket.size}"
        with transaction.atomic():
            Order.objects.bulk_create([again])
            self.write("smaller", sentence, order=again.id)

    def _reprice(self, order: Order) -> None:
        """What rested for too long goes out again at the price of now, if that is near; else its plan ends."""
        ordering.read_fills([order])
        first = ticket_of(next(one for one in self.orders if one.leg == order.leg and one.attempt == 0))
        best = remainders.best(ticket_of(order), self._books())
        price = playbook.new_price(first, best, order.max_slippage_pct or ZERO)
        now = timezone.now()
        again = ordering.replacement(order, price, now) if price is not None else None
        with transaction.atomic():
            if again is None:
                # As if a person had cancelled it: it is not looked at again
                Order.objects.filter(pk=order.pk).update(error_code=ordering.ON_REQUEST)
                self.write("not repriced", "no price of now within its slippage", order=order.id, best=best)
                return
            Order.objects.bulk_create([again])
            self.write("repriced", f"rested too long at {order.price}: its rest at {price}", order=again.id)

    def _ticket(self, order: Order, planned: Ticket) -> Ticket:
        """A leg of a plan is sent for what the saga says, everything else as its row says."""
        return planned if order.role in (Order.LEG, Order.EXIT) else ticket_of(order)

    def _after(self, became: str) -> None:
        if became == ordering.HELD:
            self._wait("trading is halted there: what is held stays held until it is resumed")
        if became == ordering.TAKEN:
            raise _Later(look_up_pause())

    def _send_all(self, step: saga.SendAll) -> None:
        """All legs together, each in a thread with a connection of its own."""
        edge = self.plan.edge

        def one(send: saga.Send) -> str:
            order = self.order(send.line)
            try:
                return ordering.send(
                    order, self._ticket(order, send.ticket), send.place, self.info(order), edge=edge
                )
            finally:
                connection.close()

        with ThreadPoolExecutor(len(step.sends)) as pool:
            list(pool.map(one, step.sends))

    def _look_up(self, order: Order, pause: timedelta) -> None:
        if self._found(order):
            order.refresh_from_db(fields=["status"])
            if order.status not in lifecycle.AT_PLATFORM:
                return
        raise _Later(self._paced(order, pause))

    def _found(self, order: Order) -> bool:
        """Ask for an order, and remember how long the platform has not had it."""
        try:
            found = ordering.look_up(order)
        except ordering.NOT_ASKED as error:
            log.warning("order not looked up", extra={"order": order.id, "error": str(error)})
            raise _Later(AWAY_PAUSE) from None
        now = _steady_now()
        if found:
            _missing.pop(order.id, None)
        else:
            _missing[order.id] = (_missing.get(order.id, (now, now))[0], now)
        return found

    def _paced(self, order: Order, pause: timedelta) -> timedelta:
        """Quick at first, slower the longer it lasts."""
        since = timezone.now() - (order.sent_at or order.created_at)
        return min(max(pause, since / 20), max(pause, LONGEST_PAUSE))

    def _resend(self, step: saga.Resend) -> None:
        order = self.order(step.line)
        best = remainders.best(ticket_of(order), self._books())
        if best is None or not remainders.marketable(ticket_of(order), best):
            ordering.give_up(
                [order], saga.NOT_FOUND, "the platform does not have it, and its price is out of reach by now"
            )
            return
        became = ordering.resend(order, ticket_of(order), step.place, self.info(order), edge=self.plan.edge)
        if became == ordering.HELD:  # by a halt: what was learnt by asking stays learnt
            raise _Later(REST_LOOK)
        _missing.pop(order.id, None)
        if became == ordering.TAKEN:
            raise _Later(REST_LOOK)

    def _cancel(self, order: Order) -> None:
        try:
            ordering.cancel(order)
        except ordering.NOT_ASKED as error:
            log.warning("order not cancelled", extra={"order": order.id, "error": str(error)})
            raise _Later(AWAY_PAUSE) from None
        order.refresh_from_db(fields=["status"])
        if order.status in lifecycle.AT_PLATFORM:
            self._found(order)
            raise _Later(self._paced(order, look_up_pause()))

    def _give_up(self, step: saga.GiveUp) -> None:
        orders = [self.order(line) for line in step.lines]
        ordering.give_up(orders, step.code, step.sentence)
        self.write("given up", step.sentence, code=step.code, orders=[order.id for order in orders])

    def _wait(self, sentence: str) -> None:
        self.write_once("held", sentence)
        raise _Later(REST_LOOK)

    # --- what is alone

    def _remainder(self, rest: Remainder) -> None:
        asked = ordering.read_fills(self.orders, final=True)
        self.orders = orders_of(self.plan)
        holds = []
        for matter in rest.matters:
            decision = (
                self._decide(matter)
                if asked
                else remainders.Hold("the fills of its orders cannot be read now")
            )
            if isinstance(decision, Act):
                self._act(decision, matter)
                return
            holds.append(decision.sentence)
        sentence = "; ".join(dict.fromkeys(holds))
        if rest.patient:
            self.write_once("hold", sentence, **figures_of(rest))
            raise _Later(self._retry_pause())
        end = saga.Finish(lifecycle.PARTIAL, sentence)
        if not finishing.finish(self.plan, self.orders, self.tickets, end, rest=rest):
            return
        self.forget()
        raise _Done

    def _decide(self, rest: Remainder) -> Act | remainders.Hold:
        halted = self._halted()
        if any(piece.leg in halted for piece in (*rest.alone, *rest.lacking)):
            return remainders.Hold("trading is halted there: what is held stays held until it is resumed")
        if self._tried_in_vain({piece.leg for piece in (*rest.alone, *rest.lacking)}) >= MOST_TRIES:
            return remainders.Hold("the books show a way out that was not there when it was tried: a pause")
        lost = short_of(self.plan, rest.alone)
        if lost and not was_netted(self.plan, lost):
            return remainders.Hold("the account does not hold these contracts any more")
        money = money_of(self.plan, self.orders, self.tickets, rest)
        if lost and not covers(self.plan, rest.lacking, money.payoff):
            return remainders.Hold(
                "it was netted, and nothing is alone in its place: what completes it would be alone itself"
            )
        waits = not_for_sale_yet(self.plan, self.orders, rest.alone)
        return remainders.decide(
            rest, money, self._books(), self.listings, unsettled=waits, netted=bool(lost)
        )

    def _tried_in_vain(self, legs: set[int]) -> int:
        """Orders of the last minute that should have completed or sold back these legs, and found nothing."""
        lately = timezone.now() - timedelta(minutes=1)
        return sum(
            order.leg in legs
            and order.role in (Order.COMPLETE, Order.UNWIND)
            and order.status in lifecycle.DONE
            and not order.matched_qty
            and order.created_at > lately
            for order in self.orders
        )

    def _books(self) -> dict[MarketKey, live.BookView]:
        found = live.book_views((ticket.platform, ticket.market_id) for ticket in self.tickets)
        oldest = (
            timezone.now().timestamp() * 1_000 - float(settings.ARBSITE.signals.max_book_age_seconds) * 1_000
        )
        return {key: view for key, view in found.items() if view.confirmed_ms >= oldest and not view.crossed}

    def _act(self, act: Act, rest: Remainder) -> None:
        """Write down the order that completes or sells back; the next step sends it."""
        now = timezone.now()
        like = next(order for order in self.orders if order.leg == act.leg)
        attempts = [order.attempt for order in self.orders if order.role == act.role and order.leg == act.leg]
        order = ordering.follower(
            like, now=now, role=act.role, attempt=max(attempts, default=-1) + 1, side=act.ticket.side,
            quantity=act.ticket.size, price=act.ticket.limit_price, cash=act.ticket.spend, time_in_force=planning.IOC,
            post_only=False, expires_at=None, replaces_id=None,
        )  # fmt: skip
        with transaction.atomic():
            Order.objects.bulk_create([order])
            self.write(
                act.role.lower(),
                act.sentence,
                ends=act.ends,
                loses=act.loses,
                order=order.id,
                **figures_of(rest),
            )
        if len(attempts) >= 2:
            raise _Later(self._retry_pause())

    def _retry_pause(self) -> timedelta:
        tried = sum(order.role in (Order.COMPLETE, Order.UNWIND) for order in self.orders)
        return min(LONGEST_PAUSE, look_up_pause() * 2 ** min(tried, 6))

    # --- words

    def write(self, what: str, sentence: str, **figures: object) -> None:
        PlanStep.objects.create(
            plan=self.plan, at=timezone.now(), what=what, sentence=sentence, figures=figures
        )

    def write_once(self, what: str, sentence: str, **figures: object) -> None:
        """Write a step that only repeats the last one no second time."""
        last = PlanStep.objects.filter(plan=self.plan).order_by("-id").values_list("what", "sentence").first()
        if last != (what, sentence):
            self.write(what, sentence, **figures)


class _Done(Exception):
    """The plan is finished."""


def _begins(step: saga.Step) -> bool:
    """Whether a step is the first sending of its plan."""
    first = step.sends[0] if isinstance(step, saga.SendAll) else step
    return isinstance(first, saga.Send) and first.place not in ("next", "complete", "unwind")


# --- values of rows


def _anything_stands() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM halts WHERE lifted_at IS NULL)"
            " OR EXISTS (SELECT 1 FROM differences WHERE closed_at IS NULL)"
        )
        (stands,) = cursor.fetchone()
    return bool(stands)


def patience_of_settings() -> Patience:
    """What the saga's steps depend on."""
    config = settings.ARBSITE.execution
    return Patience(
        intent=ordering.seconds(config.intent_seconds), rest=ordering.seconds(config.rest_seconds),
        look_up=ordering.seconds(config.look_up_seconds), unwind=ordering.seconds(config.unwind_seconds),
        max_sends=config.max_sends,
    )  # fmt: skip


def look_up_pause() -> timedelta:
    """Between two looks for an order."""
    return timedelta(milliseconds=settings.ARBSITE.execution.look_up_every_ms)


def pick_up_remainders(now: datetime, mode: str | None = None) -> int:
    """Look again at plans that hold a remainder, and take up those that the books of now let complete or sell; returns how
    many. Called every minute, and by reconciliation.
    """
    mode = mode or settings.ARBSITE.trading.mode
    plans = Plan.objects.filter(
        mode=mode, status=lifecycle.PARTIAL, kind__in=saga.BOUND, created_at__gte=now - timedelta(days=90)
    )
    taken_up = 0
    for plan in plans.order_by("-created_at")[:500]:
        if _worth_another_try(plan):
            with transaction.atomic():
                facts.reopen([plan.id], "the books of now let its remainder be completed or sold", now)
            taken_up += 1
    return taken_up


def _worth_another_try(plan: Plan) -> bool:
    worker = _Worker(plan)
    at = worker.load()
    if not any(listing.status == OPEN for listing in worker.listings.values()):
        return False
    rest = saga.remainder(at, patience_of_settings())
    if rest is None:
        return True  # it is none any more: the plan can end better
    return any(isinstance(worker._decide(matter), Act) for matter in rest.matters)

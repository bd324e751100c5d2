"""Offers to leave a bet early, and taking them: as an offer's row, then as a plan that the executor works.

One offer is open a bet. It stands while the books pay more today than waiting is worth, by `EXECUTION_EXIT_GAIN_PCT`; a
person takes it, or the system by itself with `EXECUTION_AUTO_EXIT`. Taking looks at the books once more.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction

from arbsite.models import INFO, LOW, MEDIUM, Notice
from execution import limits, publishing, ringing
from execution.halting import halts, live_checks
from execution.limits import Refusal
from execution.models import ExitOffer, Order, Plan, PlanStep, Settling
from execution.plans import leaving, storing
from execution.plans.leaving import Exit, ExitLeg, HeldLeg, NoExit, Terms
from execution.plans.planning import Ticket
from execution.portfolio import holders, holdings
from execution.portfolio.holders import NOBODY
from markets import live, store
from markets.bets import MarketKey
from markets.models import Bet, Market
from signals import catalogue, rules
from signals.edge import days_between
from signals.findings import Listing
from signals.times import unix_ms

ZERO = Decimal(0)
SYSTEM = "exits"  # who takes them where nobody has to be asked
UNKNOWN_OFFER, NOT_OPEN, BUSY, NOT_READY = "offer_unknown", "offer_not_open", "bet_busy", "not_ready"


@dataclass(frozen=True, slots=True)
class Case:
    """One bet that something is held of, with all that the core needs."""

    bet: Bet
    held: tuple[HeldLeg, ...]
    listings: Mapping[MarketKey, Listing]


def look(mode: str, now: datetime) -> list[ExitOffer]:
    """What the executor does each minute: refresh the offers, and take them where nobody has to be asked."""
    offers = refresh(mode, now)
    if settings.ARBSITE.execution.auto_exit:
        for offer in offers:
            take(offer.id, SYSTEM, now)
    return offers


def refresh(mode: str, now: datetime) -> list[ExitOffer]:
    """Open, refresh and close the offers of a mode by the books of now; returns those that are open."""
    found: dict[str, Exit] = {}
    for case in _cases(mode):
        way = _find(case, now)
        if isinstance(way, Exit):
            found[case.bet.id] = way
    with transaction.atomic():
        rows = {
            row.bet_id: row
            for row in ExitOffer.objects.select_for_update().filter(mode=mode, status=ExitOffer.OPEN)
        }
        for bet_id in sorted(rows.keys() - found.keys()):
            _let_go(rows[bet_id], now)
        return [_keep(rows.get(bet_id), bet_id, way, mode, now) for bet_id, way in sorted(found.items())]


def take(offer_id: str, person: str, now: datetime) -> Plan | Refusal:
    """Act on an offer: a plan with its sales, for the executor; or why not. Nothing leaves from here.

    What a person is refused is written down.
    """
    if person == SYSTEM:
        return _take(offer_id, person, now)
    unready = live_checks.problems(now)
    made = Refusal(NOT_READY, "; ".join(unready)) if unready else _take(offer_id, person, now)
    if isinstance(made, Refusal):
        sentence = f"{person} wanted to leave early and was refused: {made.sentence}"
        Notice.objects.record("exit_refused", offer_id[:100], sentence, severity=LOW, at=now, code=made.code)
    return made


def _take(offer_id: str, person: str, now: datetime) -> Plan | Refusal:
    with transaction.atomic():
        holdings.lock_ledger()
        offer = ExitOffer.objects.select_for_update().select_related("bet").filter(pk=offer_id).first()
        if offer is None:
            return Refusal(UNKNOWN_OFFER, f"there is no exit offer {offer_id}")
        if offer.status != ExitOffer.OPEN:
            return Refusal(
                NOT_OPEN, f"the offer is {offer.status.lower()}: list the open ones and take one of them"
            )
        case = next(iter(_cases(offer.mode, offer.bet_id)), None)
        if case is None:
            return Refusal(
                BUSY, "nothing of this bet can be sold: an order on it is still at work, or nothing is held"
            )
        way = _find(case, now)
        if isinstance(way, NoExit):
            _let_go(offer, now)
            return Refusal(way.code, f"the books have changed: {way.sentence}")
        tickets = [_ticket(offer.bet_id, leg) for leg in way.legs]
        refusal = _forbidden(offer.mode, tickets, way)
        if refusal is not None:
            return refusal
        plan, orders = _plan(offer, way, tickets, person, now)
    ringing.ring(plan.id)
    publishing.tell([plan], orders, [], [])
    return plan


def offer_json(offer: ExitOffer) -> dict[str, Any]:
    """An offer as the API and the command show it."""
    return {
        "id": offer.id, "mode": offer.mode, "bet_id": offer.bet_id, "bet": offer.bet.name, "status": offer.status,
        "payoff": offer.size, "proceeds": offer.proceeds, "worth": offer.worth, "gain": offer.proceeds - offer.worth,
        "legs": offer.legs, "plan_id": offer.plan_id, "created_at": offer.created_at, "seen_at": offer.seen_at,
    }  # fmt: skip


# --- what is held


def _cases(mode: str, bet_id: str | None = None) -> Iterable[Case]:
    """Bets that something is held of and that nobody is at work on."""
    held = _held(mode, bet_id)
    busy = set(
        Order.objects.filter(mode=mode, status__in=Order.OPEN_STATUSES).values_list("market_id", flat=True)
    )
    bets = Bet.objects.filter(id__in=held).prefetch_related("outcomes__market").order_by("id")
    for bet in bets:
        outcomes = list(bet.outcomes.all())
        if any(row.market_id in busy for row in outcomes):
            continue
        legs = tuple(
            HeldLeg(
                row.market.platform, row.market_id, row.outcome, frozenset(row.pays_in),
                held[bet.id].get((row.market.platform, row.market_id, row.outcome), ZERO),
            )
            for row in outcomes
        )  # fmt: skip
        markets: list[Market] = [row.market for row in outcomes]
        listings = {(row.platform, row.id): Listing.of(store.info_of(row)) for row in markets}
        yield Case(bet, tuple(leg for leg in legs if leg.contracts), listings)


def _held(mode: str, bet_id: str | None) -> dict[str, dict[tuple[str, str, str], Decimal]]:
    """Contracts by bet and position that can be sold: what is not settled on its platform yet is not ours to sell."""
    unsettled = _unsettled(mode)
    found: dict[str, dict[tuple[str, str, str], Decimal]] = {}
    for one in holders.open_positions(mode):
        free = one.row.quantity - unsettled.get(one.key, ZERO)
        for owner, contracts in one.by_bet.items():
            if owner != NOBODY and (bet_id is None or owner == bet_id) and free > 0:
                found.setdefault(owner, {})[one.key] = min(contracts, free)
    return found


def _unsettled(mode: str) -> dict[tuple[str, str, str], Decimal]:
    rows = Settling.objects.filter(fill__mode=mode, fill__side=Order.BUY)
    rows = rows.exclude(status__in=(Settling.CONFIRMED, Settling.FAILED))
    found: dict[tuple[str, str, str], Decimal] = {}
    for *key, quantity in rows.values_list(
        "fill__platform", "fill__market_id", "fill__outcome", "fill__quantity"
    ):
        found[key[0], key[1], key[2]] = found.get((key[0], key[1], key[2]), ZERO) + quantity
    return found


def _find(case: Case, now: datetime) -> Exit | NoExit:
    books = live.book_views({leg.market for leg in case.held})
    return leaving.find(case.bet.states, case.held, books, case.listings, _terms(case, now), unix_ms(now))


def _terms(case: Case, now: datetime) -> Terms:
    charges = rules.charges()
    config = settings.ARBSITE
    last = [case.listings[leg.market].settles for leg in case.held]
    known = [at for at in last if at is not None]
    days = (
        days_between(unix_ms(now), max(known)) if known and len(known) == len(last) else charges.unknown_days
    )
    return Terms(
        m0=case.bet.m0,
        days=days,
        cash_rate=charges.cash_rate,
        gain=config.execution.exit_gain_pct,
        max_book_age_ms=int(config.signals.max_book_age_seconds * 1_000),
    )


# --- offers


def _keep(row: ExitOffer | None, bet_id: str, way: Exit, mode: str, now: datetime) -> ExitOffer:
    """Open an offer or refresh the one that stands."""
    figures = {
        "size": way.size,
        "proceeds": way.proceeds.quantize(leaving.MICRO_DOLLAR),
        "worth": way.worth,
        "legs": [_leg_json(leg) for leg in way.legs],
        "seen_at": now,
    }
    if row is not None:
        for name, value in figures.items():
            setattr(row, name, value)
        row.save(update_fields=list(figures))
        return row
    row = ExitOffer.objects.create(
        id=f"exit_{secrets.token_hex(8)}", mode=mode, bet_id=bet_id, created_at=now, **figures
    )
    Notice.objects.record(
        "exit_offered", row.id, f"{bet_id} brings ${way.proceeds:.2f} today, waiting is worth ${way.worth:.2f}:"
        f" take it with `manage.py exits --take {row.id} --user NAME`", severity=MEDIUM, at=now, bet=bet_id,
    )  # fmt: skip
    return row


def _let_go(row: ExitOffer, now: datetime) -> None:
    row.status, row.seen_at = ExitOffer.GONE, now
    row.save(update_fields=["status", "seen_at"])
    Notice.objects.record(
        "exit_gone", row.id, f"waiting pays more again: {row.bet_id}", severity=INFO, at=now
    )


def _leg_json(one: ExitLeg) -> dict[str, str]:
    return {
        "platform": one.leg.platform, "market_id": one.leg.market_id, "outcome": one.leg.outcome, "side": Order.SELL,
        "size": str(one.size), "limit_price": str(one.limit_price), "best_price": str(one.best_price),
        "fee": str(one.cost.fee), "cash": str(one.cost.cash),
    }  # fmt: skip


# --- taking one


def _ticket(bet_id: str, one: ExitLeg) -> Ticket:
    return Ticket(
        bet_id=bet_id, platform=one.leg.platform, market_id=one.leg.market_id, outcome=one.leg.outcome, side=Order.SELL,
        size=one.size, limit_price=one.limit_price, notional=one.size * one.limit_price, cash=ZERO,
    )  # fmt: skip


def _forbidden(mode: str, tickets: list[Ticket], way: Exit) -> Refusal | None:
    """A halt or a limit that stands in the way. Sending asks both again."""
    for ticket in tickets:
        halt = halts.blocking(ticket.platform, ticket.market_id)
        if halt is not None:
            return halt
    held = holdings.held(mode, catalogue.current())
    bests = [leg.best_price for leg in way.legs]
    return next(iter(limits.check_plan(tickets, held, holdings.limits(), bests)), None)


def _plan(
    offer: ExitOffer, way: Exit, tickets: list[Ticket], person: str, now: datetime
) -> tuple[Plan, list[Order]]:
    """The plan and its orders, PLANNED: the intent, and the reservation of what is sold."""
    sentence = f"${way.proceeds:.2f} today for ${way.size:.2f} of payoff; waiting is worth ${way.worth:.2f}"
    plan = Plan.objects.create(
        id=f"plan_{secrets.token_hex(8)}", kind=Plan.EXIT, bet_id=offer.bet_id, mode=offer.mode, status=Plan.PLANNED,
        size=way.size, expected_profit=way.gain.quantize(leaving.MICRO_DOLLAR), reason=sentence,
        legs=storing.tickets_json(tickets),
        loss_limit=(way.worth * settings.ARBSITE.execution.loss_limit_pct).quantize(leaving.MICRO_DOLLAR),
        requested_by=person, created_at=now,
    )  # fmt: skip
    orders = [_order(plan, number, ticket, now) for number, ticket in enumerate(tickets)]
    Order.objects.bulk_create(orders)
    PlanStep.objects.create(
        plan=plan, at=now, what="planned", sentence=f"{person} leaves the bet early: {sentence}",
        figures={"proceeds": str(way.proceeds), "worth": str(way.worth), "offer": offer.id},
    )  # fmt: skip
    offer.status, offer.plan, offer.seen_at = ExitOffer.TAKEN, plan, now
    offer.save(update_fields=["status", "plan", "seen_at"])
    Notice.objects.record("exit_taken", offer.id, f"{person}: {sentence}", severity=LOW, at=now, plan=plan.id)
    return plan, orders


def _order(plan: Plan, number: int, ticket: Ticket, now: datetime) -> Order:
    order_id = f"ord_{secrets.token_hex(8)}"
    return Order(
        id=order_id, plan=plan, leg=number, role=Order.EXIT, mode=plan.mode, platform=ticket.platform,
        market_id=ticket.market_id, outcome=ticket.outcome, side=ticket.side, quantity=ticket.size,
        price=ticket.limit_price, order_type="LIMIT", time_in_force=ticket.time_in_force, status="PLANNED",
        client_order_id=order_id, shard=ticket.shard, created_at=now, updated_at=now,
    )  # fmt: skip

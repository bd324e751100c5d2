"""Orders that a person asks for: checked like all others, written down like all others, sent by nobody here.

What passes becomes a plan and its PLANNED orders in one commit, and `manage.py trade` works them. What is refused leaves
a row, too: a plan by hand that was abandoned, with its order REJECTED where an order was asked for.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from django.conf import settings
from django.db import transaction

from arbsite.models import INFO, Notice
from execution import lifecycle, limits, publishing, ringing
from execution.by_hand import asking, signals_by_hand
from execution.by_hand.asking import Refused
from execution.halting import halts
from execution.limits import Refusal
from execution.models import Order, Plan, PlanStep
from execution.orders import ordering
from execution.plans import planning, storing
from execution.plans.planning import FOK, IOC, Ticket
from execution.portfolio import holdings
from execution.risk import gates
from markets import live, store
from markets.books import BookView, Level, dollars, micro
from markets.models import Market
from markets.platforms.trading import BUY, GTC, GTD, SELL
from signals import catalogue, sizing
from signals.findings import Listing
from signals.models import Signal

LIMIT, MARKET = "LIMIT", "MARKET"
ORDER_TYPES = (LIMIT, MARKET)
WORDS = {"GTC": GTC, "GTD": GTD, "IOC": IOC, "FOK": FOK, "GOOD_TILL_CANCELED": GTC, "GOOD_TIL_CANCELLED": GTC}
ZERO, ONE = Decimal(0), Decimal(1)
PRICE_STEP, MONEY_STEP, SIZE_STEP = Decimal("0.000001"), Decimal("0.000001"), Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class OrderAsked:
    """One order as a person asks for it. `amount` is contracts, `price` dollars per contract, the slippage a fraction."""

    platform: str
    market_id: str
    outcome: str
    side: str
    amount: Decimal
    price: Decimal | None = None
    order_type: str = LIMIT
    time_in_force: str = IOC
    max_slippage_pct: Decimal | None = None
    signal_id: str = ""
    post_only: bool = False
    expires_at: datetime | None = None

    @property
    def word(self) -> str:
        """How long it stands, in the specification's word where we know it."""
        return WORDS.get(self.time_in_force, self.time_in_force)


@dataclass(frozen=True, slots=True)
class Judged:
    """An order that was looked at: its ticket, the market it belongs to, and what stands in its way."""

    ticket: Ticket
    market: Market | None
    signal: Signal | None
    view: BookView | None
    refusal: Refusal | None


def submit(asked: OrderAsked, person: Any, now: datetime, *, key: str = "") -> dict[str, Any]:
    """Write down an order by hand, to be sent by the executor; returns what the caller is told.

    `key` names a request that may be repeated: the same one again gets the first answer. Raises Refused, and a row keeps
    why, save where the person may not trade at all.
    """
    user = asking.allow(person, now=now)
    key, body = asking.key_of(user, key), asking.digest_of(asdict(asked))
    with asking.one_at_a_time(key):
        before = asking.answered(key, body)
        if before is not None:
            return before
        unready = asking.unready(now)
        with transaction.atomic():
            if (
                asked.signal_id
            ):  # before the ledger, like `services.act_on`: else each might wait for the other
                Signal.objects.select_for_update().filter(pk=asked.signal_id).first()
            holdings.lock_ledger()
            judged = _judge(asked, now) if unready is None else _unlooked(asked, unready)
            plan, order = _rows(asked, judged, user, key, now)
            answer = _answer(asked, judged, plan, order)
            _write(plan, order, judged, asking.remember(plan, _said(asked), body, answer), now)
        _tell(plan, order, judged)
    if judged.refusal is not None:
        raise Refused(**answer)
    return answer


# --- looking at an order


def _unlooked(asked: OrderAsked, refusal: Refusal) -> Judged:
    market = Market.objects.filter(pk=asked.market_id, platform=asked.platform).first()
    return Judged(_ticket(asked, None, asked.price or ZERO, None), market, None, None, refusal)


def _judge(asked: OrderAsked, now: datetime) -> Judged:
    """Everything that stands between an order and its platform, in the order in which people want to hear it."""
    market = Market.objects.filter(pk=asked.market_id, platform=asked.platform).first()
    listing = Listing.of(store.info_of(market)) if market is not None else None
    view = _fresh_view(asked, now) if listing is not None else None
    best = _best(view, asked)
    price = asked.price if asked.order_type == LIMIT else _market_price(asked, best, listing)
    ticket = _ticket(asked, listing, price or ZERO, view)
    signal = (
        Signal.objects.select_for_update().filter(pk=asked.signal_id).first() if asked.signal_id else None
    )
    refusal = _market_order(asked, best, listing) or _gate(asked, ticket, listing, now)
    refusal = refusal or _slippage(asked, ticket, best)
    if refusal is None and asked.signal_id:
        refusal = signals_by_hand.why_not(signal, asked.signal_id, now, ticket=ticket)
    refusal = refusal or halts.blocking(ticket.platform, ticket.market_id)
    if refusal is None:
        refusal = next(iter(limits.check(ticket, _held(ticket, now), holdings.limits(), best=best)), None)
    return Judged(ticket, market, signal, view, refusal)


def _fresh_view(asked: OrderAsked, now: datetime) -> BookView | None:
    """The live book; None where nobody has vouched for it lately."""
    view = live.book_view(asked.platform, asked.market_id)
    oldest = now - timedelta(seconds=float(settings.ARBSITE.signals.max_book_age_seconds))
    return view if view is not None and view.confirmed_ms >= oldest.timestamp() * 1_000 else None


def _best(view: BookView | None, asked: OrderAsked) -> Decimal | None:
    ladder = _facing(view, asked)
    return dollars(ladder[0][0]) if ladder else None


def _facing(view: BookView | None, asked: OrderAsked) -> Any:
    if view is None:
        return ()
    return view.asks_for(asked.outcome) if asked.side == BUY else view.bids_for(asked.outcome)


def _worst(asked: OrderAsked, best: Decimal) -> Decimal:
    """The price at which the slippage that the person grants is used up."""
    slippage = asked.max_slippage_pct or ZERO
    return best * (1 + slippage) if asked.side == BUY else best * (1 - slippage)


def _market_price(asked: OrderAsked, best: Decimal | None, listing: Listing | None) -> Decimal | None:
    """The limit of an order that takes what is there: the worst price granted, on the market's grid."""
    if best is None or listing is None or not listing.bands:
        return None
    rounding = ROUND_FLOOR if asked.side == BUY else ROUND_CEILING
    worst = min(max(_worst(asked, best), ZERO), ONE).quantize(PRICE_STEP, rounding)
    # What is paid for the other side of a sale rounds down, too
    own = worst if asked.side == BUY else 1 - worst
    outcome = asked.outcome if asked.side == BUY else _other(asked.outcome)
    found = sizing.buy_limit(micro(own), outcome, listing.bands)
    if found is None:
        return None
    return dollars(found) if asked.side == BUY else 1 - dollars(found)


def _other(outcome: str) -> str:
    return "NO" if outcome == "YES" else "YES"


def _market_order(asked: OrderAsked, best: Decimal | None, listing: Listing | None) -> Refusal | None:
    """What a market order needs besides: a live price, a slippage, and no wish to rest."""
    if asked.order_type == LIMIT or listing is None or listing.status != "OPEN":
        return None
    if asked.word not in (IOC, FOK):
        return Refusal(
            gates.BAD_TIME_IN_FORCE, f"a MARKET order takes what is there: {IOC} or {FOK}, not {asked.word}"
        )
    if asked.max_slippage_pct is None:
        return Refusal(
            gates.BAD_PRICE, "a MARKET order needs max_slippage_pct, how much worse than the best it may be"
        )
    return _no_price(asked) if best is None else None


def _no_price(asked: OrderAsked) -> Refusal:
    return Refusal(
        asking.NO_LIVE_PRICE,
        f"no live price of {asked.platform}:{asked.market_id}: nobody is following it now",
    )


def _slippage(asked: OrderAsked, ticket: Ticket, best: Decimal | None) -> Refusal | None:
    if asked.max_slippage_pct is None or asked.order_type == MARKET:
        return None
    if best is None:
        return _no_price(asked)
    worst = _worst(asked, best)
    if ticket.limit_price > worst if asked.side == BUY else ticket.limit_price < worst:
        return Refusal(
            asking.MAX_SLIPPAGE, f"limit {ticket.limit_price} is worse than {worst:.6f}, the best price {best} and"
            f" {asked.max_slippage_pct} of it",
        )  # fmt: skip
    return None


def _gate(asked: OrderAsked, ticket: Ticket, listing: Listing | None, now: datetime) -> Refusal | None:
    free = held = None
    if listing is not None and ticket.side == BUY:
        free = limits.spendable(ticket.platform, ticket.shard, _held(ticket, now), holdings.limits())[0]
    elif ticket.side == SELL:
        held = sellable(ticket, settings.ARBSITE.trading.mode)
    return gates.check(
        ticket, listing, now=now, free=free, held=held, post_only=asked.post_only, expires_at=asked.expires_at
    )  # fmt: skip


def _held(ticket: Ticket, now: datetime) -> limits.Held:
    market = (ticket.platform, ticket.market_id)
    return holdings.held(settings.ARBSITE.trading.mode, catalogue.current(), markets=[market], now=now)


def sellable(ticket: Ticket, mode: str) -> Decimal:
    """Contracts of an outcome that are held and that no open order is selling already."""
    return holdings.sellable(mode, ticket.side_of_book)


def _ticket(asked: OrderAsked, listing: Listing | None, price: Decimal, view: BookView | None) -> Ticket:
    """What would be sent, with the most that it may cost."""
    notional = cash = asked.amount * price
    spend = None
    if listing is not None and listing.fees is not None and ZERO < price < ONE and asked.amount > 0:
        cash = planning.most_cash(asked.side, asked.amount, price, listing.fees)
        if asked.word in (IOC, FOK):
            seen = _take(view, asked, price)
            left = asked.amount - sum((level.size for level in seen), ZERO)
            cost = sum((level.price * level.size for level in seen), ZERO) + left * price
            spend = planning.spend(asked.platform, asked.side, cost, notional)
    return Ticket(
        bet_id="", platform=asked.platform, market_id=asked.market_id, outcome=asked.outcome, side=asked.side,
        size=asked.amount, limit_price=price, notional=notional, cash=cash if asked.side == BUY else ZERO,
        time_in_force=asked.word, shard=listing.shard if listing is not None else 0, spend=spend,
    )  # fmt: skip


def _take(view: BookView | None, asked: OrderAsked, price: Decimal) -> list[Level]:
    """The levels that the order would take by the book of now, best first."""
    taken, wanted = [], asked.amount
    for at, size in _facing(view, asked):
        level = Level(dollars(at), min(wanted, dollars(size)))
        beyond = level.price > price if asked.side == BUY else level.price < price
        if beyond or wanted <= 0:
            break
        taken.append(level)
        wanted -= level.size
    return taken


# --- writing it down


def _rows(asked: OrderAsked, judged: Judged, user: Any, key: str, now: datetime) -> tuple[Plan, Order]:
    ticket, refusal = judged.ticket, judged.refusal
    mode = settings.ARBSITE.trading.mode
    plan = asking.plan_by_hand(user, key, now, mode, refusal)
    plan.size, plan.outlay = _stored(ticket.size, SIZE_STEP), _stored(ticket.cash, MONEY_STEP)
    plan.legs = [storing.ticket_json(ticket)]
    order_id = ordering.new_id()
    priced = ZERO < ticket.limit_price < ONE
    order = Order(
        id=order_id, signal=judged.signal, plan=plan, role=Order.MANUAL, platform=ticket.platform, market=judged.market,
        outcome=ticket.outcome, side=ticket.side, quantity=_stored(ticket.size, SIZE_STEP) if ticket.size > 0 else None,
        price=ticket.limit_price.quantize(PRICE_STEP) if priced else None, cash=ticket.spend,
        order_type=asked.order_type, status=lifecycle.PLANNED if refusal is None else lifecycle.REJECTED, mode=mode,
        client_order_id=order_id, time_in_force=asked.word, post_only=asked.post_only, expires_at=asked.expires_at,
        max_slippage_pct=asked.max_slippage_pct, shard=ticket.shard, created_at=now, updated_at=now,
        error_code=refusal.code if refusal else "", error_message=refusal.sentence if refusal else None,
    )  # fmt: skip
    return plan, order


def _stored(value: Decimal, step: Decimal) -> Decimal:
    """As a column takes it; an absurd figure, which was refused, as nothing."""
    return value.quantize(step, ROUND_CEILING) if ZERO <= value < Decimal(10) ** 11 else ZERO


def _said(asked: OrderAsked) -> str:
    price = "the market's price" if asked.price is None else f"{asked.price}"
    return f"{asked.side} {asked.amount} {asked.outcome} of {asked.platform}:{asked.market_id} at {price}, {asked.word}"


def _answer(asked: OrderAsked, judged: Judged, plan: Plan, order: Order) -> dict[str, Any]:
    """What the caller is told: the specification's fields and ours, or the refusal."""
    if judged.refusal is not None:
        code, sentence = judged.refusal.code, judged.refusal.sentence
        return {"code": code, "sentence": sentence, "plan_id": plan.id, "order_id": order.id}
    taken = _take(judged.view, asked, judged.ticket.limit_price)
    size = sum((level.size for level in taken), ZERO)
    total = sum((level.price * level.size for level in taken), ZERO)
    if asked.word not in (IOC, FOK):  # what is not taken at once rests at the limit
        total += (asked.amount - size) * judged.ticket.limit_price
        size = asked.amount
    return {
        "order_id": order.id, "plan_id": plan.id, "status": order.status,
        "submitted_at": int(plan.created_at.timestamp() * 1_000),
        "estimated_fill_price": (total / size).quantize(PRICE_STEP) if size else None,
        "estimated_total": total.quantize(MONEY_STEP),
        "limit_price": judged.ticket.limit_price, "most_cash": judged.ticket.cash,
    }  # fmt: skip


def _write(plan: Plan, order: Order, judged: Judged, step: PlanStep, now: datetime) -> None:
    """One transaction's rows. A signal that a person trades by hand is left alone by the pipeline."""
    plan.save(force_insert=True)
    order.save(force_insert=True)
    refusal = judged.refusal
    said = PlanStep(
        plan=plan, at=now, what="planned" if refusal is None else "refused",
        sentence="every gate and limit was passed" if refusal is None else refusal.sentence,
        figures={} if refusal is None else {"code": refusal.code},
    )  # fmt: skip
    PlanStep.objects.bulk_create([step, said])
    if refusal is None and judged.signal is not None and judged.signal.status != Signal.EXECUTED:
        judged.signal.status, judged.signal.processed_at = Signal.EXECUTED, now
        judged.signal.save(update_fields=["status", "processed_at"])
    Notice.objects.record(
        "order_asked" if refusal is None else "order_refused", order.id,
        f"{plan.requested_by}: {step.sentence}" + ("" if refusal is None else f" was refused: {refusal.sentence}"),
        severity=INFO, at=now, plan=plan.id, code=refusal.code if refusal else "",
    )  # fmt: skip


def _tell(plan: Plan, order: Order, judged: Judged) -> None:
    """After the commit: the executor, and whoever listens."""
    if judged.refusal is None:
        ringing.ring(plan.id)
    signals = [judged.signal] if judged.signal is not None and judged.refusal is None else []
    publishing.tell([plan], [order], [], signals)


# --- cancelling


def cancel(order_id: str, person: Any, now: datetime) -> dict[str, Any]:
    """Have an order cancelled: one that was not sent is over at once, the executor asks the platform for the rest.

    Raises Refused where it is finished, or where nobody knows yet what became of it. Twice is as good as once.
    """
    user = asking.allow(person, now=now)
    order = Order.objects.filter(pk=order_id).first()
    if order is None:
        raise Refused(asking.ORDER_UNKNOWN, f"there is no order {order_id}")
    status = order.status or ""
    if status in lifecycle.DONE:
        raise Refused(asking.ORDER_DONE, f"{order_id} is {status} already", order_id=order_id)
    if status in (lifecycle.SUBMITTED, lifecycle.UNKNOWN):
        raise Refused(
            asking.ORDER_IN_FLIGHT, f"{order_id} is {status}: the platform has not said yet whether it has it. The"
            " executor looks it up; cancel it then, or halt the market", order_id=order_id,
        )  # fmt: skip
    if order.plan_id:
        PlanStep.objects.create(
            plan_id=order.plan_id, at=now, what="cancel_asked", figures={"order": order_id},
            sentence=f"{user.get_username()} wants {order_id} cancelled",
        )  # fmt: skip
    became = ordering.request_cancel(order_id, now)
    return {"order_id": order_id, "status": became}


def shown_order(order: Order) -> Mapping[str, Any]:
    """An order in a few words, for the command line."""
    return {
        "order_id": order.id, "status": order.status, "platform": order.platform, "market_id": order.market_id,
        "outcome": order.outcome, "side": order.side, "amount": order.quantity, "price": order.price,
        "filled": order.filled_qty, "avg_fill_price": order.avg_fill_price, "fee": order.fee,
        "error_code": order.error_code, "error": order.error_message, "plan_id": order.plan_id,
    }  # fmt: skip

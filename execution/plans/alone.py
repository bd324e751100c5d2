"""What of a plan is alone, beside what the account holds: whether it is still there, may be sold, and what it is about."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from django.conf import settings
from django.db.models import F, Q, Sum, Value
from django.db.models.functions import Coalesce

from execution.ledger import PositionKey
from execution.models import Fill, Order, Plan, Position, Settling
from execution.plans import finishing, saga
from execution.plans.planning import Ticket
from execution.plans.remainders import Money
from execution.plans.rows import line_of
from execution.plans.saga import Piece, Remainder
from execution.portfolio import holdings
from markets.books import dollars
from markets.models import BetOutcome

ZERO = Decimal(0)


def figures_of(rest: Remainder) -> dict[str, object]:
    """A remainder as a step keeps it."""
    return {
        "reached": f"{float(rest.reached):.6f}",
    } | {
        "owed" if matter.owed else "alone": [
            {"leg": one.leg, "market": one.ticket.market_id, "outcome": one.ticket.outcome, "contracts": str(one.contracts)}
            for one in matter.open
        ]
        for matter in rest.matters
    }  # fmt: skip


def short_of(plan: Plan, alone: Sequence[Piece]) -> dict[PositionKey, Decimal]:
    """Contracts of what is alone that the account does not hold, or that somebody else is selling.

    For an exit there is nothing to hold.
    """
    lacks = {
        piece.ticket.side_of_book: piece.contracts - holdings.sellable(plan.mode, piece.ticket.side_of_book)
        for piece in alone
        if piece.ticket.side == Order.BUY
    }
    return {key: lack for key, lack in lacks.items() if lack > 0}


def was_netted(plan: Plan, lost: Mapping[PositionKey, Decimal]) -> bool:
    """Whether what is lacking went into merges of YES and NO since the plan began, and was not sold by somebody."""
    return all(
        lack <= (
            Fill.objects.filter(
                mode=plan.mode, platform=platform, market_id=market_id, outcome=outcome, kind=Fill.MERGE,
                created_at__gte=plan.created_at,
            ).aggregate(sum=Sum("quantity"))["sum"] or ZERO
        )
        for (platform, market_id, outcome), lack in lost.items()
    )  # fmt: skip


def covers(plan: Plan, lacking: Sequence[Piece], payoff: Decimal) -> bool:
    """Whether with what is lacking the account would surely get `payoff` more of the bet than without, orders at work
    included. It would not where two lone legs were netted against each other: neither has anything left to complete.
    """
    bet_ids = {piece.ticket.bet_id for piece in lacking}
    rows = BetOutcome.objects.filter(bet_id__in=bet_ids).select_related("bet", "market")
    surely: dict[str, Decimal] = {}  # what each state pays
    pays_in: dict[PositionKey, Sequence[str]] = {}
    for row in rows:
        surely.update(dict.fromkeys(row.bet.states, ZERO))
        pays_in[row.market.platform, row.market_id, row.outcome] = row.pays_in
    markets = {market_id for _, market_id, _ in pays_in}
    held = Position.objects.filter(mode=plan.mode, market_id__in=markets)
    coming = Order.objects.filter(
        mode=plan.mode, market_id__in=markets, side=Order.BUY, status__in=Order.OPEN_STATUSES
    )
    there = [
        *held.values_list("platform", "market_id", "outcome", "quantity"),
        *coming.values_list(
            "platform", "market_id", "outcome", Coalesce("quantity", Value(ZERO)) - F("filled_qty")
        ),
    ]
    for platform, market_id, outcome, contracts in there:
        for state in pays_in.get((platform, market_id, outcome), ()):
            surely[state] += contracts
    before = min(surely.values(), default=ZERO)
    for piece in lacking:
        for state in pays_in.get(piece.ticket.side_of_book, ()):
            surely[state] += piece.contracts
    return min(surely.values(), default=ZERO) - before >= payoff - saga.DUST_DOLLARS


def not_for_sale_yet(plan: Plan, orders: Sequence[Order], alone: Sequence[Piece]) -> bool:
    """Whether some of what is alone has matched but not settled: the platform refuses to have it sold.

    Where the account has settled contracts of other plans, too, it would take the sale; but if our own trade then failed,
    theirs would be gone. So a plan sells only what is final of its own.
    """
    return any(
        min(
            holdings.sellable(plan.mode, piece.ticket.side_of_book)
            - holdings.unsettled(plan.mode, piece.ticket.side_of_book),
            _final(orders, piece.leg),
        )
        < piece.contracts
        for piece in alone
        if piece.ticket.side == Order.BUY
    )


def _final(orders: Sequence[Order], leg: int) -> Decimal:
    """Contracts of a leg that its own trades brought for good, less what was sold of them."""
    undecided = (Settling.MATCHED, Settling.MINED, Settling.RETRYING, Settling.FAILED)
    bought = [order.pk for order in orders if order.leg == leg and order.role != Order.UNWIND]
    rows = Fill.objects.filter(order_id__in=bought, kind=Fill.TRADE)
    sums = rows.aggregate(
        all=Sum("quantity"), undecided=Sum("quantity", filter=Q(settling__status__in=undecided))
    )
    lines = [line_of(order) for order in orders if order.leg == leg]
    sold = sum((line.filled for line in lines if line.role == Order.UNWIND), ZERO)
    return (sums["all"] or ZERO) - (sums["undecided"] or ZERO) - sold


def money_of(plan: Plan, orders: Sequence[Order], tickets: Sequence[Ticket], rest: Remainder) -> Money:
    """What a remainder is about."""
    paid = finishing.paid_for(rest, orders)
    whole = plan.size if plan.kind == Plan.ARBITRAGE else -plan.size
    payoff = ZERO if rest.owed else dollars(int(rest.share * int(whole * 1_000_000)))
    pct = settings.ARBSITE.execution.loss_limit_pct
    limit = plan.loss_limit if plan.loss_limit is not None else abs(paid) * pct
    return Money(paid, payoff, max(ZERO, limit - finishing.lost_so_far(orders)))

"""Which bet each position serves, read from the fills: what exposure, the calendar, exits and conversions stand on."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models.functions import Coalesce

from execution.ledger import PositionKey
from execution.models import Fill, Position
from execution.portfolio import apportioning, holdings
from execution.portfolio.apportioning import Owned
from markets.models import Bet, BetOutcome

NOBODY = ""  # the bet of what no plan bought


@dataclass(frozen=True, slots=True)
class Open:
    """One open position with the bets it serves: contracts by bet, which sum to the position."""

    row: Position
    by_bet: dict[str, Decimal]

    @property
    def key(self) -> PositionKey:
        """Platform, market and outcome."""
        return self.row.platform, self.row.market_id, self.row.outcome


def open_positions(mode: str) -> list[Open]:
    """Every open position of a mode with its bets, in a fixed order. Two queries, whatever their number."""
    rows = {key: row for key, row in holdings.rows_of(mode).items() if row.quantity}
    shares = apportioning.owners(moves(mode, sorted({market_id for _, market_id, _ in rows})))
    found = []
    for key, row in sorted(rows.items()):
        by_bet = shares.get(key, {})
        told = sum(by_bet.values(), Decimal(0))
        if told != row.quantity:  # the fills and the row differ: reconciliation tells; the row counts here
            by_bet = apportioning.split(row.quantity, by_bet) or {NOBODY: row.quantity}
        found.append(Open(row, by_bet))
    return found


def moves(mode: str, market_ids: list[str]) -> Iterable[Owned]:
    """The fills of these markets, oldest first, each with the bet it was for."""
    neg_risk = dict(
        BetOutcome.objects.filter(bet__kind=Bet.NEG_RISK, market_id__in=market_ids)
        .order_by("bet__created_at", "id")
        .values_list("market_id", "bet_id")
    )
    rows = (
        Fill.objects.filter(mode=mode, market_id__in=market_ids)
        .annotate(bet=Coalesce("order__plan__bet_id", "order__plan__signal__bet_id"))
        .order_by("id")
        .values_list("kind", "platform", "market_id", "outcome", "side", "quantity", "bet")
    )
    for kind, platform, market_id, outcome, side, quantity, bet_id in rows.iterator(chunk_size=2_000):
        owner = bet_id or NOBODY
        if kind == Fill.CONVERSION:  # of a basket of the event's own bet
            owner = neg_risk.get(market_id, NOBODY)
        own_first = kind == Fill.CONVERSION or bool(bet_id)
        yield Owned((platform, market_id, outcome), side, quantity, owner, own_first)

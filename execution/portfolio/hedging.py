"""Hedges of what is open: our positions, given to the correlation engine with live books and what is known of bets."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings

from execution.limits import plain
from execution.portfolio import calendar, exposure, holders, holdings
from markets import live, store
from markets.bets import MarketKey
from markets.models import Market
from signals import catalogue, rules
from signals.catalogue import Catalogue
from signals.edge import unix_ms
from signals.findings import Listing
from signals.returns import heat as heat_map
from signals.returns import hedging, stored
from signals.returns.hedging import Hedge, Stake

MOST_EACH = 3  # hedges shown of one position


@dataclass(frozen=True, slots=True)
class Hedges:
    """What is not covered, what would offset it, and what our positions are known to move with."""

    as_of: datetime
    mode: str
    stakes: tuple[Stake, ...]
    hedges: tuple[Hedge, ...]
    dust: int  # hedges left out, for they are too small for their market or take too little
    labels: dict[MarketKey, str]

    def as_json(self) -> dict[str, Any]:
        """The document that the API, the command and the report give."""
        return {
            "as_of": self.as_of,
            "mode": self.mode,
            "positions": [
                {"platform": one.platform, "market_id": one.market_id, "outcome": one.outcome,
                 "label": self.labels.get(one.market, one.market_id), "uncovered": one.contracts}
                for one in self.stakes
            ],
            "hedges": [self._line(one) for one in self.hedges],
            "left_out": {"count": self.dust, "why": self.left_out},
        }  # fmt: skip

    @property
    def left_out(self) -> str:
        """What is not shown, in words; empty where all of it is."""
        if not self.dust:
            return ""
        least = plain(settings.ARBSITE.risk.min_hedge_relief)
        return (
            f"{self.dust} hedges are left out: below their market's smallest order, or taking less than ${least} of the"
            " position's standard deviation at settlement (RISK_MIN_HEDGE_RELIEF)"
        )

    def _line(self, one: Hedge) -> dict[str, Any]:
        return {
            "kind": one.kind,
            "position": {"platform": one.stake.platform, "market_id": one.stake.market_id, "outcome": one.stake.outcome},
            "platform": one.platform, "market_id": one.market_id, "outcome": one.outcome,
            "label": self.labels.get((one.platform, one.market_id), one.market_id), "wanted": one.wanted,
            "contracts": one.contracts, "price": one.price, "outlay": one.outlay, "fee": one.fee, "cost": one.cost,
            "cost_a_contract": one.cost_a_contract, "variance_taken": one.takes,
            "variance_taken_at_least": one.takes_at_least, "relief": one.relief, "rho": one.rho,
            "bet_id": one.bet_id or None,
        }  # fmt: skip


def look(mode: str, now: datetime) -> Hedges:
    """The hedges of a mode's open positions, by the books of now; a stale book is no book."""
    known = catalogue.current()
    opened = holders.open_positions(mode)
    marks = holdings.marks({one.key: one.row for one in opened})
    # What completes a bet of any number of states is no risk; the rest may be completed across bets
    held = calendar.lone(exposure.parts(opened, marks))
    markets = {key[:2] for key in held}
    bets = [
        known.bets[bet_id]
        for bet_id in sorted({name for one in markets for name in known.by_market.get(one, ())})
    ]
    stakes = hedging.uncovered(held, bets)
    pairs = stored.of_markets(hedging.name_of(stake.market) for stake in stakes)
    beside = {key for pair in pairs for key in map(hedging.key_of, (pair.one, pair.two)) if key is not None}
    wanted = {stake.market for stake in stakes} | beside | {market for bet in bets for market in bet.markets}
    books = live.book_views(wanted)
    oldest = unix_ms(now) - rules.rules().max_book_age_ms
    fresh = {market: book for market, book in books.items() if book.confirmed_ms >= oldest}
    least = settings.ARBSITE.risk.min_hedge_relief
    found = hedging.hedges(stakes, bets, pairs, fresh, _listings(known, wanted), most=MOST_EACH, least=least)
    questions = Market.objects.filter(id__in=[market_id for _, market_id in wanted]).values_list(
        "platform", "id", "question"
    )
    labels = {(platform, market_id): question or market_id for platform, market_id, question in questions}
    return Hedges(now, mode, tuple(stakes), found.hedges, found.dust, labels)


def _listings(known: Catalogue, wanted: set[MarketKey]) -> dict[MarketKey, Listing]:
    """Listings of markets, those among them that no bet has read from their rows."""
    found = {market: known.listings[market] for market in wanted if market in known.listings}
    for row in Market.objects.filter(id__in=[market[1] for market in wanted if market not in found]):
        found[row.platform, row.id] = Listing.of(store.info_of(row))
    return found


def heat(mode: str, *, most: int = 16) -> dict[str, Any]:
    """The heat map of what is held; of whatever is tied most where nothing is."""
    held = sorted({hedging.name_of(key[:2]) for key, row in holdings.rows_of(mode).items() if row.quantity})
    return heat_map.document("market", most, beside=held)


def correlated_groups(mode: str) -> list[tuple[str, int, Decimal]]:
    """The groups of markets that move together in which something is held: name, positions, dollars paid."""
    known = stored.groups()
    found: dict[str, tuple[int, Decimal]] = {}
    for key, row in holdings.rows_of(mode).items():
        for name in known.get(key[:2], ()) if row.quantity else ():
            count, paid = found.get(name, (0, Decimal(0)))
            found[name] = count + 1, paid + row.paid
    return sorted(
        ((name, count, paid) for name, (count, paid) in found.items()), key=lambda line: (-line[2], line[0])
    )

"""What is held, as the core reads it: positions, exposure and free cash from the `positions` table."""

from collections import defaultdict
from decimal import Decimal

from django.conf import settings
from django.db import connection

from execution import ledger
from execution.ledger import PositionKey
from execution.limits import Held, Limits
from execution.models import Position
from markets import live
from markets.books import dollars
from markets.platforms.base import PLATFORMS
from signals.catalogue import Catalogue

ZERO = Decimal(0)
LEDGER_LOCK = 0x41524253  # one number for everybody who moves money


def lock_ledger() -> None:
    """Serialise whoever moves money, until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LEDGER_LOCK])


def rows_of(mode: str, market_ids: list[str] | None = None) -> dict[PositionKey, Position]:
    """Position rows of a mode, those of some markets only where asked."""
    rows = Position.objects.filter(mode=mode)
    if market_ids is not None:
        rows = rows.filter(market_id__in=market_ids)
    return {(row.platform, row.market_id, row.outcome): row for row in rows}


def value_of(row: Position) -> ledger.Position:
    """A position row as the ledger's value."""
    return ledger.Position(
        quantity=row.quantity, paid=row.paid, cost=row.cost, realised=row.realized_pnl, fees=row.fees
    )


def held(mode: str, known: Catalogue) -> Held:
    """Exposure by market, bet and platform, and the cash that is free on each platform.

    Cash is what paper trading began with, plus what was realised, less what is invested.
    """
    by_market: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    by_platform: dict[str, Decimal] = defaultdict(lambda: ZERO)
    by_bet: dict[str, Decimal] = defaultdict(lambda: ZERO)
    free = dict.fromkeys(PLATFORMS, settings.ARBSITE.trading.paper_cash)
    for platform, market_id, paid, moved in _totals(mode):
        free[platform] += moved
        if paid:
            by_market[platform, market_id] += paid
            by_platform[platform] += paid
            for bet_id in known.by_market.get((platform, market_id), ()):
                by_bet[bet_id] += paid
    return Held(by_market=by_market, by_bet=by_bet, by_platform=by_platform, cash=free)


def cash(mode: str) -> dict[str, Decimal]:
    """Free dollars on each platform."""
    free = dict.fromkeys(PLATFORMS, settings.ARBSITE.trading.paper_cash)
    for platform, _, _, moved in _totals(mode):
        free[platform] += moved
    return free


def _totals(mode: str) -> list[tuple[str, str, Decimal, Decimal]]:
    """Platform, market, dollars invested without fees, and dollars that came (or went) in all, of every market.

    What is settled is one row for its platform, with an empty market.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT platform, CASE WHEN quantity > 0 THEN market_id ELSE '' END AS market, sum(paid),"
            " sum(realized_pnl - cost) FROM positions WHERE mode = %s GROUP BY 1, 2",
            [mode],
        )
        return list(cursor.fetchall())


def limits() -> Limits:
    """The risk limits of the settings."""
    risk = settings.ARBSITE.risk
    return Limits(
        max_order_notional=risk.max_order_notional,
        max_market_notional=risk.max_market_notional,
        max_bet_notional=risk.max_bet_notional,
        max_platform_notional=dict.fromkeys(PLATFORMS, risk.max_platform_notional),
        max_notional=risk.max_total_notional,
        collar=risk.price_collar,
    )


def marks(rows: dict[PositionKey, Position]) -> dict[PositionKey, Decimal]:
    """What each held contract would fetch: its outcome's live best bid, else the last price known, else the paid."""
    views = live.book_views({(platform, market_id) for platform, market_id, _ in rows})
    found = {}
    for key, row in rows.items():
        view = views.get(key[:2])
        bids = view.bids_for(row.outcome) if view is not None else ()
        if bids:
            found[key] = dollars(bids[0][0])
        else:
            found[key] = row.current_price if row.current_price is not None else row.avg_price
    return found

"""From the legs that were found to the finding that says what they cost, pay and lock up."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from markets.bets import NEG_RISK, Bet
from markets.books import NO
from markets.platforms.base import POLYMARKET
from signals import edge
from signals.detection.sides import Side
from signals.findings import CROSSED, Finding, Leg, Listing


def assemble(
    bet: Bet,
    direction: str,
    sides: Sequence[Side],
    legs: tuple[Leg, ...],
    *,
    size: Decimal,
    formula_fee: Decimal,
    limited_by: str,
    half: Decimal | None,
    now_ms: int,
) -> Finding:
    """A finding of legs that together pay `size` dollars in every state; `formula_fee` is their fee before rounding."""
    falls = edge.waterfall(
        payoff=size,
        notional=sum((leg.cost.notional for leg in legs), Decimal(0)),
        fee=sum((leg.cost.fee for leg in legs), Decimal(0)),
        formula_fee=formula_fee,
    )
    now = frees_now(bet.kind, legs)
    frees_at, days = cash_at([side.listing for side in sides], now, now_ms)
    return Finding(
        bet_id=bet.id,
        kind=bet.kind,
        direction=direction,
        legs=legs,
        size=size,
        waterfall=falls,
        days_to_cash=days,
        annualised=edge.annualised(falls.profit_pct, days) if days is not None else None,
        limited_by=limited_by,
        frees_now=now,
        frees_at=frees_at,
        found_ms=now_ms,
        cautions=(CROSSED,) if any(side.book.crossed for side in sides) else (),
        half_profit=half,
    )


def frees_now(kind: str, legs: Sequence[Leg]) -> bool:
    """Whether the money returns at once: YES + NO of one market, or NO contracts of one neg-risk event.

    Polymarket's adapter turns one NO each of m markets of an event into m - 1 dollars. So a basket of NO
    contracts, whatever their sizes, gives their sum less the largest: exactly what it pays in its worst state.
    """
    if len({(leg.platform, leg.market_id) for leg in legs}) == 1:
        return True
    return kind == NEG_RISK and all(leg.platform == POLYMARKET and leg.outcome == NO for leg in legs)


def cash_at(
    listings: Sequence[Listing], at_once: bool, now_ms: int
) -> tuple[datetime | None, Decimal | None]:
    """When the last leg pays, and the days until then; None where a leg does not say."""
    if at_once:
        return edge.EPOCH + timedelta(milliseconds=now_ms), Decimal(0)
    settles = [listing.settles for listing in listings if listing.settles is not None]
    if len(settles) < len(listings):
        return None, None
    return max(settles), edge.days_between(now_ms, max(settles))

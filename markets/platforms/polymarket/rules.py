"""What the order book and the resolution tables say about a market, in our terms."""

from dataclasses import dataclass
from decimal import Decimal

from markets.books import MICRO
from markets.platforms.base import Malformed
from markets.platforms.polymarket import wire
from markets.platforms.polymarket.fees import PolymarketFees
from markets.platforms.polymarket.parse import HALF, compact_fees
from markets.platforms.polymarket.units import condition_id, token_id


@dataclass(frozen=True, slots=True)
class TradingRules:
    """What an order on a market must keep to, as the order book's own side says it."""

    market_id: str
    token_ids: tuple[str, ...]  # YES first
    tick: Decimal  # dollars
    min_size: Decimal  # shares
    fees: PolymarketFees | None
    neg_risk: bool
    accepting_orders: bool
    taker_delay: bool
    version: str


def trading_rules(market: wire.CompactMarket) -> TradingRules:
    """A compact market in our terms. Raises Malformed for ids or a tick that are none."""
    try:
        return TradingRules(
            market_id=condition_id(market.c),
            token_ids=tuple(token_id(token.t) for token in market.t),
            tick=tick_size(market.mts),
            min_size=market.mos,
            fees=compact_fees(market),
            neg_risk=market.nr,
            accepting_orders=market.ao,
            taker_delay=market.itode,
            version=market.v,
        )
    except ValueError as error:
        raise Malformed(
            f"Polymarket's trading parameters of {market.c[:70]} cannot be used: {error}"
        ) from error


def tick_size(value: Decimal) -> Decimal:
    """A tick in dollars; ValueError unless it lies between 0 and a half."""
    if not value.is_finite() or not 0 < value < HALF:
        raise ValueError(f"tick size {value}")
    return value


@dataclass(frozen=True, slots=True)
class Settlement:
    """How far a market's resolution is. `yes_pays` (dollars per YES) only once it is final."""

    status: str  # the platform's word: posed, proposed, challenged, disputed, resolved, ...
    final: bool
    disputed: bool
    yes_pays: Decimal | None
    reporter: str


def settlement(row: wire.Resolution) -> Settlement:
    """A resolution row in our terms. Raises Malformed for payouts that do not add up to one dollar."""
    final = row.status == "resolved"
    yes_pays = None
    if final and row.payouts:
        if (
            len(row.payouts) != 2
            or not all(pay.is_finite() for pay in row.payouts)
            or sum(row.payouts) != MICRO
        ):
            raise Malformed(
                f"Polymarket reports payouts {[str(pay) for pay in row.payouts]}, which is no result"
            )
        yes_pays = row.payouts[0].scaleb(-6)
    return Settlement(
        status=row.status,
        final=final,
        disputed=row.was_disputed or row.status in ("challenged", "disputed", "reproposed"),
        yes_pays=yes_pays,
        reporter=row.reporter or "",
    )

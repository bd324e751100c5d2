"""What Kalshi says about settlement, fees to come and its own state, in our terms."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from markets.books import dollars
from markets.platforms.base import DETERMINED, DISPUTED, SETTLED, Malformed
from markets.platforms.kalshi import parse, wire
from markets.platforms.kalshi.feechanges import Announced
from markets.platforms.kalshi.numbers import micro

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Settlement:
    """How far a market's settlement is. A result that is not `final` can still be disputed and amended."""

    status: str  # in our words
    final: bool  # cash was paid
    disputed: bool
    result: str  # YES, NO, SCALAR, or empty while there is none
    yes_pays: Decimal | None  # dollars per YES contract; NO pays the rest of the dollar
    at: datetime | None  # when it was settled


def settlement(body: wire.Market) -> Settlement:
    """A market's settlement. Raises Malformed for a payout outside 0 to 1 or against the result."""
    try:
        status = parse.STATUS.get(body.status, parse.OTHER_STATUS)
        known = status in (DETERMINED, DISPUTED, SETTLED)
        result = parse.RESULT.get(body.result or "", (body.result or "").upper()) if known else ""
        return Settlement(
            status=status,
            final=status == SETTLED,
            disputed=body.status == "disputed",
            result=result,
            yes_pays=_payout(body.settlement_value_dollars, result),
            at=parse.moment(body.settlement_ts),
        )
    except ValueError as error:
        raise Malformed(f"Kalshi settlement of {body.ticker[:80]}: {error}") from error


def _payout(text: str | None, result: str) -> Decimal | None:
    """What a YES pays: said by the platform, or clear from the result."""
    clear = {"YES": ONE, "NO": Decimal(0)}.get(result)
    if not text or not result:
        return clear
    value = dollars(micro(text))
    if not 0 <= value <= 1:
        raise ValueError(f"a payout of {text[:40]}")
    # A floor of the settlement may lift what a NO leaves for YES, but a YES is always worth the whole dollar
    if result == "YES" and value != ONE:
        raise ValueError(f"a result of YES that pays {text[:40]}")
    return value


def fee_change(body: wire.SeriesFeeChange) -> Announced:
    """A change of a series' fees. Raises Malformed for a time that is none."""
    at = _scheduled(body.scheduled_ts, body.series_ticker)
    return Announced(body.id, body.series_ticker, at, body.fee_type, body.fee_multiplier)


def event_fee_change(body: wire.EventFeeChange) -> Announced:
    """A change of an event's override. Raises Malformed for a time that is none."""
    at = _scheduled(body.scheduled_ts, body.event_ticker)
    return Announced(body.id, body.event_ticker, at, body.fee_type_override, body.fee_multiplier_override)


def _scheduled(text: str, ticker: str) -> datetime:
    try:
        at = parse.moment(text)
        if at is None:
            raise ValueError("no time")
    except ValueError as error:
        raise Malformed(f"Kalshi fee change of {ticker[:80]}: {error}") from error
    return at


@dataclass(frozen=True, slots=True)
class ExchangeState:
    """Whether Kalshi trades. `shards` maps each `exchange_index` to whether that shard trades."""

    active: bool  # False: not even cancels are taken
    trading: bool
    resumes: datetime | None  # the platform's estimate, never a promise
    shards: dict[int, bool] = field(default_factory=dict)

    def trades(self, exchange_index: int = 0) -> bool:
        """True where orders on this shard are taken; a shard nobody lists shares the state of the exchange."""
        return self.shards.get(exchange_index, self.active and self.trading)


def exchange_state(body: wire.ExchangeStatus) -> ExchangeState:
    """The state of the exchange. Raises Malformed for a time that is none."""
    try:
        resumes = parse.moment(body.exchange_estimated_resume_time)
    except ValueError as error:
        raise Malformed(f"Kalshi exchange status: {error}") from error
    shards = {
        one.exchange_index: one.exchange_active and one.trading_active
        for one in body.exchange_index_statuses or ()
    }
    return ExchangeState(body.exchange_active, body.trading_active, resumes, shards)

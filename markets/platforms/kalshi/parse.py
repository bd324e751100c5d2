"""Kalshi's payloads in our words; Kalshi's words stop here."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from markets.books import MICRO, NO, YES, Ladder, dollars
from markets.platforms.base import (
    CLOSED,
    DETERMINED,
    DISPUTED,
    KALSHI,
    OPEN,
    OTHER_STATUS,
    PAUSED,
    SETTLED,
    UNOPENED,
    BookSnapshot,
    Malformed,
    MarketInfo,
    OutcomeInfo,
    PublicTrade,
    TickBand,
)
from markets.platforms.kalshi import feechanges, wire
from markets.platforms.kalshi.feechanges import NONE_ANNOUNCED, Announcements
from markets.platforms.kalshi.fees import KalshiFees
from markets.platforms.kalshi.numbers import micro, price

STATUS = {
    "initialized": UNOPENED,
    "active": OPEN,
    "inactive": PAUSED,
    "closed": CLOSED,
    "determined": DETERMINED,
    "amended": DETERMINED,
    "disputed": DISPUTED,
    "finalized": SETTLED,
}
# Our status as Kalshi's lists are asked for it; several of its states share one word there.
STATUS_FILTER = {UNOPENED: "unopened", OPEN: "open", CLOSED: "closed", DETERMINED: "closed", DISPUTED: "closed",
                 SETTLED: "settled"}  # fmt: skip
RESULT = {"yes": YES, "no": NO, "scalar": "SCALAR"}
# Lifecycle events in our words; an event we do not know keeps its own word.
NEWS = {
    "created": "created",
    "activated": "resumed",
    "deactivated": "paused",
    "close_date_updated": "dates",
    "determined": "determined",
    "settled": "settled",
    "price_level_structure_updated": "tick",
    "metadata_updated": "metadata",
}
SIZE_STEP = Decimal("0.01")  # contracts; fractional trading is on for every market since 2026

# What only Kalshi has and others may need, by the name it keeps in `MarketInfo.extra`.
_EXTRA = (
    "exchange_index", "event_ticker", "can_close_early", "early_close_condition", "strike_type", "functional_strike",
    "custom_strike", "price_level_structure", "is_provisional", "mve_collection_ticker", "settlement_timer_seconds",
    "settlement_bounds_type", "settlement_floor_dollars", "expected_expiration_time", "latest_expiration_time",
    "occurrence_datetime", "updated_time", "open_interest_fp",
)  # fmt: skip


def market(
    body: wire.Market,
    event: wire.Event | None,
    series: wire.Series | None,
    announced: Announcements = NONE_ANNOUNCED,
) -> MarketInfo:
    """One market; what event and series would tell is empty, and the fees unknown, where they are None.

    `announced` are fee changes that count already. Raises Malformed for numbers, times or a tick grid that cannot be read.
    """
    try:
        return _market(body, event, series, announced)
    except (ValueError, InvalidOperation) as error:
        raise Malformed(f"Kalshi market {body.ticker[:80]}: {error}") from error


def _market(
    body: wire.Market, event: wire.Event | None, series: wire.Series | None, announced: Announcements
) -> MarketInfo:
    return MarketInfo(
        platform=KALSHI,
        id=body.ticker,
        slug=body.ticker.lower(),
        question=_question(body, event),
        outcome_type=body.market_type,
        # Not no_sub_title: it usually repeats yes_sub_title and would name the wrong side.
        outcomes=(OutcomeInfo(YES, body.yes_sub_title or "Yes"), OutcomeInfo(NO, "No")),
        status=STATUS.get(body.status, OTHER_STATUS),
        start=moment(body.open_time),
        end=moment(body.close_time),
        settles=_settles(body),
        volume=_number(body.volume_fp),
        volume_24h=_number(body.volume_24h_fp),
        liquidity=None,  # Kalshi sends a constant zero
        ticks=_ticks(body),
        min_size=SIZE_STEP,
        size_step=SIZE_STEP,
        fees=market_fees(body, event, series, announced),
        rules="\n\n".join(text for text in (body.rules_primary, body.rules_secondary) if text),
        resolution_source=_sources(event, series),
        category=(event and event.category) or (series and series.category) or "",
        event_id=body.event_ticker,
        result=RESULT.get(body.result or "", (body.result or "").upper()),
        settlement_value=_number(body.settlement_value_dollars),
        last_price=_number(body.last_price_dollars) or None,
        extra=_extra(body, event),
    )


def market_fees(
    body: wire.Market,
    event: wire.Event | None,
    series: wire.Series | None,
    announced: Announcements = NONE_ANNOUNCED,
) -> KalshiFees | None:
    """The schedule of a market: its event's override, else its series'; None where either is not known."""
    if event is None or series is None:
        return None
    return feechanges.market_fees(event, series, moment(body.fee_waiver_expiration_time), announced)


def book(ticker: str, body: wire.BookSides) -> BookSnapshot:
    """A REST book in YES terms, best first. Raises Malformed where a level cannot be read."""
    try:
        bids = _side(body.yes_dollars)
        asks = tuple((MICRO - bid, size) for bid, size in _side(body.no_dollars))
    except ValueError as error:
        raise Malformed(f"Kalshi book of {ticker[:80]}: {error}") from error
    return BookSnapshot(ticker, bids, asks, changed_at=None)


def trade(body: wire.Trade) -> PublicTrade:
    """A trade print over REST. Raises Malformed."""
    try:
        made = moment(body.created_time)
        if made is None:
            raise ValueError("a trade without a time")
        taker = body.taker_outcome_side or body.taker_side
        at_ms = int(made.timestamp() * 1000)
        return _trade(
            body.ticker,
            taker,
            body.yes_price_dollars,
            body.no_price_dollars,
            body.count_fp,
            at_ms,
            body.trade_id,
        )
    except ValueError as error:
        raise Malformed(f"Kalshi trade {body.trade_id[:80]}: {error}") from error


def streamed_trade(body: wire.TradeMsg) -> PublicTrade:
    """A trade print of the stream. Raises ValueError."""
    taker = body.taker_outcome_side or body.taker_side
    prices = body.yes_price_dollars, body.no_price_dollars
    return _trade(body.market_ticker, taker, *prices, body.count_fp, body.ts_ms, body.trade_id)


def _trade(ticker: str, taker: str, yes: str, no: str, count: str, at_ms: int, trade_id: str) -> PublicTrade:
    """The taker always buys: a taker who sells YES is one who buys NO."""
    if taker not in ("yes", "no"):
        raise ValueError(f"taker side {taker[:40]!r}")
    size = micro(count)
    if size <= 0:
        raise ValueError(f"a trade of {count[:40]} contracts")
    paid = price(yes if taker == "yes" else no)
    return PublicTrade(ticker, taker.upper(), dollars(paid), dollars(size), "BUY", at_ms, trade_id)


def moment(text: str | None) -> datetime | None:
    """An RFC 3339 time in UTC; None for an absent one and for Go's zero time. Raises ValueError."""
    if not text or text.startswith("0001-01-01"):
        return None
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError(f"the time {text[:40]!r} has no zone")
    return value.astimezone(UTC)


def _question(body: wire.Market, event: wire.Event | None) -> str:
    """The title, with the market's own answer where the title does not name it."""
    title = body.title or (event and event.title) or body.ticker
    answer = body.yes_sub_title or ""
    return title if not answer or answer.lower() in title.lower() else f"{title} ({answer})"


def _settles(body: wire.Market) -> datetime | None:
    """When cash is expected: the settlement itself once it happened, else the forecast plus the settlement timer.

    `close_time` is often days late, to leave room for postponements; but a market that cannot close early does not
    settle before it.
    """
    settled = moment(body.settlement_ts)
    if settled is not None:
        return settled
    close = moment(body.close_time)
    forecast = moment(body.expected_expiration_time) or close or moment(body.latest_expiration_time)
    if forecast is None:
        return None
    if close is not None and body.can_close_early is False:
        forecast = max(forecast, close)
    return forecast + timedelta(seconds=max(0, body.settlement_timer_seconds or 0))


def _ticks(body: wire.Market) -> tuple[TickBand, ...]:
    bands = []
    for one in body.price_ranges or ():
        start, end, step = (dollars(micro(text)) for text in (one.start, one.end, one.step))
        if not (0 <= start < end <= 1 and step > 0):
            raise ValueError(f"price range {start} to {end} by {step}")
        bands.append(TickBand(start, end, step))
    return tuple(bands)


def _sources(event: wire.Event | None, series: wire.Series | None) -> str:
    named = (event and event.settlement_sources) or (series and series.settlement_sources) or []
    return "; ".join(" ".join(part for part in (one.name, one.url) if part) for one in named)


def _extra(body: wire.Market, event: wire.Event | None) -> dict[str, Any]:
    extra: dict[str, Any] = {name: value for name in _EXTRA if (value := getattr(body, name)) is not None}
    extra["status"] = body.status
    extra["series_ticker"] = (event.series_ticker if event else "") or body.series_ticker or ""
    extra["fee_waiver_until"] = body.fee_waiver_expiration_time
    for name in ("floor_strike", "cap_strike"):
        strike = getattr(body, name)
        if strike is not None:
            extra[name] = str(strike)
    if event is not None:
        extra["event_title"] = event.title or ""
        extra["mutually_exclusive"] = bool(event.mutually_exclusive)
        extra["collateral_return_type"] = event.collateral_return_type or ""
    return extra


def _number(text: str | None) -> Decimal | None:
    return None if not text else dollars(micro(text))


def _side(levels: Iterable[tuple[str, str]] | None) -> Ladder:
    """Bids of one side, best (highest) first; sizes of zero are left out."""
    ladder = []
    for price_text, size_text in levels or ():
        size = micro(size_text)
        if size < 0:
            raise ValueError(f"the level {price_text} has the size {size_text}")
        if size:
            ladder.append((price(price_text), size))
    return tuple(sorted(ladder, reverse=True))

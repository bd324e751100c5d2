"""Kalshi's payloads as Kalshi spells them; `parse.py` and `stream.py` turn them into our words.

Only fields that we read are declared: msgspec skips the rest, so a new field never breaks us. Prices and counts
arrive as strings and stay strings here. Descriptive words (status, market type, event type, ...) are plain `str`, so
an unknown value is kept. Fields that only newer servers send (`clock`, `sending_ts_ms`) or leave out (an empty side of
a book) have defaults.
"""

from decimal import Decimal
from typing import Any, Literal

from msgspec import Raw, Struct

# --- WebSocket ---------------------------------------------------------------------------------------------------


ABSENT = Raw()  # a member that is not there; falsy. `Raw | None` would decode to None whatever is there


class DeltaMsg(Struct, gc=False):
    """A signed change of one level; `price_dollars` is the price of `side` unless `use_yes_price` was asked for."""

    market_ticker: str
    price_dollars: str
    delta_fp: str
    side: Literal["yes", "no"]
    ts_ms: int = 0
    clock: int = 0


class DeltaFrame(Struct, gc=False, tag_field="type", tag="orderbook_delta"):
    """The frame that the hot path decodes in one go."""

    sid: int
    seq: int
    msg: DeltaMsg


class Envelope(Struct):
    """What every frame has; `msg` is decoded once its type is known."""

    type: str
    sid: int | None = None
    seq: int | None = None
    id: int | None = None
    msg: Raw = ABSENT


class SnapshotMsg(Struct):
    """A whole book: bids of both sides, ascending. An absent side is empty.

    `yes` and `no` are how snapshots were spelled before March 2026 (integer cents): seen only to refuse them, because
    reading the new keys of an old frame would give a silently empty book.
    """

    market_ticker: str
    yes_dollars_fp: list[tuple[str, str]] | None = None
    no_dollars_fp: list[tuple[str, str]] | None = None
    clock: int = 0
    yes: Raw = ABSENT
    no: Raw = ABSENT


class TradeMsg(Struct):
    """A public trade. `taker_side` is the older word for `taker_outcome_side`."""

    market_ticker: str
    yes_price_dollars: str
    no_price_dollars: str
    count_fp: str
    ts_ms: int
    taker_outcome_side: str = ""
    taker_side: str = ""
    trade_id: str = ""


class SubscribedMsg(Struct):
    """Answer to `subscribe`, one per channel."""

    channel: str
    sid: int


class ErrorMsg(Struct):
    """Body of an `error` frame."""

    code: int
    msg: str = ""


class TickerOnly(Struct):
    """The one field that tells which market a frame we cannot read is about."""

    market_ticker: str


class LifecycleMsg(Struct):
    """What decides about a `market_lifecycle_v2` frame; the other keys depend on `event_type`."""

    event_type: str
    market_ticker: str


class EventFeeMsg(Struct):
    """`event_fee_update`: both overrides null means the override was taken back."""

    event_ticker: str
    fee_type_override: str | None = None
    fee_multiplier_override: Decimal | None = None


# --- REST --------------------------------------------------------------------------------------------------------


class PriceRange(Struct):
    """Prices from `start` to `end` move in `step`."""

    start: str
    end: str
    step: str


class Market(Struct):
    """`Market` of the REST API; sizes (`_fp`) and prices are strings, times RFC 3339."""

    ticker: str
    event_ticker: str
    status: str
    market_type: str = "binary"
    series_ticker: str | None = None
    title: str | None = None
    yes_sub_title: str | None = None
    no_sub_title: str | None = None
    last_price_dollars: str | None = None
    volume_fp: str | None = None
    volume_24h_fp: str | None = None
    open_interest_fp: str | None = None
    open_time: str | None = None
    close_time: str | None = None
    expected_expiration_time: str | None = None
    latest_expiration_time: str | None = None
    occurrence_datetime: str | None = None
    updated_time: str | None = None
    can_close_early: bool | None = None
    early_close_condition: str | None = None
    settlement_timer_seconds: int | None = None
    result: str | None = None
    settlement_value_dollars: str | None = None
    settlement_ts: str | None = None
    settlement_bounds_type: str | None = None
    settlement_floor_dollars: str | None = None
    strike_type: str | None = None
    floor_strike: Decimal | None = None
    cap_strike: Decimal | None = None
    functional_strike: str | None = None
    custom_strike: dict[str, Any] | None = None
    rules_primary: str | None = None
    rules_secondary: str | None = None
    price_level_structure: str | None = None
    price_ranges: list[PriceRange] | None = None
    fee_waiver_expiration_time: str | None = None
    is_provisional: bool | None = None
    exchange_index: int | None = None
    mve_collection_ticker: str | None = None


class Source(Struct):
    """A settlement source."""

    name: str | None = None
    url: str | None = None


class Event(Struct):
    """One question or date with its markets."""

    event_ticker: str
    series_ticker: str = ""
    title: str | None = None
    sub_title: str | None = None
    category: str | None = None
    collateral_return_type: str | None = None
    mutually_exclusive: bool | None = None
    settlement_sources: list[Source] | None = None
    strike_date: str | None = None
    fee_type_override: str | None = None
    fee_multiplier_override: Decimal | None = None
    exchange_index: int | None = None
    markets: list[Raw] | None = None


class Series(Struct):
    """Template of events; it carries the fees."""

    ticker: str
    title: str | None = None
    category: str | None = None
    fee_type: str | None = None
    fee_multiplier: Decimal | None = None
    settlement_sources: list[Source] | None = None
    exchange_index: int | None = None


class MarketsPage(Struct):
    """`GET /markets`; each market is decoded alone, so that one bad one does not cost the page."""

    markets: list[Raw] | None
    cursor: str | None = ""


class MarketBody(Struct):
    """`GET /markets/{ticker}`."""

    market: Market


class EventBody(Struct):
    """`GET /events/{ticker}`: markets stand beside the event or inside it."""

    event: Event
    markets: list[Raw] | None = None


class SeriesBody(Struct):
    """`GET /series/{ticker}`."""

    series: Series


class BookSides(Struct):
    """Bids of both sides, ascending; an empty side is `[]`, null or absent."""

    yes_dollars: list[tuple[str, str]] | None = None
    no_dollars: list[tuple[str, str]] | None = None


class BookBody(Struct):
    """`GET /markets/{ticker}/orderbook`; the old key `orderbook` is refused as malformed."""

    orderbook_fp: BookSides


class TickerBook(Struct):
    """One book of a batch."""

    ticker: str
    orderbook_fp: BookSides


class Trade(Struct):
    """One public trade of `GET /markets/trades`."""

    trade_id: str
    ticker: str
    count_fp: str
    yes_price_dollars: str
    no_price_dollars: str
    created_time: str
    taker_outcome_side: str = ""
    taker_side: str = ""


class TradesPage(Struct):
    """`GET /markets/trades`, newest first."""

    trades: list[Trade] | None
    cursor: str | None = ""


class ShardStatus(Struct):
    """One shard of the exchange."""

    exchange_index: int
    exchange_active: bool = True
    trading_active: bool = True
    description: str = ""


class ExchangeStatus(Struct):
    """`GET /exchange/status`; the top level is shard 0. The same body may come with a 5xx status."""

    exchange_active: bool
    trading_active: bool
    exchange_estimated_resume_time: str | None = None
    exchange_index_statuses: list[ShardStatus] | None = None


class SeriesFeeChange(Struct):
    """A change of a series' fees, past or scheduled (`scheduled_ts` is RFC 3339 despite its name)."""

    series_ticker: str
    fee_type: str
    fee_multiplier: Decimal
    scheduled_ts: str
    id: str = ""


class EventFeeChange(Struct):
    """A scheduled change of an event's override; both members null mean that the override ends."""

    event_ticker: str
    fee_type_override: str | None
    fee_multiplier_override: Decimal | None
    scheduled_ts: str
    id: str = ""


class EventFeeChangesPage(Struct):
    """`GET /events/fee_changes`."""

    event_fee_changes: list[EventFeeChange] | None
    cursor: str | None = ""


class FeeChangesBody(Struct):
    """`GET /series/fee_changes`."""

    series_fee_change_arr: list[SeriesFeeChange] | None

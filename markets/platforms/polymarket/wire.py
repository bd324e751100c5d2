"""Payloads as Polymarket spells them: Gamma, CLOB REST, data API and market channel. Unknown members are
ignored.

Gamma numbers become exact decimals straight from their JSON text. `outcomes`, `outcomePrices` and
`clobTokenIds` are strings that hold JSON; `parse.py` opens them.
"""

from decimal import Decimal
from typing import Any

from msgspec import Raw, Struct, field


class Tag(Struct, frozen=True):
    """A category label of an event or a market."""

    label: str = ""
    slug: str = ""


class GammaEventRef(Struct, frozen=True, rename="camel"):
    """The event a market belongs to, as nested in a market."""

    id: str = ""
    slug: str = ""
    title: str = ""
    category: str | None = None
    enable_neg_risk: bool | None = None
    neg_risk_augmented: bool | None = None
    tags: list[Tag] | None = None


class FeeSchedule(Struct, frozen=True, rename="camel"):
    """Gamma's `feeSchedule`."""

    rate: Decimal
    exponent: Decimal = Decimal(1)
    taker_only: bool = True


class GammaMarket(Struct, frozen=True, rename="camel", kw_only=True):
    """One Gamma market."""

    id: str = ""
    condition_id: str | None = None
    question_id: str | None = field(name="questionID", default=None)
    question: str | None = None
    slug: str | None = None
    description: str | None = None
    resolution_source: str | None = None
    version: str | None = None
    outcomes: str | None = None
    outcome_prices: str | None = None
    clob_token_ids: str | None = None
    position_ids: list[str] | None = None
    active: bool | None = None
    closed: bool | None = None
    archived: bool | None = None
    accepting_orders: bool | None = None
    enable_order_book: bool | None = None
    start_date: str | None = None
    end_date: str | None = None
    event_start_time: str | None = None
    game_start_time: str | None = None
    closed_time: str | None = None
    volume: Raw = Raw(b"null")  # a text in a market, possibly empty; a number in an event
    liquidity: Raw = Raw(b"null")
    volume_num: Decimal | None = None
    liquidity_num: Decimal | None = None
    volume24hr: Decimal | None = field(name="volume24hr", default=None)
    order_price_min_tick_size: Decimal | None = None
    order_min_size: Decimal | None = None
    last_trade_price: Decimal | None = None
    neg_risk: bool | None = None
    neg_risk_other: bool | None = None
    neg_risk_market_id: str | None = field(name="negRiskMarketID", default=None)
    neg_risk_request_id: str | None = field(name="negRiskRequestID", default=None)
    fees_enabled: bool | None = None
    fee_type: str | None = None
    fee_schedule: FeeSchedule | None = None
    seconds_delay: Decimal | None = None
    clear_book_on_start: bool | None = None
    uma_resolution_status: str | None = None
    resolution_status: str | None = None
    custom_liveness: Decimal | None = None
    sports_market_type: str | None = None
    line: Decimal | None = None
    group_item_title: str | None = None
    group_item_threshold: str | None = None
    crypto_market_config_id: str | None = None
    category: str | None = None
    events: list[GammaEventRef] | None = None
    tags: list[Tag] | None = None


class ConditionOnly(Struct, frozen=True, rename="camel"):
    """The members that say which market a Gamma object is."""

    condition_id: str | None = None
    id: str = ""


class MarketsPage(Struct, frozen=True):
    """A page of `/markets/keyset`; each market is decoded alone, so that one bad one costs only itself."""

    markets: list[Raw]
    next_cursor: str | None = None


class EventPage(Struct, frozen=True):
    """A page of `/events/keyset`."""

    events: list[Raw]
    next_cursor: str | None = None


class GammaEvent(GammaEventRef, frozen=True, rename="camel"):
    """A Gamma event with its markets undecoded."""

    neg_risk: bool | None = None
    cumulative_markets: bool | None = None
    markets: list[Raw] | None = None


class CompactToken(Struct, frozen=True):
    """A token of `/clob-markets`: id and outcome name."""

    t: str
    o: str = ""


class CompactFee(Struct, frozen=True):
    """Fee rate, exponent and taker-only flag of `/clob-markets`."""

    r: Decimal
    e: Decimal = Decimal(1)
    to: bool = True


class CompactMarket(Struct, frozen=True):
    """`/clob-markets/{condition_id}`: trading parameters. `nr` is left out when false, `fd` when there is
    no fee.
    """

    c: str
    t: list[CompactToken]
    mos: Decimal
    mts: Decimal
    v: str = "v1"
    ao: bool = False
    nr: bool = False
    cbos: bool = False
    itode: bool = False
    fd: CompactFee | None = None


class TickSize(Struct, frozen=True):
    """`/tick-size`."""

    minimum_tick_size: Decimal


class DataTrade(Struct, frozen=True, kw_only=True):
    """A public trade of the data API; v2 spells its members in snake case, v1 in camel case."""

    price: Decimal
    size: Decimal
    side: str
    timestamp: int
    token_id: str = ""
    asset: str = ""
    transaction_hash: str = ""
    transaction_hash_v1: str = field(name="transactionHash", default="")


class DataPage(Struct, frozen=True):
    """Envelope of the data API's second version."""

    data: list[Raw]


class Resolution(Struct, frozen=True, kw_only=True):
    """A row of `/v2/resolutions`; payouts are micro-dollars of each outcome's token."""

    status: str = ""
    payouts: list[Decimal] | None = None
    reporter: str | None = None
    was_disputed: bool = False
    condition_id: str | None = None


class Level(Struct, frozen=True, gc=False):
    """A price level; both members are decimal texts."""

    price: str
    size: str


class RestBook(Struct, frozen=True, kw_only=True):
    """A book of `/book` and `/books`; best prices come last."""

    market: str
    asset_id: str
    bids: list[Level]
    asks: list[Level]
    timestamp: str = ""
    hash: str = ""
    min_order_size: str = ""
    tick_size: str = ""
    neg_risk: bool | None = None
    last_trade_price: str | None = None
    version: str = ""


class Change(Struct, gc=False):
    """One entry of a `price_change`: the new total at one price of one token. Old shapes lack the best
    prices.
    """

    asset_id: str
    price: str
    size: str
    side: str
    hash: str = ""
    best_bid: str = ""
    best_ask: str = ""


class OldChange(Struct, gc=False):
    """An entry of `changes`, the shape before September 2025; the token stands beside the list."""

    price: str
    size: str
    side: str


class Event(Struct, gc=False, kw_only=True):
    """Any event of the market channel. One flat struct, because one pass over the bytes is what the hot
    path affords.
    """

    event_type: str = ""
    market: str = ""
    asset_id: str = ""
    timestamp: str = ""
    price_changes: list[Change] | None = None
    changes: list[OldChange] | None = None
    bids: list[Level] | None = None
    asks: list[Level] | None = None
    hash: str = ""
    tick_size: str = ""
    last_trade_price: str | None = None
    version: str = ""
    price: str = ""
    size: str = ""
    side: str = ""
    transaction_hash: str | None = None
    old_tick_size: str = ""
    new_tick_size: str = ""
    best_bid: str = ""
    best_ask: str = ""
    condition_id: str = ""
    winning_asset_id: str = ""
    winning_outcome: str = ""
    assets_ids: list[str] | None = None
    slug: str = ""
    question: str = ""


class Subscribe(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a client sends on the market channel: `type` in the first frame, `operation` in later ones."""

    assets_ids: list[str]
    type: str = ""
    operation: str = ""
    custom_feature_enabled: bool = False


Json = dict[str, Any]

"""What the CLOB's private side says, as it spells it: answers to orders, orders, trades, balances, and the user channel.

Amounts are decimal texts, `""` where there is none; times are Unix seconds or milliseconds, as numbers or texts.
Unknown members are ignored.
"""

from decimal import Decimal

from msgspec import Raw, Struct, field


class Answer(Struct, frozen=True, rename="camel"):
    """The answer to one posted order."""

    success: bool = False
    error_msg: str | None = ""
    order_id: str | None = field(name="orderID", default="")
    status: str | None = ""
    making_amount: str | None = ""
    taking_amount: str | None = ""
    trade_ids: list[str] | None = field(name="tradeIDs", default=None)


class CancelAnswer(Struct, frozen=True):
    """Which orders a cancel ended, and why it did not end others."""

    canceled: list[str] | None = None
    not_canceled: dict[str, str] | None = None


class Order(Struct, frozen=True, kw_only=True):
    """An order of ours, over REST or as an event. `original_size` is cash for a FAK or FOK that buys."""

    id: str = ""
    market: str = ""
    asset_id: str = ""
    side: str = ""
    status: str = ""
    original_size: str = ""
    size_matched: str = ""
    price: str = ""
    outcome: str = ""
    order_type: str = ""
    type: str = ""  # of an event: PLACEMENT, UPDATE, CANCELLATION
    event_type: str = ""
    created_at: int | str = 0
    timestamp: int | str = 0
    associate_trades: list[str] | None = None


class MakerOrder(Struct, frozen=True, kw_only=True):
    """One maker's part of a trade, in terms of the maker's own token."""

    order_id: str = ""
    owner: str = ""
    maker_address: str = ""
    matched_amount: str = ""
    price: str = ""
    asset_id: str = ""
    side: str = ""  # old payloads lack it
    outcome: str = ""


class Trade(Struct, frozen=True, kw_only=True):
    """A match of ours, over REST or as an event. Size, side and price are the taker's."""

    id: str = ""
    taker_order_id: str = ""
    market: str = ""
    asset_id: str = ""
    side: str = ""
    size: str = ""
    price: str = ""
    outcome: str = ""
    status: str = ""
    event_type: str = ""
    owner: str = ""
    trade_owner: str = ""
    maker_address: str = ""
    trader_side: str = ""
    match_time: int | str = 0
    matchtime: int | str = 0
    last_update: int | str = 0
    timestamp: int | str = 0
    transaction_hash: str | None = None
    maker_orders: list[MakerOrder] | None = None


class Page(Struct, frozen=True):
    """A page of orders or trades; each row is decoded alone."""

    data: list[Raw]
    next_cursor: str = ""


class BalanceAllowance(Struct, frozen=True):
    """Base units (1e-6) that the wallet holds, and how much of it each spender may move."""

    balance: str
    allowances: dict[str, str] | None = None


class ClosedOnly(Struct, frozen=True):
    """Whether the account may only reduce what it holds."""

    closed_only: bool


class Geoblock(Struct, frozen=True):
    """Whether orders are refused from where we are."""

    blocked: bool
    country: str = ""
    region: str = ""


class Pagination(Struct, frozen=True):
    """Of the data API."""

    has_more: bool = False
    next_cursor: str | None = None


class DataPage(Struct, frozen=True):
    """A page of the data API."""

    data: list[Raw]
    pagination: Pagination = Pagination()


class Position(Struct, frozen=True, kw_only=True):
    """What a wallet holds of a token, by the data API, which lags."""

    token_id: str
    condition_id: str
    current_size: Decimal
    outcome_index: int | None = None
    redeemable: bool = False
    mergeable: bool = False
    negative_risk: bool = False


class Activity(Struct, frozen=True, kw_only=True):
    """Something that happened to a wallet: TRADE, SPLIT, MERGE, REDEEM, CONVERSION, DEPOSIT, WITHDRAWAL, rewards."""

    type: str
    timestamp: int
    usdc_size: Decimal | None = None
    condition_id: str | None = None
    transaction_hash: str | None = None
    outcome_index: int | None = None


class Beat(Struct, frozen=True):
    """The answer to a heartbeat: the id that the next one must carry."""

    heartbeat_id: str = ""
    error_msg: str = ""

"""Payloads of our own orders, fills, money and positions as Kalshi spells them; `reports.py` puts them into our words.

Only fields that we read are declared. Prices, counts and money arrive as strings and stay strings here; a field that we
cannot do without has no default, so that a payload without it is refused instead of read as zero.
"""

from msgspec import Raw, Struct

# --- orders


class Order(Struct):
    """`Order` of the REST API. `side` and `action` are deprecated and ambiguous, so they are not read."""

    order_id: str
    ticker: str
    status: str
    yes_price_dollars: str
    fill_count_fp: str
    remaining_count_fp: str
    initial_count_fp: str
    client_order_id: str | None = None
    outcome_side: str = ""
    book_side: str = ""
    created_time: str | None = None
    last_update_time: str | None = None
    order_group_id: str | None = None
    subaccount_number: int | None = None
    exchange_index: int | None = None


class OldOrder(Struct):
    """An order of before March 2026: whole contracts, and a side with an action. Only archives still have it."""

    order_id: str
    ticker: str
    status: str
    side: str
    action: str
    yes_price_dollars: str
    fill_count: int
    remaining_count: int
    initial_count: int
    client_order_id: str | None = None
    created_time: str | None = None
    last_update_time: str | None = None


class OrderBody(Struct):
    """`GET /portfolio/orders/{order_id}`."""

    order: Order


class OrdersPage(Struct):
    """`GET /portfolio/orders`."""

    orders: list[Order] | None
    cursor: str | None = ""


class Created(Struct):
    """The answer to a create: flat, and without a status. Also one item of a batch, and of an amend."""

    order_id: str = ""
    client_order_id: str | None = None
    fill_count: str | None = None
    remaining_count: str | None = None
    average_fill_price: str | None = None
    average_fee_paid: str | None = None
    ts_ms: int | None = None
    error: Raw = Raw()


class CreatedBatch(Struct):
    """Answer to a batch: refusals stand inside."""

    orders: list[Created]


class Cancelled(Struct):
    """The answer to a cancel; also one item of a batch. `reduced_by` is what was left of the order."""

    order_id: str
    reduced_by: str
    client_order_id: str | None = None
    error: Raw = Raw()


class CancelledBatch(Struct):
    """Answer to a batch of cancels."""

    orders: list[Cancelled]


class AsOf(Struct):
    """`GET /exchange/user_data_timestamp`: how fresh the lists of our own data are."""

    as_of_time: str


# --- fills and positions


class Fill(Struct):
    """`Fill` of the REST API; it has no client_order_id. `trade_id` is what the stream calls it too."""

    order_id: str
    count_fp: str
    yes_price_dollars: str
    fee_cost: str
    is_taker: bool
    fill_id: str = ""
    trade_id: str = ""
    ticker: str = ""
    market_ticker: str = ""
    outcome_side: str = ""
    book_side: str = ""
    created_time: str | None = None
    ts: int = 0
    subaccount_number: int | None = None


class FillsPage(Struct):
    """`GET /portfolio/fills`, newest first."""

    fills: list[Fill] | None
    cursor: str | None = ""


class MarketPosition(Struct):
    """A holding: YES above zero, NO below."""

    ticker: str
    position_fp: str


class PositionsPage(Struct):
    """`GET /portfolio/positions`."""

    market_positions: list[MarketPosition] | None
    cursor: str | None = ""


class Settlement(Struct):
    """A market that paid out. `revenue` and `value` (of one YES) are whole cents."""

    ticker: str
    market_result: str
    revenue: int
    settled_time: str
    value: int | None = None


class SettlementsPage(Struct):
    """`GET /portfolio/settlements`."""

    settlements: list[Settlement] | None
    cursor: str | None = ""


# --- money


class ShardBalance(Struct):
    """Dollars on one shard."""

    exchange_index: int
    balance: str


class Balance(Struct):
    """`GET /portfolio/balance`: what new orders may cost. `balance` itself is cut to cents, so it is not read."""

    balance_dollars: str
    balance_breakdown: list[ShardBalance] | None = None


class CashRow(Struct):
    """A deposit or a withdrawal. Whole cents."""

    id: str
    status: str  # pending, applied, failed, returned
    amount_cents: int
    created_ts: int
    finalized_ts: int | None = None


class DepositsPage(Struct):
    """`GET /portfolio/deposits`."""

    deposits: list[CashRow] | None
    cursor: str | None = ""


class WithdrawalsPage(Struct):
    """`GET /portfolio/withdrawals`."""

    withdrawals: list[CashRow] | None
    cursor: str | None = ""


class ShardTransfer(Struct):
    """Money between two shards; `amount` in dollars."""

    transfer_id: str
    source: str
    destination: str
    source_exchange_shard: int
    destination_exchange_shard: int
    amount: str
    status: str  # pending, complete
    created_ts: int
    client_transfer_id: str | None = None


class ShardTransfersPage(Struct):
    """`GET /portfolio/intra_exchange_instance_transfers`."""

    transfers: list[ShardTransfer] | None
    cursor: str | None = ""


class SubaccountTransfer(Struct):
    """Money between two of our subaccounts. Whole cents."""

    transfer_id: str
    from_subaccount: int
    to_subaccount: int
    amount_cents: int
    created_ts: int
    exchange_index: int = 0


class SubaccountTransfersPage(Struct):
    """`GET /portfolio/subaccounts/transfers`."""

    transfers: list[SubaccountTransfer] | None
    cursor: str | None = ""


class TransferMade(Struct):
    """Answer to a transfer between shards."""

    transfer_id: str


class SubaccountBalance(Struct):
    """Dollars of one subaccount on one shard."""

    subaccount_number: int
    balance: str
    exchange_index: int = 0


class SubaccountBalances(Struct):
    """`GET /portfolio/subaccounts/balances`."""

    subaccount_balances: list[SubaccountBalance]


class SubaccountMade(Struct):
    """Answer to the creation of a subaccount."""

    subaccount_number: int


# --- order groups and the account


class Group(Struct):
    """An order group of the list."""

    id: str
    contracts_limit_fp: str | None = None
    exchange_index: int | None = None


class Groups(Struct):
    """`GET /portfolio/order_groups`."""

    order_groups: list[Group] | None = None


class GroupMade(Struct):
    """Answer to the creation of an order group."""

    order_group_id: str


class ApiKeys(Struct):
    """`GET /api_keys`, as far as it tells whether our location is attested (Unix seconds)."""

    api_key_region_expiration_ts: int | None = None


class Bucket(Struct):
    """Tokens a second, and how many at once."""

    refill_rate: int
    bucket_capacity: int


class AccountLimits(Struct):
    """`GET /account/limits`."""

    usage_tier: str
    read: Bucket
    write: Bucket


# --- the private stream


class FillMsg(Struct):
    """A fill as the stream tells it."""

    trade_id: str
    order_id: str
    market_ticker: str
    count_fp: str
    yes_price_dollars: str
    fee_cost: str
    is_taker: bool
    ts_ms: int
    outcome_side: str = ""
    book_side: str = ""
    subaccount: int | None = None


class OrderMsg(Struct):
    """An order of ours as the stream tells it. Its market is called `ticker`, not `market_ticker`."""

    order_id: str
    ticker: str
    status: str
    yes_price_dollars: str
    fill_count_fp: str
    remaining_count_fp: str
    initial_count_fp: str
    client_order_id: str | None = None
    outcome_side: str = ""
    book_side: str = ""
    last_update_reason: str | None = None
    created_ts_ms: int | None = None
    last_updated_ts_ms: int | None = None
    subaccount_number: int | None = None


class PositionMsg(Struct):
    """A holding as the stream tells it."""

    market_ticker: str
    position_fp: str
    subaccount: int | None = None


class GroupMsg(Struct):
    """News of an order group."""

    event_type: str
    order_group_id: str
    contracts_limit_fp: str | None = None

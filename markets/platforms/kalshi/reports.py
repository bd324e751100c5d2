"""What Kalshi tells of our orders, fills, holdings and money, in our words.

Kalshi tells every order and fill by the side that it is good for: an `ask` is told as a purchase of NO, whether we bought
NO or sold YES, and both are the same to it. So everything here is told as a BUY of that outcome; whoever knows the order
turns it round (selling YES at 0.60 is buying NO at 0.40).
"""

from datetime import UTC, datetime
from decimal import Decimal

from markets.books import NO, YES, dollars
from markets.platforms.kalshi import account_wire as wire
from markets.platforms.kalshi.numbers import micro
from markets.platforms.kalshi.parse import moment
from markets.platforms.trading import (
    BUY,
    CANCELLED,
    FILLED,
    OPEN,
    PARTIAL,
    SELL,
    CashReport,
    FillReport,
    Holding,
    OrderReport,
    SettlementReport,
)

ONE = Decimal(1)
OUTCOMES = {"yes": YES, "no": NO, "bid": YES, "ask": NO}
ACTIONS = {"buy": BUY, "sell": SELL}
PAYS = {"yes": ONE, "no": Decimal(0)}
DEPOSIT, WITHDRAWAL, TRANSFER = "DEPOSIT", "WITHDRAWAL", "TRANSFER"
CENTS = Decimal("0.01")


def number(text: str) -> Decimal:
    """A fixed-point string as an exact decimal. Raises ValueError."""
    return dollars(micro(text))


def size(text: str) -> Decimal:
    """A count that cannot be negative. Raises ValueError."""
    value = number(text)
    if value < 0:
        raise ValueError(f"{text[:40]} contracts")
    return value


def outcome_of(outcome_side: str, book_side: str) -> str:
    """The outcome that an order or a fill is good for. Raises ValueError where neither field tells."""
    outcome = OUTCOMES.get(outcome_side or book_side)
    if outcome is None:
        raise ValueError(f"neither outcome_side ({outcome_side[:20]!r}) nor book_side tells the side")
    return outcome


def price_of(outcome: str, yes_price: str) -> Decimal:
    """A YES price as the price of `outcome`. Raises ValueError outside 0 to 1."""
    price = number(yes_price)
    if not 0 <= price <= 1:
        raise ValueError(f"a price of {yes_price[:40]}")
    return price if outcome == YES else ONE - price


def status_of(word: str, matched: Decimal, wanted: Decimal) -> str:
    """Our status: Kalshi's three words say less than its counts. Raises ValueError for another word."""
    if word == "resting":
        return PARTIAL if matched > 0 else OPEN
    if word == "executed" or (word == "canceled" and matched >= wanted > 0):
        return FILLED
    if word == "canceled":
        return CANCELLED
    raise ValueError(f"an order that is {word[:40]!r}")


def order(body: wire.Order) -> OrderReport:
    """An order as the REST side tells it. Raises ValueError."""
    return _order(body, reason="", at=moment(body.last_update_time) or moment(body.created_time))


def streamed_order(body: wire.OrderMsg) -> OrderReport:
    """An order as the stream tells it. Raises ValueError."""
    at_ms = body.last_updated_ts_ms or body.created_ts_ms
    return _order(body, reason=body.last_update_reason or "", at=at(at_ms) if at_ms else None)


def old_order(body: wire.OldOrder) -> OrderReport:
    """An order as archives of before March 2026 tell it, in its own words. Raises ValueError."""
    outcome, side = OUTCOMES.get(body.side, ""), ACTIONS.get(body.action, "")
    matched, wanted = Decimal(body.fill_count), Decimal(body.initial_count)
    if not outcome or not side or matched < 0:
        raise ValueError(f"an order to {body.action[:20]!r} {body.side[:20]!r}")
    return OrderReport(
        platform_order_id=body.order_id,
        client_order_id=body.client_order_id or "",
        market_id=body.ticker,
        outcome=outcome,
        side=side,
        status=status_of(body.status, matched, wanted),
        size=wanted,
        matched=matched,
        limit_price=price_of(outcome, body.yes_price_dollars),
        at=moment(body.last_update_time) or moment(body.created_time),
    )


def _order(body: wire.Order | wire.OrderMsg, *, reason: str, at: datetime | None) -> OrderReport:
    outcome = outcome_of(body.outcome_side, body.book_side)
    matched, wanted = size(body.fill_count_fp), size(body.initial_count_fp)
    status = status_of(body.status, matched, wanted)
    return OrderReport(
        platform_order_id=body.order_id,
        client_order_id=body.client_order_id or "",
        market_id=body.ticker,
        outcome=outcome,
        side=BUY,
        status=status,
        size=wanted,
        matched=matched,
        limit_price=price_of(outcome, body.yes_price_dollars),
        reason=reason if status == CANCELLED else "",
        at=at,
    )


def fill(body: wire.Fill) -> FillReport:
    """A fill as the REST side tells it. Raises ValueError."""
    when = moment(body.created_time) or (at(body.ts * 1000) if body.ts else None)
    if when is None:
        raise ValueError("a fill without a time")
    trade_id = body.trade_id or body.fill_id
    return _fill(body, trade_id, body.ticker or body.market_ticker, when)


def streamed_fill(body: wire.FillMsg) -> FillReport:
    """A fill as the stream tells it. Raises ValueError."""
    return _fill(body, body.trade_id, body.market_ticker, at(body.ts_ms))


def _fill(body: wire.Fill | wire.FillMsg, trade_id: str, ticker: str, when: datetime) -> FillReport:
    outcome, contracts = outcome_of(body.outcome_side, body.book_side), number(body.count_fp)
    if not trade_id or not ticker or contracts <= 0:
        raise ValueError("a fill without an id, a market or contracts")
    return FillReport(
        fill_id=trade_id,
        trade_id=trade_id,
        platform_order_id=body.order_id,
        market_id=ticker,
        outcome=outcome,
        side=BUY,
        price=price_of(outcome, body.yes_price_dollars),
        size=contracts,
        fee=number(body.fee_cost),
        at=when,
        taker=body.is_taker,
    )


def holding(ticker: str, position: str) -> Holding:
    """A signed position: YES above zero, NO below. Raises ValueError."""
    contracts = number(position)
    return Holding(ticker, NO if contracts < 0 else YES, abs(contracts))


def settlement(body: wire.Settlement) -> SettlementReport:
    """A market that paid out. Raises ValueError; a scalar result is told to the cent only."""
    when = moment(body.settled_time)
    pays = PAYS.get(body.market_result)
    if pays is None and body.value is not None:
        pays = body.value * CENTS
    if when is None or pays is None or not 0 <= pays <= 1:
        raise ValueError(f"the settlement of {body.ticker[:80]}")
    return SettlementReport(body.ticker, pays, body.revenue * CENTS, when)


def cash(body: wire.CashRow, kind: str) -> CashReport | None:
    """A deposit or withdrawal that has changed the balance; None for one that has not."""
    if body.status != "applied":
        return None
    amount = body.amount_cents * CENTS * (1 if kind == DEPOSIT else -1)
    return CashReport(f"{kind.lower()}:{body.id}", 0, amount, at(_applied(body) * 1000), kind)


def _applied(body: wire.CashRow) -> int:
    return body.finalized_ts or body.created_ts


def shard_transfer(body: wire.ShardTransfer) -> list[CashReport]:
    """Money between shards: what left the one and came to the other, where these are of event contracts."""
    if body.status != "complete":
        return []
    amount, when = number(body.amount), at(body.created_ts * 1000)
    ends = (
        ("out", body.source, body.source_exchange_shard, -amount),
        ("in", body.destination, body.destination_exchange_shard, amount),
    )
    return [
        CashReport(f"transfer:{body.transfer_id}:{end}", shard, moved, when, TRANSFER)
        for end, instance, shard, moved in ends
        if instance == "event_contract"
    ]


def subaccount_transfer(body: wire.SubaccountTransfer, subaccount: int) -> list[CashReport]:
    """Money between subaccounts, as ours sees it."""
    amount, when = body.amount_cents * CENTS, at(body.created_ts * 1000)
    ends = (("out", body.from_subaccount, -amount), ("in", body.to_subaccount, amount))
    return [
        CashReport(f"subaccount:{body.transfer_id}:{end}", body.exchange_index, moved, when, TRANSFER)
        for end, number_, moved in ends
        if number_ == subaccount
    ]


def at(at_ms: int) -> datetime:
    """Unix milliseconds as an aware time, exact to the millisecond. Raises ValueError."""
    try:
        return datetime.fromtimestamp(at_ms // 1000, UTC).replace(microsecond=at_ms % 1000 * 1000)
    except (OverflowError, OSError) as error:
        raise ValueError(f"a time of {at_ms}") from error

"""JSON rows of the public REST side: markets, events, series, books, trades."""

from decimal import Decimal
from typing import Any

from markets.books import MICRO
from markets.platforms.base import DETERMINED, DISPUTED, SETTLED
from markets.sandbox.engine import Engine
from markets.sandbox.kalshi import formats as f
from markets.sandbox.kalshi import frames
from markets.sandbox.kalshi.catalog import STATUS, TOPIC_OF, EventShelf, SeriesShelf
from markets.sandbox.kalshi.exchange import Exchange
from markets.sandbox.kalshi.tape import Print
from markets.sandbox.market import AMENDED, SandboxMarket

DECIDED = {DETERMINED, DISPUTED, AMENDED, SETTLED}
WEEK_MS = 7 * 86_400_000
EARLY = "The market closes as soon as its outcome is known."
HOME = "https://sandbox.invalid"


def market_row(exchange: Exchange, market: SandboxMarket) -> dict[str, Any]:
    """`Market`. `previous_*` are zero, as those of a market in its first day."""
    k = market.k
    row = {
        "ticker": market.id,
        "event_ticker": market.event_id,
        "market_type": "binary",
        "title": market.question,
        "subtitle": k.yes_sub_title,
        "yes_sub_title": k.yes_sub_title,
        "no_sub_title": k.yes_sub_title,
        "status": STATUS[market.state],
        **_times(market),
        **_prices(exchange, market),
        "notional_value_dollars": "1.0000",
        "can_close_early": k.can_close_early,
        "settlement_timer_seconds": k.settlement_timer_s,
        "result": market.result.lower() if market.state in DECIDED else "",
        "expiration_value": market.result.lower() if market.state in DECIDED else "",
        "settlement_bounds_type": "default",
        "strike_type": k.strike_type,
        "rules_primary": market.rules,
        "rules_secondary": market.rules_secondary,
        "price_level_structure": k.grid,
        "price_ranges": frames.price_ranges(market.bands),
        "exchange_index": k.exchange_index,
    }
    if k.can_close_early:
        row["early_close_condition"] = EARLY
    if k.floor_strike is not None:
        row["floor_strike"] = k.floor_strike
    if k.cap_strike is not None:
        row["cap_strike"] = k.cap_strike
    if market.settlement_value is not None and market.state in DECIDED:
        row["settlement_value_dollars"] = f.price(market.settlement_value)
    if market.state == SETTLED:
        row["settlement_ts"] = f.moment(market.settled_ms)
    return row


def _times(market: SandboxMarket) -> dict[str, Any]:
    expected = market.close_ms + market.determine_after_ms
    return {
        "created_time": f.moment(market.created_ms),
        "updated_time": f.moment(market.updated_ms),
        "open_time": f.moment(market.open_ms),
        "close_time": f.moment(market.close_ms),
        "expected_expiration_time": f.moment(expected),
        "expiration_time": f.moment(expected + WEEK_MS),
        "latest_expiration_time": f.moment(expected + WEEK_MS),
        "occurrence_datetime": f.moment(market.close_ms),
    }


def _prices(exchange: Exchange, market: SandboxMarket) -> dict[str, Any]:
    book, tape = exchange.engine.book(market.id), exchange.tape.of(market.id)
    bid, ask = book.best_bid, book.best_ask
    return {
        "yes_bid_dollars": f.price(bid),
        "yes_ask_dollars": f.price(ask),
        "no_bid_dollars": f.price(MICRO - ask),
        "no_ask_dollars": f.price(MICRO - bid),
        "yes_bid_size_fp": f.count(book.bids.totals.get(bid, 0)),
        "yes_ask_size_fp": f.count(book.asks.totals.get(ask, 0)),
        "last_price_dollars": f.price(market.last_price or 0),
        "previous_yes_bid_dollars": f.price(0),
        "previous_yes_ask_dollars": f.price(0),
        "previous_price_dollars": f.price(0),
        "volume_fp": f.count(market.volume),
        "volume_24h_fp": f.count(tape.volume_24h(exchange.sandbox.now_ms())),
        "open_interest_fp": f.count(tape.open_interest),
    }


def event_row(exchange: Exchange, shelf: EventShelf, *, nested: bool) -> dict[str, Any]:
    """`EventData`, with its markets where asked for."""
    event = shelf.event
    row: dict[str, Any] = {
        "event_ticker": event.id,
        "series_ticker": event.series_ticker,
        "title": event.title,
        "sub_title": "",
        "category": event.category,
        "collateral_return_type": "MECNET" if event.mutually_exclusive else "",
        "mutually_exclusive": event.mutually_exclusive,
        "settlement_sources": [_source(shelf.markets[0])],
        "strike_date": f.moment(event.close_ms),
        "last_updated_ts": f.moment(max(market.updated_ms for market in shelf.markets)),
        "exchange_index": shelf.markets[0].k.exchange_index,
    }
    if nested:
        row["markets"] = [market_row(exchange, market) for market in shelf.markets]
    return row


def series_row(series: SeriesShelf, *, volume: bool) -> dict[str, Any]:
    """`Series`, in the terms of its first market."""
    first, topic = series.first, TOPIC_OF.get(series.ticker)
    row = {
        "ticker": series.ticker,
        "title": topic.subject if topic else first.question,
        "frequency": "custom",
        "category": first.category,
        "categories": [first.category],
        "tags": [first.category],
        "settlement_sources": [_source(first)],
        "contract_url": f"{HOME}/{series.ticker}.pdf",
        "contract_terms_url": f"{HOME}/{series.ticker}-terms.pdf",
        "fee_type": first.k.fee_type,
        "fee_multiplier": Decimal(first.k.fee_multiplier),
        "additional_prohibitions": [],
        "last_updated_ts": f.moment(max(market.updated_ms for market in series.markets)),
        "exchange_index": first.k.exchange_index,
    }
    if volume:
        row["volume_fp"] = f.count(sum(market.volume for market in series.markets))
    return row


def book_row(engine: Engine, ticker: str, depth: int) -> dict[str, Any]:
    """`orderbook_fp`: bids of both sides, ascending, the best last; `depth` 0 is everything."""
    book = engine.book(ticker)
    yes = [[f.price(price), f.count(book.bids.totals[price])] for price in book.bids.prices]
    no = [[f.price(MICRO - price), f.count(book.asks.totals[price])] for price in reversed(book.asks.prices)]
    return {"yes_dollars": yes[-depth:], "no_dollars": no[-depth:]}


def trade_row(made: Print) -> dict[str, Any]:
    """`Trade`."""
    side = "yes" if made.taker_buys else "no"
    return {
        "trade_id": made.trade_id,
        "ticker": made.market_id,
        "count_fp": f.count(made.size),
        "yes_price_dollars": f.price(made.price),
        "no_price_dollars": f.price(MICRO - made.price),
        "taker_side": side,
        "taker_outcome_side": side,
        "taker_book_side": "bid" if made.taker_buys else "ask",
        "created_time": f.moment(made.at_ms),
        "is_block_trade": False,
    }


def _source(market: SandboxMarket) -> dict[str, str]:
    return {"name": market.source, "url": HOME}

"""REST bodies of Kalshi in their true shape, with made-up content."""

from typing import Any


def market(ticker: str = "KXRAIN-26NOV22-T1", **changes: Any) -> dict[str, Any]:
    event = changes.get("event_ticker", "KXRAIN-26NOV22")
    return {
        "ticker": ticker, "event_ticker": event, "market_type": "binary", "title": "Will it rain in Springfield?",
        "yes_sub_title": "More than 1 inch", "no_sub_title": "More than 1 inch", "status": "active",
        "yes_bid_dollars": "0.4700", "yes_ask_dollars": "0.4900", "no_bid_dollars": "0.5100", "no_ask_dollars": "0.5300",
        "last_price_dollars": "0.4800", "volume_fp": "66020.34", "volume_24h_fp": "1200.50", "open_interest_fp": "40364.52",
        "notional_value_dollars": "1.0000", "open_time": "2026-11-20T15:00:00Z", "close_time": "2026-11-25T05:00:00Z",
        "expected_expiration_time": "2026-11-23T06:00:00Z", "latest_expiration_time": "2026-11-30T05:00:00Z",
        "updated_time": "0001-01-01T00:00:00Z", "can_close_early": True, "settlement_timer_seconds": 300, "result": "",
        "strike_type": "greater", "floor_strike": 1.5, "rules_primary": "If it rains more than 1 inch, then Yes.",
        "rules_secondary": "Measured at the airport.", "price_level_structure": "tapered_deci_cent",
        "price_ranges": [
            {"start": "0.0000", "end": "0.1000", "step": "0.0010"}, {"start": "0.1000", "end": "0.9000", "step": "0.0100"},
            {"start": "0.9000", "end": "1.0000", "step": "0.0010"},
        ],
        "is_provisional": False, "exchange_index": 0, "liquidity_dollars": "0.0000", "from_the_future": {"x": [1]},
        **changes,
    }  # fmt: skip


def event(ticker: str = "KXRAIN-26NOV22", markets: list | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "event_ticker": ticker, "series_ticker": "KXRAIN", "title": "Rain in Springfield", "sub_title": "On Nov 22",
        "collateral_return_type": "MECNET", "mutually_exclusive": True, "category": "Climate and Weather",
        "settlement_sources": [{"name": "Weather Bureau", "url": "https://weather.test/"}],
        "strike_date": "2026-11-23T05:00:00Z", "exchange_index": 0,
        **({} if markets is None else {"markets": markets}), **changes,
    }  # fmt: skip


def series(ticker: str = "KXRAIN", **changes: Any) -> dict[str, Any]:
    return {
        "ticker": ticker, "title": "Rain", "frequency": "daily", "category": "Climate and Weather", "tags": ["Rain"],
        "settlement_sources": [], "fee_type": "quadratic", "fee_multiplier": 1, "additional_prohibitions": None,
        "exchange_index": 0, **changes,
    }  # fmt: skip


def trade(number: int, ticker: str = "KXRAIN-26NOV22-T1", **changes: Any) -> dict[str, Any]:
    return {
        "trade_id": f"trade-{number}", "ticker": ticker, "count_fp": "3.25", "yes_price_dollars": "0.4800",
        "no_price_dollars": "0.5200", "taker_outcome_side": "no", "taker_book_side": "ask", "taker_side": "no",
        "created_time": f"2026-11-22T12:00:{59 - number % 60:02d}.250000Z", "is_block_trade": False, **changes,
    }  # fmt: skip


def book(yes: list | None, no: list | None) -> dict[str, Any]:
    return {"yes_dollars": yes, "no_dollars": no}

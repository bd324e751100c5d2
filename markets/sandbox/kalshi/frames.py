"""Bodies (`msg`) of public WebSocket frames, as JSON text, made once per event whoever listens.

The envelope with `sid` and `seq` differs per subscription and is put around them in `hub.py`.
"""

import json
from typing import Any

import msgspec

from markets.books import MICRO
from markets.sandbox.engine import Engine
from markets.sandbox.kalshi import formats as f
from markets.sandbox.kalshi.groups import Group
from markets.sandbox.kalshi.tape import MarketTape, Print
from markets.sandbox.market import SandboxEvent, SandboxMarket
from markets.sandbox.orders import BUY, Band, LevelChanged, MarketChanged

_ENCODER = msgspec.json.Encoder(decimal_format="number")
BIG = 10**12  # price * size in dollars


def encode(value: Any) -> bytes:
    """JSON; exact decimals become numbers."""
    return _ENCODER.encode(value)


def text(value: Any) -> str:
    """JSON as text."""
    return _ENCODER.encode(value).decode()


def head(market: SandboxMarket) -> str:
    """How every body about a market's book begins."""
    return f'{{"market_ticker":"{market.id}","market_id":"{market.k.market_id}"'


def delta(start: str, clock: int, event: LevelChanged, *, yes_price: bool) -> str:
    """`orderbook_delta`, open-ended: `tail` closes it. A YES ask is a NO bid at one minus its price."""
    if event.side == BUY:
        side, price = "yes", event.price
    else:
        side, price = "no", event.price if yes_price else MICRO - event.price
    return (
        f'{start},"clock":{clock},"price_dollars":"{f.price(price)}","delta_fp":"{f.count(event.delta)}",'
        f'"side":"{side}","ts":"{f.moment(event.at_ms)}","ts_ms":{event.at_ms}'
    )


def own(client_id: str, subaccount: int) -> str:
    """What a delta says in addition to the owner of the order that caused it."""
    named = f',"client_order_id":{json.dumps(client_id)}' if client_id else ""
    return f'{named},"subaccount":{subaccount}}}'


def snapshot(start: str, clock: int, engine: Engine, ticker: str, *, yes_price: bool) -> str:
    """`orderbook_snapshot`: bids of both sides, ascending; a side without bids is left out."""
    book = engine.book(ticker)
    yes = [[f.price(price), f.count(book.bids.totals[price])] for price in book.bids.prices]
    asks = book.asks
    no = [
        [f.price(price if yes_price else MICRO - price), f.count(asks.totals[price])]
        for price in (asks.prices if yes_price else reversed(asks.prices))
    ]
    sides = (f',"yes_dollars_fp":{text(yes)}' if yes else "") + (f',"no_dollars_fp":{text(no)}' if no else "")
    return f'{start},"clock":{clock}{sides}}}'


def ticker_key(engine: Engine, market: SandboxMarket, tape: MarketTape) -> tuple[int | None, ...]:
    """What a `ticker` frame shows; when it is as before, none is sent."""
    book = engine.book(market.id)
    bid, ask = book.best_bid, book.best_ask
    return (
        bid, ask, book.bids.totals.get(bid, 0), book.asks.totals.get(ask, 0), market.last_price,
        market.last_size, market.volume, tape.open_interest,
    )  # fmt: skip


def ticker(start: str, market: SandboxMarket, key: tuple[int | None, ...], at_ms: int) -> str:
    """`ticker`: top of book, last trade, totals."""
    bid, ask, bid_size, ask_size, last, last_size, volume, interest = (part or 0 for part in key)
    return (
        f'{start},"price_dollars":"{f.price(last)}","yes_bid_dollars":"{f.price(bid)}",'
        f'"yes_ask_dollars":"{f.price(ask)}","yes_bid_size_fp":"{f.count(bid_size)}",'
        f'"yes_ask_size_fp":"{f.count(ask_size)}","last_trade_size_fp":"{f.count(last_size)}",'
        f'"volume_fp":"{f.count(volume)}","open_interest_fp":"{f.count(interest)}",'
        f'"dollar_volume":{market.notional // BIG},"dollar_open_interest":{last * interest // BIG},'
        f'"ts":{at_ms // 1000},"ts_ms":{at_ms},"time":"{f.moment(at_ms)}"}}'
    )


def trade(made: Print) -> str:
    """`trade`: one public trade."""
    side, book_side = ("yes", "bid") if made.taker_buys else ("no", "ask")
    return (
        f'{{"trade_id":"{made.trade_id}","market_ticker":"{made.market_id}",'
        f'"yes_price_dollars":"{f.price(made.price)}","no_price_dollars":"{f.price(MICRO - made.price)}",'
        f'"count_fp":"{f.count(made.size)}","taker_side":"{side}","taker_outcome_side":"{side}",'
        f'"taker_book_side":"{book_side}","is_block_trade":false,'
        f'"ts":{made.at_ms // 1000},"ts_ms":{made.at_ms}}}'
    )


def price_ranges(bands: tuple[Band, ...]) -> list[dict[str, str]]:
    """A market's price grid."""
    return [{"start": f.price(b.start), "end": f.price(b.end), "step": f.price(b.step)} for b in bands]


def lifecycle(market: SandboxMarket, event: MarketChanged) -> str:
    """`market_lifecycle_v2`, or an empty string for what Kalshi does not announce (open and close are silent)."""
    kind, facts = _lifecycle(market, event)
    if not kind:
        return ""
    message = {"event_type": kind, "market_ticker": market.id, "exchange_index": market.k.exchange_index}
    return text({**message, **facts})


def _lifecycle(market: SandboxMarket, event: MarketChanged) -> tuple[str, dict[str, Any]]:
    at = event.at_ms // 1000
    if event.what == "created":
        return "created", {
            "open_ts": market.open_ms // 1000, "close_ts": market.close_ms // 1000,
            "price_level_structure": market.k.grid, "price_ranges": price_ranges(market.bands),
            "additional_metadata": _metadata(market),
        }  # fmt: skip
    if event.what == "paused":
        return "deactivated", {"is_deactivated": True}
    if event.what == "resumed":
        return "activated", {"is_deactivated": False}
    if event.what == "dates":
        return "close_date_updated", {"close_ts": market.close_ms // 1000}
    if event.what in ("determined", "amended"):
        value = f.price(int(event.detail["value"]))
        result = str(event.detail["result"]).lower()
        return "determined", {"determination_ts": at, "result": result, "settlement_value": value}
    if event.what == "settled":
        return "settled", {"settled_ts": at}
    if event.what == "tick":
        grid = {"price_level_structure": market.k.grid, "price_ranges": price_ranges(market.bands)}
        return "price_level_structure_updated", grid
    return "", {}


def _metadata(market: SandboxMarket) -> dict[str, Any]:
    strike: dict[str, Any] = {"strike_type": market.k.strike_type}
    if market.k.floor_strike is not None:
        strike["floor_strike"] = market.k.floor_strike
    if market.k.cap_strike is not None:
        strike["cap_strike"] = market.k.cap_strike
    return {
        "name": market.k.yes_sub_title, "title": market.question,
        "yes_sub_title": market.k.yes_sub_title, "no_sub_title": market.k.yes_sub_title,
        "rules_primary": market.rules, "rules_secondary": market.rules_secondary,
        "can_close_early": market.k.can_close_early, "event_ticker": market.event_id,
        "expected_expiration_ts": (market.close_ms + market.determine_after_ms) // 1000, **strike,
    }  # fmt: skip


def event_created(event: SandboxEvent, market: SandboxMarket) -> str:
    """`event_lifecycle`: a new event."""
    return text(
        {
            "event_ticker": event.id, "exchange_index": market.k.exchange_index, "title": event.title,
            "subtitle": "", "collateral_return_type": "MECNET" if event.mutually_exclusive else "",
            "series_ticker": event.series_ticker, "strike_date": event.close_ms // 1000,
        }
    )  # fmt: skip


def group_update(group: Group, kind: str, at_ms: int) -> str:
    """`order_group_updates`."""
    message: dict[str, Any] = {"event_type": kind, "order_group_id": group.id, "ts_ms": at_ms}
    if kind in ("created", "limit_updated"):
        message["contracts_limit_fp"] = f.count(group.limit)
    return text(message)

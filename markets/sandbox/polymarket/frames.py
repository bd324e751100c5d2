"""The market channel's frames as text: made once for each event, whoever listens.

Single objects have a space after each comma, as on the wire. Prices of an entry are in its own token's terms.
"""

from decimal import Decimal
from typing import Any

from markets.books import MICRO
from markets.sandbox.market import SandboxEvent, SandboxMarket
from markets.sandbox.orders import OPPOSITE, Trade
from markets.sandbox.polymarket.answers import encoded
from markets.sandbox.polymarket.books import NO_PLACE, PRICES, YES_PLACE, WireBook
from markets.sandbox.polymarket.gamma_records import BASE_FEE, REBATE_RATES, tag_of


def framed(text: str) -> bytes:
    """A text as one unmasked WebSocket frame."""
    raw = text.encode()
    size = len(raw)
    if size < 126:
        return b"\x81" + bytes((size,)) + raw
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2) + raw
    return b"\x81\x7f" + size.to_bytes(8) + raw


def unframed(data: bytes) -> bytes:
    """The text of a frame that `framed` made."""
    head = {126: 4, 127: 10}.get(data[1], 2)
    return data[head:]


def price_change(book: WireBook, side: str, price: int, total: int, first: int) -> str:
    """One level's new total on both tokens, the token `first` (0 or 1) before its mirror."""
    hashes, size = book.hashes(), PRICES[total]
    entries = []
    for place in (first, 1 - first):
        bid, ask = book.best(place)
        own, word = (price, side) if place == YES_PLACE else (MICRO - price, OPPOSITE[side])
        entries.append(
            f'{{"asset_id":"{book.tokens[place]}", "price":"{PRICES[own]}", "size":"{size}", "side":"{word}", '
            f'"hash":"{hashes[place]}", "best_bid":"{bid}", "best_ask":"{ask}"}}'
        )
    return (
        f'{{"market":"{book.market.id}", "price_changes":[{", ".join(entries)}], '
        f'"timestamp":"{book.changed_ms}", "event_type":"price_change"}}'
    )


def last_trade_price(market: SandboxMarket, trade: Trade, place: int, transaction: str) -> str:
    """A trade in terms of one token; `side` is the taker's."""
    own = MICRO - trade.price if place == NO_PLACE else trade.price
    side = trade.taker.side if place == YES_PLACE else OPPOSITE[trade.taker.side]
    return (
        f'{{"market":"{market.id}", "asset_id":"{market.p.token_ids[place]}", "price":"{PRICES[own]}", '
        f'"size":"{PRICES[trade.size]}", "fee_rate_bps":"0", "side":"{side}", "timestamp":"{trade.at_ms}", '
        f'"event_type":"last_trade_price", "transaction_hash":"{transaction}"}}'
    )


def best_bid_ask(book: WireBook, place: int) -> str:
    """Best prices of one token."""
    bid, ask = book.best(place)
    gap = book.book.best_ask - book.book.best_bid
    return (
        f'{{"market":"{book.market.id}", "asset_id":"{book.tokens[place]}", "best_bid":"{bid}", '
        f'"best_ask":"{ask}", "spread":"{PRICES[gap]}", "timestamp":"{book.changed_ms}", '
        '"event_type":"best_bid_ask"}'
    )


def tick_size_change(market: SandboxMarket, place: int, old: int, new: int, at_ms: int) -> str:
    """Another price grid."""
    return (
        f'{{"market":"{market.id}", "asset_id":"{market.p.token_ids[place]}", "old_tick_size":"{PRICES[old]}", '
        f'"new_tick_size":"{PRICES[new]}", "timestamp":"{at_ms}", "event_type":"tick_size_change"}}'
    )


def new_market(market: SandboxMarket, event: SandboxEvent, at_ms: int) -> str:
    """A market was listed; numbers are texts here."""
    p = market.p
    paid = bool(Decimal(p.fee_rate))
    frame: dict[str, Any] = {
        "id": p.gamma_id, "question": market.question, "market": market.id, "condition_id": market.id,
        "slug": p.slug, "description": market.rules, "assets_ids": list(p.token_ids),
        "clob_token_ids": list(p.token_ids), "outcomes": list(market.outcomes),
        "event_message": _event_message(event), "timestamp": str(at_ms),
        "event_type": "new_market", "tags": [tag_of(market.category)["slug"]], "active": True,
        "sports_market_type": "", "line": "", "game_start_time": "", "order_price_min_tick_size": p.tick,
        "group_item_title": p.group_item, "taker_base_fee": str(BASE_FEE if paid else 0), "fees_enabled": paid,
    }  # fmt: skip
    if paid:
        frame["fee_schedule"] = {
            "exponent": str(p.fee_exponent), "rate": p.fee_rate, "taker_only": True,
            "rebate_rate": REBATE_RATES.get(p.fee_rate, "0.25"),
        }  # fmt: skip
    return encoded(frame).decode()


def market_resolved(market: SandboxMarket, event: SandboxEvent, at_ms: int) -> str:
    """A market is settled. A split names no winner."""
    frame: dict[str, Any] = {
        "id": market.p.gamma_id, "market": market.id, "assets_ids": list(market.p.token_ids),
        "event_message": _event_message(event), "timestamp": str(at_ms), "event_type": "market_resolved",
        "tags": [tag_of(market.category)["slug"]],
    }  # fmt: skip
    if market.settlement_value in (0, MICRO):
        place = YES_PLACE if market.settlement_value else NO_PLACE
        frame["winning_asset_id"] = market.p.token_ids[place]
        frame["winning_outcome"] = market.outcomes[place]
    return encoded(frame).decode()


def _event_message(event: SandboxEvent) -> dict[str, str]:
    return {
        "id": event.id, "ticker": event.slug, "slug": event.slug, "title": event.title, "description": "",
    }  # fmt: skip

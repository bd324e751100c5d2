"""From Polymarket's payloads to our values. The platform's words stop here.

The first outcome is YES, the second NO, with the platform's words as labels; which ids are traded depends on
the market's `version`. A market that cannot be traded as two outcomes raises `Unusable` with the reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from markets.books import NO, YES, Ladder
from markets.platforms.base import (
    CLOSED,
    DISPUTED,
    OPEN,
    OTHER_STATUS,
    PAUSED,
    POLYMARKET,
    SETTLED,
    UNOPENED,
    BookSnapshot,
    FeedMarket,
    Malformed,
    MarketInfo,
    OutcomeInfo,
    PublicTrade,
    TickBand,
)  # fmt: skip
from markets.platforms.polymarket import wire
from markets.platforms.polymarket.fees import NO_FEE, PolymarketFees
from markets.platforms.polymarket.frames import padded_or_empty
from markets.platforms.polymarket.units import condition_id, level_price, moment, plain, to_micro, token_id

SIZE_STEP = Decimal("0.01")
CHALLENGE = timedelta(hours=2)  # UMA's time to dispute a proposal, unless `customLiveness` says otherwise
CRYPTO_SETTLES = timedelta(minutes=5)  # up/down markets: the oracle's average, minutes after the end
HALF = Decimal("0.5")
MIN_VALUE = "1"  # dollars: what an order that trades at once has to be worth; observed, not documented


class Unusable(Malformed):
    """A market we cannot trade (yet): no ids, not two outcomes, an unknown version. The message says which."""


@dataclass(frozen=True, slots=True)
class PolymarketBook(BookSnapshot):
    """A REST book with what its hash is made of, so that the feed can prove its own state against it."""

    token_id: str = ""
    hash: str = ""
    tick: str = ""
    min_size: str = ""
    neg_risk: bool | None = None
    last_price: str | None = None  # as hashed; None where the answer lacks it
    version: str = ""


def market_info(market: wire.GammaMarket, event: wire.GammaEventRef | None = None) -> MarketInfo:
    """A Gamma market in our terms; `event` where the market came nested in one. Raises Unusable."""
    event = event or (market.events[0] if market.events else None)
    try:
        identity = condition_id(market.condition_id or "")
        end, start = moment(market.end_date), moment(market.start_date)
        outcomes = _outcomes(market)
    except ValueError as error:
        raise Unusable(f"Polymarket market {market.id or '?'} ({market.slug}): {error}") from error
    tick = market.order_price_min_tick_size
    if tick is None or not 0 < tick < HALF:
        raise Unusable(f"Polymarket market {market.slug}: no usable tick size ({tick})")
    status = market_status(market)
    result, value = _settlement(market) if status == SETTLED else ("", None)
    return MarketInfo(
        platform=POLYMARKET,
        id=identity,
        slug=market.slug or "",
        question=market.question or "",
        outcome_type="binary",
        outcomes=outcomes,
        status=status,
        start=start,
        end=end,
        settles=_settles(market, end),
        volume=_number(market.volume_num, market.volume),
        volume_24h=market.volume24hr,
        liquidity=_number(market.liquidity_num, market.liquidity),
        ticks=(TickBand(tick, 1 - tick, tick),),
        min_size=market.order_min_size if market.order_min_size is not None else Decimal(5),
        size_step=SIZE_STEP,
        fees=market_fees(market),
        rules=market.description or "",
        resolution_source=market.resolution_source or "",
        category=_category(market, event),
        event_id=event.id if event else "",
        result=result,
        settlement_value=value,
        last_price=market.last_trade_price,
        extra=_extra(market, event),
    )


def market_status(market: wire.GammaMarket) -> str:
    """Our word for the market's flags. Closed and resolved is SETTLED; a challenged answer is DISPUTED."""
    uma = market.uma_resolution_status or ""
    if market.resolution_status == "resolved" or (market.closed and uma in ("resolved", "settled")):
        return SETTLED
    if market.closed:
        return SETTLED if _final_prices(market) else CLOSED
    if uma in ("disputed", "challenged"):
        return DISPUTED
    if market.archived:
        return CLOSED
    if not market.active:
        return UNOPENED
    if not market.enable_order_book:
        return UNOPENED if market.enable_order_book is None else OTHER_STATUS
    return OPEN if market.accepting_orders else PAUSED


def market_fees(market: wire.GammaMarket) -> PolymarketFees | None:
    """The fee schedule; None (do not trade) where the market has fees but does not say which.

    A schedule counts even beside a flag that says there are no fees: of two members that differ, the dearer.
    """
    schedule = market.fee_schedule
    if schedule is not None:
        return _fees(schedule.rate, schedule.exponent, schedule.taker_only)
    return NO_FEE if market.fees_enabled is False else None


def agreed_fees(info: MarketInfo, found: PolymarketFees | None) -> PolymarketFees | None:
    """The order book's own schedule for a market whose listing has none.

    "No fee" there, where the listing says that fees are on, is no answer: the fees stay unknown.
    """
    return None if found == NO_FEE and info.extra.get("fees_enabled") else found


def compact_fees(market: wire.CompactMarket) -> PolymarketFees | None:
    """The fee schedule of `/clob-markets`, where an absent one means no fee."""
    return _fees(market.fd.r, market.fd.e, market.fd.to) if market.fd is not None else NO_FEE


def _fees(rate: Decimal, exponent: Decimal, taker_only: bool) -> PolymarketFees | None:
    try:
        return PolymarketFees(rate, exponent, taker_only)
    except ValueError:
        return None


def _strings(text: str | None, name: str) -> list[str]:
    """A string that holds a JSON array of strings; ValueError where it is none."""
    try:
        return msgspec.json.decode(text or "[]", type=list[str])
    except msgspec.DecodeError as error:
        raise ValueError(f"{name} is not a JSON array of strings ({error})") from error


def _outcomes(market: wire.GammaMarket) -> tuple[OutcomeInfo, ...]:
    labels = _strings(market.outcomes, "outcomes")
    if len(labels) != 2:
        raise ValueError(f"{len(labels)} outcomes instead of two")
    version = market.version or "v1"
    if version not in ("v1", "v2"):
        raise ValueError(f"version {version[:20]!r} is not known")
    ids = market.position_ids or [] if version == "v2" else _strings(market.clob_token_ids, "clobTokenIds")
    if len(ids) != 2 or not all(ids):
        raise ValueError(f"not ready: {len(ids)} token ids instead of two ({version})")
    return tuple(
        OutcomeInfo(name, label, token_id(one))
        for name, label, one in zip((YES, NO), labels, ids, strict=True)
    )


def _final_prices(market: wire.GammaMarket) -> tuple[Decimal, ...] | None:
    """Displayed prices where they are exactly 1/0, 0/1 or a half each, as after resolution."""
    try:
        texts = _strings(market.outcome_prices, "outcomePrices")
        micros = [to_micro(text) for text in texts]
    except ValueError:
        return None
    if sorted(micros) in ([0, 1_000_000], [500_000, 500_000]):
        return tuple(Decimal(one).scaleb(-6) for one in micros)
    return None


def _settlement(market: wire.GammaMarket) -> tuple[str, Decimal | None]:
    final = _final_prices(market)
    if final is None:
        return "", None
    if final[0] == HALF:
        return "SCALAR", HALF
    return (YES, Decimal(1)) if final[0] == 1 else (NO, Decimal(0))


def _settles(market: wire.GammaMarket, end: datetime | None) -> datetime | None:
    """When cash is expected: minutes after the end for crypto up/down, else after the time to dispute."""
    closed = moment_or_none(market.closed_time)
    if closed is not None:
        return closed
    if end is None:
        return None
    crypto = (market.fee_type or "").startswith("crypto") or market.crypto_market_config_id is not None
    if crypto and "-updown-" in (market.slug or ""):
        return end + CRYPTO_SETTLES
    liveness = market.custom_liveness
    return end + (timedelta(seconds=int(liveness)) if liveness else CHALLENGE)


def moment_or_none(text: str | None) -> datetime | None:
    """A time that is only for information: None where it is not readable."""
    try:
        return moment(text)
    except ValueError:
        return None


def _number(exact: Decimal | None, raw: msgspec.Raw) -> Decimal | None:
    """Volume and liquidity: a number in one member, a text (possibly empty) or number in the other."""
    number = exact
    if number is None:
        try:
            number = msgspec.json.decode(raw, type=Decimal | None)
        except msgspec.DecodeError:
            return None
    return number if number is not None and number.is_finite() else None


def _category(market: wire.GammaMarket, event: wire.GammaEventRef | None) -> str:
    tags = market.tags or (event.tags if event else None) or []
    named = [tag.label for tag in tags if tag.label and tag.label != "All"]
    return named[0] if named else market.category or (event.category if event else None) or ""


def _extra(market: wire.GammaMarket, event: wire.GammaEventRef | None) -> dict[str, Any]:
    """What only this platform has, as JSON values."""
    neg_risk_event = bool(event and event.enable_neg_risk)
    return {
        "gamma_id": market.id,
        "version": market.version or "v1",
        "neg_risk": bool(market.neg_risk),
        "neg_risk_market_id": market.neg_risk_market_id or "",
        "neg_risk_request_id": market.neg_risk_request_id or "",
        "neg_risk_other": bool(market.neg_risk_other),
        "neg_risk_augmented": neg_risk_event and bool(event and event.neg_risk_augmented),
        "question_id": market.question_id or "",
        "seconds_delay": int(market.seconds_delay or 0),
        "clear_book_on_start": bool(market.clear_book_on_start),
        "fees_enabled": market.fees_enabled,
        "fee_type": market.fee_type or "",
        "uma_status": market.uma_resolution_status or market.resolution_status or "",
        "game_start": market.game_start_time or "",
        "event_slug": event.slug if event else "",
        "event_title": event.title if event else "",
        "group_item_title": market.group_item_title or "",
        "group_item_threshold": market.group_item_threshold or "",
        "line": str(market.line) if market.line is not None else "",
        "sports_market_type": market.sports_market_type or "",
        # We buy with orders that trade at once or not at all (FAK): the platform takes those for whole cents only.
        "whole_cents": True,
        "min_value": MIN_VALUE,
        "tags": [tag.slug for tag in market.tags or (event.tags if event else None) or []],
    }


def feed_market(info: MarketInfo) -> FeedMarket:
    """What the feed must know to follow a market."""
    return FeedMarket(
        market_id=info.id,
        token_id=info.outcomes[0].token_id,
        tick=plain(info.ticks[0].step),
        min_size=plain(info.min_size),
        neg_risk=bool(info.extra.get("neg_risk")),
        version=str(info.extra.get("version", "")),
    )


def rest_book(book: wire.RestBook, market_id: str) -> PolymarketBook:
    """A REST book as a snapshot. Raises Malformed for a price, size or time that is none."""
    try:
        at_ms = int(book.timestamp) if book.timestamp else None
        return PolymarketBook(
            market_id=market_id,
            bids=_ladder(book.bids, best_high=True),
            asks=_ladder(book.asks, best_high=False),
            changed_at=_utc(at_ms) if at_ms is not None else None,
            token_id=book.asset_id,
            hash=book.hash,
            tick=book.tick_size,
            min_size=book.min_order_size,
            neg_risk=book.neg_risk,
            last_price=padded_or_empty(book.last_trade_price) if book.last_trade_price is not None else None,
            version=book.version,
        )
    except (ValueError, OverflowError) as error:
        raise Malformed(f"Polymarket's book of token {book.asset_id[:90]} cannot be used: {error}") from error


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC) + timedelta(milliseconds=at_ms % 1000)


def _ladder(side: Sequence[wire.Level], *, best_high: bool) -> Ladder:
    """A wire side, best last, as a ladder, best first."""
    found = {level_price(level.price): to_micro(level.size) for level in side}
    return tuple(sorted(((price, size) for price, size in found.items() if size), reverse=best_high))


def public_trade(trade: wire.DataTrade, market: FeedMarket) -> PublicTrade:
    """A trade of the data API. Raises Malformed for numbers that are none."""
    token = trade.token_id or trade.asset
    if not (trade.price.is_finite() and 0 <= trade.price <= 1 and trade.size.is_finite() and trade.size >= 0):
        raise Malformed(f"Polymarket reports a trade of {trade.size} at {trade.price}")
    if trade.side not in ("BUY", "SELL"):
        raise Malformed(f"Polymarket reports a trade on side {trade.side[:20]!r}")
    return PublicTrade(
        market_id=market.market_id,
        outcome=YES if token == market.token_id else NO,
        price=trade.price,
        size=trade.size,
        side=trade.side,
        at_ms=trade.timestamp * 1000 if trade.timestamp < 10**11 else trade.timestamp,
        trade_id=trade.transaction_hash or trade.transaction_hash_v1,
    )

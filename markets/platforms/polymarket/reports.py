"""From the CLOB's orders and trades, over REST or as events, to our reports. Its words stop here.

Raises ValueError for what cannot be used; callers say where it came from.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, localcontext

from markets.platforms.polymarket.account_wire import MakerOrder, Order, Trade
from markets.platforms.polymarket.units import condition_id
from markets.platforms.trading import (
    BUY,
    CANCELLED,
    CONFIRMED,
    DELAYED,
    FAILED,
    FILLED,
    MATCHED,
    MINED,
    OPEN,
    PARTIAL,
    RETRYING,
    SELL,
    FillReport,
    OrderReport,
)  # fmt: skip

FAK, FOK, GTC, GTD = "FAK", "FOK", "GTC", "GTD"
DUST = Decimal("0.01")  # fills may miss a share's last hundredth
SECONDS_BELOW = 10**11  # a time below is in seconds, from there on in milliseconds
_AMOUNT = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?")
_OPPOSITE = {BUY: SELL, SELL: BUY}
_TRADE_STATUS = {
    "MATCHED": MATCHED, "MATCHED_NOT_BROADCASTED": MATCHED, "MINED": MINED, "RETRYING": RETRYING,
    "CONFIRMED": CONFIRMED, "FAILED": FAILED,
}  # fmt: skip

OutcomeOf = Callable[[str, str], str]  # market id, token id -> YES or NO, or ValueError


@dataclass(frozen=True, slots=True)
class Owner:
    """How the parties of a trade are told to be us: the wallet that holds the funds, and our API key."""

    wallet: str
    api_key: str = ""

    def owns(self, part: MakerOrder | Trade) -> bool:
        """Whether this part of a trade is ours."""
        by_wallet = bool(self.wallet) and part.maker_address.lower() == self.wallet.lower()
        return by_wallet or (bool(self.api_key) and part.owner == self.api_key)


def order_report(order: Order, outcome_of: OutcomeOf) -> OrderReport:
    """An order as the platform tells it."""
    market = condition_id(order.market)
    matched = amount(order.size_matched)  # "" for an order that was killed
    asked = amount(order.original_size)
    price = amount(order.price)
    status, reason = _order_status(order, asked, matched, price)
    return OrderReport(
        platform_order_id=_id(order.id),
        client_order_id="",
        market_id=market,
        outcome=outcome_of(market, order.asset_id),
        side=_side(order.side),
        status=status,
        size=None if _by_cash(order) else asked,
        matched=matched,
        limit_price=price or None,
        reason=reason,
        at=moment(order.timestamp or order.created_at) if order.timestamp or order.created_at else None,
    )


def _order_status(order: Order, asked: Decimal, matched: Decimal, price: Decimal) -> tuple[str, str]:
    word = order.status.upper()
    if word.startswith(("CANCELED", "CANCELLED")):
        return CANCELLED, order.status.partition("_")[2]
    if word in ("UNMATCHED", "INVALID"):
        return CANCELLED, word.lower()
    if order.type == "CANCELLATION":
        return CANCELLED, ""
    if word == "DELAYED":
        return DELAYED, ""
    if word == "MATCHED":
        return _matched_status(order, asked, matched, price), ""
    if word == "LIVE":
        return (PARTIAL if matched else OPEN), ""
    raise ValueError(f"order status {order.status[:40]!r} is unknown")


def _matched_status(order: Order, asked: Decimal, matched: Decimal, price: Decimal) -> str:
    immediate = order.order_type in (FAK, FOK)
    done = asked - matched < DUST
    if _by_cash(order):
        # What was asked for is cash here. Cheaper levels give more shares, so at the limit it is never overstated.
        done = asked - matched * price < DUST or asked == matched
    if done:
        return FILLED
    return CANCELLED if immediate else PARTIAL


def _by_cash(order: Order) -> bool:
    return order.side == BUY and order.order_type in (FAK, FOK)


def fill_reports(trade: Trade, owner: Owner, outcome_of: OutcomeOf) -> list[FillReport]:
    """Our executions in one trade: as its taker, one for each maker that we met; as makers, one for each order.

    The trade's own price and size are the taker's, and a maker's part may be of the other token: who buys YES meets
    who buys NO, and both get theirs at prices that add up to a dollar.
    """
    market = condition_id(trade.market)
    makers = trade.maker_orders or []
    parts: list[tuple[str, str, str, str, Decimal, Decimal, bool]] = []
    if trade.trader_side == "TAKER" or (not trade.trader_side and owner.owns(trade)):
        side = _side(trade.side)
        for suffix, price, size in _taken(trade, makers):
            parts.append((suffix, trade.taker_order_id, trade.asset_id, side, price, size, True))
    parts += [
        (
            f":{_id(maker.order_id)}", maker.order_id, maker.asset_id, _maker_side(trade, maker),
            amount(maker.price), amount(maker.matched_amount), False,
        )
        for maker in makers
        if owner.owns(maker)
    ]  # fmt: skip
    return [
        FillReport(
            fill_id=trade.id + suffix,
            trade_id=trade.id,
            platform_order_id=_id(order_id),
            market_id=market,
            outcome=outcome_of(market, token),
            side=side,
            price=price,
            size=size,
            fee=None,
            at=moment(trade.match_time or trade.matchtime or trade.timestamp or trade.last_update),
            status=trade_status(trade.status),
            taker=taker,
            transaction_hash=trade.transaction_hash or "",
        )
        for suffix, order_id, token, side, price, size, taker in parts
    ]


def _taken(trade: Trade, makers: list[MakerOrder]) -> Iterator[tuple[str, Decimal, Decimal]]:
    """The taker's part: what follows the trade's id, the price on its own token, the size."""
    size = amount(trade.size)
    sizes = [amount(maker.matched_amount) for maker in makers]
    if not makers or sum(sizes) != size:
        yield "", amount(trade.price), size  # not the whole list: only the trade itself is sure
        return
    for maker, part in zip(makers, sizes, strict=True):
        price = amount(maker.price)
        own = price if maker.asset_id == trade.asset_id else 1 - price
        yield ("" if len(makers) == 1 else f"/{_id(maker.order_id)}"), own, part


def _maker_side(trade: Trade, maker: MakerOrder) -> str:
    if maker.side:
        return _side(maker.side)
    side = _side(trade.side)
    return side if maker.asset_id != trade.asset_id else _OPPOSITE[side]


def trade_status(text: str) -> str:
    """Our word for a trade's status, in either spelling."""
    word = text.upper().removeprefix("TRADE_STATUS_")
    if word not in _TRADE_STATUS:
        raise ValueError(f"trade status {text[:40]!r} is unknown")
    return _TRADE_STATUS[word]


def amount(text: str | None) -> Decimal:
    """A decimal text, nothing for an empty one. Raises ValueError for signs, exponents, words."""
    if not text:
        return Decimal(0)
    if not _AMOUNT.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a plain decimal number")
    return Decimal(text)


def average(cash: Decimal, shares: Decimal) -> Decimal | None:
    """Dollars per share; None where there are no shares."""
    with localcontext(prec=28):
        return cash / shares if shares else None


def moment(value: int | str) -> datetime:
    """A time in seconds or milliseconds, as number or text."""
    text = str(value)
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= 15):
        raise ValueError(f"{text[:40]!r} is not a time")
    number = int(text)
    milliseconds = number * 1_000 if number < SECONDS_BELOW else number
    seconds, rest = divmod(milliseconds, 1_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1_000)


def _side(text: str) -> str:
    if text not in _OPPOSITE:
        raise ValueError(f"side {text[:20]!r} is neither BUY nor SELL")
    return text


def _id(text: str) -> str:
    if not text:
        raise ValueError("an order has no id")
    return text.lower()

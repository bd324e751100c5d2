"""From a request to the order that is signed: exact amounts, the order type, and everything that makes it unique.

The same request gives the same order: the salt comes from the client id and the timestamp from the intent's time. So an
order that is sent again is refused as a duplicate and can never fill twice.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal, localcontext
from typing import Any

from markets.platforms.polymarket import reports
from markets.platforms.polymarket.amounts import Amounts, limit_amounts, market_amounts, on_grid
from markets.platforms.polymarket.orders import DEPOSIT_WALLET, EOA, Order, salt_of, timestamp_of
from markets.platforms.polymarket.terms import Terms
from markets.platforms.trading import (
    BELOW_MINIMUM,
    BUY,
    FOK,
    GTC,
    GTD,
    INVALID,
    IOC,
    OFF_TICK,
    SELL,
    Declined,
    OrderRequest,
)

ORDER_TYPES = {GTC: reports.GTC, GTD: reports.GTD, FOK: reports.FOK, IOC: reports.FAK}
GTD_AHEAD = timedelta(minutes=3)  # the platform takes no expiration that is nearer
GTD_EARLY = timedelta(minutes=1)  # and ends an order so much before it
CENT = Decimal("0.01")
MIN_CASH = Decimal(1)  # dollars that an immediate purchase is worth at least; observed, not documented
MICRO = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Wallet:
    """Who signs and who pays: the same wallet, or one that holds the funds for it (`funder`)."""

    address: str
    signature_type: int = EOA
    funder: str = ""

    @property
    def maker(self) -> str:
        """The wallet that holds the funds."""
        return self.address if self.signature_type == EOA else self.funder

    @property
    def signer(self) -> str:
        """The wallet that the order names as its signer."""
        return self.funder if self.signature_type == DEPOSIT_WALLET else self.address


@dataclass(frozen=True, slots=True)
class Signed:
    """An order with its signature: whoever holds it may place it, so it is never logged or stored."""

    order: Order
    signature: str = field(repr=False)
    order_type: str
    post_only: bool
    expiration: int  # Unix seconds, 0: none; not signed
    cash: Decimal  # dollars that an immediate purchase may spend; 0 for anything else

    def post(self, owner: str) -> dict[str, Any]:
        """The body of POST /order; `owner` is our API key."""
        document = {
            "deferExec": False,
            "order": self.order.as_json() | {"expiration": str(self.expiration), "signature": self.signature},
            "orderType": self.order_type,
            "owner": owner,
        }
        return document | {"postOnly": True} if self.post_only else document


@dataclass(frozen=True, slots=True)
class Unsigned:
    """What is to be signed, and what goes out beside it."""

    order: Order
    order_type: str
    post_only: bool
    expiration: int
    cash: Decimal

    def signed(self, signature: str) -> Signed:
        """The same with its signature."""
        return Signed(self.order, signature, self.order_type, self.post_only, self.expiration, self.cash)


def unsigned(request: OrderRequest, terms: Terms, wallet: Wallet, now: datetime) -> Unsigned | Declined:
    """The order of a request, or why the platform's own rules of shape forbid it."""
    refusal = _shape(request, now)
    if refusal is not None:
        return refusal
    if not on_grid(request.limit_price, terms.tick):
        return Declined(
            OFF_TICK,
            f"The price {request.limit_price} is not on the market's grid of {terms.tick}: round it to the grid.",
        )
    found = _amounts(request, terms)
    if isinstance(found, Declined):
        return found
    amounts, cash = found
    order = Order(
        salt=salt_of(request.client_order_id),
        maker=wallet.maker,
        signer=wallet.signer,
        token_id=terms.token(request.outcome),
        maker_amount=amounts.maker,
        taker_amount=amounts.taker,
        side=request.side,
        signature_type=wallet.signature_type,
        timestamp=timestamp_of(request.created_at),
    )
    return Unsigned(order, ORDER_TYPES[request.time_in_force], request.post_only, _expiration(request), cash)


def cash_of(request: OrderRequest) -> Decimal:
    """Dollars that an immediate purchase may spend: what was given, or size x limit, in whole cents, never more."""
    with localcontext(prec=60):
        given = request.cash if request.cash is not None else request.size * request.limit_price
        return given.quantize(CENT, rounding=ROUND_FLOOR)


def _shape(request: OrderRequest, now: datetime) -> Declined | None:
    immediate = request.time_in_force in (IOC, FOK)
    if request.time_in_force not in ORDER_TYPES:
        return Declined(INVALID, f"Time in force {request.time_in_force[:40]!r} is unknown.")
    if request.side not in (BUY, SELL):
        return Declined(INVALID, f"Side {request.side[:20]!r} is neither BUY nor SELL.")
    if request.post_only and immediate:
        return Declined(INVALID, "A post-only order rests: it cannot be immediate. Choose one of the two.")
    if not (request.size.is_finite() and request.limit_price.is_finite()):
        return Declined(INVALID, "Size and price must be numbers.")
    if request.time_in_force == GTD:
        if request.expires_at is None:
            return Declined(INVALID, "A good-till-date order needs a date.")
        if request.expires_at + GTD_EARLY < now + GTD_AHEAD:
            return Declined(
                INVALID,
                "The platform takes a good-till-date order only when it ends at least two minutes from now.",
            )
    return None


def _amounts(request: OrderRequest, terms: Terms) -> tuple[Amounts, Decimal] | Declined:
    """The two amounts, and the cash of an immediate purchase."""
    size, cash = request.size.quantize(CENT, rounding=ROUND_FLOOR), Decimal(0)
    immediate = request.time_in_force in (IOC, FOK)
    if immediate and request.side == BUY:
        cash = cash_of(request)
        if cash < MIN_CASH:
            return Declined(BELOW_MINIMUM, f"An immediate purchase needs at least ${MIN_CASH}, not ${cash}.")
        amounts = market_amounts(BUY, request.limit_price, cash, terms.tick)
    elif immediate:
        amounts = market_amounts(SELL, request.limit_price, size, terms.tick)
    elif size < terms.min_size:
        return Declined(BELOW_MINIMUM, f"A resting order needs at least {terms.min_size} shares, not {size}.")
    else:
        amounts = limit_amounts(request.side, request.limit_price, size, terms.tick)
    if not amounts.maker or not amounts.taker:
        return Declined(BELOW_MINIMUM, f"{size} shares at {request.limit_price} are too few for an order.")
    return amounts, cash


def _expiration(request: OrderRequest) -> int:
    """So much later than the order is to end as the platform ends it early."""
    if request.time_in_force != GTD or request.expires_at is None:
        return 0
    return int((request.expires_at + GTD_EARLY).timestamp())

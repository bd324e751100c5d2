"""What the signer may sign: its own limits on size, price and value, whatever the asker's limits say.

Plain Python. Prices are dollars per contract, sizes contracts, money dollars. Polymarket's signature covers the whole
order, so here the limits bind. Kalshi's covers only time, method and path: there they are a check of what the signer was
told, and a process that lies about the body could send another one with the same signature within some seconds.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from markets.platforms.polymarket.orders import (
    BUY,
    DEPOSIT_WALLET,
    EOA,
    EXCHANGE,
    EXCHANGE_V3,
    NEG_RISK_EXCHANGE,
    ZERO_32,
    Order,
)

# Why nothing is signed: stable codes
BAD_REQUEST, NOT_PERMITTED, NO_KEY, HALTED, TOO_MANY = (
    "bad_request", "not_permitted", "no_key", "halted", "too_many",
)  # fmt: skip
MAX_NOTIONAL, MAX_CONTRACTS, MAX_PRICE = "signer_max_notional", "signer_max_contracts", "signer_max_price"
BAD_KEY = "bad_key"

READ, CANCEL, ORDER = "read", "cancel", "order"  # what is counted apart

MICRO = Decimal(1_000_000)
CENTICENTS = Decimal(10_000)
DOMAINS = {("2", EXCHANGE.lower()), ("2", NEG_RISK_EXCHANGE.lower()), ("3", EXCHANGE_V3.lower())}
MAX_BATCH = 100


class Refusal(Exception):
    """The signer will not sign this: a stable code, and a sentence that says why."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of one order: dollars, contracts, and the highest price that is bought at."""

    notional: Decimal
    contracts: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Signing:
    """What a signature is for: one of READ, CANCEL and ORDER, and how many orders it stands for."""

    kind: str
    orders: int = 0


# --- Kalshi

_ROOT = "/trade-api/v2/portfolio"
_ID = r"[A-Za-z0-9_-]{1,64}"


def kalshi(method: str, path: str, body: Mapping[str, Any] | None, bounds: Bounds) -> Signing:
    """What a request to Kalshi is, checked against the limits. Raises Refusal.

    `path` starts at the host's root. A query is not signed, so it is not looked at.
    """
    bare = path.partition("?")[0]
    if method == "GET":
        if not bare.startswith("/trade-api/") or body is not None:
            raise Refusal(NOT_PERMITTED, f"GET {bare[:100]}: only /trade-api/ is read, without a body")
        return Signing(READ)
    for verb, pattern, check in _WRITES:
        if verb == method and re.fullmatch(pattern, bare, re.ASCII):
            return check(body, bounds)
    raise Refusal(
        NOT_PERMITTED, f"{method[:10]} {bare[:100]}: only orders, their cancels, order groups, subaccounts"
        " and transfers within our own account are signed",
    )  # fmt: skip


def _create(body: Mapping[str, Any] | None, bounds: Bounds) -> Signing:
    _kalshi_order(_needed(body), bounds)
    return Signing(ORDER, 1)


def _batch(body: Mapping[str, Any] | None, bounds: Bounds) -> Signing:
    orders = _needed(body).get("orders")
    if not isinstance(orders, list) or not 0 < len(orders) <= MAX_BATCH:
        raise Refusal(BAD_REQUEST, f"orders is a list of 1 to {MAX_BATCH}")
    for one in orders:
        if not isinstance(one, Mapping):
            raise Refusal(BAD_REQUEST, "each of orders is an object")
        _kalshi_order(one, bounds)
    return Signing(ORDER, len(orders))


def _cancel(body: Mapping[str, Any] | None, bounds: Bounds) -> Signing:
    return Signing(CANCEL)


def _group(body: Mapping[str, Any] | None, bounds: Bounds) -> Signing:
    # A group only takes orders away, and its limit may be wider than one order's; but it must be one
    _positive(_needed(body), "contracts_limit_fp")
    return Signing(ORDER, 1)


def _reset(body: Mapping[str, Any] | None, bounds: Bounds) -> Signing:
    return Signing(ORDER, 1)  # lets orders in again


def _transfer(body: Mapping[str, Any] | None, bounds: Bounds) -> Signing:
    """Between the shards of our own account: it stays ours, but what is moved away cannot pay for orders."""
    told = _needed(body)
    if (told.get("source"), told.get("destination")) != ("event_contract", "event_contract"):
        raise Refusal(NOT_PERMITTED, "money is moved between event-contract shards only")
    amount = _positive(told, "amount") / CENTICENTS
    if amount > bounds.notional:
        raise Refusal(
            MAX_NOTIONAL, f"${amount} to be moved at once, SIGNER_MAX_ORDER_NOTIONAL is ${bounds.notional}"
        )
    return Signing(ORDER, 1)


def _between_subaccounts(body: Mapping[str, Any] | None, bounds: Bounds) -> Signing:
    """Between the subaccounts of our own account: the same."""
    amount = _positive(_needed(body), "amount_cents") / 100
    if amount > bounds.notional:
        raise Refusal(
            MAX_NOTIONAL, f"${amount} to be moved at once, SIGNER_MAX_ORDER_NOTIONAL is ${bounds.notional}"
        )
    return Signing(ORDER, 1)


def _subaccount(body: Mapping[str, Any] | None, bounds: Bounds) -> Signing:
    return Signing(ORDER, 1)  # an empty purse


_Check = Callable[[Mapping[str, Any] | None, Bounds], Signing]
_WRITES: tuple[tuple[str, str, _Check], ...] = (
    ("POST", rf"{_ROOT}/events/orders", _create),
    ("POST", rf"{_ROOT}/events/orders/batched", _batch),
    ("POST", rf"{_ROOT}/events/orders/{_ID}/amend", _create),
    ("POST", rf"{_ROOT}/events/orders/{_ID}/decrease", _cancel),
    ("DELETE", rf"{_ROOT}/events/orders(/{_ID})?", _cancel),  # one, all, and `batched`
    ("POST", rf"{_ROOT}/order_groups/create", _group),
    ("PUT", rf"{_ROOT}/order_groups/{_ID}/limit", _group),
    ("PUT", rf"{_ROOT}/order_groups/{_ID}/reset", _reset),
    ("PUT", rf"{_ROOT}/order_groups/{_ID}/trigger", _cancel),
    ("DELETE", rf"{_ROOT}/order_groups/{_ID}", _cancel),
    ("POST", rf"{_ROOT}/intra_exchange_instance_transfer", _transfer),
    ("POST", rf"{_ROOT}/subaccounts", _subaccount),
    ("POST", rf"{_ROOT}/subaccounts/transfer", _between_subaccounts),
)


def _kalshi_order(order: Mapping[str, Any], bounds: Bounds) -> None:
    """`bid` pays the YES price, `ask` what is left of a dollar (it may open NO). Raises Refusal.

    `reduce_only` orders cannot open anything, the exchange sees to it: what they may be worth is not at risk.
    """
    count, price = _positive(order, "count"), _positive(order, "price")
    side = order.get("side")
    if side not in ("bid", "ask") or price >= 1:
        raise Refusal(BAD_REQUEST, "side is bid or ask, price between 0 and 1")
    _contracts(count, bounds)
    if order.get("reduce_only") is not True:
        paid = price if side == "bid" else 1 - price
        _paid(paid, count * paid, bounds)


# --- Polymarket


@dataclass(frozen=True, slots=True)
class Wallet:
    """Whose orders these are: the key's address, how they are signed, and who holds the money (may be unset)."""

    address: str
    signature_type: int
    funder: str


def polymarket(order: Order, version: str, contract: str, wallet: Wallet, bounds: Bounds) -> Signing:
    """An order of ours, within the limits. Raises Refusal."""
    if (version, contract.lower()) not in DOMAINS:
        raise Refusal(NOT_PERMITTED, "that domain is none of the exchange's contracts")
    if order.builder != ZERO_32:
        raise Refusal(NOT_PERMITTED, "an order with a builder code pays its fee: none is signed")
    _ours(order, wallet)
    maker, taker = order.maker_amount / MICRO, order.taker_amount / MICRO
    if order.side == BUY:
        _contracts(taker, bounds)
        _paid(maker / taker, maker, bounds)
    else:
        _contracts(maker, bounds)
        if taker >= maker:
            raise Refusal(BAD_REQUEST, "nobody pays a dollar or more for a contract")
    return Signing(ORDER, 1)


def _ours(order: Order, wallet: Wallet) -> None:
    own, funder = wallet.address.lower(), wallet.funder.lower()
    if order.signature_type != wallet.signature_type:
        raise Refusal(
            NOT_PERMITTED, f"signature type {order.signature_type}, POLYMARKET_SIGNATURE_TYPE is"
            f" {wallet.signature_type}",
        )  # fmt: skip
    maker, signer = order.maker.lower(), order.signer.lower()
    holder = own if order.signature_type == EOA else funder or maker
    signs = maker if order.signature_type == DEPOSIT_WALLET else own
    if maker != holder or signer != signs:
        raise Refusal(
            NOT_PERMITTED, "maker and signer of the order are not this wallet's (POLYMARKET_FUNDER)"
        )


# --- shared


def _contracts(size: Decimal, bounds: Bounds) -> None:
    if size > bounds.contracts:
        raise Refusal(MAX_CONTRACTS, f"{size} contracts, SIGNER_MAX_ORDER_CONTRACTS is {bounds.contracts}")


def _paid(price: Decimal, notional: Decimal, bounds: Bounds) -> None:
    if price > bounds.price:
        raise Refusal(MAX_PRICE, f"bought at {price:.6f}, SIGNER_MAX_PRICE is {bounds.price}")
    if notional > bounds.notional:
        raise Refusal(MAX_NOTIONAL, f"${notional}, SIGNER_MAX_ORDER_NOTIONAL is ${bounds.notional}")


def _needed(body: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if body is None:
        raise Refusal(BAD_REQUEST, "this is signed only with its body")
    return body


def _positive(told: Mapping[str, Any], name: str) -> Decimal:
    value = told.get(name)
    if isinstance(value, bool) or not isinstance(value, int | str) or len(str(value)) > 40:
        raise Refusal(BAD_REQUEST, f"{name} is a decimal in text, or a whole number")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise Refusal(BAD_REQUEST, f"{name} is no number") from None
    if not number.is_finite() or number <= 0:
        raise Refusal(BAD_REQUEST, f"{name} must be above 0")
    return number

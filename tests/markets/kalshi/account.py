"""Our order side against the running sandbox, with a key of the test's own instead of the signer."""

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from markets.platforms.kalshi import signing
from markets.platforms.kalshi.private import KalshiPrivateFeed
from markets.platforms.kalshi.private_http import Authorise
from markets.platforms.kalshi.trading import KalshiTrading
from markets.platforms.trading import IOC, Accepted, OrderRef, OrderRequest
from markets.sandbox.keys import Keys
from tests.markets.sandbox.kalshi.rig import Rig

CREATED = datetime(2026, 11, 26, 12, tzinfo=UTC)


def signs_as(keys: Keys, now_ms: Callable[[], int] | None = None, key_id: str = "") -> Authorise:
    """Headers by a key that this process holds."""
    private = signing.load_private_key(keys.kalshi_private_pem.encode())
    clock = now_ms or (lambda: time.time_ns() // 1_000_000)

    def authorise(method: str, path: str, body: str | None) -> dict[str, str]:
        return signing.headers(private, key_id or keys.kalshi_key_id, method, path, clock())

    return authorise


def trading_in(place: Rig, keys: Keys | None = None, **more: Any) -> KalshiTrading:
    """The order side of a user of the sandbox; `arbsite` unless told otherwise."""
    more.setdefault("authorise", signs_as(keys or place.running.keys, place.now_ms))
    return KalshiTrading(place.running.urls["kalshi_rest"], **{"timeout": 5.0, "backoff": 0.001, **more})


def feed_in(place: Rig, **more: Any) -> KalshiPrivateFeed:
    """The private feed of `arbsite`."""
    url = place.running.urls["kalshi_ws"]
    authorise = signs_as(place.running.keys, place.now_ms)

    def sign() -> list[str]:
        return [f"{name}: {value}" for name, value in authorise("GET", urlsplit(url).path, None).items()]

    return KalshiPrivateFeed(url, sign=sign, **more)


def request(
    ticker: str, side: str, outcome: str, price: str, size: str, tif: str = IOC, **more: Any
) -> OrderRequest:
    """An order with an id that was never used."""
    return OrderRequest(
        client_order_id=more.pop("client_order_id", "") or f"t-{uuid.uuid4().hex}", created_at=CREATED, market_id=ticker,
        outcome=outcome, side=side, size=Decimal(size), limit_price=Decimal(price), time_in_force=tif, **more,
    )  # fmt: skip


def sent(trading: KalshiTrading, order: OrderRequest) -> tuple[OrderRef, Accepted]:
    """Send an order that must be taken; how it is known afterwards."""
    prepared = trading.prepare(order)
    answer = trading.submit(prepared)  # type: ignore[arg-type]
    assert isinstance(answer, Accepted), answer
    return ref_of(order, answer.platform_order_id), answer


def ref_of(order: OrderRequest, platform_order_id: str = "", sent_at: datetime | None = None) -> OrderRef:
    return OrderRef(order.client_order_id, platform_order_id, order.market_id, sent_at)

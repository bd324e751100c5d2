"""A trading client of ours at a running sandbox, with a key of its own in place of the signer process."""

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from markets.platforms.polymarket import orders, signing
from markets.platforms.polymarket.private import PolymarketPrivateFeed
from markets.platforms.polymarket.rest import PolymarketRest
from markets.platforms.polymarket.terms import TermsBook
from markets.platforms.polymarket.trading import Hosts, PolymarketTrading
from markets.platforms.trading import BUY, IOC, Accepted, OrderRef, OrderRequest, Prepared
from markets.sandbox.market import SandboxMarket
from markets.sandbox.server import Running


class HandSigner:
    """What the signer process does, without its limits; counts what it was asked."""

    def __init__(self, key: str) -> None:
        self.key, self.asked = key, list[str]()
        self.refusal: OSError | None = None

    def __call__(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(request["op"])
        if self.refusal is not None:
            raise self.refusal
        if request["op"] == "polymarket_login":
            return {"headers": signing.l1_headers(self.key, timestamp=int(time.time()))}
        if request["op"] == "polymarket_order":
            order, domain = orders.order_from(request["order"]), request["domain"]
            how = order, domain["version"], domain["contract"]
            return {"signature": orders.sign_order(self.key, *how), "order_id": orders.order_id(*how)}
        return {}


def client(running: Running, *, key: str = "", **changes: Any) -> PolymarketTrading:
    """Ours; `sign` is at `client.hand`."""
    hand = changes.pop("sign", None) or HandSigner(key or running.keys.polymarket_private_key)
    urls = running.urls
    rest = PolymarketRest(urls["gamma"], urls["clob"], urls["data"], attempts=1)
    given = {"timeout": 5.0, "attempts": 1, "backoff": 0.01} | changes
    made = PolymarketTrading(
        Hosts(urls["clob"], urls["data"], urls["geoblock"]),
        hand,
        TermsBook(lambda _: {}, rest.trading_rules),
        **given,
    )
    made.hand = hand  # type: ignore[attr-defined]
    return made


def feed_of(running: Running, trading: PolymarketTrading) -> PolymarketPrivateFeed:
    """A feed that belongs to a client."""
    return PolymarketPrivateFeed(
        running.urls["clob_ws_user"], trading.login, trading.account.outcome_of, trading._owner().wallet
    )


def ask(market: SandboxMarket, price: str, size: str = "10", **changes: Any) -> OrderRequest:
    """A request on a sandbox market, with the facts that the executor would send along."""
    facts = {
        "token_ids": list(market.p.token_ids), "tick": market.p.tick, "min_size": "5", "neg_risk": market.p.neg_risk,
        "version": market.p.version,
    }  # fmt: skip
    given = {
        "client_order_id": f"c-{uuid.uuid4()}", "created_at": datetime.now(UTC), "market_id": market.id,
        "outcome": "YES", "side": BUY, "time_in_force": IOC, "facts": facts,
    }  # fmt: skip
    return OrderRequest(size=Decimal(size), limit_price=Decimal(price), **given | changes)


def ready(trading: PolymarketTrading, request: OrderRequest) -> Prepared:
    """Prepared, or the test fails with what was declined."""
    found = trading.prepare(request)
    assert isinstance(found, Prepared), found
    return found


def sent(trading: PolymarketTrading, request: OrderRequest) -> tuple[Accepted, OrderRef]:
    """Prepared, sent and accepted."""
    prepared = ready(trading, request)
    answer = trading.submit(prepared)
    assert isinstance(answer, Accepted), answer
    assert answer.platform_order_id == prepared.platform_order_id
    return answer, ref_of(prepared)


def ref_of(prepared: Prepared) -> OrderRef:
    """How the order is known."""
    request = prepared.request
    return OrderRef(
        request.client_order_id, prepared.platform_order_id, request.market_id, request.created_at
    )


def together(*work: Callable[[], Any]) -> list[Any]:
    """Run these at the same time."""
    found: list[Any] = [None] * len(work)

    def run(place: int) -> None:
        found[place] = work[place]()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return found

"""The Kalshi face: REST under /trade-api/v2 and the WebSocket at /trade-api/ws/v2."""

import re
from typing import Any

from markets.platforms.base import KALSHI
from markets.sandbox.context import Sandbox
from markets.sandbox.kalshi import groups_api, markets_api, orders_api, portfolio_api, subaccounts_api
from markets.sandbox.kalshi.call import Endpoint
from markets.sandbox.kalshi.exchange import Exchange
from markets.sandbox.kalshi.handler import Rest, Unknown
from markets.sandbox.kalshi.limits import PREFIX
from markets.sandbox.kalshi.stream import Socket

WS_PATH = "/trade-api/ws/v2"
ENDPOINTS = (
    *markets_api.ENDPOINTS, *orders_api.ENDPOINTS, *groups_api.ENDPOINTS, *portfolio_api.ENDPOINTS,
    *subaccounts_api.ENDPOINTS,
)  # fmt: skip


def exchange_of(sandbox: Sandbox) -> Exchange:
    """The face's ledger, kept in `sandbox.shared`: made at the first call."""
    exchange = sandbox.shared.get(KALSHI)
    if exchange is None:
        exchange = sandbox.shared[KALSHI] = Exchange(sandbox)
    return exchange  # type: ignore[no-any-return]


def routes(sandbox: Sandbox) -> list[Any]:
    """Tornado's routes of the whole face."""
    exchange = exchange_of(sandbox)
    tables: dict[str, dict[str, Endpoint]] = {}
    for endpoint in ENDPOINTS:
        tables.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    # Fixed paths before those with parameters: /markets/trades is no ticker
    paths = sorted(tables, key=lambda path: path.count(":"))
    return [
        (WS_PATH, Socket, {"exchange": exchange}),
        *((_pattern(path), Rest, {"exchange": exchange, "endpoints": tables[path]}) for path in paths),
        (r"/.*", Unknown),
    ]


def _pattern(path: str) -> str:
    return PREFIX + re.sub(r":(\w+)", r"(?P<\1>[^/]+)", path)

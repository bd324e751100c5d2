"""The Polymarket face of the sandbox: routes of its three servers.

CLOB and Gamma both own `/markets`, so each server has a port of its own. The CLOB server also carries the WebSocket
channels, which the platform keeps on another host.
"""

from typing import Any

from markets.sandbox.context import Sandbox
from markets.sandbox.polymarket import clob, data_api, gamma, orders_api
from markets.sandbox.polymarket.door import Missing, routes
from markets.sandbox.polymarket.face import face_of
from markets.sandbox.polymarket.stream import MarketSocket, UserSocket, hub_of

ELSE: list[Any] = [(r"/.*", Missing)]


def clob_routes(sandbox: Sandbox) -> list[Any]:
    """Books, orders, accounts, and `/ws/market` and `/ws/user`."""
    face = face_of(sandbox)
    sockets = {"face": face, "hub": hub_of(face)}
    channels: list[Any] = [(r"/ws/market", MarketSocket, sockets), (r"/ws/user", UserSocket, sockets)]
    return channels + routes(face, "clob", [*clob.ENDPOINTS, *orders_api.ENDPOINTS]) + ELSE


def gamma_routes(sandbox: Sandbox) -> list[Any]:
    """Discovery."""
    return routes(face_of(sandbox), "gamma", gamma.ENDPOINTS) + ELSE


def data_routes(sandbox: Sandbox) -> list[Any]:
    """Positions, public trades, resolutions."""
    return routes(face_of(sandbox), "data", data_api.ENDPOINTS) + ELSE

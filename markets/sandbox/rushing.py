"""Somebody quicker: the fault `front_run` takes what a marketable order saw, just before it is matched."""

from markets.platforms.base import OPEN
from markets.sandbox import orders as o
from markets.sandbox.context import Sandbox
from markets.sandbox.market import SandboxMarket
from markets.sandbox.traders import TAKER_ACCOUNT

PER_CENT = 100


def front_run(sandbox: Sandbox, market: SandboxMarket, side: str, price: int) -> None:
    """Take all but `leave_pct` of what is on offer to an order of `side` at `price` (YES terms), where a fault says so."""
    book = sandbox.engine.book(market.id)
    if market.state != OPEN or not book.would_cross(side, price):
        return
    leave = sandbox.faults.front_run(market.platform, market.id)
    if leave is None:
        return
    offered = sum(total for level, total in book.against(side).levels() if book.meets(side, price, level))
    size = offered * (PER_CENT - leave) // PER_CENT // book.lot * book.lot
    if size >= book.min_size:
        sandbox.engine.submit(
            market.id, TAKER_ACCOUNT, side, price, size, at_ms=sandbox.now_ms(), tif=o.IOC, stp=o.STP_NONE
        )

"""The order side of each platform in each mode: the one place that decides where an order goes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock

from markets import clients
from markets.platforms.trading import Trading

PAPER, SANDBOX, LIVE = "paper", "sandbox", "live"

_made: dict[tuple[str, str], Trading] = {}
_given: dict[str | tuple[str, str], Trading] = {}
_lock = Lock()


def trading(platform: str, mode: str) -> Trading:
    """The platform's order side, made once a process. In sandbox and live mode only its addresses and keys differ."""
    given = _given.get((platform, mode)) or _given.get(platform)
    if given is not None:
        return given
    with _lock:
        if (platform, mode) not in _made:
            _made[platform, mode] = _make(platform, mode)
        return _made[platform, mode]


def _make(platform: str, mode: str) -> Trading:
    if mode == PAPER:
        from execution.orders.paper_trading import PaperTrading

        return PaperTrading(platform)
    made: Trading = clients.trading(platform)
    return made


@contextmanager
def use(instead: Mapping[str | tuple[str, str], Trading]) -> Iterator[None]:
    """Have these stand in for platforms (`"kalshi"`, or `("kalshi", "paper")` for one mode only): for tests."""
    before = dict(_given)
    _given.update(instead)
    try:
        yield
    finally:
        _given.clear()
        _given.update(before)


def forget() -> None:
    """Make them anew at the next use: settings or keys have changed."""
    with _lock:
        _made.clear()

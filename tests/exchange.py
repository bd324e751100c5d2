"""An exchange to trade against, for tests: the sandbox with both its faces, throw-away keys, a signer, and books to see.

`Exchange` is the test's hand on it (over the control endpoint, so it does not matter in which process it runs):
gaps of known size, faults, the exchange's own books of our account. `trading_here` runs it in threads of this process
and points the settings at it; `python -m tests.exchange FOLDER` runs the exchange alone, for processes that are killed.
"""

import argparse
import asyncio
import itertools
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

from markets.management.commands.sandbox import ports_in
from markets.platforms.base import KALSHI, PLATFORMS, POLYMARKET
from markets.sandbox.context import SandboxConfig
from markets.sandbox.keys import KEY_ID_FILE, PEM_FILE, USER, WALLET_FILE, keys_in
from markets.sandbox.market import WorldSpec
from markets.sandbox.server import SandboxServer, build, running_sandbox
from markets.sandbox.traders import TraderSpec

ORDERS = {
    KALSHI: "POST /portfolio/events/orders",
    POLYMARKET: "POST /order",
}  # where each platform takes an order
CANCELS = {KALSHI: "DELETE /portfolio/events/orders*", POLYMARKET: "DELETE /order*"}
QUIET = TraderSpec(rate=0, gap_every_s=0, taker_every_s=0)
# A refusal that proves that nothing was accepted, in each platform's own words
REFUSED: dict[str, dict[str, Any]] = {
    KALSHI: {"kind": "status", "status": 400, "code": "insufficient_balance"},
    POLYMARKET: {
        "kind": "status", "status": 400,
        "body": "not enough balance / allowance: the balance is not enough -> balance: 0, order amount: 1",
    },
}  # fmt: skip


def world(pairs: int, seed: int = 1) -> WorldSpec:
    """Pairs that do not close while a test runs, and nothing else."""
    return WorldSpec(
        seed=seed, pairs=pairs, short_lived=0, extra_kalshi=0, extra_polymarket=0, inverted_share=0, long_weeks=(2, 8)
    )  # fmt: skip


def config(confirmed_ms: int = 120) -> SandboxConfig:
    """Without rate limits; trades are confirmed quickly."""
    return SandboxConfig(
        kalshi_rate_limits=False, polymarket_rate_limits=False, polymarket_mined_ms=confirmed_ms // 2,
        polymarket_confirmed_ms=confirmed_ms,
    )  # fmt: skip


@dataclass(slots=True)
class Exchange:
    """The hand on a running exchange. Amounts are decimal text or numbers, as the control endpoint takes them."""

    urls: dict[str, str]
    keys: Path
    _link: requests.Session = field(default_factory=requests.Session)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the control endpoint; a refusal raises AssertionError with its sentence."""
        answer = self._link.request(method, f"{self.urls['control']}/control/{path}", json=body, timeout=60)
        assert answer.status_code == 200, f"{method} {path} {body}: {answer.text}"
        return answer.json()

    def pairs(self) -> list[dict[str, Any]]:
        """The pairs that trade, the oldest first: `polymarket`, `kalshi`, `inverted`, `id`."""
        return list(self.control("GET", "pairs")["pairs"])

    def gap(
        self,
        pair: int | str,
        cents: int = 8,
        size: int = 40,
        cheap: str = POLYMARKET,
        ask: str = "0.40",
        seconds: int = 600,
    ) -> dict[str, Any]:
        """Books `cents` apart (gross) for `size` contracts, and nobody else who touches them."""
        body = {"pair": pair, "cents": cents, "size": size, "cheap": cheap, "seconds": seconds, "ask": ask}
        return dict(self.control("POST", "gap", body))

    def fault(self, **fault: Any) -> int:
        """Set a fault; returns its number."""
        return int(self.control("POST", "faults", fault)["id"])

    def clear(self) -> None:
        """No faults any more."""
        self.control("DELETE", "faults")

    def fired(self) -> dict[str, int]:
        """How often each kind of fault has struck so far."""
        return dict(self.control("GET", "faults")["fired"])

    def books(self, name: str = USER) -> dict[str, Any]:
        """What the exchange says of our account: orders, fills, positions and cash on both faces."""
        return dict(self.control("GET", f"accounts/{name}"))

    def settled_books(self, seconds: float = 60) -> dict[str, Any]:
        """The same, once no trade is on its way to the chain."""
        deadline = time.monotonic() + seconds
        while True:
            books = self.books()
            if all(fill["status"] in ("CONFIRMED", "FAILED") for fill in books[POLYMARKET]["fills"]):
                return books
            assert time.monotonic() < deadline, "trades do not settle"
            time.sleep(0.03)

    def market(self, platform: str, market_id: str, action: str = "", **body: Any) -> dict[str, Any]:
        """Look at a market, or have something happen to it (pause, resume, close, determine, settle)."""
        path = f"markets/{platform}/{market_id}"
        return dict(self.control("POST", f"{path}/{action}", body) if action else self.control("GET", path))


def environment(urls: dict[str, str], keys: Path, socket: str) -> dict[str, str]:
    """The settings of a process that trades on this exchange, impatient enough for tests."""
    return {
        "POLYMARKET_GAMMA_URL": urls["gamma"],
        "POLYMARKET_CLOB_URL": urls["clob"],
        "POLYMARKET_DATA_URL": urls["data"],
        "POLYMARKET_WS_URL": urls["clob_ws"],
        "POLYMARKET_USER_WS_URL": urls["clob_ws_user"],
        "POLYMARKET_GEOBLOCK_URL": f"{urls['gamma']}/api/geoblock",
        "KALSHI_REST_URL": urls["kalshi_rest"],
        "KALSHI_WS_URL": urls["kalshi_ws"],
        "KALSHI_KEY_ID_FILE": str(keys / KEY_ID_FILE),
        "SANDBOX_CONTROL_URL": urls["control"],
        "CONNECTOR_SIGNER_SOCKET": socket,
        **{name: str(value) for name, value in IMPATIENT.items()},
    }


# Every wait is short, every limit wide: what is tested is what happens to orders
IMPATIENT: dict[str, Any] = {
    "TRADING_MODE": "sandbox",
    "TRADING_SHADOW": "false",
    "EXECUTION_INTENT_SECONDS": "10",
    "EXECUTION_LOOK_UP_SECONDS": "1.5",
    "EXECUTION_LOOK_UP_EVERY_MS": "100",
    "EXECUTION_RETRY_BACKOFF_MS": "50",
    "EXECUTION_REST_SECONDS": "1",
    "EXECUTION_UNWIND_SECONDS": "8",
    "EXECUTION_AT_ONCE": "never",
    "RISK_MAX_ORDER_NOTIONAL": "250",
    "RISK_MAX_MARKET_NOTIONAL": "100000",
    "RISK_MAX_BET_NOTIONAL": "100000",
    "RISK_MAX_GROUP_NOTIONAL": "1000000",
    "RISK_MAX_PLATFORM_NOTIONAL": "1000000",
    "RISK_MAX_TOTAL_NOTIONAL": "1000000",
    "RISK_MAX_OPEN_ORDERS": "500",
    "RISK_MAX_ORDERS_PER_MINUTE": "100000",
    "RISK_MAX_UNKNOWN_ORDERS": "50",
    "RISK_DAILY_LOSS_PCT": "0.5",
    "RISK_DAILY_LOSS_CANCEL_PCT": "0.9",
    "RISK_MAX_DRAWDOWN_PCT": "0.9",
    "RISK_MAX_STALE_SECONDS": "100000",
    "SIGNER_ORDERS_PER_MINUTE": "100000",
    "SIGNALS_MAX_BOOK_AGE_SECONDS": "10",
    "SIGNALS_MAX_BOOK_SKEW_SECONDS": "10",
    "SIGNALS_CASH_RATE": "0",
    "SIGNALS_UNKNOWN_SETTLEMENT_DAYS": "3650",
}


def signer_keys(keys: Path) -> dict[str, str]:
    """What the signer process alone is told."""
    return {
        "KALSHI_KEY_ID_FILE": str(keys / KEY_ID_FILE),
        "KALSHI_PRIVATE_KEY_FILE": str(keys / PEM_FILE),
        "POLYMARKET_PRIVATE_KEY_FILE": str(keys / WALLET_FILE),
    }


# --- in threads of this process

_numbers = itertools.count()


@contextmanager
def trading_here(
    settings: Any,
    monkeypatch: Any,
    folder: Path,
    *,
    pairs: int = 4,
    seed: int = 1,
    confirmed_ms: int = 120,
    **changes: Any,
) -> Iterator[Exchange]:
    """An exchange and a signer in threads of this process, with this process's settings pointing at them.

    The database gets the markets and approved pairs. `changes` are further settings by their variables' names.
    """
    options = {"traders": QUIET, "config": config(confirmed_ms), "keys": keys_in(folder)}
    with (
        running_sandbox(world(pairs, seed), **options) as running,
        _trading(Exchange(dict(running.urls), folder), settings, monkeypatch, changes) as exchange,
    ):
        yield exchange


@contextmanager
def trading_on(folder: Path, settings: Any, monkeypatch: Any, **changes: Any) -> Iterator[Exchange]:
    """The same with the exchange of another process, which works in `folder`."""
    urls = json.loads((folder / "urls.json").read_text())
    with _trading(Exchange(urls, folder / "keys"), settings, monkeypatch, changes) as exchange:
        yield exchange


@contextmanager
def _trading(
    exchange: Exchange, settings: Any, monkeypatch: Any, changes: dict[str, Any]
) -> Iterator[Exchange]:
    # Its own name for every exchange: clients keep a connection to a signer, and its keys, by the socket's name
    socket = f"{settings.ARBSITE.core.data_dir}/x{os.getpid()}-{next(_numbers)}.sock"
    values = environment(exchange.urls, exchange.keys, socket) | {n: str(v) for n, v in changes.items()}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    _read_settings_again(settings, monkeypatch)
    with _signer_here(exchange.keys, socket):
        ready()
        yield exchange


def _read_settings_again(settings: Any, monkeypatch: Any) -> None:
    from arbsite.config import load

    fresh = load()
    for name, section in fresh.sections().items():
        monkeypatch.setattr(settings.ARBSITE, name, section)


@contextmanager
def _signer_here(keys: Path, socket: str) -> Iterator[None]:
    from markets.signer.bounds import Bounds
    from markets.signer.halting import Switch
    from markets.signer.keys import Keys, Sources
    from markets.signer.server import SignerServer
    from markets.signer.service import Limits, Signer

    sources = Sources((keys / KEY_ID_FILE).read_text().strip(), str(keys / PEM_FILE), str(keys / WALLET_FILE))
    limits = Limits(Bounds(Decimal(500), Decimal(10_000), Decimal("0.999")), 100_000)
    server = SignerServer(socket, Signer(lambda: Keys(sources), limits, Switch(socket)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def ready() -> None:
    """Read the exchange's pairs into the database, approved, and forget what an earlier exchange left in caches."""
    from django.conf import settings
    from django.utils import timezone

    from execution.orders import trading
    from markets.pairing import sandbox_pairs
    from signals import catalogue

    sandbox_pairs.import_pairs(settings.ARBSITE.sandbox.control_url, now=timezone.now())
    trading.forget()
    catalogue.forget()


# --- what a connector would show


def show(pair: dict[str, Any], number: int = 1) -> list[str]:
    """Put both live books of a pair into Redis as they are on the exchange now; returns the windows, to be worked."""
    from markets import live
    from markets.books import Book
    from markets.live import Change
    from signals.deciding.rechecking import read_books

    views, failed = read_books([(platform, pair[platform]) for platform in PLATFORMS], unix_ms)
    assert not failed, failed
    at_ms, windows = unix_ms(), []
    for (platform, market_id), view in views.items():
        book = Book()
        book.replace(list(view.bids), list(view.asks))
        book.trusted, book.changed_ms = True, at_ms
        window_id, connection = f"{platform}:{at_ms}:{number}", f"{platform}-1"
        live.publish_window(
            platform,
            window_id,
            [Change(market_id, book, connection)],
            {connection: at_ms},
            at_ms=at_ms,
            depth=50,
        )
        windows.append(window_id)
    return windows


def unix_ms() -> int:
    """The real clock: live books are confirmed by it."""
    return time.time_ns() // 1_000_000


@contextmanager
def shown(pair: dict[str, Any], every_s: float = 0.15) -> Iterator[None]:
    """Keep both live books of a pair equal to the exchange's, from a thread, as the connectors do."""
    from django.db import connection

    stop = threading.Event()

    def run() -> None:
        number = 2
        while not stop.wait(every_s):
            show(pair, number)
            number += 1
        connection.close()

    thread = threading.Thread(target=run, name="shown", daemon=True)
    show(pair)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


def found(windows: list[str]) -> str:
    """Work these windows as the chain does, up to the decision; returns the signal that may be acted on, or ""."""
    from markets import live
    from signals import services as signals
    from signals.models import Signal

    for window_id in windows:
        signals.detect(window_id, now_ms=unix_ms())
        signals.decide(window_id, now_ms=unix_ms())
        live.finish(window_id)
    row = Signal.objects.filter(status=Signal.ACTIONABLE, plan__isnull=True).order_by("-created_at").first()
    return row.id if row is not None else ""


def money(text: str) -> Decimal:
    """Decimal text of the exchange's books."""
    return Decimal(text)


# --- as a process of its own


def main() -> None:
    """Serve until SIGTERM; the addresses go into FOLDER/urls.json, whole or not at all."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--keep", action="store_true", help="go on after a restart: same ports, same accounts"
    )
    given = parser.parse_args()
    asyncio.run(_serve(given.folder, given.pairs, given.seed, keep=given.keep))


async def _serve(folder: Path, pairs: int, seed: int, *, keep: bool) -> None:
    keys, at = keys_in(folder / "keys"), folder / "urls.json"
    spec = world(pairs, seed)
    if keep:  # what is closed is paid out within a second
        spec = replace(spec, determine_seconds=0, settle_seconds=0)
    sandbox = build(
        spec, traders=QUIET, config=config(), kalshi_accounts=[keys.kalshi_account()],
        polymarket_accounts=[keys.polymarket_account()], state=folder / "state.sqlite3" if keep else None,
    )  # fmt: skip
    server = SandboxServer(sandbox, ports=ports_in(at) if keep else None)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    beside = folder / ".urls"
    beside.write_text(json.dumps(await server.start()))
    beside.replace(at)
    await stop.wait()
    await server.stop()


if __name__ == "__main__":
    main()

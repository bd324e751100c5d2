"""What trading costs in time over real links: both legs one after the other, and a lone leg sold back.

The sandbox exchange and the signer run as processes; every request takes as long as a link of 90 ms (Polymarket) or
60 ms (Kalshi) does. Nothing else is simulated: orders are signed, sent, answered and written down as in sandbox mode.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from arbsite import config, lifeline
from arbsite.bench import percentile
from arbsite.config import BASE_DIR
from arbsite.connections import redis_client
from arbsite.registry import Figure
from execution import services
from execution.models import Order, Plan
from execution.orders import trading
from execution.plans import working
from execution.reconciling import reconcile
from markets import live
from markets.books import Book
from markets.live import Change
from markets.pairing import sandbox_pairs
from markets.platforms.base import KALSHI, PLATFORMS, POLYMARKET
from signals import catalogue
from signals import services as signals
from signals.deciding import rechecking
from signals.models import Signal

LINKS = {POLYMARKET: 90, KALSHI: 60}  # round trips, milliseconds
BOTH, ALONE = 40, 20  # rounds
BOTH_TARGET_MS, ALONE_TARGET_MS = 250, 2_000
SHOW_EVERY_S = 0.2
PATIENCE_S = 60.0
ORDERS = {KALSHI: "POST /portfolio/events/orders", POLYMARKET: "POST /order"}
# The second leg is refused for good: what the first bought must be sold back
REFUSED: dict[str, dict[str, Any]] = {
    KALSHI: {"status": 400, "code": "insufficient_balance"},
    POLYMARKET: {"status": 400, "body": "not enough balance / allowance: the balance is not enough"},
}
Pair = dict[str, Any]


def legs() -> list[Figure]:
    """Plans of two legs over links of 90 and 60 ms; then plans whose second leg is refused."""
    call_command("flush", interactive=False, verbosity=0)  # other benchmarks may have traded here
    redis_client().flushdb()
    with _exchange(settings.ARBSITE.core.data_dir, BOTH + ALONE) as control:
        pairs = _ask(control, "GET", "pairs")["pairs"]
        for platform, ms in LINKS.items():
            _ask(control, "POST", "faults", {"kind": "latency", "platform": platform, "ms": ms})
        together = [_both(control, pair) for pair in pairs[:BOTH]]
        alone = [_alone(control, pair) for pair in pairs[BOTH : BOTH + ALONE]]
    beside = f"links of {LINKS[POLYMARKET]} and {LINKS[KALSHI]} ms"
    half, back = percentile(together, 0.5), percentile(alone, 0.5)
    return [
        Figure("both legs acknowledged, p50", half, "ms", beside, f"≤ {BOTH_TARGET_MS}", half <= BOTH_TARGET_MS),
        Figure("both legs acknowledged, p90", percentile(together, 0.9), "ms", beside),
        Figure("lone leg sold back, p50", back, "ms", beside, f"≤ {ALONE_TARGET_MS}", back <= ALONE_TARGET_MS),
        Figure("lone leg sold back, p90", percentile(alone, 0.9), "ms", beside),
    ]  # fmt: skip


def _both(control: str, pair: Pair) -> float:
    """Milliseconds from the executor's taking a plan to the second leg's answer."""
    with _shown(control, pair):
        plan = _planned(pair)
        began = timezone.now()
        working.work(plan.id)
    answers = list(Order.objects.filter(plan=plan, role=Order.LEG).values_list("answered_at", "status"))
    if [status for _, status in answers] != ["FILLED", "FILLED"]:
        raise RuntimeError(f"legs ended as {answers}: the figures would mean nothing")
    return _ms(began, max(at for at, _ in answers if at is not None))


def _alone(control: str, pair: Pair) -> float:
    """Milliseconds from the refusal of the second leg to the fill of the order that sells the first back."""
    with _shown(control, pair):
        plan = _planned(pair)
        second = plan.legs[1]["platform"]
        rule = {"kind": "status", "platform": second, "endpoint": ORDERS[second], **REFUSED[second]}
        number = _ask(control, "POST", "faults", rule)["id"]
        deadline = time.monotonic() + PATIENCE_S
        while working.claim() and time.monotonic() < deadline:
            working.work_all(seconds=PATIENCE_S)
        _ask(control, "DELETE", f"faults?id={number}")
    refused = Order.objects.filter(plan=plan, role=Order.LEG, status="REJECTED").first()
    back = (
        Order.objects.filter(plan=plan, role=Order.UNWIND, status="FILLED").order_by("-answered_at").first()
    )
    if refused is None or back is None or refused.answered_at is None or back.answered_at is None:
        told = "; ".join(plan.steps.order_by("id").values_list("sentence", flat=True))
        raise RuntimeError(f"plan {plan.id} was not unwound ({told}): the figures would mean nothing")
    return _ms(refused.answered_at, back.answered_at)


def _ms(begin: datetime, end: datetime) -> float:
    return (end - begin).total_seconds() * 1_000


def _planned(pair: Pair) -> Plan:
    """See the gap and write down the plan."""
    for window_id in _show(pair):
        signals.detect(window_id, now_ms=_now_ms())
        signals.decide(window_id, now_ms=_now_ms())
        live.finish(window_id)
    row = Signal.objects.filter(status=Signal.ACTIONABLE, plan__isnull=True).order_by("-created_at").first()
    if row is None:
        raise RuntimeError("the gap was not found: the figures would mean nothing")
    services.act_on([row.id], now_ms=_now_ms())
    return Plan.objects.get(signal=row)


# --- books


def _show(pair: Pair) -> list[str]:
    """Both live books as they are on the exchange now, as connectors would write them."""
    views, failed = rechecking.read_books([(platform, pair[platform]) for platform in PLATFORMS], _now_ms)
    if failed:
        raise RuntimeError(f"books cannot be read: {failed}")
    at_ms, windows = _now_ms(), []
    for (platform, market_id), view in views.items():
        book = Book()
        book.replace(view.bids, view.asks)
        book.trusted, book.changed_ms = True, at_ms
        window_id = f"{platform}:{at_ms}:1"
        change = Change(market_id, book, f"{platform}-1")
        live.publish_window(platform, window_id, [change], {f"{platform}-1": at_ms}, at_ms=at_ms, depth=50)
        windows.append(window_id)
    return windows


@contextmanager
def _shown(control: str, pair: Pair) -> Iterator[None]:
    """A gap of eight cents, and both books kept live from a thread."""
    _ask(control, "POST", "gap", {"pair": pair["id"], "cents": 8, "size": 40, "ask": "0.40", "seconds": 600})
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(SHOW_EVERY_S):
            _show(pair)
        connection.close()

    thread = threading.Thread(target=run, daemon=True)
    _show(pair)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE_S)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


# --- the exchange and the signer


@contextmanager
def _exchange(data: Path, pairs: int) -> Iterator[str]:
    """Both as processes, and this process's settings pointing at them; gives the control endpoint."""
    folder = data / "legs"
    folder.mkdir(parents=True, exist_ok=True)
    ports, keys, socket = (
        folder / "urls.json",
        folder / "keys",
        f"{tempfile.gettempdir()}/arbsite-legs-{os.getpid()}.sock",
    )
    ports.unlink(missing_ok=True)
    before, children = dict(vars(settings.ARBSITE)), []
    with (folder / "log").open("ab") as log:
        try:
            children.append(_run(log, {}, "sandbox", "--ports-file", str(ports), "--keys-dir", str(keys), "--pairs",
                                 str(pairs), "--short-lived", "0", "--rate", "0", "--no-rate-limits"))  # fmt: skip
            _until(ports.is_file, "the sandbox", folder)
            urls = json.loads(ports.read_text())
            env = _environment(urls, keys, socket)
            private = {
                "KALSHI_PRIVATE_KEY_FILE": str(keys / "kalshi_private.pem"),
                "POLYMARKET_PRIVATE_KEY_FILE": str(keys / "polymarket_private_key"),
            }
            children.append(_run(log, env | private, "signer"))
            _until(Path(socket).exists, "the signer", folder)
            _point_at(env)
            sandbox_pairs.import_pairs(urls["control"], now=datetime.now(UTC))
            trading.forget()
            catalogue.forget()
            for platform in PLATFORMS:
                reconcile.run(platform, "START", now=timezone.now())
            yield urls["control"]
        finally:
            for child in reversed(children):
                child.terminate()
                child.wait(15)
            vars(settings.ARBSITE).update(before)
            trading.forget()
            Path(socket).unlink(missing_ok=True)


def _environment(urls: dict[str, str], keys: Path, socket: str) -> dict[str, str]:
    wide = {
        f"RISK_MAX_{name}": "1000000"
        for name in (
            "MARKET_NOTIONAL",
            "BET_NOTIONAL",
            "GROUP_NOTIONAL",
            "PLATFORM_NOTIONAL",
            "TOTAL_NOTIONAL",
        )
    }
    return {
        "POLYMARKET_GAMMA_URL": urls["gamma"], "POLYMARKET_CLOB_URL": urls["clob"], "POLYMARKET_DATA_URL": urls["data"],
        "POLYMARKET_USER_WS_URL": urls["clob_ws_user"], "POLYMARKET_GEOBLOCK_URL": f"{urls['clob']}/api/geoblock",
        "KALSHI_REST_URL": urls["kalshi_rest"], "KALSHI_WS_URL": urls["kalshi_ws"],
        "KALSHI_KEY_ID_FILE": str(keys / "kalshi_key_id"), "SANDBOX_CONTROL_URL": urls["control"],
        "CONNECTOR_SIGNER_SOCKET": socket, "TRADING_MODE": "sandbox", "TRADING_SHADOW": "false",
        "EXECUTION_AT_ONCE": "never", "EXECUTION_LOSS_LIMIT_PCT": "0.2", "RISK_MAX_ORDERS_PER_MINUTE": "100000",
        "SIGNER_ORDERS_PER_MINUTE": "100000", **wide,
    }  # fmt: skip


def _point_at(env: dict[str, str]) -> None:
    """Read the settings again, with these."""
    kept = dict(os.environ)
    os.environ.update(env)
    try:
        vars(settings.ARBSITE).update(vars(config.load()))
    finally:
        os.environ.clear()
        os.environ.update(kept)


def _run(log: Any, env: dict[str, str], *words: str) -> "subprocess.Popen[bytes]":
    command = lifeline.command([sys.executable, str(BASE_DIR / "manage.py"), *words])
    return subprocess.Popen(
        command, cwd=BASE_DIR, env=os.environ | env, stdout=log, stderr=log, start_new_session=True
    )


def _until(check: Any, what: str, folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not check():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} does not start: read {folder / 'log'}")
        time.sleep(0.05)


def _ask(control: str, method: str, path: str, body: Any = None) -> Any:
    answer = requests.request(method, f"{control}/control/{path}", json=body, timeout=10)
    answer.raise_for_status()
    return answer.json()

"""The exchange is killed in the middle of trading and started again: nobody's money changes, and old positions end."""

import os
import subprocess
import sys
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import requests
from django.utils import timezone

from execution import services
from execution.models import Difference, Halt, Order, Plan, Position
from execution.orders import catching_up
from execution.plans import working
from execution.reconciling import reconcile
from markets import services as markets
from markets.models import Market
from markets.platforms.base import KALSHI, PLATFORMS, POLYMARKET, SETTLED
from tests import exchange as ex
from tests.faults import judge

MODE = "sandbox"
ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


class Process:
    """`python -m tests.exchange`, which keeps what it knows in a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        began = time.time()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.exchange", str(self.folder), "--pairs", "3", "--keep"],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        urls = self.folder / "urls.json"
        while not (urls.exists() and urls.stat().st_mtime >= began):
            assert self._process.poll() is None, "the exchange does not start"
            assert time.time() < began + 60, "the exchange takes too long"
            time.sleep(0.05)

    def kill(self) -> None:
        """Without a chance to write a last word."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()


@pytest.fixture
def process(tmp_path):
    one = Process(tmp_path)
    yield one
    one.kill()


@pytest.fixture
def exchange(process, settings, monkeypatch, tmp_path, redis):
    with ex.trading_on(process.folder, settings, monkeypatch) as made:
        for platform in PLATFORMS:
            assert reconcile.run(platform, "START", now=timezone.now()).passed
        yield made


def test_what_was_held_when_it_was_killed_is_settled_and_paid_to_the_cent(exchange, process):
    pair = exchange.pairs()[0]
    exchange.gap(pair["id"], cents=8, size=40)
    with ex.shown(pair):
        signal = ex.found(ex.show(pair))
        services.act_on([signal], now_ms=ex.unix_ms())
        working.work_all()
    plan = Plan.objects.get(signal_id=signal)
    assert plan.status == Plan.FILLED, list(plan.steps.values_list("sentence", flat=True))
    for platform in PLATFORMS:  # something rests as well, in a market that goes on
        body = {"pair": exchange.pairs()[1]["id"], "platform": platform, "side": "BUY", "outcome": "YES"}
        exchange.control("POST", "hand", {**body, "price": "0.03", "size": "10", "tif": "GTC"})
    before = exchange.settled_books()
    catching_up.fills(MODE, timezone.now())
    for platform in PLATFORMS:
        reconcile.run(platform, "FULL", now=timezone.now())
    closes = 2
    for platform in PLATFORMS:
        exchange.market(platform, pair[platform], "reopen", seconds=closes)

    time.sleep(0.5)
    process.kill()
    with pytest.raises(requests.ConnectionError):
        exchange.books()
    time.sleep(closes)  # their time passes while nobody is there
    process.start()

    assert resting(exchange.books()) == resting(before)
    deadline = time.monotonic() + 20
    while {exchange.market(platform, pair[platform])["state"] for platform in PLATFORMS} != {SETTLED}:
        assert time.monotonic() < deadline, "the old markets are not settled"
        time.sleep(0.1)
    assert len(exchange.pairs()) == 2  # the others trade on
    after = exchange.books()
    for platform in PLATFORMS:  # every order and fill as it was
        assert after[platform]["orders"] == before[platform]["orders"]
        assert after[platform]["fills"] == before[platform]["fills"]
        assert [one for one in after[platform]["positions"] if one["market"] == pair[platform]] == []
    # One leg pays a dollar for each, whatever became true
    assert cash(after) - cash(before) == plan.size

    for platform in PLATFORMS:
        markets.refresh(platform, [pair[platform]], now=timezone.now())
    ended = Market.objects.filter(id__in=[pair[platform] for platform in PLATFORMS])
    assert set(ended.values_list("status", flat=True)) == {SETTLED}
    for platform in PLATFORMS:
        assert reconcile.run(platform, "FULL", now=timezone.now() + timedelta(minutes=5)).passed
    assert not Position.objects.filter(mode=MODE, quantity__gt=0).exists()
    assert not Difference.objects.filter(closed_at=None).exists()
    assert not Halt.objects.filter(lifted_at=None).exists()
    assert all(abs(Decimal(left)) < Decimal("0.000001") for left in judge.differences(after).values())
    assert Order.objects.filter(mode=MODE, status="OPEN").count() == len(resting(before)) == 2

    # And it can be traded on at once
    other = exchange.pairs()[1]
    exchange.gap(other["id"], cents=8, size=20)
    with ex.shown(other):
        signal = ex.found(ex.show(other))
        services.act_on([signal], now_ms=ex.unix_ms())
        working.work_all()
    assert Plan.objects.get(signal_id=signal).status == Plan.FILLED
    ids = [
        fill["trade_id"]
        for books in (exchange.books(),)
        for name in PLATFORMS
        for fill in books[name]["fills"]
    ]
    assert len(ids) == len(set(ids))


def resting(books) -> list[tuple[str, str]]:
    return [
        (name, one["id"]) for name in (KALSHI, POLYMARKET) for one in books[name]["orders"] if one["open"]
    ]


def cash(books) -> Decimal:
    return sum((Decimal(one) for name in PLATFORMS for one in books[name]["cash"].values()), Decimal(0))

"""From the sandbox's Etherscan, Whale Alert and DeFi Llama to rows: one transfer told by three, a block replaced."""

import threading
import time
from decimal import Decimal

import pytest
import requests
from django.utils import timezone
from pydantic import SecretStr

from markets.sandbox.market import WorldSpec
from markets.sandbox.server import running_sandbox
from markets.sandbox.traders import TraderSpec
from signals.models import Prediction, Source, WhaleAlert
from signals.sources import polling
from signals.sources.whales import defaults, regimes, storing
from signals.sources.whales.streaming import Follower, Options
from tests.signals.sources.whales.given import BINANCE

servers = pytest.importorskip("markets.sandbox.sources.app", reason="the sandbox has no sources yet")
NO_FACES = {name: lambda _: [] for name in ("kalshi", "clob", "gamma", "data")}
SECONDS = 20.0


@pytest.fixture
def box(db, redis, settings, monkeypatch):
    """A sandbox, and settings that point at it."""
    defaults.ensure(timezone.now())
    monkeypatch.setattr(storing, "links_of", lambda asset, now: [])
    spec = WorldSpec(pairs=2, short_lived=0, extra_kalshi=0, extra_polymarket=0)
    with running_sandbox(spec, traders=TraderSpec(rate=0), faces=NO_FACES) as running:
        told = servers.addresses(running.urls["sources"])
        changes = {
            "etherscan": {"url": told["ETHERSCAN_URL"], "api_key": SecretStr(told["ETHERSCAN_API_KEY"])},
            "whale_alert": {
                "rest_url": told["WHALE_ALERT_REST_URL"], "ws_url": told["WHALE_ALERT_WS_URL"], "rest": True,
                "chains": "ethereum,bitcoin", "api_key": SecretStr(told["WHALE_ALERT_API_KEY"]),
            },
            "defillama": {
                "stablecoins_url": told["DEFILLAMA_STABLECOINS_URL"], "coins_url": told["DEFILLAMA_COINS_URL"],
            },
        }  # fmt: skip
        for section, update in changes.items():
            changed = getattr(settings.ARBSITE, section).model_copy(update=update)
            monkeypatch.setattr(settings.ARBSITE, section, changed)
        yield running


def control(box, action, **body):
    answer = requests.post(f"{box.urls['control']}/control/{action}", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def poll(*names):
    done = [polling.poll(name, now=timezone.now(), force=True) for name in names]
    assert [(one.name, one.state, one.why) for one in done] == [(name, Source.OK, "") for name in names]
    return done


def test_one_transfer_told_by_all_is_one_row_and_a_replaced_block_takes_it_away(box, settings):
    config = settings.ARBSITE.whale_alert
    heard, stop = [], threading.Event()
    options = Options(
        config.ws_url, config.api_key.get_secret_value(), ("ethereum", "bitcoin"), (), Decimal(500_000)
    )
    follower = Follower(options, stop, keep=lambda told, now: (heard.extend(told), storing.Kept())[1])
    follower.health.tell = lambda now: None  # rows are written by the test's own thread alone
    thread = threading.Thread(target=follower.run, daemon=True)
    thread.start()
    poll("defillama", "etherscan", "whale_alert_rest")
    assert regimes.regime(timezone.now()) is not None
    deadline = time.monotonic() + SECONDS
    while not follower.health.subscribed and time.monotonic() < deadline:
        time.sleep(0.02)
    made = [
        control(box, "transfer", symbol="USDC", chain="ethereum", dollars=7_000_000, to=BINANCE),
        control(box, "transfer", symbol="WBTC", chain="ethereum", dollars=7_000_000, **{"from": BINANCE}),
        control(box, "transfer", symbol="BTC", chain="bitcoin", dollars=7_000_000),
        control(box, "transfer", symbol="USDT", chain="ethereum", dollars=7_000_000, type="mint"),
    ]
    while len(heard) < len(made) and time.monotonic() < deadline:
        time.sleep(0.02)
    stop.set()
    thread.join(SECONDS)
    with_hash = [one for one in heard if one.transaction_hash]  # the older form of an alert has none
    assert len(heard) == 4 and with_hash
    poll("etherscan", "whale_alert_rest")
    storing.keep(with_hash, timezone.now())
    rows = {row.transaction_hash: row for row in WhaleAlert.objects.all()}
    assert set(rows) == {one["hash"] for one in made}
    assert [(rows[one["hash"]].asset, rows[one["hash"]].direction) for one in made] == [
        ("USDC", "INFLOW"), ("BTC", "OUTFLOW"), ("BTC", "NEUTRAL"), ("USDT", "NEUTRAL"),
    ]  # fmt: skip
    assert {row.amount for row in rows.values()} == {Decimal("7000000.00")}
    assert not Prediction.objects.exists()  # no market is about anything here
    replaced = control(box, "reorg", chain="ethereum", depth=3)
    poll("etherscan")
    gone = set(WhaleAlert.objects.filter(gone_at__isnull=False).values_list("transaction_hash", flat=True))
    assert gone == set(replaced["gone"])

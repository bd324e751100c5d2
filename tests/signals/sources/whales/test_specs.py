"""The whale sources as the poller knows them: on and off by settings, one quota, prices and regime from the cursor."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from pydantic import SecretStr

from signals.models import Source, WhaleAlert
from signals.sources import facts, polling, registry
from signals.sources.base import Answer, Budget
from signals.sources.whales import defaults, regimes, specs, storing
from tests.signals.sources.whales.given import BINANCE, NOW, SECONDS, STRANGER, USDC

KEY = "top-secret-key"


@pytest.fixture
def with_key(settings):
    """Settings with keys, as a function that changes more of them."""

    def change(section, **fields):
        config = settings.ARBSITE
        old = getattr(config, section)
        object.__setattr__(config, section, old.model_copy(update=fields))
        undo.append((section, old))

    undo = []
    yield change
    for section, old in reversed(undo):
        object.__setattr__(settings.ARBSITE, section, old)


def of(name):
    return next(spec for spec in specs.specs() if spec.name == name)


def test_they_are_registered_and_off_without_keys(with_key):
    with_key("etherscan", api_key=SecretStr(""))
    assert {"etherscan", "defillama", "whale_alert_rest"} <= set(registry.all_specs())
    assert of("etherscan").off == "Set ETHERSCAN_API_KEY." and of("defillama").off == ""
    assert "WHALE_ALERT_REST" in of("whale_alert_rest").off


def test_one_key_is_one_quota_for_all_chains(with_key):
    with_key("etherscan", api_key=SecretStr(KEY), chains="1,137,8453")
    spec = of("etherscan")
    assert spec.off == "" and spec.budgets == (Budget(3, 1), Budget(100_000, 86_400))
    assert spec.hosts == ("api.etherscan.io",) and KEY not in repr(spec)


@pytest.mark.parametrize("chains", ["", "1,x", "999999"])
def test_chains_that_are_none_are_named(with_key, chains):
    with_key("etherscan", api_key=SecretStr(KEY), chains=chains)
    assert "ETHERSCAN_CHAINS" in of("etherscan").off


def test_rest_needs_all_of_it(with_key):
    with_key("whale_alert", rest=True, api_key=SecretStr(""))
    assert of("whale_alert_rest").off == "Set WHALE_ALERT_API_KEY."
    with_key("whale_alert", rest=True, api_key=SecretStr(KEY), chains=" , ")
    assert of("whale_alert_rest").off == "Set WHALE_ALERT_CHAINS."
    with_key("whale_alert", rest=True, api_key=SecretStr(KEY), chains="Ethereum")
    assert of("whale_alert_rest").off == "" and KEY not in repr(of("whale_alert_rest"))


def test_prices_and_regime_come_from_the_sources_cursor(db):
    assert specs.prices(NOW) == {} and regimes.regime(NOW) is None
    place = {
        "prices": {f"ethereum:{USDC}": "0.97"}, "priced_at": SECONDS,
        "regime": {"at": SECONDS - 3_600, "change": {"peggedUSD": "0.002"}},
    }  # fmt: skip
    Source.objects.create(name="defillama", kind="whales", cursor=place)
    assert specs.prices(NOW) == {("ethereum", USDC): Decimal("0.97")}
    assert regimes.regime(NOW).dollars == Decimal("0.002")
    shown = facts.one("defillama", now=NOW)["tells"]
    assert shown == {
        "supply_change_a_day": {"peggedUSD": Decimal("0.002")}, "supply_at": (SECONDS - 3_600) * 1_000,
        "supply": "expanding",
    }  # fmt: skip
    assert facts.one("defillama", now=NOW + timedelta(days=3))["tells"] == {}


def test_a_poll_from_the_wire_to_the_row(db, redis, with_key, monkeypatch):
    defaults.ensure(NOW)
    with_key("etherscan", api_key=SecretStr(KEY), chains="1")
    monkeypatch.setattr(storing, "links_of", lambda asset, now: [])
    Source.objects.create(
        name="defillama", kind="whales", cursor={"prices": {f"ethereum:{USDC}": "0.97"}, "priced_at": SECONDS}
    )
    row = {
        "blockNumber": "990", "timeStamp": str(SECONDS - 60), "hash": "0x" + "ab" * 32, "from": STRANGER, "to": BINANCE,
        "contractAddress": USDC, "value": "6000000000000", "tokenDecimal": "6",
    }  # fmt: skip

    def get(fetcher, url, *, params=None, headers=None, budget="all"):
        action = params["action"]
        body = (
            {"result": "0x3e8"}
            if action == "eth_blockNumber"
            else {"status": "0", "message": "none", "result": []}
        )
        if action == "tokentx" and params["address"] == BINANCE:
            body = {"status": "1", "message": "OK", "result": [row]}
        return Answer(200, json.dumps(body).encode(), {})

    monkeypatch.setattr("signals.sources.http.Fetcher.get", get)
    done = polling.poll("etherscan", now=NOW)
    assert (done.state, done.kept.new) == (Source.OK, 1)
    assert WhaleAlert.objects.get().amount == Decimal("5820000.00")
    again = polling.poll("etherscan", now=NOW + timedelta(minutes=2))
    assert again.kept.repeats == 1 and WhaleAlert.objects.count() == 1
    assert KEY not in json.dumps(Source.objects.get(pk="etherscan").cursor)


def test_a_refused_key_is_said_without_the_key(db, redis, with_key, monkeypatch):
    with_key("etherscan", api_key=SecretStr(KEY), chains="1")
    body = json.dumps(
        {"status": "0", "message": "NOTOK", "result": f"Invalid API Key (#err2)|{KEY}"}
    ).encode()
    monkeypatch.setattr("signals.sources.http.Fetcher.get", lambda *args, **kwargs: Answer(200, body, {}))
    done = polling.poll("etherscan", now=NOW)
    assert done.state == Source.BROKEN and "ETHERSCAN_API_KEY" in done.why and KEY not in done.why

"""Which modes the settings permit: live with a confirmation, keys and real addresses; sandbox on this machine only."""

import pytest

from arbsite import checks
from arbsite.config import Config

SECRET = {"secret_command": "vault {name}"}
LOCAL = {
    "polymarket": {name: f"http://127.0.0.1:1/{name}" for name in
                   ("gamma_url", "clob_url", "data_url", "ws_url", "user_ws_url", "geoblock_url")},
    "kalshi": {"rest_url": "http://localhost:1/trade-api/v2", "ws_url": "ws://[::1]:1/trade-api/ws/v2"},
}  # fmt: skip


@pytest.fixture
def configured(settings):
    def use(mode, **sections):
        config = Config()
        changes = {"trading": {"mode": mode}, **sections}
        for name, values in changes.items():
            setattr(config, name, getattr(config, name).model_copy(update=values))
        settings.ARBSITE = config
        return sorted({error.id[-4:] for error in [*checks.live_trading(), *checks.sandbox_trading()]})

    return use


def test_paper_needs_nothing(configured):
    assert configured("paper") == []


def test_live_needs_a_confirmation_and_keys(configured):
    yes = {"mode": "live", "live_confirmed": True}
    assert configured("live") == ["E001", "E002"]
    assert configured("live", trading=yes) == ["E002"]
    assert configured("live", trading=yes, signer=SECRET) == []
    files = {"kalshi": {"private_key_file": "k"}, "polymarket": {"private_key_file": "p"}}
    assert configured("live", trading=yes, **files) == []
    assert configured("live", trading=yes, kalshi={"private_key_file": "k"}) == ["E002"]
    assert (
        configured("live", trading=yes, kalshi={"private_key_file": "k"}, polymarket={"enabled": False}) == []
    )


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8/x", "https://localhost/x", "ws://[::1]/", "http://clob.polymarket.com"]
)
def test_live_orders_go_to_real_addresses_over_tls(configured, url):
    yes = {"mode": "live", "live_confirmed": True}
    assert configured("live", trading=yes, signer=SECRET, polymarket={"clob_url": url}) == ["E004"]


def test_sandbox_orders_stay_on_this_machine(configured):
    assert configured("sandbox", **LOCAL) == []
    assert configured("sandbox") == ["E005"]


@pytest.mark.parametrize("platform", LOCAL)
@pytest.mark.parametrize(
    "real", ["https://clob.polymarket.com", "http://127.0.0.1.example.com", "http://10.0.0.1/", "x"]
)
def test_one_address_elsewhere_is_enough_to_refuse_the_sandbox(configured, platform, real):
    for name in LOCAL[platform]:
        assert configured("sandbox", **{**LOCAL, platform: LOCAL[platform] | {name: real}}) == ["E005"], name

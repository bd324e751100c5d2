"""The demo asks no source of the real world: every address of every source is the sandbox's."""

import inspect
import os
from pathlib import Path

import pytest

from arbsite import config, registry, source_config
from arbsite.demo import launch
from arbsite.sections import Section
from markets.sandbox.sources.app import addresses

BASE = "http://127.0.0.1:4711"
SECTIONS = [
    one
    for _, one in inspect.getmembers(source_config, inspect.isclass)
    if issubclass(one, Section) and one is not Section
]
FACES = (
    "gamma",
    "clob",
    "data",
    "clob_ws",
    "clob_ws_user",
    "geoblock",
    "kalshi_rest",
    "kalshi_ws",
    "control",
)
URLS = {**dict.fromkeys(FACES, BASE), "settings": addresses(BASE)}


@pytest.fixture
def places(tmp_path):
    return launch.sandbox_environment(URLS, tmp_path)


def variables(section):
    prefix = section.model_config["env_prefix"]
    return {f"{prefix}{name}".upper(): field for name, field in section.model_fields.items()}


def test_every_setting_with_an_address_points_at_the_sandbox(places):
    with_address = {
        name: field
        for section in SECTIONS
        for name, field in variables(section).items()
        if "://" in str(field.default)
    }
    assert len(with_address) >= 14
    for name in with_address:
        assert name in places, f"the demo would ask the real {name}"
        assert "127.0.0.1:4711" in places[name]
        assert places[name].count("://") == places[name].count("://127.0.0.1:4711")


def test_the_demo_names_no_setting_that_does_not_exist(places):
    known = {name for section in SECTIONS for name in variables(section)}
    ours = set(launch.PACE) | set(URLS["settings"])
    assert ours <= known


def test_its_settings_are_valid_and_switch_every_keyed_source_on(places, monkeypatch):
    for name, value in places.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("KALSHI_KEY_ID_FILE", raising=False)
    loaded = config.load()
    assert loaded.whale_alert.api_key.get_secret_value()
    assert loaded.etherscan.url == f"{BASE}/etherscan/v2/api"
    assert loaded.news.every_seconds == 5
    assert loaded.cryptopanic.plan == "growth"


def test_commands_beside_the_demo_are_told_the_same(places, tmp_path, monkeypatch):
    launch.leave_settings(tmp_path, places)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    for name in places:
        monkeypatch.delenv(name, raising=False)
    for section in SECTIONS:
        made = section()
        for name, field in section.model_fields.items():
            if "://" in str(field.default):
                assert "127.0.0.1:4711" in str(getattr(made, name))
    assert source_config.Gdelt().query == launch.PACE["GDELT_QUERY"]


def test_keys_of_real_sources_do_not_reach_the_demos_processes(tmp_path, monkeypatch):
    monkeypatch.setenv("WHALE_ALERT_API_KEY_FILE", "/run/secrets/whales")
    monkeypatch.setenv("CRYPTOPANIC_TOKEN_FILE", "/run/secrets/panic")
    told = launch.environment(tmp_path, "postgres://x", "redis://x")
    assert "WHALE_ALERT_API_KEY_FILE" not in told and "CRYPTOPANIC_TOKEN_FILE" not in told
    assert told["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize("known", [True, False])
def test_the_whale_stream_runs_where_it_is_known(known, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "streams", {launch.WHALE_STREAM: lambda: None} if known else {})
    names = [program.name for program in launch.programs({}, tmp_path, 1, 2)]
    assert ("stream-whale_alert" in names) == known


def test_the_sandbox_is_started_with_a_newsroom(tmp_path):
    command = launch.sandbox_program(Path(tmp_path), {}, 20, 60.0).command
    assert command[command.index("--news-every") + 1] == "6.0"

"""Settings: typed, named when wrong, from files where secret, and listed in `.env.example`."""

from decimal import Decimal
from pathlib import Path

import pytest

from arbsite import config

ROOT = Path(__file__).resolve().parents[2]


def variables() -> dict[str, object]:
    found: dict[str, object] = {}
    for section in config.Section.__subclasses__():
        prefix = str(section.model_config.get("env_prefix", ""))
        found |= {f"{prefix}{name}".upper(): field.default for name, field in section.model_fields.items()}
    return found


def example() -> dict[str, tuple[str, str]]:
    """Name → (value, the comment above it)."""
    found, comment = {}, ""
    for line in (ROOT / ".env.example").read_text().splitlines():
        if line.startswith("#"):
            comment = line
        elif "=" in line:
            name, _, value = line.partition("=")
            found[name] = (value, comment)
            comment = ""
        else:
            comment = ""
    return found


def test_the_example_lists_every_setting_with_a_line_of_why():
    assert set(example()) == set(variables())
    assert all(comment.startswith("# ") for _, comment in example().values())


@pytest.mark.parametrize("section", config.Section.__subclasses__())
def test_the_example_shows_the_defaults(section, monkeypatch, tmp_path):
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    defaults = section(_env_file=None)
    assert section(_env_file=ROOT / ".env.example") == defaults


def test_a_wrong_setting_names_itself(monkeypatch):
    monkeypatch.setenv("SIGNALS_MIN_PROFIT_PCT", "much")
    with pytest.raises(config.BadSettings, match="SIGNALS_MIN_PROFIT_PCT"):
        config.load()


def test_a_secret_may_come_from_a_file(monkeypatch, tmp_path):
    path = tmp_path / "key"
    path.write_text("from-a-file\n")
    monkeypatch.setenv("KALSHI_KEY_ID", "from-the-environment")
    monkeypatch.setenv("KALSHI_KEY_ID_FILE", str(path))
    assert config.Kalshi().key_id.get_secret_value() == "from-a-file"


def test_a_secret_file_that_cannot_be_read_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("KALSHI_KEY_ID_FILE", str(tmp_path / "nothing"))
    with pytest.raises(config.BadSettings, match="KALSHI_KEY_ID_FILE"):
        config.load()


def test_money_settings_are_exact(monkeypatch):
    monkeypatch.setenv("RISK_MAX_ORDER_NOTIONAL", "0.1")
    assert config.Risk().max_order_notional == Decimal("0.1")

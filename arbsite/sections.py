"""What every group of settings shares: where values come from, and which source wins."""

import os
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

BASE_DIR = Path(__file__).resolve().parent.parent
RUNNING_DEMO = "running-demo.env"  # in the data folder: where the demo's own platforms are, while it runs


class BadSettings(Exception):
    """A setting is missing or wrong; the message names it and says what to do."""


class SecretFiles(PydanticBaseSettingsSource):
    """Reads `NAME_FILE` for every setting called `NAME`: the file's content, stripped, is the value."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The value of one field, from the file its `_FILE` variable names."""
        variable = f"{self.config.get('env_prefix', '')}{field_name}_file".upper()
        path = os.environ.get(variable)
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text().strip(), field_name, False
        except OSError as error:
            raise BadSettings(f"{variable}={path} cannot be read: {error.strerror}.") from error

    def __call__(self) -> dict[str, Any]:
        """All values that come from files."""
        values = {}
        for name, field in self.settings_cls.model_fields.items():
            value, key, _ = self.get_field_value(field, name)
            if value is not None:
                values[key] = value
        return values


def running_demo() -> Path | None:
    """The settings that the demo of this data folder leaves for commands beside it, as long as its process lives."""
    path = Path(os.environ.get("DATA_DIR") or BASE_DIR / ".data") / RUNNING_DEMO
    try:
        pid = path.open().readline().removeprefix("# process ").strip()
    except OSError:
        return None
    return path if pid.isdecimal() and Path("/proc", pid).exists() else None


class Section(BaseSettings):
    """A group of settings with one prefix."""

    model_config = SettingsConfigDict(env_file=BASE_DIR / ".env", extra="ignore", frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Files win over the environment, the environment over a running demo, that over `.env`."""
        demo = DotEnvSettingsSource(settings_cls, env_file=running_demo())
        return init_settings, SecretFiles(settings_cls), env_settings, demo, dotenv_settings

"""Every setting of the system, typed and checked at start, read from the environment or `.env`.

A section is a class, its variables share a prefix (`KALSHI_REST_URL` is `Kalshi.rest_url`). Any secret may come from a
file instead: `KALSHI_KEY_ID_FILE=/run/secrets/kalshi` replaces `KALSHI_KEY_ID`. `.env.example` lists them all with a
line of why; a test keeps the two in step.
"""

from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import Literal
from zoneinfo import available_timezones

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import SettingsConfigDict

from arbsite.sections import BASE_DIR, RUNNING_DEMO, BadSettings, Section
from arbsite.source_config import (
    Calendars,
    CryptoPanic,
    DefiLlama,
    Etherscan,
    Evidence,
    Fred,
    Gdelt,
    News,
    NewsApi,
    Sources,
    WhaleAlert,
    Whales,
)

__all__ = ["BASE_DIR", "RUNNING_DEMO", "BadSettings", "Config", "Section", "load"]


class Core(Section):
    """The frame: where the database and broker are, what the web server may answer to."""

    model_config = SettingsConfigDict(env_prefix="")
    debug: bool = False
    production: bool = False
    secret_key: SecretStr = SecretStr("")
    allowed_hosts: str = "127.0.0.1,localhost"
    data_dir: Path = BASE_DIR / ".data"
    database_url: SecretStr = SecretStr("")
    redis_url: SecretStr = SecretStr("")
    celery_broker_url: SecretStr = SecretStr("")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "text"] = "json"
    jwt_signing_key: SecretStr = SecretStr("")

    @field_validator("data_dir")
    @classmethod
    def absolute(cls, value: Path) -> Path:
        """A relative data folder is meant relative to the checkout."""
        return value if value.is_absolute() else BASE_DIR / value


class Polymarket(Section):
    """Where Polymarket is and how fast we may ask."""

    model_config = SettingsConfigDict(env_prefix="POLYMARKET_")
    enabled: bool = True
    gamma_url: str = "https://gamma-api.polymarket.com"
    clob_url: str = "https://clob.polymarket.com"
    data_url: str = "https://data-api.polymarket.com"
    ws_url: str = "wss://ws-subscriptions-clob.polymarket.com/ws/market"
    user_ws_url: str = "wss://ws-subscriptions-clob.polymarket.com/ws/user"
    geoblock_url: str = "https://polymarket.com/api/geoblock"
    private_key_file: str = ""  # read by `manage.py signer` alone
    signature_type: int = Field(0, ge=0, le=3)
    funder: str = ""
    timeout_seconds: Decimal = Field(Decimal(10), gt=0)
    window_ms: int = Field(50, ge=5, le=100)
    stall_seconds: int = Field(30, gt=0)


class Kalshi(Section):
    """Where Kalshi is, which key signs, and how fast we may ask."""

    model_config = SettingsConfigDict(env_prefix="KALSHI_")
    enabled: bool = True
    rest_url: str = "https://external-api.kalshi.com/trade-api/v2"
    ws_url: str = "wss://external-api-ws.kalshi.com/trade-api/ws/v2"
    key_id: SecretStr = SecretStr("")
    private_key_file: str = ""  # read by `manage.py signer` alone
    timeout_seconds: Decimal = Field(Decimal(10), gt=0)
    window_ms: int = Field(100, ge=5, le=100)
    read_tokens_per_second: int = Field(200, gt=0)
    write_tokens_per_second: int = Field(100, gt=0)
    subaccount: int = Field(0, ge=0, le=63)
    order_group_contracts: int = Field(0, ge=0)


class Connector(Section):
    """The market-data processes."""

    model_config = SettingsConfigDict(env_prefix="CONNECTOR_")
    max_markets: int = Field(10_000, gt=0)
    max_windows_in_flight: int = Field(2, ge=1, le=10)
    window_lost_seconds: int = Field(5, gt=0)
    book_depth: int = Field(50, ge=1)
    lease_seconds: int = Field(10, ge=3)
    rest_poll_seconds: Decimal = Field(Decimal(2), gt=0)
    signer_socket: str = ""

    @property
    def signer_path(self) -> str:
        """The signer's socket: the setting, or the one below the data folder."""
        return self.signer_socket or str(Core().data_dir / "signer.sock")


class Universe(Section):
    """Which markets a connector follows when no rule in the admin says otherwise."""

    model_config = SettingsConfigDict(env_prefix="UNIVERSE_")
    discover_limit: int = Field(20_000, gt=0)
    discover_days: int = Field(90, gt=0)


def fill_bands(text: str) -> tuple[tuple[Decimal, Decimal], ...]:
    """`EDGE:CHANCE,…` as numbers. Raises ValueError, saying what is wrong."""
    bands = []
    for part in text.split(","):
        start, _, chance = part.partition(":")
        try:
            bands.append((Decimal(start.strip()), Decimal(chance.strip())))
        except InvalidOperation:
            raise ValueError(f"{part!r} is not EDGE:CHANCE, such as 0.06:0.8") from None
    starts, chances = [start for start, _ in bands], [chance for _, chance in bands]
    if starts[0] != 0 or any(one >= two for one, two in pairwise(starts)):
        raise ValueError("edges must begin at 0 and rise")
    if any(not 0 < chance <= 1 for chance in chances) or any(one < two for one, two in pairwise(chances)):
        raise ValueError("chances lie above 0, at most 1, and never rise with the edge")
    return tuple(bands)


class Signals(Section):
    """When a finding becomes a signal and a signal becomes actionable."""

    model_config = SettingsConfigDict(env_prefix="SIGNALS_")
    min_profit_pct: Decimal = Field(Decimal("0.02"), gt=0, lt=1)
    min_profit_dollars: Decimal = Field(Decimal("0.50"), ge=0)
    suspicious_edge: Decimal = Field(Decimal("0.15"), gt=0, lt=1)
    max_book_age_seconds: Decimal = Field(Decimal(2), gt=0)
    max_book_skew_seconds: Decimal = Field(Decimal(1), gt=0)
    expire_seconds: int = Field(30, gt=0)
    min_open_seconds: Decimal = Field(Decimal(60), ge=0)
    leg_fill_rates: str = "0:0.90,0.06:0.80,0.10:0.70,0.20:0.63"
    cash_rate: Decimal = Field(Decimal("0.045"), ge=0, lt=1)
    unknown_settlement_days: int = Field(365, gt=0)
    gap_unread: Decimal = Field(Decimal("0.10"), gt=0, lt=1)
    max_drift: Decimal = Field(Decimal("0.10"), gt=0, lt=1)
    one_sided_move: Decimal = Field(Decimal("0.10"), gt=0, lt=1)
    recent_seconds: int = Field(60, gt=0)
    evidence_minutes: int = Field(10, gt=0, le=60)
    crossed_long_seconds: int = Field(5, gt=0)
    recheck_every_seconds: int = Field(5, gt=0)
    recheck_valid_seconds: int = Field(10, gt=0)
    release_minutes: int = Field(60, gt=0)
    fill_rate_days: int = Field(30, gt=0)
    fill_rate_prior: int = Field(50, gt=0)
    first_leg_ms: int = Field(576, gt=0)
    next_leg_ms: int = Field(243, gt=0)

    @field_validator("leg_fill_rates")
    @classmethod
    def _readable_rates(cls, text: str) -> str:
        fill_bands(text)
        return text

    @property
    def fill_bands(self) -> tuple[tuple[Decimal, Decimal], ...]:
        """(edge from which it holds, chance that one further leg fills), ascending."""
        return fill_bands(self.leg_fill_rates)


class Risk(Section):
    """What may be at stake, in dollars."""

    model_config = SettingsConfigDict(env_prefix="RISK_")
    max_order_notional: Decimal = Field(Decimal(250), gt=0)
    max_market_notional: Decimal = Field(Decimal(500), gt=0)
    max_bet_notional: Decimal = Field(Decimal(500), gt=0)
    max_platform_notional: Decimal = Field(Decimal(10_000), gt=0)
    max_total_notional: Decimal = Field(Decimal(20_000), gt=0)
    max_group_notional: Decimal = Field(Decimal(1_000), gt=0)
    max_order_contracts: Decimal = Field(Decimal(5_000), gt=0)
    max_open_orders: int = Field(50, gt=0)
    max_orders_per_minute: int = Field(120, gt=0)
    price_collar: Decimal = Field(Decimal("0.05"), gt=0, lt=1)
    min_cash: Decimal = Field(Decimal(0), ge=0)
    daily_loss_pct: Decimal = Field(Decimal("0.05"), gt=0, lt=1)
    daily_loss_cancel_pct: Decimal = Field(Decimal("0.10"), gt=0, lt=1)
    max_drawdown_pct: Decimal = Field(Decimal("0.20"), gt=0, lt=1)
    position_loss_pct: Decimal = Field(Decimal("0.05"), gt=0, lt=1)
    min_hedge_relief: Decimal = Field(
        Decimal(1), ge=0
    )  # dollars that a hedge must take of a position's risk to be shown
    kelly_fraction: Decimal = Field(Decimal("0.25"), gt=0, le=1)
    max_unknown_orders: int = Field(3, ge=0)
    max_stale_seconds: int = Field(60, gt=0)
    max_clock_skew_ms: int = Field(5_000, gt=0)
    max_locked_pct: Decimal = Field(Decimal("0.95"), gt=0, le=1)
    max_late_pct: Decimal = Field(Decimal("0.50"), gt=0, le=1)
    late_days: int = Field(90, gt=0)
    time_zone: str = "UTC"

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError(f"{name!r} is no time zone, such as America/New_York")
        return name


class Sandbox(Section):
    """The local exchange: where its control endpoint is, when our platforms are its faces."""

    model_config = SettingsConfigDict(env_prefix="SANDBOX_")
    control_url: str = ""


class Trading(Section):
    """How orders are carried out. Paper is the default; live needs keys, a risk configuration and this switch."""

    model_config = SettingsConfigDict(env_prefix="TRADING_")
    mode: Literal["paper", "sandbox", "live"] = "paper"
    live_confirmed: bool = False
    paper_cash: Decimal = Field(Decimal(10_000), gt=0)
    paper_polymarket_ms: int = Field(576, ge=0)
    paper_kalshi_ms: int = Field(243, ge=0)
    paper_fill_rates: str = "0:0.90,0.06:0.80,0.10:0.70,0.20:0.63"
    shadow: bool = True

    @field_validator("paper_fill_rates")
    @classmethod
    def _readable_rates(cls, text: str) -> str:
        fill_bands(text)
        return text

    @property
    def paper_bands(self) -> tuple[tuple[Decimal, Decimal], ...]:
        """(edge from which it holds, chance that what the book shows is still there), ascending."""
        return fill_bands(self.paper_fill_rates)


class Execution(Section):
    """How plans are worked: patience, tries, and what a lone remainder may cost."""

    model_config = SettingsConfigDict(env_prefix="EXECUTION_")
    workers: int = Field(4, ge=1, le=32)
    intent_seconds: Decimal = Field(Decimal(2), gt=0)
    look_up_seconds: Decimal = Field(Decimal(35), gt=0)
    look_up_every_ms: int = Field(250, ge=10)
    max_sends: int = Field(3, ge=1, le=3)
    retry_backoff_ms: int = Field(250, ge=1)
    rest_seconds: Decimal = Field(Decimal(5), gt=0)
    at_once: Literal["measured", "never", "always"] = "measured"
    loss_limit_pct: Decimal = Field(Decimal("0.05"), ge=0, lt=1)
    unwind_seconds: Decimal = Field(Decimal(20), gt=0)
    auto_exit: bool = False
    exit_gain_pct: Decimal = Field(Decimal("0.01"), ge=0, lt=1)
    reconcile_orders_seconds: int = Field(60, ge=1)
    reconcile_positions_seconds: int = Field(300, ge=1)


class Signer(Section):
    """Limits of the signer's own, which no other process can widen."""

    model_config = SettingsConfigDict(env_prefix="SIGNER_")
    max_order_notional: Decimal = Field(Decimal(500), gt=0)
    max_order_contracts: Decimal = Field(Decimal(10_000), gt=0)
    max_price: Decimal = Field(Decimal("0.999"), gt=0, lt=1)
    # Above the risk limit, or second legs and unwinds are held back
    orders_per_minute: int = Field(240, gt=0)
    secret_command: str = ""


class Archive(Section):
    """How long what is kept where."""

    model_config = SettingsConfigDict(env_prefix="ARCHIVE_")
    price_days: int = Field(30, gt=0)
    partitions_ahead: int = Field(7, gt=0)


class Config:
    """All sections, read once at start."""

    def __init__(self) -> None:
        self.core = Core()
        self.polymarket = Polymarket()
        self.kalshi = Kalshi()
        self.connector = Connector()
        self.universe = Universe()
        self.signals = Signals()
        self.risk = Risk()
        self.sandbox = Sandbox()
        self.trading = Trading()
        self.execution = Execution()
        self.signer = Signer()
        self.archive = Archive()
        self.sources = Sources()
        self.whales = Whales()
        self.whale_alert = WhaleAlert()
        self.etherscan = Etherscan()
        self.defillama = DefiLlama()
        self.news = News()
        self.cryptopanic = CryptoPanic()
        self.newsapi = NewsApi()
        self.gdelt = Gdelt()
        self.calendars = Calendars()
        self.fred = Fred()
        self.evidence = Evidence()

    def platform(self, name: str) -> "Polymarket | Kalshi":
        """The section of one platform."""
        return {"polymarket": self.polymarket, "kalshi": self.kalshi}[name]  # type: ignore[return-value]

    def sections(self) -> dict[str, Section]:
        """Every section by its name."""
        return dict(vars(self))


def load() -> Config:
    """Read the settings; raises BadSettings with one sentence per wrong setting."""
    try:
        return Config()
    except ValidationError as error:
        prefix = _prefix(error.title)
        lines = [
            f"{prefix}{'_'.join(str(part) for part in problem['loc'])}".upper() + f": {problem['msg']}"
            for problem in error.errors(include_input=False)
        ]
        raise BadSettings("Wrong settings (environment or .env):\n  " + "\n  ".join(lines)) from None


def _prefix(section: str) -> str:
    found = {cls.__name__: cls for cls in Section.__subclasses__()}
    return str(found[section].model_config.get("env_prefix", "")) if section in found else ""

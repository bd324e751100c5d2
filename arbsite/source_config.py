"""Settings of what is read besides prices: whales, news, calendars, and how far their evidence is believed.

Every address is a setting, so that the sandbox can take a source's place. A source without the key it needs is off.
"""

from decimal import Decimal
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from arbsite.sections import Section


def named_urls(text: str) -> dict[str, str]:
    """`NAME=URL,…` as a dictionary. Raises ValueError, saying what is wrong."""
    found: dict[str, str] = {}
    for part in (part.strip() for part in text.split(",")):
        if not part:
            continue
        name, _, url = part.partition("=")
        parts = urlsplit(url)
        if not name.strip() or parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(
                f"{part!r} is not NAME=URL, such as fed=https://www.federalreserve.gov/feeds/press_all.xml"
            )
        found[name.strip()] = url.strip()
    return found


class Sources(Section):
    """What all sources share: who we say we are, and how much we read."""

    model_config = SettingsConfigDict(env_prefix="SOURCES_")
    enabled: bool = True
    contact: str = ""
    timeout_seconds: Decimal = Field(Decimal(20), gt=0)
    max_bytes: int = Field(2_000_000, gt=0)
    max_items: int = Field(500, gt=0)
    failures_to_open: int = Field(5, gt=0)
    open_seconds: int = Field(60, gt=0)
    future_seconds: int = Field(300, gt=0)
    flood_per_minute: int = Field(600, gt=0)


class Whales(Section):
    """What counts as a whale, and how old one may be."""

    model_config = SettingsConfigDict(env_prefix="WHALES_")
    min_usd: Decimal = Field(Decimal(500_000), gt=0)
    fresh_minutes: int = Field(30, gt=0)
    horizon_minutes: int = Field(60, gt=0)
    half_life_minutes: int = Field(60, gt=0)
    webhook_secrets: SecretStr = SecretStr("")


class WhaleAlert(Section):
    """Whale Alert: the WebSocket of the personal plan, REST of the enterprise plan."""

    model_config = SettingsConfigDict(env_prefix="WHALE_ALERT_")
    ws_url: str = "wss://leviathan.whale-alert.io/ws"
    rest_url: str = "https://leviathan.whale-alert.io"
    api_key: SecretStr = SecretStr("")
    rest: bool = False
    chains: str = "ethereum"
    symbols: str = ""
    min_usd: Decimal = Field(Decimal(500_000), ge=100_000)
    every_seconds: int = Field(60, ge=1)
    calls_per_minute: int = Field(1_000, gt=0)


class Etherscan(Section):
    """Etherscan V2: one key and one quota for all chains."""

    model_config = SettingsConfigDict(env_prefix="ETHERSCAN_")
    url: str = "https://api.etherscan.io/v2/api"
    api_key: SecretStr = SecretStr("")
    chains: str = "1,137"
    calls_per_second: int = Field(3, gt=0)
    calls_per_day: int = Field(100_000, gt=0)
    confirmations: int = Field(12, ge=0)
    every_seconds: int = Field(60, ge=1)


class DefiLlama(Section):
    """DeFi Llama: free aggregates, hours old."""

    model_config = SettingsConfigDict(env_prefix="DEFILLAMA_")
    stablecoins_url: str = "https://stablecoins.llama.fi"
    coins_url: str = "https://coins.llama.fi"
    enabled: bool = True
    every_seconds: int = Field(600, ge=1)
    flat_change: Decimal = Field(Decimal("0.001"), ge=0, lt=1)


class News(Section):
    """News in general: which feeds, and when a story is late."""

    model_config = SettingsConfigDict(env_prefix="NEWS_")
    feeds: str = (
        "coindesk=https://www.coindesk.com/arc/outboundfeeds/rss/,theblock=https://www.theblock.co/rss.xml,"
        "fed=https://www.federalreserve.gov/feeds/press_all.xml,bls=https://www.bls.gov/feed/bls_latest.rss,"
        "sec=https://www.sec.gov/news/pressreleases.rss"
    )
    announcements: str = (
        "okx=https://www.okx.com/api/v5/support/announcements,"
        "binance=https://www.binance.com/bapi/composite/v1/public/cms/article/list/query?type=1&pageNo=1&pageSize=20"
    )
    every_seconds: int = Field(60, ge=1)
    late_minutes: int = Field(15, gt=0)
    same_story_hours: int = Field(48, gt=0)
    same_story_ratio: int = Field(90, ge=50, le=100)
    horizon_minutes: int = Field(30, gt=0)
    half_life_minutes: int = Field(15, gt=0)

    @field_validator("feeds", "announcements")
    @classmethod
    def _readable(cls, text: str) -> str:
        named_urls(text)
        return text


class CryptoPanic(Section):
    """CryptoPanic v2; the free plan is a day late and has 100 calls a month."""

    model_config = SettingsConfigDict(env_prefix="CRYPTOPANIC_")
    url: str = "https://cryptopanic.com"
    token: SecretStr = SecretStr("")
    plan: Literal["developer", "growth", "enterprise"] = "developer"
    calls_per_month: int = Field(100, gt=0)


class NewsApi(Section):
    """NewsAPI; the developer plan is a day late, has 100 calls a day and may not be used in production."""

    model_config = SettingsConfigDict(env_prefix="NEWSAPI_")
    url: str = "https://newsapi.org"
    api_key: SecretStr = SecretStr("")
    plan: Literal["developer", "business", "advanced"] = "developer"
    query: str = '(bitcoin OR ethereum OR "federal reserve" OR inflation OR election)'
    calls_per_day: int = Field(100, gt=0)


class Gdelt(Section):
    """GDELT DOC 2.0: no key, one call every five seconds from the whole system."""

    model_config = SettingsConfigDict(env_prefix="GDELT_")
    url: str = "https://api.gdeltproject.org/api/v2/doc/doc"
    enabled: bool = True
    query: str = '(bitcoin OR ethereum OR inflation OR "federal reserve" OR election) sourcelang:eng'
    every_seconds: int = Field(900, ge=5)


class Calendars(Section):
    """Calendars, and what a scheduled event does to trading around it."""

    model_config = SettingsConfigDict(env_prefix="CALENDARS_")
    fed_url: str = "https://www.federalreserve.gov/json/calendar.json"
    bls_url: str = "https://www.bls.gov/schedule/news_release/bls.ics"
    bea_url: str = "https://www.bea.gov/news/schedule/ics/online-calendar-subscription.ics"
    enabled: bool = True
    every_seconds: int = Field(21_600, ge=1)
    widen_minutes: int = Field(60, ge=0)
    suspend_before_minutes: int = Field(5, ge=0)
    suspend_after_minutes: int = Field(15, ge=0)
    widen_hurdle: Decimal = Field(Decimal("0.01"), ge=0, lt=1)


class Fred(Section):
    """FRED: release dates, without a time."""

    model_config = SettingsConfigDict(env_prefix="FRED_")
    url: str = "https://api.stlouisfed.org/fred"
    api_key: SecretStr = SecretStr("")


class Evidence(Section):
    """How far evidence is believed."""

    model_config = SettingsConfigDict(env_prefix="EVIDENCE_")
    confidence_level: Decimal = Field(Decimal("0.99"), gt=0, lt=1)
    enlarge_above: Decimal = Field(Decimal("0.60"), gt=0, lt=1)
    enlarge_most: Decimal = Field(Decimal("1.5"), ge=1)
    veto_probability: Decimal = Field(Decimal("0.80"), gt=0, lt=1)
    shrink_least: Decimal = Field(Decimal("0.25"), ge=0, le=1)
    most_hurdle: Decimal = Field(Decimal("0.02"), ge=0, lt=1)
    fewest_scored: int = Field(100, gt=0)
    fit_days: int = Field(60, gt=0)
    keep_days: int = Field(90, gt=0)
    proposal_dollars: Decimal = Field(Decimal(200), ge=0)
    price_move_spreads: Decimal = Field(Decimal(4), gt=0)
    price_horizon_minutes: int = Field(15, gt=0)
    price_half_life_minutes: int = Field(5, gt=0)

"""The whale sources that are polled, made from the settings."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from signals.sources.base import WHALES, Budget, Kept, Spec
from signals.sources.whales import defillama, etherscan, etherscan_poll, regimes, rest_v2, storing, wallets
from signals.sources.whales.assets import CHAIN_IDS
from signals.times import unix_ms


def specs() -> list[Spec]:
    """Etherscan, DeFi Llama, and Whale Alert's REST. The alerts of its WebSocket come by `manage.py stream whale_alert`."""
    return [_etherscan(), _defillama(), _whale_alert_rest()]


def told(now: datetime) -> dict[str, Any]:
    """The regime as it is shown with its source: change of supply in a day by peg, a fraction, as of a time (Unix ms)."""
    found = regimes.regime(now)
    if found is None:
        return {}
    change = {"supply_change_a_day": dict(found.change), "supply_at": unix_ms(found.at)}
    return {**change, "supply": found.word(settings.ARBSITE.defillama.flat_change)}


def prices(now: datetime) -> etherscan.Prices:
    """Unit prices of the tokens that we follow, as DeFi Llama told them last; empty where that is too long ago."""
    return defillama.known_prices(regimes.place(), now)


def words(text: str) -> tuple[str, ...]:
    """A comma-separated setting."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _etherscan() -> Spec:
    config = settings.ARBSITE.etherscan
    named = words(config.chains)
    ids = tuple(int(word) for word in named if word.isdecimal() and int(word) in CHAIN_IDS)
    unknown = [word for word in named if not word.isdecimal() or int(word) not in CHAIN_IDS]
    off = ""
    if not config.api_key.get_secret_value():
        off = "Set ETHERSCAN_API_KEY."
    elif unknown or not ids:
        off = f"Set ETHERSCAN_CHAINS to ids among {', '.join(map(str, sorted(CHAIN_IDS)))}."
    setup = etherscan_poll.Setup(
        url=config.url, key=config.api_key.get_secret_value(), chain_ids=ids, confirmations=config.confirmations,
        min_usd=settings.ARBSITE.whales.min_usd, wallets=wallets.watched, prices=prices,
        most_calls=min(etherscan_poll.MOST_CALLS, 10 * config.calls_per_second),
    )  # fmt: skip
    return Spec(
        name=etherscan.SOURCE, kind=WHALES, hosts=(urlsplit(config.url).netloc,), every_seconds=config.every_seconds,
        # One key, one quota: chains and processes draw from the same
        budgets=(Budget(config.calls_per_second, 1), Budget(config.calls_per_day, 86_400)),
        poll=partial(etherscan_poll.poll, setup=setup), keep=storing.keep, off=off, stale_after=3, whole=True,
        about="Token transfers of exchange wallets, mints and burns",
    )  # fmt: skip


def _defillama() -> Spec:
    config = settings.ARBSITE.defillama
    setup = defillama.Setup(config.stablecoins_url, config.coins_url)
    hosts = tuple(dict.fromkeys(urlsplit(url).netloc for url in (config.stablecoins_url, config.coins_url)))
    return Spec(
        name=defillama.SOURCE, kind=WHALES, hosts=hosts, every_seconds=config.every_seconds,
        budgets=(Budget(10, 60),), poll=partial(defillama.poll, setup=setup), keep=_nothing,
        off="" if config.enabled else "Set DEFILLAMA_ENABLED=true.",
        about="Supply of stablecoins as a slow regime, unit prices of tokens",
    )  # fmt: skip


def _whale_alert_rest() -> Spec:
    config = settings.ARBSITE.whale_alert
    key, chains = config.api_key.get_secret_value(), words(config.chains.lower())
    off = ""
    if not config.rest:
        off = "Set WHALE_ALERT_REST=true where the plan is an enterprise one."
    elif not key:
        off = "Set WHALE_ALERT_API_KEY."
    elif not chains:
        off = "Set WHALE_ALERT_CHAINS."
    setup = rest_v2.Setup(config.rest_url, key, chains, config.min_usd)
    return Spec(
        name=rest_v2.SOURCE, kind=WHALES, hosts=(urlsplit(config.rest_url).netloc,), every_seconds=config.every_seconds,
        budgets=(Budget(config.calls_per_minute, 60),), poll=partial(rest_v2.poll, setup=setup), keep=storing.keep,
        off=off, whole=True, about="Whale Alert's transactions by block",
    )  # fmt: skip


def _nothing(records: Sequence[Any], now: datetime) -> Kept:
    """Nothing to keep: all of it lies in the cursor."""
    return Kept()

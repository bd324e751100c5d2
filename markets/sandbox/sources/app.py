"""The sixth face of the sandbox: every source below one address, and the settings that point at them."""

from typing import Any

from markets.sandbox.context import Sandbox
from markets.sandbox.sources import aggregators, calendars, defillama, etherscan, feeds, whale_alert
from markets.sandbox.sources.values import FEED_OUTLETS, KEY


def routes(sandbox: Sandbox) -> list[Any]:
    """Tornado's routes of the whole face."""
    return [
        route
        for source in (whale_alert, etherscan, defillama, feeds, aggregators, calendars)
        for route in source.routes(sandbox)
    ]


def addresses(base: str) -> dict[str, str]:
    """The settings that put the sandbox in every source's place, with the key it accepts; `base` is the face's URL."""
    socket = base.replace("http://", "ws://", 1)
    binance = "/bapi/composite/v1/public/cms/article/list/query?type=1&pageNo=1&pageSize=20"
    return {
        "WHALE_ALERT_WS_URL": f"{socket}/whale-alert/ws",
        "WHALE_ALERT_REST_URL": f"{base}/whale-alert",
        "WHALE_ALERT_API_KEY": KEY,
        "ETHERSCAN_URL": f"{base}/etherscan/v2/api",
        "ETHERSCAN_API_KEY": KEY,
        "DEFILLAMA_STABLECOINS_URL": f"{base}/defillama",
        "DEFILLAMA_COINS_URL": f"{base}/defillama",
        "NEWS_FEEDS": ",".join(f"{name}={base}/feeds/{name}.xml" for name in FEED_OUTLETS),
        "NEWS_ANNOUNCEMENTS": f"okx={base}/okx/api/v5/support/announcements,binance={base}/binance{binance}",
        "CRYPTOPANIC_URL": f"{base}/cryptopanic",
        "CRYPTOPANIC_TOKEN": KEY,
        "NEWSAPI_URL": f"{base}/newsapi",
        "NEWSAPI_API_KEY": KEY,
        "GDELT_URL": f"{base}/gdelt/api/v2/doc/doc",
        "CALENDARS_FED_URL": f"{base}/fed/json/calendar.json",
        "CALENDARS_BLS_URL": f"{base}/bls/schedule/news_release/bls.ics",
        "CALENDARS_BEA_URL": f"{base}/bea/news/schedule/ics/online-calendar-subscription.ics",
        "FRED_URL": f"{base}/fred",
        "FRED_API_KEY": KEY,
    }

"""Each platform's REST client and feed, made from the settings. The one place that knows all platforms' classes."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils import timezone

from arbsite.ratelimit import Bucket, RedisThrottle, TooBusy
from markets import signer_client
from markets.platforms.base import (
    KALSHI,
    POLYMARKET,
    Feed,
    FeedMarket,
    FeeSchedule,
    MarketData,
    MarketInfo,
    PlatformError,
)
from markets.platforms.kalshi import fees as kalshi_fees
from markets.platforms.kalshi import private as kalshi_private
from markets.platforms.kalshi import private_http as kalshi_http
from markets.platforms.kalshi import rest as kalshi_rest
from markets.platforms.kalshi import stream as kalshi_stream
from markets.platforms.kalshi import trading as kalshi_trading
from markets.platforms.polymarket import fees as polymarket_fees
from markets.platforms.polymarket import parse as polymarket_parse
from markets.platforms.polymarket import private as polymarket_private
from markets.platforms.polymarket import rest as polymarket_rest
from markets.platforms.polymarket import stream as polymarket_stream
from markets.platforms.polymarket import terms as polymarket_terms
from markets.platforms.polymarket import trading as polymarket_trading
from markets.platforms.trading import PrivateFeed, Trading

KALSHI_MARKETS_PER_CONNECTION = 5_000
POLYMARKET_MARKETS_PER_CONNECTION = (
    200  # one token a market; larger subscriptions break a connection silently
)


class PlatformThrottle:
    """Our own rate limit of a platform, speaking of its refusals as the platform's errors."""

    def __init__(self, platform: str, buckets: dict[str, Bucket], *, longest_wait: float = 30.0) -> None:
        self._throttle = RedisThrottle(platform, buckets, longest_wait=longest_wait)

    def acquire(self, endpoint: str, cost: int = 1) -> None:
        """Wait for tokens. Raises PlatformError when the wait would be unreasonable."""
        try:
            self._throttle.acquire(endpoint, cost)
        except TooBusy as error:
            raise PlatformError(str(error)) from error


def rest(platform: str) -> MarketData:
    """The public REST side of a platform."""
    makers: dict[str, Callable[[], MarketData]] = {
        POLYMARKET: polymarket_rest_client,
        KALSHI: kalshi_rest_client,
    }
    return makers[platform]()


def feed(platform: str) -> Feed:
    """A new feed for one connection."""
    if platform == POLYMARKET:
        stall_ms = settings.ARBSITE.polymarket.stall_seconds * 1_000
        return polymarket_stream.PolymarketFeed(stall_ms=stall_ms)
    return kalshi_stream.KalshiFeed()


def trading(platform: str) -> Trading:
    """The order side of a platform. It keeps connections open: make it once a process."""
    made: Trading = _maker(f"{platform}_trading_client")()
    return made


def private_feed(platform: str) -> PrivateFeed:
    """A new feed of a platform's private channels, for one connection."""
    made: PrivateFeed = _maker(f"{platform}_private_feed")()
    return made


def _maker(name: str) -> Callable[[], Any]:
    """One of the functions below, by its name."""
    found: Callable[[], Any] = globals()[name]
    return found


def replay_feed(platform: str, *, shared_seq: bool = False) -> Feed:
    """A feed that follows whatever it hears and sends nothing, for recorded frames."""
    if platform == POLYMARKET:
        return polymarket_stream.PolymarketFeed(follow_all=True)
    return kalshi_stream.KalshiFeed(follow_all=True, shared_seq=shared_seq)


def standard_fees(platform: str) -> FeeSchedule:
    """The platform's usual schedule, for a market of which nothing but its frames is known."""
    if platform == POLYMARKET:
        return polymarket_fees.PolymarketFees(rate=Decimal("0.05"))
    return kalshi_fees.KalshiFees(fee_type="quadratic", multiplier=Decimal(1))


def handshake(platform: str) -> Callable[[], list[str]] | None:
    """A function that returns the headers of a WebSocket handshake, or None where none are needed."""
    if platform == POLYMARKET:
        return None
    path = kalshi_stream.handshake_path(settings.ARBSITE.kalshi.ws_url)
    return lambda: [f"{name}: {value}" for name, value in signer_client.kalshi_headers("GET", path).items()]


def markets_per_connection(platform: str) -> int:
    """Below the size that breaks a connection."""
    return {POLYMARKET: POLYMARKET_MARKETS_PER_CONNECTION, KALSHI: KALSHI_MARKETS_PER_CONNECTION}[platform]


def feed_market(info: MarketInfo) -> FeedMarket:
    """What a feed must know of a market."""
    return polymarket_parse.feed_market(info) if info.platform == POLYMARKET else FeedMarket(info.id)


def fees_from_json(platform: str, document: dict[str, Any] | None) -> FeeSchedule | None:
    """The stored fee schedule of a market; None where it is unknown."""
    if not document:
        return None
    return {POLYMARKET: polymarket_fees.from_json, KALSHI: kalshi_fees.from_json}[platform](document)


def kalshi_rest_client() -> kalshi_rest.KalshiRest:
    """Kalshi's REST side with what only it has: announced changes of fees."""
    config = settings.ARBSITE.kalshi
    rate = config.read_tokens_per_second
    public = rate - kalshi_order_reads(rate)
    throttle = PlatformThrottle(KALSHI, {"*": Bucket(public, max(public, 10))})
    return kalshi_rest.KalshiRest(
        config.rest_url, throttle=throttle, timeout=float(config.timeout_seconds), now=timezone.now
    )


def polymarket_rest_client() -> polymarket_rest.PolymarketRest:
    """Polymarket's REST side with what only it has."""
    config = settings.ARBSITE.polymarket
    throttle = PlatformThrottle(POLYMARKET, polymarket_buckets())
    return polymarket_rest.PolymarketRest(
        config.gamma_url,
        config.clob_url,
        config.data_url,
        throttle=throttle,
        timeout=float(config.timeout_seconds),
    )


def polymarket_trading_client() -> polymarket_trading.PolymarketTrading:
    """Polymarket's order side: the settings' hosts and wallet, the signer process, the markets that we know.

    Raises ValueError for a signature type that lacks its funder.
    """
    config = settings.ARBSITE.polymarket
    return polymarket_trading.PolymarketTrading(
        polymarket_trading.Hosts(config.clob_url, config.data_url, config.geoblock_url),
        lambda request: signer_client.ask(dict(request)),
        polymarket_terms.TermsBook(_polymarket_facts, polymarket_rest_client().trading_rules),
        signature_type=config.signature_type,
        funder=config.funder,
        throttle=PlatformThrottle(POLYMARKET, polymarket_buckets()),
        timeout=float(config.timeout_seconds),
        now=timezone.now,
    )


def polymarket_private_feed() -> polymarket_private.PolymarketPrivateFeed:
    """A new feed of the user channel, for one connection; it logs in for itself."""
    trading = polymarket_trading_client()
    config = settings.ARBSITE.polymarket
    wallet = config.funder if config.signature_type else ""
    return polymarket_private.PolymarketPrivateFeed(
        config.user_ws_url, trading.login, trading.account.outcome_of, wallet
    )


def _polymarket_facts(market_id: str) -> dict[str, Any]:
    """What the market's row says; nothing where there is none."""
    from markets.models import Market

    row = Market.objects.filter(pk=market_id).values("outcomes", "ticks", "min_size", "metadata").first()
    return polymarket_terms.facts_of_row(**row) if row is not None else {}


def polymarket_buckets() -> dict[str, Bucket]:
    """Polymarket's documented limits, as tokens a second per family of endpoints."""
    return {
        endpoint: Bucket(requests / 10, requests / 10)
        for endpoint, requests in polymarket_rest.REQUESTS_PER_10_SECONDS.items()
    }


# --- Kalshi's order side

ORDER_WAIT_SECONDS = 1.0  # an order that waits longer for our own rate limit has an old price


def kalshi_order_reads(tokens: int) -> float:
    """Tokens a second that are kept for looking up orders: a long listing of markets must not keep a hedge waiting."""
    return tokens / 2


def kalshi_trading_client() -> kalshi_trading.KalshiTrading:
    """Kalshi's order side; every request is signed by the signer process."""
    config = settings.ARBSITE.kalshi
    own, write = kalshi_order_reads(config.read_tokens_per_second), config.write_tokens_per_second
    return kalshi_trading.KalshiTrading(
        config.rest_url,
        authorise=kalshi_authorise,
        reload=kalshi_reload,
        throttle=PlatformThrottle(KALSHI, {"read": Bucket(own, max(own, 10)), "balance": Bucket(1, 1)}),
        write_throttle=PlatformThrottle(
            KALSHI, {"write": Bucket(write, write)}, longest_wait=ORDER_WAIT_SECONDS
        ),
        timeout=float(config.timeout_seconds),
        subaccount=config.subaccount,
        group_contracts=config.order_group_contracts,
    )


def kalshi_private_feed() -> kalshi_private.KalshiPrivateFeed:
    """Kalshi's private channels of our subaccount."""
    config = settings.ARBSITE.kalshi
    path = kalshi_stream.handshake_path(config.ws_url)

    def sign() -> list[str]:
        return [f"{name}: {value}" for name, value in kalshi_authorise("GET", path, None).items()]

    return kalshi_private.KalshiPrivateFeed(config.ws_url, sign=sign, subaccount=config.subaccount)


def kalshi_authorise(method: str, path: str, body: str | None) -> dict[str, str]:
    """The headers that sign a request to Kalshi; the signer is shown the body of a write. Raises Unsigned."""
    request = {"op": "kalshi_headers", "method": method, "path": path}
    return _of_signer(request if body is None else {**request, "body": body})["headers"]


def kalshi_reload() -> None:
    """Have the signer read its keys again. Raises Unsigned."""
    _of_signer({"op": "reload"})


def _of_signer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        return signer_client.ask(request)
    except signer_client.SignerError as error:
        raise kalshi_http.Unsigned(str(error)) from error

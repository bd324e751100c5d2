"""Every Redis key of the system, with its type, lifetime and length. Nothing else spells a key.

Redis is the present, Postgres the truth: all of this can be rebuilt, and everything is bounded, by a time to live or
by a length.
"""

from typing import Final

HOUR: Final = 3_600
DAY: Final = 86_400

# Price cache: sorted set per market and platform, score = Unix ms, member = JSON {mid, bid, ask, ts, outcome}
PRICE_TTL: Final = HOUR
PRICE_LENGTH: Final = 100  # newest entries kept for each market

# Streams (approximate length): price events of a platform; every signal; whale and news events
PRICE_STREAM_LENGTH: Final = 100_000
SIGNAL_STREAM: Final = "signals:arbitrage"
SIGNAL_STREAM_LENGTH: Final = 10_000
SIGNAL_GROUPS: Final = ("execution", "analysis", "alert")
WHALE_STREAM: Final = "signals:whale"
NEWS_STREAM: Final = "events:news"
EVENT_STREAM_LENGTH: Final = 10_000

SIGNAL_TTL: Final = 7 * DAY
ORDER_TTL: Final = 7 * DAY
NEWS_SEEN_TTL: Final = HOUR
WHALE_RECENT: Final = "whale:recent"
WHALE_RECENT_LENGTH: Final = 100
WHALE_SEEN_TTL: Final = 60
WEBHOOK_NONCE_TTL: Final = 600  # twice the tolerance: longer than any timestamp is accepted
RATELIMIT_TTL: Final = 60

# Pub/sub channels
PRICE_UPDATES: Final = "price:updates"
OPPORTUNITIES: Final = "arbitrage:opportunities"
EXECUTION_STATUS: Final = "execution:status"
NOTIFICATIONS: Final = "alerts:notifications"
CHANNELS: Final = (PRICE_UPDATES, OPPORTUNITIES, EXECUTION_STATUS, NOTIFICATIONS)

# Our own short-lived state, all under cache:* and always with a time to live
BOOK_TTL: Final = 300
WINDOW_TTL: Final = 60
FEED_TTL: Final = 30
FEED_HEARD_TTL: Final = DAY
RING_TTL_MS: Final = 1_000
STALE_TTL: Final = HOUR
CATALOGUE: Final = "cache:catalogue"  # string: a new word whenever bets, pairs or listings changed
CATALOGUE_TTL: Final = DAY
REFUSALS: Final = "cache:refusals"  # list: counted refusals on their way into the table, MessagePack
REFUSALS_TTL: Final = HOUR
REFUSALS_LENGTH: Final = 10_000
TRADE_RING: Final = "cache:ring:trade"  # list: plans with news for the executor, newest first
TRADE_RING_TTL: Final = HOUR
TRADE_RING_LENGTH: Final = 1_000
PAPER_ORDER_TTL: Final = DAY
EVIDENCE_TTL: Final = DAY
EVIDENCE_BUILT: Final = "cache:evidence_built"  # String: JSON; when all evidence was published, without whom
GUARDS_TTL: Final = HOUR
UNREADABLE: Final = (
    "cache:unreadable"  # Hash: evidence that could not be read, key → reads; a day from the first on
)
UNREADABLE_TTL: Final = DAY
PAPER_TAKEN_TTL: Final = 60


def prices(platform: str, market_id: str) -> str:
    """Sorted set: the newest prices of one market."""
    return f"price:{platform}:{market_id}"


def price_stream(platform: str) -> str:
    """Stream: every price event of one platform."""
    return f"price:{platform}"


def signal(signal_id: str) -> str:
    """Hash: one signal as last seen."""
    return f"signal:{signal_id}"


def order(order_id: str) -> str:
    """Hash: one order as last seen."""
    return f"order:{order_id}"


def position(position_id: str) -> str:
    """Hash, no expiry (deleted when the position is closed): one open position."""
    return f"position:{position_id}"


def news_seen(digest: str) -> str:
    """String: this story was seen within the hour."""
    return f"news:seen:{digest}"


def whale_seen(key: str) -> str:
    """String: this transfer was stored within the minute; its row's id."""
    return f"whale:seen:{key}"


def webhook_nonce(digest: str) -> str:
    """String: a signed webhook with this nonce came already."""
    return f"webhook:nonce:{digest}"


def ratelimit(service: str, endpoint: str) -> str:
    """String: the token bucket of one endpoint. Of a source's budget, a hash: its calls by part of the span."""
    return f"ratelimit:{service}:{endpoint}"


def book(platform: str, market_id: str) -> str:
    """String: the live book of one market, MessagePack."""
    return f"cache:book:{platform}:{market_id}"


def feed(platform: str) -> str:
    """String: the connector's word that its books are alive, Unix ms of the last confirmation per connection."""
    return f"cache:feed:{platform}"


def feed_heard(platform: str) -> str:
    """String: Unix ms of the last word of any connection, kept when `feed` is gone: since when it is silent."""
    return f"cache:feed_heard:{platform}"


def window(window_id: str) -> str:
    """String: the markets that changed in one window."""
    return f"cache:window:{window_id}"


def windows(platform: str) -> str:
    """Sorted set: windows on their way through the chain, score = Unix ms when they closed."""
    return f"cache:windows:{platform}"


def found(window_id: str) -> str:
    """String: the signals that one window touched."""
    return f"cache:found:{window_id}"


def lease(name: str) -> str:
    """String: who holds a role that only one process may have."""
    return f"cache:lease:{name}"


def ring(name: str) -> str:
    """String: a doorbell was rung within the last second."""
    return f"cache:ring:{name}"


def fee_changes() -> str:
    """Set: announced fee changes that our markets reckon with already."""
    return "cache:fee_changes"


def stale_markets(platform: str) -> str:
    """Set: markets to be read again over REST, because the stream had news about them."""
    return f"cache:stale:{platform}"


def locked(mode: str) -> str:
    """String: days from which a market pays late, and the dollars held in such markets."""
    return f"cache:locked:{mode}"


def evidence(platform: str, market_id: str) -> str:
    """String: what stands for and against a market now, MessagePack; rebuilt from the predictions."""
    return f"cache:evidence:{platform}:{market_id}"


def guards(platform: str, market_id: str) -> str:
    """String: scheduled events near a market, MessagePack; rebuilt from the calendar."""
    return f"cache:guards:{platform}:{market_id}"


def paused(platform: str) -> str:
    """String: why the platform takes no orders for the moment, for as long as that is known."""
    return f"cache:paused:{platform}"


def health(component: str) -> str:
    """String: JSON state of one running component."""
    return f"cache:health:{component}"


def paper_order(platform: str, order_id: str) -> str:
    """String: what became of one paper order, MessagePack; the memory of a platform that is not there."""
    return f"cache:paper:order:{platform}:{order_id}"


def paper_taken(platform: str, market_id: str, outcome: str, side: str) -> str:
    """List: what our paper orders took from one side of a book lately, MessagePack, oldest first."""
    return f"cache:paper:taken:{platform}:{market_id}:{outcome}:{side}"


MOVES_TTL: Final = HOUR
MOVES_PLACE_TTL: Final = DAY


def moves(platform: str, market_id: str) -> str:
    """String: the recent prices and rates of one market, MessagePack; what jumps and bursts are seen against."""
    return f"cache:moves:{platform}:{market_id}"


def moves_place(platform: str) -> str:
    """String: where the reader of moves was left in the price stream, MessagePack."""
    return f"cache:moves_place:{platform}"

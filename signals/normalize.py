"""The specification's whale alert and news event, and the rules that turn raw ones into them.

    whale(source, raw) -> dict[str, Any]      raises Wrong
    news(source, raw) -> dict[str, Any]       raises Wrong

`raw` is either flat, with the specification's own names, or in the shape its source sends. Times are Unix
milliseconds, amounts dollars, scores fractions (sentiment -1 to 1, impact 0 to 1).
"""

import html
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from markets.normalize import Fields, Wrong
from signals.sources.whales import sizes
from signals.sources.whales.assets import class_of

__all__ = ["Wrong", "news", "whale"]

WHALE_ALERT, NEWS_EVENT = "whale_alert", "news_event"
INFLOW, OUTFLOW, NEUTRAL = "INFLOW", "OUTFLOW", "NEUTRAL"
CATEGORIES = ("large_transfer", "exchange", "defi", "unknown")
URGENCIES = ("high", "medium", "low")
UNKNOWN = "unknown"
WHALE_SHAPES = ("whale_alert", "whale_alert_api")  # sources whose addresses and owners are nested

EVM_CHAINS = ("ethereum", "polygon", "bsc", "arbitrum", "optimism", "base", "avalanche")
LARGE = Decimal(1_000_000)  # dollars: from here on a transfer between nobodies is a large one
NEUTRAL_BELOW = Decimal("0.05")  # a sentiment closer to zero has no sign

_ONE = Decimal(1)
_SIGNS = {(sign.asset_class, sign.direction): sign.sign for sign in sizes.DEFAULT_SIGNS}
_TAGS = re.compile(r"<[^<>]{0,200}>")
_BEFORE_COMMA = re.compile(r" +([,.;:?!])")
_COMPACT_TIME = re.compile(r"\d{8}T\d{6}Z", re.ASCII)


def whale(source: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    """A raw transfer as the specification's whale alert. Raises Wrong."""
    nested = source in WHALE_SHAPES and (
        isinstance(raw.get("from"), Mapping) or isinstance(raw.get("to"), Mapping)
    )
    fields = Fields(_flat(raw) if nested else raw)
    symbol = fields.text(fields.first("token_symbol", "symbol"), longest=16).upper()
    amount_name = fields.first("amount_usd", "amount")
    amount = fields.money(amount_name)
    if amount is None and fields.fine(amount_name):
        fields.wrong("amount", "This field is needed: the value in dollars.")
    amount = amount or Decimal(0)
    exchange = fields.text("exchange", needed=False, longest=32).lower()
    direction = fields.word("direction", (INFLOW, OUTFLOW, NEUTRAL), default=NEUTRAL)
    category = fields.word("category", CATEGORIES, default=_category(amount, exchange))
    given = fields.within("sentiment_score", -_ONE, _ONE, 4)
    event = {
        "event_type": WHALE_ALERT,
        "timestamp": _time(fields, "timestamp", "ts"),
        "transaction_hash": _hash(fields),
        "block_number": fields.integer(fields.first("block_number", "height")),
        "from_address": _address(fields, "from_address"),
        "to_address": _address(fields, "to_address"),
        "token_symbol": symbol,
        "amount": amount,
        "direction": direction,
        "exchange": exchange or UNKNOWN,
        "category": category,
        "sentiment_score": transfer_score(symbol, direction, amount) if given is None else given,
        "related_markets": fields.words("related_markets"),
        "source": _source(fields, source),
    }
    fields.finish()
    return event


def transfer_score(symbol: str, direction: str, amount: Decimal) -> Decimal:
    """What a transfer says, -1 to 1, before anything is known of its asset's usual flow: by the default signs and scale.

    Stored alerts are scored by the same functions, with the signs in the database, the usual flow and the age. Not
    calibrated: a prior until the source has a measured score.
    """
    sign = sizes.sign_of(_SIGNS, class_of(symbol), direction)
    return sign * sizes.share(amount) or Decimal(0)


def _category(amount: Decimal, exchange: str) -> str:
    if exchange and exchange != UNKNOWN:
        return "exchange"
    return "large_transfer" if amount >= LARGE else UNKNOWN


def _flat(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Whale Alert's nested sides as flat names; an exchange on one side only gives the direction."""
    giver, taker = _side(raw, "from"), _side(raw, "to")
    # `amount` counts tokens there; only `amount_usd` is dollars
    flat = {name: value for name, value in raw.items() if name not in ("from", "to", "amount")}
    flat.setdefault("from_address", giver.get("address"))
    flat.setdefault("to_address", taker.get("address"))
    from_exchange, to_exchange = giver.get("owner_type") == "exchange", taker.get("owner_type") == "exchange"
    if from_exchange != to_exchange:  # between two exchanges, or within one: neutral
        flat.setdefault("direction", INFLOW if to_exchange else OUTFLOW)
        flat.setdefault("exchange", (taker if to_exchange else giver).get("owner"))
    elif from_exchange:
        flat.setdefault("exchange", taker.get("owner"))
    return flat


def _side(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, Mapping) else {}


def _hash(fields: Fields) -> str:
    """Lower case, with 0x on the chains that write it, so that one transfer has one name. Empty where there is none."""
    text = fields.text(fields.first("transaction_hash", "hash"), needed=False).lower()
    if text and not text.startswith("0x") and fields.raw.get("blockchain") in EVM_CHAINS:
        return f"0x{text}"
    return text


def _address(fields: Fields, name: str) -> str:
    text = fields.text(name, needed=False)
    return text.lower() if text.startswith(("0x", "0X")) else text  # other chains' addresses mind their case


def _source(fields: Fields, source: str) -> str:
    if not source or len(source) > 64 or not source.isprintable():
        fields.errors["source"] = "Must be a text of at most 64 characters."
    return source


def _time(fields: Fields, *names: str) -> int:
    """Unix milliseconds from milliseconds, seconds, ISO 8601 with a zone, or GDELT's `20260828T091500Z`."""
    name = fields.first(*names)
    value = fields.raw.get(name)
    if isinstance(value, str) and not value.isdecimal():
        moment = _moment(value)
        if moment is None:
            fields.wrong(
                name, "Must be a time with its zone, like 2030-01-31T12:00:00Z, or Unix milliseconds."
            )
            return 0
        return round(moment.timestamp()) * 1000 + moment.microsecond // 1000
    seconds = fields.integer(name)
    if seconds is not None and 0 < seconds < 10_000_000_000:
        return seconds * 1000
    return fields.millis(name)


def _moment(text: str) -> datetime | None:
    try:
        if _COMPACT_TIME.fullmatch(text):
            return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None or not 1973 <= moment.year < 2100:
        return None
    return moment.astimezone(UTC)


# --- news


def news(source: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    """A raw story as the specification's news event. Raises Wrong.

    The specification's example has `source` twice; here `source` is the outlet and `via` who brought the story.
    """
    fields = Fields(raw)
    headline = _headline(fields)
    score = fields.within("sentiment_score", -_ONE, _ONE, 4)
    sentiment = fields.word("sentiment", ("positive", "negative", "neutral"), default=_sentiment(score))
    url = _url(fields)
    event = {
        "event_type": NEWS_EVENT,
        "timestamp": _time(fields, "timestamp", "published_at", "publishedAt", "seendate", "ts"),
        "headline": headline,
        "source": _outlet(raw, source),
        "url": url,
        "sentiment": sentiment,
        "sentiment_score": score if score is not None else Decimal(0),
        "categories": fields.words("categories"),
        "related_markets": fields.words("related_markets"),
        "urgency": fields.word("urgency", URGENCIES, default="low"),
        "impact_estimate": fields.within("impact_estimate", Decimal(0), _ONE, 4) or Decimal(0),
        "via": _source(fields, source),
    }
    fields.finish()
    return event


def _sentiment(score: Decimal | None) -> str:
    if score is None or abs(score) < NEUTRAL_BELOW:
        return "neutral"
    return "positive" if score > 0 else "negative"


def _headline(fields: Fields) -> str:
    """The title without markup, in one line."""
    name = fields.first("headline", "title")
    value = fields.raw.get(name)
    if isinstance(value, str):
        text = html.unescape(_TAGS.sub("", value[:4_000]))
        # GDELT puts spaces before commas; some sources put line breaks into titles
        text = _BEFORE_COMMA.sub(r"\1", " ".join(text.split()))
        return Fields({name: text}).text(name, needed=False, longest=1_000) or _refuse(fields, name, value)
    return fields.text(name)


def _refuse(fields: Fields, name: str, value: str) -> str:
    fields.wrong(
        name,
        "This field is needed." if not value.strip() else "Must be a headline of at most 1000 characters.",
    )
    return ""


def _outlet(raw: Mapping[str, Any], source: str) -> str:
    """Who wrote it: NewsAPI and CryptoPanic nest it, GDELT gives the domain."""
    nested = raw.get("source")
    if isinstance(nested, Mapping):
        nested = nested.get("name") or nested.get("title") or nested.get("domain")
    found = nested or raw.get("domain") or source
    return str(found)[:64]


def _url(fields: Fields) -> str:
    """The address in one spelling: no default port, fragment or tracking parameters."""
    name = fields.first("url", "original_url")
    text = fields.text(name, longest=512)
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        fields.wrong(name, "Must be an http or https address.")
        return ""
    default = {"http": 80, "https": 443}[parts.scheme]
    host = parts.hostname if ":" not in parts.hostname else f"[{parts.hostname}]"
    netloc = host if port in (None, default) else f"{host}:{port}"  # a user name in it is nobody's business
    query = [
        (key, value) for key, value in parse_qsl(parts.query, True) if not key.lower().startswith("utm_")
    ]
    return urlunsplit((parts.scheme, netloc, parts.path or "/", urlencode(query), ""))

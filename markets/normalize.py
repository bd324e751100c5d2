"""The specification's price event, and the rules that turn a raw price into one.

    price_event(*, source, market_id, outcome, timestamp, best_bid, best_ask,
                last_price=None, volume_24h=None, liquidity=None) -> dict[str, Any]
    price(source, raw) -> dict[str, Any]      raises Wrong

Prices are dollars of `outcome` (0 to 1), `timestamp` Unix milliseconds, `spread_pct` percent of the mid price; money
and volume as the platform counts them. Values are `Decimal`, `int`, `str` or None: `msgspec.json` with
`decimal_format="number"` prints them as the specification shows them.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from markets.books import NO, YES
from markets.platforms.base import PLATFORMS

PRICE_UPDATE = "price_update"
MAX_TEXT = 128  # of an id; the columns hold as much
MAX_MONEY = Decimal(10) ** 18
DECIMALS = 6  # of a price; both platforms and the columns have no more
SECONDS_END = 100_000_000_000  # below it a time is surely in seconds: the year 1973 in milliseconds
MILLIS_END = 4_102_444_800_000  # the year 2100

# Decimal would also take "1_000", "NaN" and digits of other scripts
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_PCT = Decimal("0.001")
_ONE = Decimal(1)


class Wrong(ValueError):
    """A raw value cannot be normalised. `errors` maps each field at fault to one sentence."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {sentence}" for name, sentence in errors.items()))
        self.errors = dict(errors)


def price_event(
    *,
    source: str,
    market_id: str,
    outcome: str,
    timestamp: int,
    best_bid: Decimal | None,
    best_ask: Decimal | None,
    last_price: Decimal | None = None,
    volume_24h: Decimal | None = None,
    liquidity: Decimal | None = None,
) -> dict[str, Any]:
    """The price event of one outcome; judges nothing, since the hot path has parsed its values already.

    Mid price and spread are None where a side is empty; the last three are left out where unknown.
    """
    mid = spread = percent = None
    if best_bid is not None and best_ask is not None:
        total = best_bid + best_ask
        mid, spread = total / 2, best_ask - best_bid
        if total:
            percent = (spread * 200 / total).quantize(_PCT, ROUND_HALF_EVEN)
    event = {
        "event_type": PRICE_UPDATE,
        "timestamp": timestamp,
        "market_id": market_id,
        "outcome": outcome,
        "best_bid": best_bid,
        "best_ask": best_ask,
        "mid_price": mid,
        "spread": spread,
        "spread_pct": percent,
        "source": source,
    }
    if last_price is not None:
        event["last_price"] = last_price
    if volume_24h is not None:
        event["volume_24h"] = volume_24h
    if liquidity is not None:
        event["liquidity"] = liquidity
    return event


def price(source: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    """A raw price (`market_id`, `outcome`, `bid`, `ask`, `ts`, …) as a price event. Raises Wrong.

    Names that nobody knows are ignored: platforms add fields without asking.
    """
    fields = Fields(raw)
    market_id = fields.text("market_id")
    outcome = fields.word("outcome", (YES, NO))
    bid, ask = fields.price("bid"), fields.price("ask")
    timestamp = fields.millis("ts")
    last = fields.price("last_price")
    volume, liquidity = fields.money("volume_24h"), fields.money("liquidity")
    if source not in PLATFORMS:
        fields.errors["source"] = f"Must be one of {', '.join(PLATFORMS)}."
    if fields.fine("bid", "ask"):
        if bid is None and ask is None:
            fields.wrong("bid", "A price needs a bid or an ask.")
        elif bid is not None and ask is not None and bid > ask:
            fields.wrong("bid", f"The bid {bid} is above the ask {ask}.")
    fields.finish()
    return price_event(
        source=source,
        market_id=market_id,
        outcome=outcome,
        timestamp=timestamp,
        best_bid=bid,
        best_ask=ask,
        last_price=last,
        volume_24h=volume,
        liquidity=liquidity,
    )


class Fields:
    """Reads the fields of a raw record one by one and gathers what is wrong with them.

    Each reader returns a harmless value after an error, so that all errors of a record are found in one go; `finish`
    raises them as Wrong.
    """

    def __init__(self, raw: Mapping[str, Any], prefix: str = "raw_data") -> None:
        self.raw = raw
        self.prefix = prefix
        self.errors: dict[str, str] = {}

    def wrong(self, name: str, sentence: str) -> None:
        """Note what is wrong with a field; the first sentence about it stays."""
        self.errors.setdefault(f"{self.prefix}.{name}", sentence)

    def fine(self, *names: str) -> bool:
        """True while nothing is wrong with these fields."""
        return not any(f"{self.prefix}.{name}" in self.errors for name in names)

    def finish(self) -> None:
        """Raise Wrong when anything was."""
        if self.errors:
            raise Wrong(self.errors)

    def first(self, *names: str) -> str:
        """The first of these names that is there; the first name where none is."""
        return next((name for name in names if self.raw.get(name) is not None), names[0])

    def text(self, name: str, *, needed: bool = True, longest: int = MAX_TEXT) -> str:
        """A text without control characters; empty where it may be missing and is."""
        value = self.raw.get(name)
        if value is None or value == "":
            if needed:
                self.wrong(name, "This field is needed.")
            return ""
        if not isinstance(value, str):
            self.wrong(name, "Must be a text.")
        elif len(value) > longest:
            self.wrong(name, f"Must have at most {longest} characters.")
        elif not value.isprintable():
            self.wrong(name, "Must not contain control characters.")
        elif not value.strip():
            self.wrong(name, "Must not be blank.")
        else:
            return value.strip()
        return ""

    def word(self, name: str, words: Sequence[str], *, default: str = "") -> str:
        """One of `words`, in whatever case it is written; `default`, where one is given, for a missing one."""
        value = self.raw.get(name)
        if value is None and default:
            return default
        found = (
            {word.casefold(): word for word in words}.get(value.casefold())
            if isinstance(value, str)
            else None
        )
        if found is None:
            self.wrong(
                name, f"Must be one of {', '.join(words)}." if value is not None else "This field is needed."
            )
        return found or ""

    def words(self, name: str, *, most: int = 50) -> list[str]:
        """A list of short texts; empty where it is missing."""
        value = self.raw.get(name)
        if value is None:
            return []
        fits = isinstance(value, list) and len(value) <= most
        if not fits or not all(isinstance(word, str) and 0 < len(word) <= MAX_TEXT for word in value):
            self.wrong(name, f"Must be a list of at most {most} texts.")
            return []
        return list(dict.fromkeys(value))

    def number(self, name: str) -> Decimal | None:
        """A number, or a text that spells one, exactly as given; None where it is missing."""
        value = self.raw.get(name)
        if value is None:
            return None
        # bool is an int to Python, and a float has lost its digits already
        if isinstance(value, bool | float) or not isinstance(value, int | str | Decimal):
            self.wrong(name, "Must be a number.")
            return None
        if isinstance(value, str) and not _NUMBER.fullmatch(value):
            self.wrong(name, "Must be a number.")
            return None
        found = Decimal(value)
        if not found.is_finite():
            self.wrong(name, "Must be a finite number.")
            return None
        return found or Decimal(0)  # -0 is no price

    def within(self, name: str, low: Decimal, high: Decimal, decimals: int) -> Decimal | None:
        """A number from `low` to `high` with at most so many decimals; None where it is missing."""
        found = self.number(name)
        if found is None:
            return None
        if not low <= found <= high:
            self.wrong(name, f"Must be from {low} to {high}.")
        elif found != round(found, decimals):
            self.wrong(name, f"Must have at most {decimals} decimals.")
        else:
            return found
        return None

    def price(self, name: str) -> Decimal | None:
        """Dollars per contract, 0 to 1; None where it is missing."""
        return self.within(name, Decimal(0), _ONE, DECIMALS)

    def money(self, name: str) -> Decimal | None:
        """Dollars or contracts, not negative; None where it is missing."""
        found = self.number(name)
        if found is not None and not 0 <= found < MAX_MONEY:
            self.wrong(name, "Must not be negative." if found < 0 else f"Must be below {MAX_MONEY:f}.")
            return None
        return found

    def integer(self, name: str) -> int | None:
        """A whole number that is not negative, or a text that spells one; None where it is missing."""
        found = self.number(name)
        if found is not None and not (0 <= found < 2**63 and found == int(found)):
            self.wrong(name, "Must be a whole number that is not negative.")
            return None
        return None if found is None else int(found)

    def millis(self, name: str) -> int:
        """A time in Unix milliseconds."""
        found = self.integer(name)
        if found is None:
            if self.fine(name):
                self.wrong(name, "This field is needed.")
            return 0
        if not SECONDS_END <= found < MILLIS_END:
            self.wrong(name, f"Must be Unix milliseconds; {found} looks like another unit.")
        return found

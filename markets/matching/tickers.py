"""What a Kalshi ticker tells beside the fields: `KXBTCD-26JUL0117-T99999.99` is a date, an hour in New York, a strike.

A check, and a last resort where the title says nothing; structured fields come first.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

from markets.matching.dates import MONTHS

_STAMP = re.compile(r"-(\d\d)([A-Z]{3})(\d\d)?(\d{2})?(\d{2})?(?=[A-Z-]|$)")
_YEAR = re.compile(r"(?<!\d)(2[3-9]|3[0-9]|4[0-5])(?!\d)")
_STRIKE = re.compile(r"-([TB])(-?\d+(?:\.\d+)?)$")
_NUMBER = re.compile(r"-(\d+(?:\.\d+)?)$")
_COIN_SERIES = re.compile(r"^KX(BTC|ETH|SOL|XRP|DOGE|BNB|HYPE|ADA|AVAX|LTC|LINK|SUI|DOT|SHIB|BCH|ZEC)")
_TICKER = re.compile(r"[A-Z][A-Z0-9]*(?:-[A-Z0-9.]+)*")


@dataclass(frozen=True, slots=True)
class Ticker:
    """What could be read. `years` are hints: the year of the event or of its deadline."""

    series: str = ""
    year: int | None = None
    month: int | None = None
    day: int | None = None
    hour: int | None = None  # in New York
    strike: Decimal | None = None
    threshold: bool = False  # a `T` strike; `B` is the middle of a bucket
    years: frozenset[int] = frozenset()
    coin: str = ""


NOTHING = Ticker()


def read(ticker: str) -> Ticker:
    """Read what a ticker says; anything else gives an empty Ticker."""
    if not _TICKER.fullmatch(ticker) or "-" not in ticker:
        return NOTHING
    series, _, rest = ticker.partition("-")
    stamp = _STAMP.search("-" + rest)
    year = month = day = hour = None
    years: set[int] = set()
    if stamp and stamp[2].lower() in MONTHS:
        year, month = 2000 + int(stamp[1]), MONTHS[stamp[2].lower()]
        day = int(stamp[3]) if stamp[3] and 1 <= int(stamp[3]) <= 31 else None
        hour = int(stamp[4]) if stamp[4] and int(stamp[4]) < 24 else None
        years.add(year)
        if (month, day or 1) == (1, 1):
            years.add(year - 1)  # the deadline `before Jan 1` belongs to the year before
    strike = _STRIKE.search(ticker)
    plain = None if strike else _NUMBER.search(ticker)
    body = rest if not strike else rest[: -len(strike[0])]
    years |= {2000 + int(text) for text in _YEAR.findall(body)}
    coin = _COIN_SERIES.match(series)
    value = Decimal(strike[2]) if strike else None
    if plain and len(plain[1]) == 4 and plain[1].startswith("20"):
        years.add(int(plain[1]))  # `CONTROLH-2026`
    elif plain and int(Decimal(plain[1])) + 2000 not in years:
        value = Decimal(plain[1])
    return Ticker(series, year, month, day, hour, value, bool(strike and strike[1] == "T"), frozenset(years),
                  coin[1].lower() if coin else "")  # fmt: skip

"""What decides a market besides its own question: bets that share it go wrong together, so their stakes are added up.

A market belongs to the group of its event (the platform wrote one set of rules for all of it), and to that of its
resolution source on the day it settles: where a source is wrong, late or read otherwise, that spoils what is settled
by it that day.
"""

import hashlib
import re
from datetime import UTC

from markets.platforms.base import MarketInfo

LONGEST = 80  # characters of a source in a group's name: scopes of limits have to hold it


def groups(market: MarketInfo) -> tuple[str, ...]:
    """Names of the groups of bets that a market puts its bets into; empty where nothing is known to be shared."""
    found = []
    if market.event_id:
        found.append(f"event:{market.platform}:{market.event_id}")
    source = plain(market.resolution_source)
    if source and market.settles is not None:
        found.append(f"source:{source}@{market.settles.astimezone(UTC):%Y-%m-%d}")
    return tuple(found)


def plain(source: str) -> str:
    """A source as it is compared: no scheme, no `www.`, one space, small letters; long ones end in a digest."""
    text = re.sub(r"https?://(www\.)?", "", source.strip().lower())
    text = re.sub(r"\s+", " ", text).rstrip("/ ")
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST - 13]}…{hashlib.sha256(text.encode()).hexdigest()[:12]}"

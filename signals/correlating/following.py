"""Keeping what is published true: after a source fell silent, after an emptied Redis, and when words have run out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from arbsite import keys
from arbsite.connections import redis_client
from markets.models import Market
from signals.correlating import flows, publishing
from signals.models import Prediction
from signals.times import unix_ms, utc

MARKETS_AT_ONCE = 500
OVERLAP = timedelta(seconds=10)  # looked back on again: a row may be committed after its time
AGAIN = timedelta(hours=6)  # everything is published anew, long before its keys expire


class Built(msgspec.Struct):
    """What was published last: when everything was, when the changes were, and which sources had no say."""

    whole_ms: int
    at_ms: int
    mute: list[str]


@dataclass(frozen=True, slots=True)
class Followed:
    """What one look did."""

    markets: int
    patterns: int


def follow(*, now: datetime) -> Followed:
    """Find patterns in new transfers, and publish what changed since the last look.

    Whether a story was read (`NewsEvent.processed`) is said by who read it: a mark set here would hide it from them.
    """
    found = len(flows.follow(now=now))
    return Followed(refresh(now=now), found)


def refresh(*, now: datetime) -> int:
    """Publish the evidence of the markets where it changed; returns how many markets. `Built` is remembered."""
    sources = publishing.ill()
    built, mute = _built(), sorted([*sources.mute, *(f"{name} unread" for name in sources.unread)])
    whole = built is None or built.mute != mute or now - utc(built.whole_ms) > AGAIN
    standing = Prediction.objects.filter(outcome=Prediction.OPEN, due_at__gt=now)
    if whole or built is None:
        wanted = set(standing.values_list("market_id", flat=True).distinct())
        whole_ms = unix_ms(now)
    else:
        since, whole_ms = utc(built.at_ms) - OVERLAP, built.whole_ms
        wanted = set(standing.filter(seen_at__gt=since).values_list("market_id", flat=True))
        # Run out just now and not judged yet. Should one be missed: its readers see by its time that it is over
        over = Prediction.objects.filter(outcome=Prediction.OPEN, due_at__gt=since, due_at__lte=now)
        wanted |= set(over.values_list("market_id", flat=True))
    _publish(sorted(wanted), now)
    value = msgspec.json.encode(Built(whole_ms, unix_ms(now), mute))
    redis_client().set(keys.EVIDENCE_BUILT, value, ex=keys.EVIDENCE_TTL)
    return len(wanted)


def _publish(market_ids: list[str], now: datetime) -> None:
    for start in range(0, len(market_ids), MARKETS_AT_ONCE):
        publishing.publish(_platforms(market_ids[start : start + MARKETS_AT_ONCE]), now=now)


def _platforms(market_ids: Iterable[str]) -> dict[str, str]:
    return dict(Market.objects.filter(pk__in=list(market_ids)).values_list("pk", "platform"))


def _built() -> Built | None:
    raw = redis_client().get(keys.EVIDENCE_BUILT)
    return msgspec.json.decode(raw, type=Built) if raw else None

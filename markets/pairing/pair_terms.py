"""What a decision on a pair is given for: both markets' terms, their digest, and what changed since."""

from markets import store
from markets.betting.building import LIVE
from markets.models import Pair, PairVersion
from markets.pairing import terms
from markets.platforms.base import KALSHI, POLYMARKET


class PairError(ValueError):
    """A change of a pair that cannot be; the message says why and what to do."""


def seen(pair: Pair) -> dict[str, terms.Terms]:
    """The terms of both markets as they are stored now."""
    return {
        POLYMARKET: terms.of(store.info_of(pair.polymarket)),
        KALSHI: terms.of(store.info_of(pair.kalshi)),
    }


def rules_digest(pair: Pair, *, inverted: bool | None = None) -> str:
    """What a decision is given for: the terms of both markets and the polarity."""
    return terms.digest(seen(pair), inverted=pair.inverted if inverted is None else inverted)


def changes_since(pair: Pair) -> list[str]:
    """What the platforms changed since the last approval, a sentence each."""
    last = pair.versions.filter(decision__in=(PairVersion.SAME, PairVersion.INVERTED)).first()
    if last is not None:
        return _changes(pair, last.seen)
    if pair.status == Pair.APPROVED and pair.rules_digest != rules_digest(pair):
        return ["It was approved before verdicts were kept, and its texts are not those it was approved for"]
    return []


def _changes(pair: Pair, before: dict[str, terms.Terms]) -> list[str]:
    found = []
    for market, name in ((pair.polymarket, "Polymarket"), (pair.kalshi, "Kalshi")):
        old, new = dict(before.get(market.platform, {})), terms.of(store.info_of(market))
        if market.status not in LIVE:
            # An early end moves the closing time along: the bet closes, and nobody has to read anything again
            old["end"] = new.get("end", "")
        found += terms.changes(old, new, name)
    return found

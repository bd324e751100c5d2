"""From a headline to the markets it is about, which way and why. Plain: the index is given."""

from datetime import datetime
from decimal import Decimal

from signals.language import agreement, direction
from signals.language.base import Link
from signals.language.index import Index
from signals.language.texts import Said

_FINE = Decimal("0.0001")


def links(said: Said, index: Index, now: datetime) -> tuple[Link, ...]:
    """The markets that a headline is about, the surest first, at most as many as `linking.yaml` says."""
    named = index.named(said)
    found = []
    for key in index.candidates(named, now):
        items = index.markets[key]
        agreed = agreement.judge(said, named, items, index)
        if agreed is not None:
            found.append((agreed, items))
    found.sort(key=lambda pair: (-pair[0].score, pair[1].market.market_id))
    return tuple(_link(said, agreed, items) for agreed, items in found[: agreement.values()["most"]])


def _link(said: Said, agreed: agreement.Agreement, items: "agreement.Items") -> Link:
    sign, strength, told = direction.of(said, items, agreed.shared)
    shared = ", ".join(key.replace(":", " ") for key in agreed.shared[:6])
    return Link(
        items.market.platform, items.market.market_id, Decimal(min(1.0, agreed.score)).quantize(_FINE), sign, strength,
        f"shares {shared}" + (f"; {told}" if told else ""),
    )  # fmt: skip

"""From a headline to the markets it is about, which way and why. Plain: the index is given."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from markets.matching import polarity
from markets.matching.polarity import Polarity
from signals.language import agreement, direction, figures, tables
from signals.language.base import Link
from signals.language.index import Index
from signals.language.items import Items
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


def _link(said: Said, agreed: agreement.Agreement, items: Items) -> Link:
    sign, strength, told = direction.of(said, items, agreed.shared)
    shared = ", ".join(key.replace(":", " ") for key in agreed.shared[:6])
    score = Decimal(min(1.0, agreed.score)).quantize(_FINE)
    why = f"shares {shared}" + (f"; {told}" if told else "")
    return Link(items.market.platform, items.market.market_id, score, sign, strength, why)


def about_asset(asset: str, index: Index, now: datetime) -> list[Link]:
    """The open markets on the price of an asset, the nearest to close first.

    `direction` is what a rise of the price does to YES; 0 for a bucket between two prices. Flows of stablecoins concern
    the prices that `assets.yaml` names. An asset that nobody knows has none.
    """
    table = tables.document("assets.yaml")
    name = asset.strip().upper()
    own = table["coins"].get(name)
    coins = [own] if own else table["stablecoins_concern"] if name in table["stablecoins"] else []
    score = Decimal(table["score"]["coin" if own else "stablecoin"])
    found = []
    for coin in coins:
        for items in index.of(f"coin:{coin}", now, table["most"]):
            if "price" not in items.arenas:
                continue
            sign = figures.comparator(items)
            sign = -sign if direction.turned(items.facts) else sign
            strength = Decimal(table["strength"]) if sign else Decimal(0)
            why = f"price of {coin.upper()}: " + {
                1: "YES needs a high price",
                -1: "YES needs a low price",
            }.get(sign, "YES needs one in between")
            found.append(Link(items.market.platform, items.market.market_id, score, sign, strength, why))
    return found


def settled(link: Link, items: Items, rules: str) -> Link:
    """The link after its market's rules were read: turned where YES is the other side, unclear where they are."""
    if not rules or not link.direction:
        return link
    said = polarity.read(f"{items.market.title} {items.market.label}", rules, items.facts.bounds).polarity
    if said is Polarity.SWAPPED:
        return replace(link, direction=-link.direction, why=f"{link.why}; its rules turn the question")
    if said is Polarity.UNCLEAR:
        return replace(
            link, direction=0, strength=Decimal(0), why=f"{link.why}; its rules leave open what YES is"
        )
    return link

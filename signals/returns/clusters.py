"""Groups of markets that move together so surely that their stakes have to be added up.

Two markets are linked once the lower bound of their correlation (of its size: whoever holds YES of one and NO of the
other is exposed all the same) passes `JOINS`, and stay linked until it falls under `STAYS`: a bound that trembles around
one threshold would move a limit back and forth.

A group is a **star**: an anchor and every market linked to it. Chains do not grow: A~B and B~C say little of A and C. Every
link lies inside some group, and a market may be in several. The anchor names the group, and stays anchor for as long as
anything is linked to it, so that a limit that a person set on the group keeps its group.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from signals.returns.estimating import Together

JOINS, STAYS = 0.5, 0.4
PREFIX = "corr:"


@dataclass(frozen=True, slots=True)
class Member:
    """A market of a group, by the correlation with the anchor that binds it; for the anchor itself its strongest."""

    group: str
    market: str
    link: Together


def links(found: Iterable[Together], before: Mapping[str, frozenset[str]]) -> dict[tuple[str, str], Together]:
    """Pairs that are linked now; `before` are the groups until now, each with its markets (the anchor's name first in it).

    A pair was linked before where one of the two was the anchor of a group that the other was in.
    """
    stood = {
        frozenset((anchor, market))
        for anchor, markets in ((anchor_of(group), markets) for group, markets in before.items())
        for market in markets
        if market != anchor
    }
    return {
        (pair.one, pair.two): pair
        for pair in found
        if pair.strength > (STAYS if frozenset((pair.one, pair.two)) in stood else JOINS)
    }


def stars(linked: Mapping[tuple[str, str], Together], before: Iterable[str] = ()) -> list[Member]:
    """The groups that cover every link, as members; groups of `before` first, then whoever covers most links anew."""
    beside: dict[str, dict[str, Together]] = {}
    for (one, two), link in linked.items():
        beside.setdefault(one, {})[two] = link
        beside.setdefault(two, {})[one] = link
    open_links = {frozenset(pair) for pair in linked}
    members: list[Member] = []

    def settle(anchor: str) -> None:
        group = name_of(anchor)
        strongest = max(beside[anchor].values(), key=lambda link: (link.strength, link.one, link.two))
        members.append(Member(group, anchor, strongest))
        for market in sorted(beside[anchor]):
            members.append(Member(group, market, beside[anchor][market]))
            open_links.discard(frozenset((anchor, market)))

    for anchor in sorted(anchor_of(group) for group in before):
        if any(frozenset((anchor, market)) in open_links for market in beside.get(anchor, ())):
            settle(anchor)
    while open_links:
        counts: dict[str, int] = {}
        for link_of in open_links:
            for market in link_of:
                counts[market] = counts.get(market, 0) + 1
        settle(min(counts, key=lambda market: (-counts[market], market)))
    return members


def name_of(anchor: str) -> str:
    """The group's name as limits know it: `corr:<platform>:<market id>` of its anchor `market:<platform>:<id>`."""
    return PREFIX + anchor.removeprefix("market:")


def anchor_of(group: str) -> str:
    """The series of a group's anchor."""
    return "market:" + group.removeprefix(PREFIX)

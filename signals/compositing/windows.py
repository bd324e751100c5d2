"""Time window analyser: which standing claims fall together, for one market and one direction."""

from collections import defaultdict
from dataclasses import dataclass

from markets.bets import MarketKey
from signals.deciding import joining
from signals.deciding.joining import Said, Standings

LEAST_LEFT = 1 / 8  # three half-lives: what is older does not fall together with what is new


@dataclass(frozen=True, slots=True)
class Window:
    """Claims about one market that stand at the same time. Times are Unix ms."""

    market: MarketKey
    direction: int  # of YES: 1 or -1
    supports: tuple[Said, ...]
    against: tuple[Said, ...]  # that claim the opposite
    opened_ms: int  # when the oldest of the supports was so
    expires_ms: int  # when the first of the supports claims nothing any more


def together(standings: Standings, now_ms: int) -> list[Window]:
    """The windows of all markets, each direction by itself. A claim that it will only move has none."""
    found = []
    for market in sorted(standings):
        sides: dict[int, list[Said]] = defaultdict(list)
        for said in standings[market]:
            if said.direction and said.due_ms > now_ms and joining.left(said, now_ms) >= LEAST_LEFT:
                sides[said.direction].append(said)
        for direction, supports in sorted(sides.items()):
            found.append(
                Window(
                    market=market,
                    direction=direction,
                    supports=tuple(supports),
                    against=tuple(sides.get(-direction, ())),
                    opened_ms=min(said.happened_ms for said in supports),
                    expires_ms=min(said.due_ms for said in supports),
                )
            )
    return found

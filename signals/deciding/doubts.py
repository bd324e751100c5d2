"""What the prices of the last minutes say against a finding: that its markets are not the same bet, or that one is wrong.

Prices are dollars of YES, times Unix ms. Nothing here proves a match; each doubt only holds a finding back.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import median

from markets.bets import MarketKey
from markets.books import YES
from signals.findings import Finding, Leg

ONE = Decimal(1)
FEWEST = 5  # prices on each side of a comparison: fewer say nothing
FEWEST_TOGETHER = 12  # samples of a correlation
STIRRED = Decimal("0.05")  # a market that moved less says nothing about moving together
STILL = Decimal("0.25")  # of the one side's move: what the others may have moved and still count as still


@dataclass(frozen=True, slots=True)
class Point:
    """The mid price of YES at a moment."""

    at_ms: int
    mid: Decimal


Sample = tuple[int, tuple[Decimal, ...]]  # a moment, and the mid of each leg's market then


@dataclass(frozen=True, slots=True)
class Evidence:
    """Recent mids of each market, oldest first."""

    tracks: Mapping[MarketKey, Sequence[Point]] = field(default_factory=dict)

    def of(self, leg: Leg) -> Sequence[Point]:
        """The track of a leg's market; empty where there is none."""
        return self.tracks.get((leg.platform, leg.market_id), ())

    def since(self, at_ms: int) -> "Evidence":
        """Without what is older."""
        return Evidence(
            {
                market: [point for point in track if point.at_ms >= at_ms]
                for market, track in self.tracks.items()
            }
        )


def across(finding: Finding) -> bool:
    """Whether the legs lie on more than one platform, so that the bets could differ."""
    return len({leg.platform for leg in finding.legs}) > 1


def gap_of_mids(finding: Finding) -> Decimal:
    """What the cover would earn per $1 of payoff at mid prices, fees aside.

    A leg that nobody bids for is taken at its ask, which can only make the gap smaller.
    """
    total = Decimal(0)
    for leg in finding.legs:
        mid = leg.best_price if leg.best_bid is None else (leg.best_price + leg.best_bid) / 2
        total += mid * leg.size
    return ONE - total / finding.payoff


def one_sided(finding: Finding, evidence: Evidence, now_ms: int, within_ms: int, most: Decimal) -> str:
    """The platform that alone moved by more than `most` within the last `within_ms`; empty where there is none."""
    moves: dict[str, Decimal] = {}
    for leg in finding.legs:
        track = evidence.of(leg)
        if len(track) < 2:
            return ""  # a market without a past cannot be called still
        moved = abs(track[-1].mid - _at(track, now_ms - within_ms))
        moves[leg.platform] = max(moved, moves.get(leg.platform, Decimal(0)))
    for platform, moved in moves.items():
        others = [other for name, other in moves.items() if name != platform]
        if moved > most and others and max(others) <= moved * STILL:
            return platform
    return ""


def moved(track: Sequence[Point], since_ms: int) -> Decimal | None:
    """Dollars by which the mid has moved since a moment; None where the track does not reach back to it."""
    if not track or track[0].at_ms > since_ms:
        return None
    return track[-1].mid - _at(track, since_ms)


def samples(finding: Finding, evidence: Evidence) -> list[Sample]:
    """All legs' mids at every moment at which one of them changed, from when all are known."""
    tracks = [evidence.of(leg) for leg in finding.legs]
    if not all(tracks):
        return []
    start = max(track[0].at_ms for track in tracks)
    news = sorted(
        ((point.at_ms, place, point.mid) for place, track in enumerate(tracks) for point in track),
        key=lambda item: item[0],
    )
    current: list[Decimal] = [track[0].mid for track in tracks]
    found: list[Sample] = []
    for at_ms, place, mid in news:
        current[place] = mid
        if at_ms < start:
            continue
        if found and found[-1][0] == at_ms:
            found.pop()
        found.append((at_ms, tuple(current)))
    return found


def drift(finding: Finding, taken: Sequence[Sample], now_ms: int, recent_ms: int) -> Decimal | None:
    """How far the gap of the mids has moved from its old level: median of the last `recent_ms` less that before.

    Medians, so that neither a spike nor a gap of seconds counts. None where there are too few prices.
    """
    gaps = _gaps(finding, taken)
    split = now_ms - recent_ms
    old = [gap for at_ms, gap in gaps if at_ms <= split]
    new = [gap for at_ms, gap in gaps if at_ms > split]
    if len(old) < FEWEST or len(new) < FEWEST:
        return None
    return median(new) - median(old)


def together(finding: Finding, taken: Sequence[Sample]) -> Decimal | None:
    """Rank correlation (Spearman) of two legs' prices of the same state, -1 to 1.

    None for more legs, too few prices, or while either market stands still.
    """
    if len(finding.legs) != 2 or len(taken) < FEWEST_TOGETHER:
        return None
    one, two = finding.legs
    columns = ([_price(one, mids[0]) for _, mids in taken], [ONE - _price(two, mids[1]) for _, mids in taken])
    if any(max(column) - min(column) < STIRRED for column in columns):
        return None
    return _correlation(_ranks(columns[0]), _ranks(columns[1]))


def _at(track: Sequence[Point], at_ms: int) -> Decimal:
    """The price that stood at a moment; the first one known where the track begins later."""
    place = bisect_right(track, at_ms, key=lambda point: point.at_ms)
    return track[max(0, place - 1)].mid


def _price(leg: Leg, mid: Decimal) -> Decimal:
    return mid if leg.outcome == YES else ONE - mid


def _gaps(finding: Finding, taken: Sequence[Sample]) -> list[tuple[int, Decimal]]:
    weights = [leg.size / finding.payoff for leg in finding.legs]
    return [
        (
            at_ms,
            ONE
            - sum(
                (
                    _price(leg, mid) * weight
                    for leg, mid, weight in zip(finding.legs, mids, weights, strict=True)
                ),
                Decimal(0),
            ),
        )
        for at_ms, mids in taken
    ]


def _ranks(values: Sequence[Decimal]) -> list[int]:
    """Twice the ranks from 1, ties share their mean: doubled, they are whole numbers."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0] * len(values)
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or values[order[end]] != values[order[start]]:
            for place in order[start:end]:
                ranks[place] = start + 1 + end
            start = end
    return ranks


def _correlation(one: Sequence[int], two: Sequence[int]) -> Decimal | None:
    middle = len(one) + 1  # of doubled ranks
    a, b = [rank - middle for rank in one], [rank - middle for rank in two]
    spread = Decimal(sum(x * x for x in a) * sum(y * y for y in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / spread.sqrt() if spread else None

"""The hourly look: stored prices onto one clock, every pair's correlation, groups of what moves together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from django.conf import settings
from django.db import connection
from django.db.models import Exists, F, OuterRef

from markets.models import BetOutcome, Market
from signals.returns import bundles, clusters, estimating, hedging, series, stored
from signals.returns.clusters import Member
from signals.returns.estimating import FEWEST, Lead, Together
from signals.returns.series import Grid

CLOCK_SECONDS = 60
WINDOW = timedelta(days=7)
MOST_READ = 400  # markets whose prices are read: those of bets first, then the most traded
MOST_MARKETS = 120  # of them, those that move most often are compared, each with each
KEEP = timedelta(days=3)  # a market of a group that has gone quiet stays in it so long

# The last mid of each market before each tick of one day's partition: one pass, whatever was written within the tick
_DAY = """
SELECT DISTINCT ON (market_id, tick) market_id, extract(epoch FROM timestamp)::float8, mid_price::float8
FROM (SELECT market_id, timestamp, mid_price, ceil(extract(epoch FROM timestamp) / %s)::bigint AS tick
      FROM prices WHERE timestamp >= %s AND timestamp < %s AND outcome = 'YES' AND mid_price IS NOT NULL
      AND market_id = ANY(%s)) one
ORDER BY market_id, tick, timestamp DESC
"""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look has found: how many markets moved enough, pairs by what they compare, groups, rows written."""

    markets: int
    market_pairs: int
    bundle_pairs: int
    sure: int
    groups: int
    rows: int


def refresh(*, now: datetime, clock: int = CLOCK_SECONDS, window: timedelta = WINDOW) -> Looked:
    """Compute every correlation anew from the prices of the last `window` and put it in the place of the last look."""
    facts = _candidates()
    grid = _busiest(_grid(facts, now, clock, window))
    level = float(settings.ARBSITE.evidence.confidence_level)
    found = estimating.pairs(grid, level=level)
    sorts = bundles.sorts((name, *facts[name]) for name in grid.names)
    bundle_grid, inside = bundles.bundled(grid, sorts)
    over = estimating.pairs(bundle_grid, bundles.apart(bundle_grid.names, inside), level=level)
    members = _members(found, clock, now)
    rows = stored.write([*found, *over], members, clock, now)
    sure = sum(pair.sure for pair in found)
    return Looked(len(grid.names), len(found), len(over), sure, len({group for group, _ in members}), rows)


def lead(
    one: str, two: str, *, now: datetime, clock: int = CLOCK_SECONDS, window: timedelta = WINDOW
) -> Lead | None:
    """Which of two markets (series names) moves first; None where too few steps are known. Raises ValueError for others."""
    keys = [hedging.key_of(name) for name in (one, two)]
    facts = {
        hedging.name_of(key): ("", "", "", "")
        for key in keys
        if key is not None and Market.objects.filter(platform=key[0], id=key[1]).exists()
    }
    if set(facts) != {one, two} or one == two:
        raise ValueError("name two markets that are known, each as market:<platform>:<id>")
    grid = _grid(facts, now, clock, window)
    level = float(settings.ARBSITE.evidence.confidence_level)
    return estimating.lead(grid, grid.names.index(one), grid.names.index(two), level=level)


def _candidates() -> dict[str, tuple[str, str, str, str]]:
    """Platform, question, category and event of the markets that are read, by series."""
    rows = (
        Market.objects.filter(followed=True)
        .annotate(in_bet=Exists(BetOutcome.objects.filter(market_id=OuterRef("pk"))))
        .order_by("-in_bet", F("volume_24h").desc(nulls_last=True), "id")
        .values_list("platform", "id", "question", "category", "event_id")[:MOST_READ]
    )
    return {
        hedging.name_of((platform, market_id)): (platform, question or "", category, event)
        for platform, market_id, question, category, event in rows
    }


def _grid(facts: Mapping[str, object], now: datetime, clock: int, window: timedelta) -> Grid:
    # The clock ticks where the query cuts: between, a busy market would be seen a tick later than a quiet one
    end = int(now.timestamp()) // clock * clock
    start = datetime.fromtimestamp(end, UTC) - window
    by_id = {key[1]: name for name in facts if (key := hedging.key_of(name)) is not None}
    quotes: dict[str, list[tuple[float, float]]] = {name: [] for name in facts}
    for since, until in _days(start, now):
        with connection.cursor() as cursor:
            cursor.execute(_DAY, [clock, since, until, list(by_id)])
            for market_id, at, mid in cursor.fetchall():
                quotes[by_id[market_id]].append((at, mid))
    return series.on_clock(quotes, start.timestamp(), end, clock)


def _days(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The parts of a time that lie in one day (UTC) each: one partition of the table at a time."""
    while start < end:
        midnight = datetime(start.year, start.month, start.day, tzinfo=UTC) + timedelta(days=1)
        until = min(midnight, end)
        yield start, until
        start = until


def _busiest(grid: Grid) -> Grid:
    changes = grid.changes()
    order = np.argsort(-changes, kind="stable")[:MOST_MARKETS]
    return grid.only(sorted(int(row) for row in order if changes[row] >= FEWEST))


def _members(
    found: list[Together], clock: int, now: datetime
) -> dict[tuple[str, str], tuple[Member, datetime]]:
    """The groups of now, each membership with when its link was measured."""
    measured = {(pair.one, pair.two) for pair in found}
    before: dict[str, set[str]] = {}
    kept: dict[tuple[str, str], tuple[Together, datetime]] = {}
    for group, link, at in stored.members(clock):
        anchor = clusters.anchor_of(group)
        before.setdefault(group, set()).add(link.two)
        pair = (min(anchor, link.two), max(anchor, link.two))
        if link.two != anchor and pair not in measured and now - at <= KEEP:
            kept[pair] = Together(*pair, link.rho, link.lower, link.upper, link.samples, link.beta), at
    stood = {group: frozenset(markets) for group, markets in before.items()}
    linked = clusters.links([*found, *(pair for pair, _ in kept.values())], stood)
    made = {}
    for member in clusters.stars(linked, stood):
        at = kept.get((member.link.one, member.link.two), (None, now))[1]
        made[member.group, member.market] = member, at
    return made

"""Correlations as rows: written by the hourly look, read by limits, hedges, the report and the API.

A row's ends are series: `market:<platform>:<id>`, `asset:<name>`, `category:<name>`, `event:<platform>:<id>`; the lesser
name is `one`. A row whose `one` is `group:corr:…` says that a market is in that group, by the correlation that binds it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from markets import catalogue_version
from markets.bets import MarketKey
from signals.models import MarketCorrelation
from signals.returns import hedging
from signals.returns.clusters import PREFIX, Member
from signals.returns.estimating import Together

GROUP = "group:"
BATCH = 1_000
STEP, MOST_BETA = Decimal("0.000001"), Decimal(999_999)


def write(
    found: Iterable[Together],
    members: Mapping[tuple[str, str], tuple[Member, datetime]],
    clock: int,
    now: datetime,
) -> int:
    """Put a whole look in the place of the one before; `members` by group and market, each with when it was measured.

    Tells everybody who keeps a copy of the bets where the groups have changed. Returns the rows.
    """
    rows = {(pair.one, pair.two): _row(pair.one, pair.two, pair, clock, now) for pair in found}
    for (group, market), (member, at) in members.items():
        rows[GROUP + group, market] = _row(GROUP + group, market, member.link, clock, at)
    with transaction.atomic():
        before = set(_memberships(clock).values_list("one", "two"))
        keep = MarketCorrelation.objects.bulk_create(
            rows.values(), BATCH, update_conflicts=True, unique_fields=["one", "two", "clock_seconds"],
            update_fields=["rho", "lower", "upper", "samples", "beta", "computed_at"],
        )  # fmt: skip
        stale = MarketCorrelation.objects.filter(clock_seconds=clock, computed_at__lt=now)
        stale.exclude(one__startswith=GROUP).delete()
        gone = before - rows.keys()
        for one, two in gone:
            MarketCorrelation.objects.filter(one=one, two=two, clock_seconds=clock).delete()
        if before != {key for key in rows if key[0].startswith(GROUP)}:
            catalogue_version.changed()
    return len(keep)


def _memberships(clock: int | None = None):  # type: ignore[no-untyped-def]
    rows = MarketCorrelation.objects.filter(one__startswith=GROUP + PREFIX)
    return rows if clock is None else rows.filter(clock_seconds=clock)


def _row(one: str, two: str, pair: Together, clock: int, at: datetime) -> MarketCorrelation:
    beta = max(-MOST_BETA, min(MOST_BETA, _decimal(pair.beta)))
    return MarketCorrelation(
        one=one, two=two, clock_seconds=clock, rho=_decimal(pair.rho), lower=_decimal(pair.lower),
        upper=_decimal(pair.upper), samples=pair.samples, beta=beta, computed_at=at,
    )  # fmt: skip


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(STEP)


def value_of(row: MarketCorrelation) -> Together:
    """A row as the core's value."""
    beta = float(row.beta) if row.beta is not None else 0.0
    return Together(row.one, row.two, float(row.rho), float(row.lower), float(row.upper), row.samples, beta)


def members(clock: int) -> list[tuple[str, Together, datetime]]:
    """The groups of now: group, the link that binds a market (`two`) to it, and when it was measured."""
    return [
        (row.one.removeprefix(GROUP), value_of(row), row.computed_at)
        for row in _memberships(clock).order_by("one", "two")
    ]


def groups() -> dict[MarketKey, frozenset[str]]:
    """The correlated groups of each market: what the catalogue puts beside the groups of shared rule sources."""
    found: dict[MarketKey, set[str]] = defaultdict(set)
    for group, series in _memberships().values_list("one", "two"):
        market = hedging.key_of(series)
        if market is not None:
            found[market].add(group.removeprefix(GROUP))
    return {market: frozenset(names) for market, names in found.items()}


def of_markets(series: Iterable[str]) -> list[Together]:
    """Every pair of markets of which at least one is among these series."""
    wanted = sorted(set(series))
    rows = MarketCorrelation.objects.filter(one__startswith="market:", two__startswith="market:")
    found = [*rows.filter(one__in=wanted), *rows.filter(two__in=wanted).exclude(one__in=wanted)]
    return [value_of(row) for row in found]

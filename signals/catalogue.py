"""A process's own copy of the active bets and their markets' listings, kept in step by one word in Redis.

Detection would otherwise read the same rows for every window. Only what changed since the last look is read again.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Max, Q

from markets import catalogue_version, store
from markets.bets import Bet as BetValue
from markets.bets import MarketKey
from markets.models import Bet, Market
from signals.deciding.decision import BetRisk
from signals.detection.certificates import Certificates
from signals.detection.screen import Screen
from signals.findings import Listing
from signals.returns import stored as correlations

# Rows of transactions that committed late carry an older time than what we have seen
OVERLAP = timedelta(seconds=60)

UNKNOWN = BetRisk(m0_upper=Decimal(1), settlement="unknown", read_by_person=False)


@dataclass(slots=True)
class Catalogue:
    """Active bets by id, the bets of each market, the listings of all their markets."""

    bets: dict[str, BetValue] = field(default_factory=dict)
    by_market: dict[MarketKey, set[str]] = field(default_factory=lambda: defaultdict(set))
    listings: dict[MarketKey, Listing] = field(default_factory=dict)
    risks: dict[str, BetRisk] = field(default_factory=dict)  # what is known of each bet itself
    by_group: dict[str, set[MarketKey]] = field(
        default_factory=lambda: defaultdict(set)
    )  # by shared rule source, or by how surely they move together
    # Groups of markets that move together (`signals.returns`), of each market
    correlated: dict[MarketKey, frozenset[str]] = field(default_factory=dict)
    screen: Screen = field(
        default_factory=Screen
    )  # best asks of all bets; scans keep it in step with the books
    word: bytes = b""
    seen: datetime | None = None

    @property
    def certificates(self) -> Certificates:
        """What proved that wide bets offer nothing."""
        return self.screen.certificates

    def risk(self, bet_id: str) -> BetRisk:
        """What is known of a bet itself; of one that is not active any more, nothing that would help it."""
        return self.risks.get(bet_id, UNKNOWN)

    def groups(self, bet_id: str) -> frozenset[str]:
        """The groups of bets that share a rule source or move together with this one; empty for one that is not active."""
        bet = self.bets.get(bet_id)
        if bet is None:
            return frozenset()
        listed = (self.listings.get(market) for market in bet.markets)
        shared = {name for listing in listed if listing is not None for name in listing.groups}
        return frozenset(shared.union(*(self.correlated.get(market, ()) for market in bet.markets)))

    def markets_of(self, group: str) -> set[MarketKey]:
        """Every market of a group, and of the active bets that a market of the group puts into it."""
        own = self.by_group.get(group, set())
        bet_ids = {bet_id for market in own for bet_id in self.by_market.get(market, ())}
        return own.union(*(self.bets[bet_id].markets for bet_id in bet_ids))

    def touched(self, platform: str, market_ids: Iterable[str]) -> list[BetValue]:
        """The active bets that have one of these markets."""
        ids: set[str] = set()
        for market_id in market_ids:
            ids |= self.by_market.get((platform, market_id), set())
        return [self.bets[bet_id] for bet_id in sorted(ids)]


_copy = Catalogue()


def current() -> Catalogue:
    """The catalogue as of now."""
    word = catalogue_version.current()
    if word != _copy.word:
        _read_changes(_copy)
        _copy.word = word
    return _copy


def risk_of(row: Bet) -> BetRisk:
    """What a bet's row says of it."""
    return BetRisk(**{field.name: getattr(row, field.name) for field in fields(BetRisk)})


def forget() -> None:
    """Drop the copy; the next look reads everything (tests, and who restored a database)."""
    global _copy
    _copy = Catalogue()


def _read_changes(copy: Catalogue) -> None:
    since = copy.seen - OVERLAP if copy.seen else None
    bets = Bet.objects.prefetch_related("outcomes__market")
    markets = Market.objects.filter(bet_outcomes__isnull=False).distinct()
    # Which bets are active is never left to their times: a long job may stamp what it writes with when it began
    active = set(Bet.objects.filter(status=Bet.ACTIVE).values_list("id", flat=True))
    for bet_id in copy.bets.keys() - active:
        _drop(copy, bet_id)
    if since is not None:
        bets = bets.filter(Q(updated_at__gte=since) | Q(id__in=active - copy.bets.keys()))
        markets = markets.filter(updated_at__gte=since)
    else:
        bets = bets.filter(status=Bet.ACTIVE)
    _list(copy, markets)
    for row in bets:
        _drop(copy, row.id)
        if row.status == Bet.ACTIVE:
            _take(copy, row)
    unlisted = {market for market, of in copy.by_market.items() if of} - copy.listings.keys()
    if unlisted:  # markets known for long, in a bet that is new
        _list(copy, Market.objects.filter(id__in=[market_id for _, market_id in unlisted]))
    _correlate(copy, correlations.groups())
    copy.seen = _newest(copy.seen)


def _correlate(copy: Catalogue, groups: dict[MarketKey, frozenset[str]]) -> None:
    """Take these groups of markets that move together in the place of the ones before."""
    for market, names in copy.correlated.items():
        for name in names:
            copy.by_group[name].discard(market)
    for market, names in groups.items():
        for name in names:
            copy.by_group[name].add(market)
    copy.correlated = groups


def _list(copy: Catalogue, markets: Iterable[Market]) -> None:
    for market in markets:
        key = market.platform, market.id
        before = copy.listings.get(key)
        for name in before.groups if before is not None else ():
            copy.by_group[name].discard(key)
        copy.listings[key] = Listing.of(store.info_of(market))
        for name in copy.listings[key].groups:
            copy.by_group[name].add(key)


def _newest(before: datetime | None) -> datetime | None:
    times = [
        Bet.objects.aggregate(at=Max("updated_at"))["at"],
        Market.objects.filter(Q(followed=True) | Q(bet_outcomes__isnull=False)).aggregate(
            at=Max("updated_at")
        )["at"],
        before,
    ]
    return max((at for at in times if at is not None), default=None)


def _take(copy: Catalogue, row: Bet) -> None:
    value = row.value()
    copy.bets[row.id] = value
    copy.screen.add(value)
    for market in value.markets:
        copy.by_market[market].add(row.id)
    copy.risks[row.id] = risk_of(row)


def _drop(copy: Catalogue, bet_id: str) -> None:
    old = copy.bets.pop(bet_id, None)
    copy.risks.pop(bet_id, None)
    copy.screen.remove(bet_id)
    if old is not None:
        for market in old.markets:
            copy.by_market[market].discard(bet_id)

"""Mixtures: bets of two events on two platforms, joined where approved clean pairs tie their markets together."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from markets import bets
from markets.betting import building
from markets.betting import store as bet_store
from markets.models import Bet, BetOutcome, Pair
from markets.models.bets import CLEAN
from markets.pairing import risk
from markets.platforms.base import KALSHI, POLYMARKET

_JOINED = Q(status=Bet.ACTIVE, settlement=CLEAN)
PARTS = (Bet.NEG_RISK, Bet.EXCLUSIVE, Bet.LADDER, Bet.DATE_LADDER, Bet.CUSTOM)


def rebuild_around(bet_ids: Sequence[str], *, now: datetime) -> int:
    """Renew the mixtures of bets that changed, and find those that have become possible."""
    markets = list(
        BetOutcome.objects.filter(bet_id__in=bet_ids).values_list("market_id", flat=True).distinct()
    )
    sides = Q(polymarket_id__in=markets) | Q(kalshi_id__in=markets)
    count = rebuild(Pair.objects.filter(sides, status=Pair.APPROVED).order_by("pk"), now=now)
    for bet in Bet.objects.filter(kind=Bet.MIXTURE, status=Bet.ACTIVE):
        parts = bet.parts.get("bets", [])
        if set(parts) & set(bet_ids) and len(parts) == 2:
            count += _join(parts[0], parts[1], now)
    return count


def rebuild(pairs: Iterable[Pair], *, now: datetime) -> int:
    """Build or renew the mixtures that these pairs take part in; returns how many changed.

    Only ACTIVE bets that settle clean are joined, and only by approved pairs that do: anything else would smuggle an
    unread relation, or two sources, into a bet that looks certain.
    """
    wanted = {
        key
        for pair in pairs
        if pair.status == Pair.APPROVED and pair.settlement == CLEAN
        for key in _bets_of(pair)
    }
    with transaction.atomic():
        return sum(_join(one, two, now) for one, two in sorted(wanted))


def _bets_of(pair: Pair) -> list[tuple[str, str]]:
    """Every two active bets of events, one on each platform, that hold the pair's markets."""
    sides: dict[str, list[str]] = {}
    for platform, market_id in ((POLYMARKET, pair.polymarket_id), (KALSHI, pair.kalshi_id)):
        rows = Bet.objects.filter(outcomes__market_id=market_id, kind__in=PARTS).filter(_JOINED)
        sides[platform] = sorted(set(rows.values_list("pk", flat=True)))
    return [(one, two) for one in sides[POLYMARKET] for two in sides[KALSHI] if one != two]


def _join(one_id: str, two_id: str, now: datetime) -> bool:
    rows = {
        row.pk: row
        for row in Bet.objects.filter(pk__in=(one_id, two_id)).prefetch_related("outcomes__market")
    }
    one, two = rows[one_id], rows[two_id]
    pairs = _between(one, two)
    bet_id = building.bet_id(Bet.MIXTURE, one_id, two_id)
    stored = Bet.objects.filter(pk=bet_id).first()
    if stored is not None and stored.status in (Bet.REJECTED, Bet.SUSPENDED) and _by_a_person(stored):
        return False
    if not pairs or any(row.status != Bet.ACTIVE or row.settlement != CLEAN for row in (one, two)):
        return bool(
            bet_store.leave([bet_id], Bet.CLOSED, "no approved pair joins its bets any more", now=now)
        )
    same = [((POLYMARKET, pair.polymarket_id), (KALSHI, pair.kalshi_id), pair.inverted) for pair in pairs]
    value = bets.join(bet_id, Bet.MIXTURE, one.value(), two.value(), same)
    if value.faults:
        bet_store.leave([bet_id], Bet.CLOSED, value.faults[0].sentence, now=now)
        return False
    m0, upper = risk.together(*((part.m0, part.m0_upper) for part in (one, two, *pairs)))
    return bet_store.write(
        value, now=now, name=f"{one.name} with {two.name}"[:500], status=Bet.ACTIVE, suspended_why="",
        origin=Bet.SANDBOX if all(pair.origin == Pair.SANDBOX for pair in pairs) else Bet.PAIRS, settlement=CLEAN,
        m0=m0, m0_upper=upper, read_by_person=all(pair.origin != Pair.SANDBOX for pair in pairs),
        parts={"bets": [one_id, two_id], "pairs": [pair.pk for pair in pairs]},
    )  # fmt: skip


def _by_a_person(bet: Bet) -> bool:
    last = bet.versions.first()
    return last is not None and last.user_id is not None


def _between(one: Bet, two: Bet) -> list[Pair]:
    """The approved clean pairs with a market in each bet."""
    markets: dict[str, set[str]] = defaultdict(set)
    for bet in (one, two):
        for row in bet.outcomes.all():
            markets[bet.pk].add(row.market_id)
    rows = Pair.objects.filter(status=Pair.APPROVED, settlement=CLEAN)
    return list(rows.filter(polymarket_id__in=markets[one.pk], kalshi_id__in=markets[two.pk]).order_by("pk"))

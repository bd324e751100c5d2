"""Events in the database, and their bets: recorded from discovery, read whole, built anew whenever a market changes.

Wide bets are built only where somebody looks: an event of which at least one market is followed, or that has a bet already.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from markets import bets, store
from markets.betting import building, mixing
from markets.betting import decisions as bet_decisions
from markets.betting import store as bet_store
from markets.betting.building import LIVE, Built, EventFacts
from markets.models import Bet, BetVersion, Event, Market
from markets.models.bets import CLEAN
from markets.pairing import risk
from markets.platforms.base import MarketInfo

READ_AGAIN = timedelta(days=1)  # a whole event is read again after it
READS_AT_ONCE = 200  # whole events read in one go: one request each
BATCH = 200  # events built in one transaction
_FLAGS = ["title", "mutually_exclusive", "neg_risk", "augmented", "updated_at"]


# --- recording


def record(infos: Iterable[MarketInfo], *, now: datetime) -> None:
    """Take over what these markets say of their events; whether an event is whole, no single market knows."""
    rows: dict[tuple[str, str], Event] = {}
    for info in infos:
        if info.event_id:
            row = Event(
                platform=info.platform, event_id=info.event_id[:128], title=str(info.extra.get("event_title") or "")[:500],
                mutually_exclusive=bool(info.extra.get("mutually_exclusive")), neg_risk=bool(info.extra.get("neg_risk")),
                augmented=bool(info.extra.get("neg_risk_augmented")), created_at=now, updated_at=now,
            )  # fmt: skip
            rows[row.platform, row.event_id] = row
    Event.objects.bulk_create(
        [rows[key] for key in sorted(rows)], update_conflicts=True, unique_fields=["platform", "event_id"],
        update_fields=_FLAGS, batch_size=500,
    )  # fmt: skip
    _notice_new_members(rows, infos, now)


def _notice_new_members(
    rows: Collection[tuple[str, str]], infos: Iterable[MarketInfo], now: datetime
) -> None:
    """A market that nobody listed when the event was read whole makes it unwhole, until it is read again."""
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    for info in infos:
        ids[info.platform, info.event_id[:128]].add(info.id)
    whole = Event.objects.filter(event_id__in=[event_id for _, event_id in rows], whole=True)
    for event in whole:
        if ids[event.platform, event.event_id] - set(event.member_ids):
            Event.objects.filter(pk=event.pk).update(whole=False, updated_at=now)


def store_event(
    platform: str, event_id: str, *, member_ids: Iterable[str], whole: bool, now: datetime, title: str = ""
) -> Event:
    """Keep which markets an event has, as the platform listed them; `whole` where none can be missing."""
    fields = {
        "member_ids": sorted(set(member_ids)),
        "whole": whole,
        "seen_whole_at": now if whole else None,
        "updated_at": now,
    }
    if title:
        fields["title"] = title[:500]
    event, _ = Event.objects.update_or_create(platform=platform, event_id=event_id[:128], defaults=fields)
    return event


def due(platform: str, *, now: datetime) -> list[str]:
    """The followed events of which all markets must be known and are not, or not lately: Polymarket's neg-risk events."""
    followed = Market.objects.filter(platform=platform, followed=True).values("event_id")
    rows = Event.objects.filter(
        platform=platform, neg_risk=True, augmented=False, event_id__in=followed
    ).filter(Q(seen_whole_at__isnull=True) | Q(seen_whole_at__lt=now - READ_AGAIN) | Q(whole=False))
    return list(rows.order_by("seen_whole_at", "pk").values_list("event_id", flat=True)[:READS_AT_ONCE])


# --- building


def rebuild_followed(platform: str, *, now: datetime) -> int:
    """Build the bets of every event of which a market is followed, and of those that have bets."""
    ids = Market.objects.filter(platform=platform, followed=True).exclude(event_id="").values("event_id")
    rows = Event.objects.filter(platform=platform).filter(
        Q(event_id__in=ids) | Q(bets__status__in=(Bet.ACTIVE, Bet.PROPOSED))
    )
    return rebuild(sorted(set(rows.values_list("pk", flat=True))), now=now)


def rebuild_for(platform: str, market_ids: Sequence[str], *, now: datetime) -> int:
    """Build the bets of these markets' events anew, where there are bets or a market is followed."""
    touched = Market.objects.filter(pk__in=market_ids).exclude(event_id="").values("event_id")
    followed = Market.objects.filter(platform=platform, followed=True, event_id__in=touched).values(
        "event_id"
    )
    rows = Event.objects.filter(platform=platform, event_id__in=touched).filter(
        Q(event_id__in=followed) | Q(bets__isnull=False)
    )
    return rebuild(sorted(set(rows.values_list("pk", flat=True))), now=now)


def rebuild(event_pks: Sequence[int], *, now: datetime) -> int:
    """Build the bets of these events; returns how many bets changed."""
    count = 0
    for start in range(0, len(event_pks), BATCH):
        with transaction.atomic():
            rows = list(
                Event.objects.select_for_update()
                .filter(pk__in=event_pks[start : start + BATCH])
                .order_by("pk")
            )
            members: dict[tuple[str, str], list[MarketInfo]] = defaultdict(list)
            for market in Market.objects.filter(event_id__in=[row.event_id for row in rows]):
                members[market.platform, market.event_id].append(store.info_of(market))
            count += sum(_rebuild(row, members[row.platform, row.event_id], now) for row in rows)
    return count


def _rebuild(event: Event, members: list[MarketInfo], now: datetime) -> int:
    found = building.build(_facts(event), members)
    if event.why_not != found.why_not:
        Event.objects.filter(pk=event.pk).update(why_not=found.why_not, updated_at=now)
    stored = {row.pk: row for row in event.bets.prefetch_related("outcomes").exclude(kind=Bet.MIXTURE)}
    changed = [one.value.id for one in found.built if _store(event, one, stored.get(one.value.id), now)]
    gone = [
        pk for pk, row in stored.items() if pk not in {one.value.id for one in found.built} and _open(row)
    ]
    why = next(iter(found.why_not.values()), bet_store.ENDED)
    changed += bet_store.leave(gone, Bet.CLOSED, why, now=now)
    if changed:
        mixing.rebuild_around(changed, now=now)
    return len(changed)


def _facts(event: Event) -> EventFacts:
    return EventFacts(
        event.platform, event.event_id, event.title, event.mutually_exclusive, event.neg_risk, event.augmented, event.whole,
        frozenset(event.member_ids),
    )  # fmt: skip


def _open(row: Bet) -> bool:
    return row.status in (Bet.ACTIVE, Bet.PROPOSED)


def _store(event: Event, one: Built, row: Bet | None, now: datetime) -> bool:
    """Write a built bet: a certain one is active at once, one read from texts waits for a person.

    What a person rejected or suspended stays so while the bet is the same.
    """
    columns = {"name": event.title or event.event_id, "event": event}
    if one.certain:
        kept = row is not None and row.status in (Bet.REJECTED, Bet.SUSPENDED)
        status = row.status if row is not None and kept else Bet.ACTIVE
        why = row.suspended_why if row is not None and kept else ""
        return bet_store.write(
            one.value, now=now, status=status, suspended_why=why, origin=Bet.PLATFORM, **columns
        )
    if row is not None and row.status != Bet.CLOSED and _same(one.value, row):
        return False
    was_active = row is not None and row.status == Bet.ACTIVE
    estimate = risk.estimate(CLEAN)
    changed = bet_store.write(
        one.value, now=now, status=Bet.PROPOSED, suspended_why="", origin=Bet.TEXTS, read_by_person=False, digest="",
        m0=estimate.m0, m0_upper=estimate.m0_upper, **columns,
    )  # fmt: skip
    if was_active:
        bet_store.ring()
    bet = Bet.objects.get(pk=one.value.id)
    BetVersion.objects.create(
        bet=bet, user=None, decision=bet_decisions.PROPOSED, digest=bet_decisions.digest(bet), seen=bet_decisions.seen(bet),
        created_at=now,
    )  # fmt: skip
    return changed


def _same(value: bets.Bet, row: Bet) -> bool:
    claims = {(one.market_id, one.outcome, frozenset(one.pays_in)) for one in row.outcomes.all()}
    return claims == {(one.market_id, one.outcome, one.pays_in) for one in value.claims}


def reasons() -> Counter[str]:
    """How many events made no bet of a kind, by the sentence without its names and numbers: `kind: sentence`."""
    counted: Counter[str] = Counter()
    for why_not in Event.objects.exclude(why_not={}).values_list("why_not", flat=True).iterator(2_000):
        counted.update(f"{kind}: {building.reason_class(sentence)}" for kind, sentence in why_not.items())
    return counted


def followed_members(platform: str, followed: Collection[str], *, most: int) -> dict[str, str]:
    """Market → bet: the live members of active bets of which a market is followed already, the busiest first."""
    wide = Bet.objects.filter(status=Bet.ACTIVE).exclude(kind__in=(Bet.PAIR, Bet.YES_NO))
    held = set(wide.filter(outcomes__market_id__in=followed).values_list("pk", flat=True))
    rows = (
        Market.objects.filter(platform=platform, status__in=LIVE, bet_outcomes__bet_id__in=held)
        .exclude(pk__in=followed)
        .order_by(F("volume_24h").desc(nulls_last=True), "pk")
        .values_list("pk", "bet_outcomes__bet_id")
    )
    found: dict[str, str] = {}
    for market_id, bet_id in rows:
        if len(found) >= most:
            break
        found.setdefault(market_id, bet_id)
    return found

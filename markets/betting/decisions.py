"""Bets that rest on texts or on a person's word: entered, approved, rejected, suspended, each with a version row.

What the platform itself guarantees needs no approval and may only be suspended; a pair's bet follows its pair.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from arbsite.models import HIGH, INFO, MEDIUM, Notice
from markets import bets, catalogue_version, store
from markets.betting import mixing
from markets.betting import store as bet_store
from markets.betting.building import LIVE
from markets.models import Bet, BetVersion, Market
from markets.models.bets import CLEAN, SETTLEMENTS
from markets.pairing import risk, terms
from markets.pairing.pairs import PairError

PROPOSED, APPROVED, REJECTED, SUSPENDED = "proposed", "approved", "rejected", "suspended"
NEXT = {
    APPROVED: (Bet.PROPOSED, Bet.SUSPENDED, Bet.REJECTED),
    REJECTED: (Bet.PROPOSED, Bet.SUSPENDED, Bet.ACTIVE),
    SUSPENDED: (Bet.PROPOSED, Bet.ACTIVE),
}
_STATUS = {APPROVED: Bet.ACTIVE, REJECTED: Bet.REJECTED, SUSPENDED: Bet.SUSPENDED}


class BetError(PairError):
    """A change of a bet that cannot be; the message says why and what to do."""


def seen(bet: Bet) -> dict[str, Any]:
    """What a decision rests on: the terms of every market, the states, and what pays in which."""
    rows = list(bet.outcomes.select_related("market"))
    markets = {row.market_id: row.market for row in rows}
    return {
        "markets": {
            f"{market.platform}:{market.pk}": terms.of(store.info_of(market)) for market in markets.values()
        },
        "states": list(bet.states),
        "claims": sorted(
            f"{row.outcome} of {row.market_id}: {', '.join(sorted(row.pays_in))}" for row in rows
        ),
    }


def digest(bet: Bet) -> str:
    """What an approval is given for."""
    found = seen(bet)
    return terms.digest(found["markets"], states=found["states"], claims=found["claims"], kind=bet.kind)


def enter(
    value: bets.Bet, name: str, user: Any, *, now: datetime, note: str = "", settlement: str = CLEAN
) -> Bet:
    """A person proposes a bet by hand. Raises BetError with what is wrong with it."""
    _check(value)
    if settlement not in SETTLEMENTS:
        raise BetError(f"The settlement is one of {', '.join(SETTLEMENTS)}, not {settlement!r}.")
    with transaction.atomic():
        if Bet.objects.filter(pk=value.id).exists():
            raise BetError(f"There is a bet {value.id!r} already.")
        estimate = risk.estimate(settlement)
        bet_store.write(
            value, now=now, name=name[:500], status=Bet.PROPOSED, origin=Bet.HAND, settlement=settlement,
            m0=estimate.m0, m0_upper=estimate.m0_upper,
        )  # fmt: skip
        bet = Bet.objects.get(pk=value.id)
        _save(bet, PROPOSED, user, note, now)
        _tell(bet, f"{user} entered it. {note}".strip(), INFO, now)
    return bet


def _check(value: bets.Bet) -> None:
    if value.faults:
        raise BetError("; ".join(f"{fault.sentence}" for fault in value.faults[:5]) + ".")
    known = dict(
        Market.objects.filter(pk__in=[claim.market_id for claim in value.claims]).values_list(
            "id", "platform"
        )
    )
    for platform, market_id in value.markets:
        if known.get(market_id) != platform:
            raise BetError(f"{market_id!r} is no {platform} market that is known here.")
    if len(value.claims) < 2:
        raise BetError("A bet needs at least two outcomes.")


def decide(
    bet: Bet,
    decision: str,
    user: Any,
    *,
    now: datetime,
    note: str = "",
    shown_digest: str | None = None,
    m0: Decimal | None = None,
) -> Bet:
    """Approve, reject or suspend a bet; rejecting and suspending need a note. Raises BetError, and changes nothing then."""
    if decision not in NEXT:
        raise BetError(f"One decides {', '.join(NEXT)}, not {decision!r}.")
    if decision != APPROVED and not note.strip():
        raise BetError(f"A note must say why it is {decision}.")
    if m0 is not None and not (m0.is_finite() and 0 <= m0 < 1):
        raise BetError("The chance that it pays nothing is a fraction from 0 to below 1.")
    with transaction.atomic():
        ids = bet.outcomes.values_list("market_id", flat=True)
        list(Market.objects.select_for_update(no_key=True).filter(pk__in=list(ids)).order_by("pk"))
        bet = Bet.objects.select_for_update().get(pk=bet.pk)
        if bet.kind == Bet.PAIR:
            raise BetError("This bet belongs to a pair: decide on the pair.")
        if bet.status not in NEXT[decision]:
            raise BetError(f"This bet is {bet.status.lower()} and cannot be {decision}.")
        if shown_digest is not None and shown_digest != digest(bet):
            raise BetError("The bet or its texts changed since you read them; read them again.")
        if decision == APPROVED:
            _activate(bet, m0, now)
        else:
            bet_store.leave([bet.pk], _STATUS[decision], note, now=now)
            bet.refresh_from_db()
        _save(bet, decision, user, note, now)
        _tell(bet, f"{user} {decision} it. {note}".strip(), INFO if decision == APPROVED else MEDIUM, now)
    return bet


def _activate(bet: Bet, m0: Decimal | None, now: datetime) -> None:
    value = bet.value()
    _check(value)
    if bet.kind == Bet.MIXTURE:
        raise BetError("A mixture follows its pairs and bets: approve those.")
    for name, found in seen(bet)["markets"].items():
        problem = terms.unreadable(found)
        if problem:
            raise BetError(f"{name} cannot be approved: {problem}.")
    trading = bet.outcomes.filter(market__status__in=LIVE).values("market_id").distinct().count()
    if trading < min(2, len(value.markets)):
        raise BetError(f"Only {trading} of its markets still trade.")
    estimate = risk.raised(risk.Estimate(bet.m0, bet.m0_upper, 0, 0), m0)
    bet.m0, bet.m0_upper = estimate.m0, estimate.m0_upper
    bet.status, bet.suspended_why, bet.read_by_person, bet.updated_at = Bet.ACTIVE, "", True, now
    bet.digest = digest(bet)
    bet.save()
    catalogue_version.changed()
    mixing.rebuild_around([bet.pk], now=now)


def suspend_changed(market_ids: Sequence[str], *, now: datetime) -> int:
    """Suspend the approved bets of these markets whose terms changed since; returns how many."""
    rows = Bet.objects.filter(
        outcomes__market_id__in=market_ids, status=Bet.ACTIVE, origin__in=(Bet.TEXTS, Bet.HAND)
    )
    count = 0
    ids = list(rows.distinct().order_by("pk").values_list("pk", flat=True))
    # Locked: what a person rejects at this moment must stay rejected
    for bet in Bet.objects.select_for_update().filter(pk__in=ids, status=Bet.ACTIVE).order_by("pk"):
        if bet.digest != digest(bet):
            why = "; ".join(_changes(bet))[:2_000] or "its states or outcomes changed"
            bet_store.leave([bet.pk], Bet.SUSPENDED, why, now=now)
            bet.refresh_from_db()
            _save(bet, SUSPENDED, None, why, now)
            _tell(bet, f"{why}. Read its texts again.", HIGH, now)
            count += 1
    return count


def _changes(bet: Bet) -> Iterable[str]:
    last = bet.versions.first()
    before = last.seen.get("markets", {}) if last is not None else {}
    for name, after in seen(bet)["markets"].items():
        yield from terms.changes(before.get(name, {}), after, name)


def _save(bet: Bet, decision: str, user: Any, note: str, now: datetime) -> None:
    BetVersion.objects.create(
        bet=bet, user=user, decision=decision, note=note, digest=digest(bet), seen=seen(bet), created_at=now
    )


def _tell(bet: Bet, message: str, severity: str, now: datetime) -> None:
    kind = f"bet_{bet.status.lower()}"
    Notice.objects.record(kind, bet.pk, message, severity=severity, at=now, bet=bet.pk)
    catalogue_version.changed()

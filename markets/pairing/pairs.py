"""Pairs and the verdicts on them: proposed by the matcher or by hand, decided by a person, suspended when a term changes.

Every change leaves a version row (who, when, what was seen). An approval is given for a digest of both markets' terms
(`markets.pairing.terms`): what a platform changes afterwards takes the approval away.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q

from arbsite.models import HIGH, INFO, MEDIUM, Notice
from markets import bets, catalogue_version
from markets.betting import mixing
from markets.betting import store as bet_store
from markets.betting.building import LIVE
from markets.models import Bet, Market, Pair, PairVersion
from markets.models.bets import SETTLEMENTS
from markets.pairing import risk_history, terms
from markets.pairing.pair_terms import PairError, changes_since, rules_digest, seen
from markets.platforms.base import KALSHI, POLYMARKET

__all__ = [
    "PairError", "approve", "changes_since", "enter", "propose", "reject", "rules_digest", "seen", "suspend",
    "suspend_changed",
]  # fmt: skip

# What may follow what; an approved pair is turned around by suspending it first
NEXT = {
    Pair.PROPOSED: {Pair.APPROVED, Pair.REJECTED, Pair.SUSPENDED},
    Pair.APPROVED: {Pair.SUSPENDED, Pair.REJECTED},
    Pair.REJECTED: {Pair.PROPOSED, Pair.APPROVED},
    Pair.SUSPENDED: {Pair.APPROVED, Pair.REJECTED},
}
_DONE = {Pair.APPROVED: "approved", Pair.REJECTED: "rejected", Pair.SUSPENDED: "suspended"}


# --- proposing


def propose(candidates: Iterable[Any], *, now: datetime) -> int:
    """Take over what the matcher found; returns how many pairs wait for a person that did not before.

    A candidate has `polymarket_id, kalshi_id, score, verdict, settlement, reasons, vetoes`. What the matcher calls
    different makes no new pair, and a rejected pair comes back only after a term of one of its markets has changed.
    """
    found = {(one.polymarket_id, one.kalshi_id): one for one in candidates}
    count = 0
    for key, one in found.items():
        with transaction.atomic():
            count += _propose(key, one, now)
    return count


def _propose(key: tuple[str, str], one: Any, now: datetime) -> bool:
    judged = {
        "score": Decimal(str(one.score)).quantize(Decimal("0.0001")), "verdict": one.verdict,
        "settlement": one.settlement, "reasons": list(one.reasons), "vetoes": list(one.vetoes),
    }  # fmt: skip
    rows = Pair.objects.select_for_update(of=("self",)).select_related("polymarket", "kalshi")
    pair = rows.filter(polymarket_id=key[0], kalshi_id=key[1]).first()
    if pair is None:
        known = Market.objects.filter(
            Q(pk=key[0], platform=POLYMARKET) | Q(pk=key[1], platform=KALSHI)
        ).count()
        if one.verdict == "different" or known != 2:
            return False
        pair = Pair(
            polymarket_id=key[0],
            kalshi_id=key[1],
            origin=Pair.MATCHER,
            created_at=now,
            inverted=one.verdict == "inverted",
        )
    elif pair.status in (Pair.APPROVED, Pair.SUSPENDED):
        return False  # a person has spoken about these; only a change of terms reopens that
    elif pair.status == Pair.REJECTED:
        if one.verdict == "different" or pair.rules_digest == rules_digest(pair):
            return False
    elif all(getattr(pair, name) == value for name, value in judged.items()):
        return False
    again = pair.pk is None or pair.status == Pair.REJECTED
    for name, value in judged.items():
        setattr(pair, name, value)
    if pair.origin == Pair.MATCHER:
        pair.inverted = one.verdict == "inverted"
    pair.status = Pair.PROPOSED
    _save(pair, PairVersion.PROPOSED, None, "", now)
    return again


def enter(
    polymarket_id: str,
    kalshi_id: str,
    user: Any,
    *,
    now: datetime,
    note: str = "",
    inverted: bool = False,
    settlement: str = "unknown",
    m0: Decimal | None = None,
) -> Pair:
    """A person proposes a pair by hand. Raises PairError for markets that cannot be one."""
    with transaction.atomic():
        sides = {
            market.platform: market for market in Market.objects.filter(pk__in=(polymarket_id, kalshi_id))
        }
        for platform, market_id in ((POLYMARKET, polymarket_id), (KALSHI, kalshi_id)):
            if platform not in sides or sides[platform].pk != market_id:
                raise PairError(
                    f"{market_id!r} is no {platform} market that is known here; run `manage.py sync`."
                )
        if Pair.objects.filter(polymarket_id=polymarket_id, kalshi_id=kalshi_id).exists():
            raise PairError("This pair is there already; decide on it instead.")
        pair = Pair(
            polymarket=sides[POLYMARKET], kalshi=sides[KALSHI], inverted=inverted, origin=Pair.HAND,
            settlement=_settlement(settlement), m0_by_hand=_fraction(m0), created_at=now,
        )  # fmt: skip
        _save(pair, PairVersion.PROPOSED, user, note, now)
        _tell(pair, "pair_proposed", f"{user} entered it. {note}".strip(), INFO, now)
    return pair


# --- deciding


def approve(
    pair: Pair,
    user: Any,
    *,
    now: datetime,
    note: str = "",
    inverted: bool | None = None,
    shown_digest: str | None = None,
    settlement: str = "",
    m0: Decimal | None = None,
) -> Pair:
    """A person says that both markets are the same bet (or, `inverted`, its opposite): from now on it is traded.

    `shown_digest` is the digest of what was on the screen (None: nothing was shown, which only programs do);
    `settlement` and `m0` are the person's own judgement where they differ from the matcher's and the class's.
    Raises PairError where it cannot be, and changes nothing then.
    """
    with transaction.atomic():
        # Markets first: a platform's change waits for this approval and then finds it, or was here before and is seen
        list(
            Market.objects.select_for_update(no_key=True)
            .filter(pk__in=(pair.polymarket_id, pair.kalshi_id))
            .order_by("pk")
        )
        pair = _locked(pair, Pair.APPROVED)
        _unchanged(pair, shown_digest)
        if pair.vetoes and not note.strip() and pair.origin != Pair.SANDBOX:
            raise PairError(
                f"The matcher objects ({'; '.join(map(str, pair.vetoes))[:200]}): say in a note why it is wrong."
            )
        _readable(pair)
        pair.inverted = pair.inverted if inverted is None else inverted
        pair.settlement = _settlement(settlement or pair.settlement)
        pair.m0_by_hand = _fraction(m0) if m0 is not None else pair.m0_by_hand
        risk_history.assess(pair)
        pair.status, pair.approved_by, pair.approved_at, pair.suspended_why = Pair.APPROVED, user, now, ""
        pair.bet = _bet_of(pair, now=now)
        _save(pair, PairVersion.INVERTED if pair.inverted else PairVersion.SAME, user, note, now)
        _tell(pair, "pair_approved", f"{user} approved it. {note}".strip(), INFO, now)
        mixing.rebuild([pair], now=now)
    return pair


def reject(pair: Pair, user: Any, *, now: datetime, note: str, shown_digest: str | None = None) -> Pair:
    """A person says that these are not the same bet, and why."""
    return _end(pair, Pair.REJECTED, user, note, now=now, shown_digest=shown_digest)


def suspend(pair: Pair, user: Any, *, now: datetime, note: str, shown_digest: str | None = None) -> Pair:
    """Stop trading a pair until somebody has looked at it again; the note says why."""
    return _end(pair, Pair.SUSPENDED, user, note, now=now, shown_digest=shown_digest)


def suspend_changed(market_ids: Iterable[str], *, now: datetime) -> int:
    """Suspend the approved pairs of these markets whose terms changed since; returns how many."""
    ids = list(market_ids)
    touched = Pair.objects.filter(
        Q(polymarket_id__in=ids) | Q(kalshi_id__in=ids), status=Pair.APPROVED
    ).select_related("polymarket", "kalshi")
    count = 0
    for pair in touched.order_by("pk"):
        if pair.rules_digest != rules_digest(pair):
            what = changes_since(pair)
            if what:
                count += _suspend_changed(pair, "; ".join(what), now)
    return count


def _suspend_changed(pair: Pair, why: str, now: datetime) -> bool:
    """Both platforms may change their text at once, or a person decide meanwhile: then there is nothing left to do."""
    with transaction.atomic():
        still = Pair.objects.select_for_update().filter(pk=pair.pk, status=Pair.APPROVED).exists()
        if still:
            _end(pair, Pair.SUSPENDED, None, f"{why}. Read both texts again.", now=now)
    return still


def _end(
    pair: Pair, status: str, user: Any, note: str, *, now: datetime, shown_digest: str | None = None
) -> Pair:
    if not note.strip():
        raise PairError(f"A note must say why it is {_DONE[status]}.")
    with transaction.atomic():
        pair = _locked(pair, status)
        _unchanged(pair, shown_digest)
        pair.status, pair.suspended_why = status, note if status == Pair.SUSPENDED else ""
        decision = PairVersion.REJECTED if status == Pair.REJECTED else PairVersion.SUSPENDED
        _save(pair, decision, user, note, now)
        if pair.bet_id:
            bet_store.leave([pair.bet_id], Bet.SUSPENDED, note, now=now)
        bet_store.leave_of_pairs([pair.pk], Bet.SUSPENDED, f"pair {pair} is {_DONE[status]}", now=now)
        by = f"{user} {_DONE[status]} it: " if user is not None else ""
        _tell(pair, f"pair_{status.lower()}", f"{by}{note}", MEDIUM if user is not None else HIGH, now)
    return pair


def _locked(pair: Pair, status: str) -> Pair:
    rows = Pair.objects.select_for_update(of=("self",)).select_related("polymarket", "kalshi")
    pair = rows.get(pk=pair.pk)
    if status not in NEXT[pair.status]:
        raise PairError(f"This pair is {pair.status.lower()} and cannot become {_DONE[status]}.")
    return pair


def _unchanged(pair: Pair, shown_digest: str | None) -> None:
    if shown_digest is not None and shown_digest != rules_digest(pair):
        raise PairError("The texts changed since you read them; compare them again.")


def _readable(pair: Pair) -> None:
    for market, found in ((pair.polymarket, seen(pair)[POLYMARKET]), (pair.kalshi, seen(pair)[KALSHI])):
        problem = terms.unreadable(found) if pair.origin != Pair.SANDBOX else ""
        if problem:
            raise PairError(f"{market.platform}'s {market.pk} cannot be approved: {problem}.")
        if market.status not in LIVE:
            raise PairError(
                f"{market.platform}'s {market.pk} does not trade any more; it is {market.status}."
            )


def _settlement(word: str) -> str:
    if word not in SETTLEMENTS:
        raise PairError(f"The settlement is one of {', '.join(SETTLEMENTS)}, not {word!r}.")
    return word


def _fraction(m0: Decimal | None) -> Decimal | None:
    if m0 is not None and not (m0.is_finite() and 0 <= m0 < 1):
        raise PairError("The chance that it pays nothing is a fraction from 0 to below 1.")
    return m0


def _bet_of(pair: Pair, *, now: datetime) -> Bet:
    """The pair's bet, made anew: an inverted pair that was corrected must not keep the old states."""
    value = bets.pair(
        f"pair:{pair.pk}", (POLYMARKET, pair.polymarket_id), (KALSHI, pair.kalshi_id), pair.inverted
    )
    sandbox = pair.origin == Pair.SANDBOX
    bet_store.write(
        value, now=now, name=(pair.polymarket.question or "")[:500], status=Bet.ACTIVE, suspended_why="",
        origin=Bet.SANDBOX if sandbox else Bet.PAIRS, settlement=pair.settlement, m0=pair.m0, m0_upper=pair.m0_upper,
        read_by_person=not sandbox, digest=rules_digest(pair),
    )  # fmt: skip
    return Bet.objects.get(pk=value.id)


def _save(pair: Pair, decision: str, user: Any, note: str, now: datetime) -> None:
    """Write the row and its version."""
    pair.rules_digest, pair.note, pair.updated_at = rules_digest(pair), note, now
    if decision == PairVersion.PROPOSED:
        risk_history.assess(pair)
    pair.save()
    PairVersion.objects.create(
        pair=pair, user=user, decision=decision, note=note, digest=pair.rules_digest, seen=seen(pair), score=pair.score,
        verdict=pair.verdict, settlement=pair.settlement, m0=pair.m0, created_at=now,
    )  # fmt: skip


def _tell(pair: Pair, kind: str, message: str, severity: str, now: datetime) -> None:
    Notice.objects.record(kind, str(pair), message, severity=severity, at=now, pair=pair.pk)
    catalogue_version.changed()

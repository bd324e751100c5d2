"""Bets in the database: written from values, suspended, closed with their markets, and opened again.

Whatever leaves ACTIVE takes the bets built on it along, and rings for its open signals to be closed; the sweep rings
again where no broker was there.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from kombu.exceptions import OperationalError

from arbsite import pipeline
from arbsite.connections import REDIS_GONE
from markets import bets, catalogue_version
from markets.betting.building import LIVE
from markets.models import Bet, BetOutcome, Market

log = logging.getLogger(__name__)

CLOSE_SUSPENDED = "signals.close_suspended"  # closes the open signals of bets that are not ACTIVE
ENDED = "its markets have ended"


def write(value: bets.Bet, *, now: datetime, **columns: Any) -> bool:
    """Write a bet and its outcomes; returns whether anything changed. `columns` are the row's other columns."""
    columns = {"kind": value.kind, "states": list(value.states), "exhaustive": value.exhaustive, **columns}
    row = Bet.objects.filter(pk=value.id).prefetch_related("outcomes").first()
    if row is None:
        Bet.objects.create(id=value.id, created_at=now, updated_at=now, **columns)
    else:
        same = all(getattr(row, name) == content for name, content in columns.items())
        if same and _claims(row) == _wanted(value):
            return False
        Bet.objects.filter(pk=row.pk).update(updated_at=now, **columns)
        if _claims(row) == _wanted(value):
            catalogue_version.changed()
            return True
        row.outcomes.all().delete()
    BetOutcome.objects.bulk_create(_rows(value))
    catalogue_version.changed()
    return True


def _claims(row: Bet) -> set[tuple[str, str, frozenset[str]]]:
    return {(one.market_id, one.outcome, frozenset(one.pays_in)) for one in row.outcomes.all()}


def _wanted(value: bets.Bet) -> set[tuple[str, str, frozenset[str]]]:
    return {(claim.market_id, claim.outcome, claim.pays_in) for claim in value.claims}


def _rows(value: bets.Bet) -> list[BetOutcome]:
    return [
        BetOutcome(
            bet_id=value.id, market_id=claim.market_id, outcome=claim.outcome, pays_in=sorted(claim.pays_in)
        )
        for claim in value.claims
    ]


def add_new(values: Sequence[bets.Bet], *, now: datetime) -> None:
    """Write bets that are not there yet, many at once; those that exist already stay as they are."""
    Bet.objects.bulk_create(
        [
            Bet(id=bet.id, kind=bet.kind, states=list(bet.states), exhaustive=bet.exhaustive, created_at=now,
                updated_at=now)
            for bet in values
        ],
        ignore_conflicts=True,
        batch_size=500,
    )  # fmt: skip
    rows = [row for bet in values for row in _rows(bet)]
    BetOutcome.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1_000)


# --- leaving ACTIVE and coming back


def leave(bet_ids: Iterable[str], status: str, why: str, *, now: datetime) -> list[str]:
    """Take these bets, and the mixtures built on them, out of detection; returns those that changed."""
    wanted = list(bet_ids)
    rows = Bet.objects.select_for_update().filter(pk__in=wanted).exclude(status=status).order_by("pk")
    changed = [row.pk for row in rows]
    if not changed:
        return []
    Bet.objects.filter(pk__in=changed).update(status=status, suspended_why=why, updated_at=now)
    built_on = Bet.objects.filter(kind=Bet.MIXTURE, status=Bet.ACTIVE).filter(
        _any("parts__bets__contains", changed)
    )
    follow = list(built_on.values_list("pk", flat=True))
    if follow:
        leave(follow, status, f"a bet it is built on is {status.lower()}: {why}"[:500], now=now)
    catalogue_version.changed()
    ring()
    return changed


def leave_of_pairs(pair_ids: Iterable[int], status: str, why: str, *, now: datetime) -> list[str]:
    """The same for the mixtures that rest on these pairs."""
    ids = list(pair_ids)
    if not ids:
        return []
    rows = Bet.objects.filter(kind=Bet.MIXTURE, status=Bet.ACTIVE).filter(_any("parts__pairs__contains", ids))
    return leave(list(rows.values_list("pk", flat=True)), status, why, now=now)


def _any(lookup: str, values: Sequence[Any]) -> Q:
    condition = Q()
    for value in values:
        condition |= Q(**{lookup: [value]})
    return condition


def follow_markets(market_ids: Sequence[str], *, now: datetime) -> None:
    """Close the bets whose markets have ended, and open those again whose markets all trade.

    A pair or YES and NO of one market needs every market; a bet by hand lives while two of its markets trade. Bets of
    whole events are built anew instead (`markets.betting.events`).
    """
    rows = list(
        Bet.objects.filter(outcomes__market_id__in=market_ids, kind__in=(Bet.PAIR, Bet.YES_NO, Bet.CUSTOM))
        .filter(status__in=(Bet.ACTIVE, Bet.PROPOSED, Bet.CLOSED))
        .select_related("pair")
        .distinct()
    )
    trading = _trading([row.pk for row in rows])
    ended, again = [], []
    for row in rows:
        alive, ended_count = trading[row.pk]
        lives = alive >= 2 if row.kind == Bet.CUSTOM else not ended_count
        if not lives and row.status != Bet.CLOSED:
            ended.append(row.pk)
        elif lives and row.status == Bet.CLOSED and _may_reopen(row):
            again.append(row.pk)
    leave(ended, Bet.CLOSED, ENDED, now=now)
    if again:
        Bet.objects.filter(pk__in=again).update(status=Bet.ACTIVE, suspended_why="", updated_at=now)
        catalogue_version.changed()


def _trading(bet_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """How many markets of each bet still trade, and how many have ended."""
    found: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    rows = Market.objects.filter(bet_outcomes__bet_id__in=bet_ids).values_list(
        "bet_outcomes__bet_id", "id", "status"
    )
    for bet_id, _, status in set(rows):
        alive, ended = found[bet_id]
        found[bet_id] = (alive + 1, ended) if status in LIVE else (alive, ended + 1)
    return found


def _may_reopen(row: Bet) -> bool:
    pair = getattr(row, "pair", None)
    if row.kind == Bet.PAIR:
        return pair is not None and pair.status == pair.APPROVED
    return row.kind == Bet.YES_NO


def ring() -> None:
    """Have the open signals of bets that are not ACTIVE closed, once this is committed."""
    transaction.on_commit(_ring, robust=True)


def _ring() -> None:
    try:
        pipeline.step(CLOSE_SUSPENDED).apply_async(retry=False)
    except (OperationalError, *REDIS_GONE) as error:
        log.warning("nobody was rung to close signals; the sweep does it", extra={"error": str(error)})

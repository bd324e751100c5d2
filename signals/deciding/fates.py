"""What became of refusals: how long their gaps lived on, and what they would have earned by the actual settlement.

The report groups both by reason, so that a hurdle which costs more than it saves is seen, and one that saves too.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, DecimalField, IntegerField, Max, Min, Q, Sum
from django.db.models.functions import Cast

from signals import rules
from signals.models import Refusal

BATCH = 5_000
LEGS = 2  # a plan has at least so many

# Of a refused signal: from the refusal (or from when this gap opened) to the gap's end. The best finding's signal counts.
_BY_SIGNAL = """
UPDATE refusals r SET lived_ms = life.ms, fate = CASE WHEN life.ms < %s THEN 'vanished' ELSE 'lasted' END
FROM (
  SELECT r.id, GREATEST(0, s.lifetime_ms - EXTRACT(EPOCH FROM GREATEST(r.first_seen, s.created_at) - s.created_at) * 1000
  )::bigint AS ms
  FROM refusals r JOIN signals s ON s.id = r.signal_id
  WHERE r.fate = 'open' AND s.lifetime_ms IS NOT NULL
  LIMIT %s
) life WHERE r.id = life.id
"""
# What detection refused never became a signal: its gap lived at most from the first to the last time it was seen.
_BY_SIGHT = """
UPDATE refusals r SET lived_ms = life.ms, fate = CASE WHEN life.ms < %s THEN 'vanished' ELSE 'lasted' END
FROM (
  SELECT id, (EXTRACT(EPOCH FROM last_seen - first_seen) * 1000)::bigint AS ms
  FROM refusals WHERE fate = 'open' AND signal_id = '' AND last_seen < %s LIMIT %s
) life WHERE r.id = life.id
"""
_SETTLED = """
UPDATE refusals r SET settled_profit = fate.profit, settled_at = %s
FROM (
  SELECT r.id, SUM((leg->>3)::numeric * CASE WHEN leg->>2 = 'YES' THEN m.settlement_value ELSE 1 - m.settlement_value END)
    - (r.orders->>'outlay')::numeric AS profit
  FROM refusals r CROSS JOIN LATERAL jsonb_array_elements(r.orders->'legs') leg LEFT JOIN markets m ON m.id = leg->>1
  WHERE r.settled_at IS NULL AND r.best_profit IS NOT NULL
  GROUP BY r.id HAVING COUNT(*) = COUNT(m.settlement_value)
  LIMIT %s
) fate WHERE r.id = fate.id
"""


def follow(*, now: datetime) -> int:
    """Fill in the fates that are known by now; returns how many rows changed."""
    leg_time = rules.fill_ms(LEGS)
    silent = now - timedelta(seconds=settings.ARBSITE.signals.expire_seconds)
    with connection.cursor() as cursor:
        cursor.execute(_BY_SIGNAL, [leg_time, BATCH])
        changed = cursor.rowcount
        cursor.execute(_BY_SIGHT, [leg_time, silent, BATCH])
        changed += cursor.rowcount
        cursor.execute(_SETTLED, [now, BATCH])
        return changed + cursor.rowcount


def forget_before(moment: datetime) -> int:
    """Drop refusals last seen before `moment`; returns how many rows went."""
    return Refusal.objects.filter(last_seen__lt=moment).delete()[0]


def report(*, since: datetime | None = None, until: datetime | None = None) -> list[dict[str, Any]]:
    """Refusals by reason, the most frequent first. Money is dollars, ratios are fractions.

    `gaps` are rows: one for each bet, direction and hour. `would_have` sums the profit that the best finding of each
    such gap would have made, for those that lasted and have settled.
    """
    rows = Refusal.objects.all()
    if since is not None:
        rows = rows.filter(last_seen__gte=since)
    if until is not None:
        rows = rows.filter(first_seen__lt=until)
    lasted_and_settled = Q(fate=Refusal.LASTED, settled_profit__isnull=False)
    found = rows.values("code", "stage").annotate(
        refused=Cast(Sum("count"), IntegerField()),
        gaps=Count("id", filter=~Q(bet_id="")),
        bets=Count("bet_id", filter=~Q(bet_id=""), distinct=True),
        open=Count("id", filter=Q(fate=Refusal.OPEN)),
        vanished=Count("id", filter=Q(fate=Refusal.VANISHED)),
        lasted=Count("id", filter=Q(fate=Refusal.LASTED)),
        best_edge=Max("best_edge"),
        settled=Count("id", filter=lasted_and_settled),
        would_have=Sum("settled_profit", filter=lasted_and_settled, output_field=DecimalField()),
        lost=Count("id", filter=lasted_and_settled & Q(settled_profit__lt=0)),
        first_seen=Min("first_seen"),
        last_seen=Max("last_seen"),
    )
    return [
        {**row, "would_have": row["would_have"] if row["settled"] else None, "example": _example(row)}
        for row in found.order_by("-refused", "code", "stage")
    ]


def _example(row: dict[str, Any]) -> str:
    return str(
        Refusal.objects.filter(code=row["code"], stage=row["stage"], last_seen=row["last_seen"])
        .values_list("sentence", flat=True)
        .first()
        or ""
    )


def total(rows: list[dict[str, Any]], name: str) -> Decimal | int:
    """The sum of one figure of a report."""
    return sum(row[name] or 0 for row in rows)

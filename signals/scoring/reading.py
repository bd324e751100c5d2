"""The scorecard's figures from the database, and the whole card as one document."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, F, Max, Min, Q, Sum

from arbsite.models import Heartbeat
from signals.correlating.fits import cluster
from signals.deciding import decision
from signals.models import ARBITRAGE, Prediction, Refusal, Signal
from signals.scoring import card, intervals, objectives
from signals.scoring.card import Scored
from signals.scoring.objectives import Alive, Counted, Latency
from signals.times import unix_ms

FAMILIES = ("whale", "news", "calendar", "price")  # what comes before the colon of a scored name
FIELDS = (
    "source", "kind", "outcome", "probability", "fit_id", "seen_at", "horizon_seconds", "base_hit", "profit", "lead_ms",
    "moved_first", "peak_move", "lasted_ms", "why_void",
)  # fmt: skip

_LATENCY = """
SELECT c.via, COUNT(*),
  percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM c.seen_at - c.published_at)),
  percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM p.made - c.seen_at)),
  percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM COALESCE(p.made, c.seen_at) - c.published_at))
FROM news_carriers c JOIN news_events e ON e.id = c.event_id
LEFT JOIN LATERAL (
  SELECT MIN(created_at) AS made FROM predictions WHERE item = 'news:' || e.id AND created_at >= c.seen_at
) p ON e.via = c.via
JOIN LATERAL (SELECT MIN(seen_at) AS at FROM news_carriers WHERE via = c.via) began ON TRUE
WHERE c.seen_at >= %s AND c.seen_at < %s AND c.published_at IS NOT NULL AND e.exact_time AND c.published_at <= c.seen_at
  AND c.published_at >= began.at  -- what a feed held when it was first read is no delay of ours
GROUP BY c.via
"""


def document(*, since: datetime, until: datetime) -> dict[str, Any]:
    """The scorecard of a period: {"sources": {name: …}, "objectives": {…}} with the period and the level beside them."""
    config = settings.ARBSITE.evidence
    level, fewest = float(config.confidence_level), config.fewest_scored
    rows = scored(since, until)
    return {
        "since": since,
        "until": until,
        "level": level,
        "fewest": fewest,
        "definition": card.DEFINITION,
        "sources": card.sources_json(card.by_source(rows, level=level, fewest=fewest)),
        "objectives": {
            "opportunities": objectives.opportunities(counted(since, until)),
            "signal_accuracy": objectives.accuracy(_families(rows), level=level),
            "news_latency": objectives.latency(latencies(since, until)),
            "uptime": objectives.uptime(alive(since, until)),
        },
    }


def scored(since: datetime, until: datetime) -> list[Scored]:
    """The judged predictions that were seen in a period, and nothing that could have known its outcome.

    Left out are those written down after they were due, and those whose fit was not frozen before they were seen.
    """
    rows = (
        Prediction.objects.filter(seen_at__gte=since, seen_at__lt=until, created_at__lt=F("due_at"))
        .exclude(outcome=Prediction.OPEN)
        .filter(Q(fit__isnull=True) | Q(fit__active_from__lte=F("seen_at")))
        .values_list(*FIELDS)
    )
    return [_scored(row) for row in rows.iterator(chunk_size=5_000)]


def _scored(row: tuple) -> Scored:
    (
        source,
        kind,
        outcome,
        probability,
        fit,
        seen,
        horizon,
        base_hit,
        profit,
        lead,
        first,
        peak,
        lasted,
        void,
    ) = row
    return Scored(
        source, kind, outcome, float(probability), fit is not None, cluster(source, unix_ms(seen), horizon * 1_000),
        base_hit, profit, lead, first, peak, lasted, void,
    )  # fmt: skip


def _families(rows: list[Scored]) -> dict[str, tuple[float, float]]:
    """Hits and total of each family, in independent results."""
    found = {}
    for family in FAMILIES:
        part = [
            (row.cluster, row.outcome == card.HIT)
            for row in rows
            if row.outcome != card.VOID and row.source.partition(":")[0] == family
        ]
        if part:
            found[family] = intervals.effective(part)
    return found


# --- objectives


def counted(since: datetime, until: datetime) -> Counted:
    """Arbitrage found in a period: all of it, and what passed every hurdle when it was last judged."""
    rows = Signal.objects.filter(type=ARBITRAGE, created_at__gte=since, created_at__lt=until)
    judged = Q(processed_at__isnull=False, reasons=[], label=decision.ARBITRAGE)
    acted = judged & ~Q(status__in=(Signal.PENDING, Signal.REFUSED, Signal.QUARANTINED))
    figures = rows.aggregate(shown=Count("pk"), executable=Count("pk", filter=acted))
    reasons = (
        Refusal.objects.filter(last_seen__gte=since, last_seen__lt=until, best_profit__gt=0)
        .values("code")
        .annotate(times=Sum("count"))
        .values_list("code", "times")
    )
    return Counted(figures["shown"], figures["executable"], _days(since, until), dict(reasons))


def _days(since: datetime, until: datetime) -> float:
    """Days of the period in which anything ran: from the first heartbeat on."""
    first = Heartbeat.objects.filter(minute__gte=since, minute__lt=until).aggregate(first=Min("minute"))[
        "first"
    ]
    return 0.0 if first is None else (until - max(first, since)).total_seconds() / 86_400


def latencies(since: datetime, until: datetime) -> dict[str, Latency]:
    """Each news source's times, of items that tell when they were published."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(_LATENCY, [since, until])
        for via, items, seen, made, whole in cursor.fetchall():
            middle, high = made if made and made[0] is not None else (None, None)
            found[via] = Latency(items, float(seen[0]), float(seen[1]), middle, high, float(whole))
    return found


def alive(since: datetime, until: datetime) -> dict[str, Alive]:
    """Each component's healthy minutes, and the minutes it should have had, up to the newest heartbeat of all.

    They count from its first heartbeat in the period; from the beginning where it was alive in the day before: what was
    down when the period began, or all of it, was down.
    """
    rows = {
        name: (first, last, up)
        for name, first, last, up in Heartbeat.objects.filter(minute__gte=since, minute__lt=until)
        .values("component")
        .annotate(first=Min("minute"), last=Max("minute"), up=Count("pk", filter=Q(healthy=True)))
        .values_list("component", "first", "last", "up")
    }
    end = max((last for _, last, _ in rows.values()), default=None)
    if end is None:
        return {}
    before = Heartbeat.objects.filter(minute__gte=since - timedelta(days=1), minute__lt=since)
    known = set(before.values_list("component", flat=True).distinct())
    begins = {name: since if name in known else rows[name][0] for name in known | set(rows)}
    return {
        name: Alive(rows[name][2] if name in rows else 0, int((end - begin).total_seconds() // 60) + 1)
        for name, begin in begins.items()
    }


def period(since: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """The period of a card: since then, or the days for which predictions are kept."""
    return since or now - timedelta(days=settings.ARBSITE.evidence.keep_days), now


def lines(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A document's sources as rows of text, each source followed by its kinds where it has several."""
    rows = []
    for name, one in found["sources"].items():
        rows.append(_line(name, one))
        if len(one["kinds"]) > 1:
            rows += [_line(f"  {kind}", part) for kind, part in one["kinds"].items()]
    return rows


COLUMNS = (
    "source", "right", "of", "accuracy", "interval", "base rate", "Brier", "of base", "calib. error", "profit/signal",
    "lead p50", "void", "verdict",
)  # fmt: skip


def _line(name: str, one: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = one["interval"]
    profit = one["profit_per_signal"]
    return (
        name, str(one["hits"]), str(one["total"]), _percent(one["accuracy"]), f"{low:.1%} – {high:.1%}",
        _percent(one["base_rate"]), _three(one["brier"]), _three(one["brier_base"]), _three(one["calibration_error"]),
        "-" if profit is None else f"{profit * 100:+.2f} ¢",
        "-" if one["lead_ms_p50"] is None else f"{one['lead_ms_p50'] / 1_000:.1f} s",
        str(sum(one["void"].values())), one["verdict"],
    )  # fmt: skip


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _three(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"

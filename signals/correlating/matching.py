"""What was said about which markets, and what their prices did around it: the correlator's report.

Predictions that are not due yet are judged by the prices so far, for the eye alone: nothing of that is stored.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from markets.models import Market
from signals.correlating import current, outcomes, publishing, standing, weighing, windows
from signals.correlating.current import Span
from signals.correlating.outcomes import Asked, Outcome
from signals.correlating.weighing import Together, Word
from signals.models import CalendarEvent, FlowPattern, NewsEvent, Prediction, PriceMove, WhaleAlert
from signals.times import unix_ms

MOST = 500  # predictions in a report, the newest
MODELS: Mapping[str, Any] = {
    "news": NewsEvent, "whale": WhaleAlert, "calendar": CalendarEvent, "move": PriceMove, "pattern": FlowPattern,
}  # fmt: skip


def report(*, since: datetime, now: datetime, most: int = MOST) -> dict[str, Any]:
    """Items with the markets they speak of and the moves around them, windows by source, what stands, and patterns."""
    rows = list(
        Prediction.objects.filter(seen_at__gte=since, seen_at__lte=now)
        .select_related("market")
        .order_by("-seen_at", "-pk")[:most]
    )
    labels = _labels({row.item for row in rows})
    found = _found(rows, now)
    matches = [_match(row, found[row.pk], labels.get(row.item, "")) for row in rows]
    patterns = FlowPattern.objects.filter(last_at__gte=since).order_by("-last_at")[:most]
    return {
        "since": since,
        "until": now,
        "matches": matches,
        "windows": _windows(rows),
        "standing": _standing(now, most),
        "patterns": [_pattern(one) for one in patterns],
    }


def _found(rows: Iterable[Prediction], now: datetime) -> dict[int, Outcome]:
    """What became of each: as judged, or so far."""
    found, open_rows = {}, []
    for row in rows:
        if row.outcome == Prediction.OPEN:
            open_rows.append(row)
        else:
            found[row.pk] = Outcome(
                row.outcome, row.why_void, row.mid, row.spread, row.end_mid, row.peak_move, row.moved_first, row.lag_ms,
                row.lasted_ms, row.lead_ms, row.profit, row.base_hit,
            )  # fmt: skip
    until = {row.pk: min(row.due_at, now) for row in open_rows}
    spans = [
        Span(row.market_id, row.happened_at - timedelta(seconds=row.horizon_seconds), until[row.pk])
        for row in open_rows
    ]
    for row, path in zip(open_rows, current.paths(spans), strict=True):
        seen_ms = unix_ms(row.seen_at)
        asked = Asked(
            row.direction, unix_ms(row.happened_at), seen_ms, max(0, unix_ms(until[row.pk]) - seen_ms),
            outcomes.noted(unix_ms(row.created_at), row.mid, row.spread),
        )  # fmt: skip
        found[row.pk] = outcomes.judge(asked, path)
    return found


def _match(row: Prediction, found: Outcome, label: str) -> dict[str, Any]:
    return {
        "item": row.item,
        "label": label,
        "source": row.source,
        "kind": row.kind,
        "platform": row.market.platform,
        "market_id": row.market_id,
        "question": row.market.question or "",
        "direction": row.direction,
        "probability": row.probability,
        "happened_at": row.happened_at,
        "seen_at": row.seen_at,
        "due_at": row.due_at,
        "outcome": row.outcome,
        "so_far": found.outcome if row.outcome == Prediction.OPEN else None,
        "why_void": found.why,
        "moved_first": found.moved_first,
        "lag_ms": found.lag_ms,
        "peak_move": found.peak_move,
        "lasted_ms": found.lasted_ms,
        "spread": found.spread,
    }


def _labels(items: Iterable[str]) -> dict[str, str]:
    """What each item says of itself, one query for each sort of item."""
    ids: dict[str, list[int]] = {}
    for item in items:
        sort, _, number = item.partition(":")
        if sort in MODELS and number.isdigit():
            ids.setdefault(sort, []).append(int(number))
    return {
        f"{sort}:{pk}": str(row)[:200]
        for sort, wanted in ids.items()
        for pk, row in MODELS[sort].objects.in_bulk(wanted).items()
    }


def _windows(rows: Iterable[Prediction]) -> dict[str, Any]:
    """In which time the moves around each source's items happened; lags below 0: the price was first."""
    lags: dict[str, list[int]] = {}
    for row in rows:
        if row.lag_ms is not None:
            lags.setdefault(f"{row.source} {row.kind}", []).append(row.lag_ms)
    found = {}
    for name, values in sorted(lags.items()):
        window = windows.measured(values)
        if window is not None:
            first = sum(value < 0 for value in values)
            found[name] = {
                "moves": window.moves, "price_first": first, "p10_ms": window.p10_ms, "p50_ms": window.p50_ms,
                "p90_ms": window.p90_ms,
            }  # fmt: skip
    return found


def _standing(now: datetime, most: int) -> list[dict[str, Any]]:
    """What stands for and against each market now, with the probability of a move from all of it."""
    open_rows = Prediction.objects.filter(outcome=Prediction.OPEN, due_at__gt=now)
    ids = set(open_rows.order_by("-seen_at").values_list("market_id", flat=True)[:most])
    markets = {(one.platform, one.pk): one for one in Market.objects.filter(pk__in=ids)}
    found = []
    for key, words in standing.of(markets, now_ms=unix_ms(now)).items():
        both = together(words, now_ms=unix_ms(now))
        found.append(
            {
                "platform": key[0], "market_id": key[1], "question": markets[key].question or "", "words": len(words),
                "with_a_say": sum(1 for word in words if word.weight), "up": round(both.up, 4),
                "down": round(both.down, 4), "base_rate": round(both.base_rate, 4),
                "sources": sorted({word.source for word in words}),
            }
        )  # fmt: skip
    return sorted(found, key=lambda one: -abs(one["up"] - one["down"]))


def together(words: Sequence[standing.Standing], *, now_ms: int) -> Together:
    """The probability that a market moves up, and down, from everything that stands for and against it.

    Probabilities are as of when an item was seen (its delay is in them already), so age counts from there.
    Words of one family (news, whales, …) about one market are not independent and count as one group.
    """
    return weighing.together(
        [
            Word(
                word.source.partition(":")[0], word.direction, word.probability, word.base_rate, word.weight,
                float(now_ms - word.seen_ms), float(max(1, word.half_life_ms)),
            )
            for word in words
        ],
        prior=publishing.NO_FIT_RATE,
    )  # fmt: skip


def _pattern(one: FlowPattern) -> dict[str, Any]:
    return {
        "asset": one.asset, "exchange": one.exchange, "direction": one.direction, "began_at": one.began_at,
        "last_at": one.last_at, "count": one.count, "usd": one.usd, "usual": one.usual, "chance": one.chance,
    }  # fmt: skip

"""What stands for and against markets, from the open predictions into Redis."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from markets.live import MarketKey
from signals.correlating import standing
from signals.correlating.standing import Standing
from signals.models import Prediction, Source
from signals.times import unix_ms

MUTE = (Source.SUSPECT, Source.OFF)  # whose word is doubted, or not wanted
NO_FIT_RATE = 0.5  # probability and base rate of a source without a fit: it says nothing


def publish(platforms: Mapping[str, str], *, now: datetime) -> int:
    """Write what stands for these markets (id → platform) anew; returns how many predictions stand.

    Read are the open predictions that are not due: however long the history, these are few.
    """
    rows = Prediction.objects.filter(
        outcome=Prediction.OPEN, due_at__gt=now, market_id__in=list(platforms)
    ).select_related("fit")
    return put(rows.order_by("seen_at"), platforms, doubted())


def put(rows: Iterable[Prediction], platforms: Mapping[str, str], mute: set[str]) -> int:
    """Write these predictions as what stands for their markets; a market without any loses what it had.

    A source that is not believed has no say. Its scored words stay, with weight 0. Its unscored ones are left out: they
    would be taken at their word (`signals.deciding.joining`), and a feed that lies must not stop trades.
    """
    found: dict[MarketKey, list[Standing]] = {(platform, name): [] for name, platform in platforms.items()}
    count = 0
    for row in rows:
        said = stands(row, mute)
        if said.lower is None and not believed(row.source, mute):
            continue
        found[platforms[row.market_id], row.market_id].append(said)
        count += 1
    standing.put(found)
    return count


def doubted() -> set[str]:
    """Sources whose word has no weight: they lie, repeat themselves, flood, or are switched off. See `believed`.

    One that cannot be read at the moment is not among them. What it said was read while it was well and fades with its
    age; a used up quota makes no story untrue, and must not let a trade through that the story stopped.
    """
    return set(Source.objects.filter(state__in=MUTE).values_list("name", flat=True))


def believed(scored_name: str, mute: set[str]) -> bool:
    """Whether a scored source (`news:coindesk`) may count: it is not mute. Our own prices are of no such source."""
    return scored_name.partition(":")[2] not in mute


def stands(row: Prediction, mute: set[str]) -> Standing:
    """A prediction as decisions read it. Its weight is that of the fit which was frozen with it."""
    fit = row.fit
    base = NO_FIT_RATE if fit is None or fit.base_rate is None else float(fit.base_rate)
    return Standing(
        row.source, row.kind, row.item, row.direction, float(row.strength), float(row.probability), base,
        float(fit.weight) if fit and believed(row.source, mute) else 0.0,
        float(fit.lower) if fit and fit.lower is not None else None,
        unix_ms(row.happened_at), unix_ms(row.seen_at), unix_ms(row.due_at), row.half_life_seconds * 1_000, row.note,
    )  # fmt: skip

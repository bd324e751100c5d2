"""What stands for and against markets, from the open predictions into Redis."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from markets.live import MarketKey
from signals.correlating import standing
from signals.correlating.standing import Standing
from signals.models import Prediction, Source
from signals.times import unix_ms

MUTE = (Source.SUSPECT, Source.OFF)  # whose word is doubted, or not wanted
NO_FIT_RATE = 0.5  # probability and base rate of a source without a fit: it says nothing


@dataclass(frozen=True, slots=True)
class Ill:
    """Sources that are not OK, by name.

    `mute` lie, repeat themselves, flood, or are switched off. `unread` cannot be read at the moment. What these said was
    read while they were well, and fades with its age: a used up quota makes no story untrue, and must not let a trade
    through that the story stopped. It may stop and shrink, as the word of a source without a score; enlarge it may not,
    since nobody would hear that it was taken back.
    """

    mute: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()


def publish(platforms: Mapping[str, str], *, now: datetime) -> int:
    """Write what stands for these markets (id → platform) anew; returns how many predictions stand.

    Read are the open predictions that are not due: however long the history, these are few.
    """
    rows = Prediction.objects.filter(
        outcome=Prediction.OPEN, due_at__gt=now, market_id__in=list(platforms)
    ).select_related("fit")
    return put(rows.order_by("seen_at", "pk"), platforms, ill())


def put(rows: Iterable[Prediction], platforms: Mapping[str, str], sources: Ill) -> int:
    """Write these predictions as what stands for their markets; a market without any loses what it had.

    A mute source has no say. Its scored words stay, with weight 0. Its unscored ones are left out: they would be taken at
    their word (`signals.deciding.joining`), and a feed that lies must not stop trades.
    """
    found: dict[MarketKey, list[Standing]] = {(platform, name): [] for name, platform in platforms.items()}
    count = 0
    for row in rows:
        said = stands(row, sources)
        if said.lower is None and _name(row) in sources.mute:
            continue
        found[platforms[row.market_id], row.market_id].append(said)
        count += 1
    standing.put(found)
    return count


def ill() -> Ill:
    """The sources that are not OK as of now."""
    rows = Source.objects.exclude(state=Source.OK).values_list("name", "state")
    mute = frozenset(name for name, state in rows if state in MUTE)
    return Ill(mute, frozenset(name for name, _ in rows) - mute)


def stands(row: Prediction, sources: Ill) -> Standing:
    """A prediction as decisions read it, with the weight and the lower bound of the fit that was frozen with it.

    Without a lower bound to speak of nothing is enlarged or proposed: so are the words of a source that cannot be read.
    """
    fit, name = row.fit, _name(row)
    base = NO_FIT_RATE if fit is None or fit.base_rate is None else float(fit.base_rate)
    lower = None if fit is None or fit.lower is None else 0.0 if name in sources.unread else float(fit.lower)
    return Standing(
        row.source, row.kind, row.item, row.direction, float(row.strength), float(row.probability), base,
        float(fit.weight) if fit and name not in sources.mute else 0.0, lower,
        unix_ms(row.happened_at), unix_ms(row.seen_at), unix_ms(row.due_at), row.half_life_seconds * 1_000, row.note,
    )  # fmt: skip


def _name(row: Prediction) -> str:
    """The source's own name, `coindesk` of `news:coindesk`; empty for our own prices, which are always believed."""
    return row.source.partition(":")[2]

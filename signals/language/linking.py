"""The live markets that a text is about: a process's own index, kept in step with the catalogue by its one word in Redis.

Reading a market's question takes a quarter of a millisecond, so a process reads each only once: when the word changes, what
changed since the last look is read again, and what closed is taken out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Q

from markets import catalogue_version, store
from markets.matching.questions import question_of
from markets.models import Market
from markets.platforms.base import OPEN
from signals.language import items, linker
from signals.language.base import Link
from signals.language.index import Index, Key
from signals.language.items import MarketText
from signals.language.texts import Said

# Rows of transactions that committed late carry an older time than what we have seen
OVERLAP = timedelta(seconds=60)
CHUNK = 2_000  # rows read at once


@dataclass(slots=True)
class _Copy:
    index: Index = field(default_factory=Index)
    read: dict[Key, MarketText] = field(
        default_factory=dict
    )  # as last read: an unchanged question is not read again
    word: bytes = b""
    seen: datetime | None = None


_copy = _Copy()


def forget() -> None:
    """Drop the index; the next look reads everything (tests, and who restored a database)."""
    global _copy
    _copy = _Copy()


def current() -> Index:
    """The index as of now."""
    word = catalogue_version.current()
    if word != _copy.word:
        _read_changes(_copy)
        _copy.word = word
    return _copy.index


def of(said: Said, *, now: datetime) -> tuple[Link, ...]:
    """The markets that a text is about, the surest first."""
    index = current()
    return _settled(linker.links(said, index, now), index)


def about_asset(asset: str, now: datetime) -> list[Link]:
    """The open markets on the price of a crypto asset; `direction` is what a rise of its price does to YES."""
    index = current()
    return list(_settled(linker.about_asset(asset, index, now), index))


def _settled(found: Sequence[Link], index: Index) -> tuple[Link, ...]:
    """With the rules of those markets read: they can turn a question round."""
    wanted = [link.market_id for link in found if link.direction]
    rules = dict(Market.objects.filter(id__in=wanted).values_list("id", "rules")) if wanted else {}
    return tuple(
        linker.settled(link, index.markets[(link.platform, link.market_id)], rules.get(link.market_id, ""))
        for link in found
    )


def _live() -> Q:
    return Q(followed=True) | Q(status=OPEN)


def _read_changes(copy: _Copy) -> None:
    rows = Market.objects.filter(_live())
    live = set(rows.values_list("platform", "id"))
    for key in copy.read.keys() - live:
        copy.index.remove(key)
        del copy.read[key]
    newest = Market.objects.order_by("-updated_at").values_list("updated_at", flat=True).first()
    if copy.seen is not None:
        missing = [market_id for _, market_id in live - copy.read.keys()]
        rows = rows.filter(Q(updated_at__gte=copy.seen - OVERLAP) | Q(id__in=missing))
    _take(copy, rows.iterator(chunk_size=CHUNK))
    copy.seen = max((at for at in (newest, copy.seen) if at is not None), default=None)


def _take(copy: _Copy, rows: Iterable[Market]) -> None:
    for row in rows:
        key, market = (row.platform, row.id), text_of(row)
        if copy.read.get(key) != market:
            copy.index.add(items.read(market))
            copy.read[key] = market


def text_of(row: Market) -> MarketText:
    """What the linker needs of a stored market. Its rules are read only where a link needs them."""
    question = question_of(store.info_of(row))
    return MarketText(
        row.platform, row.id, question.title, question.event_title, question.outcome_label, question.other_label, "",
        row.end_date, question.strike_type, question.floor_strike, question.cap_strike,
    )  # fmt: skip

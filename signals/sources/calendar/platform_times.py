"""The platforms' own times as occasions: closes, resolutions, starts of games, Kalshi's milestones. Plain Python.

Polymarket's `endDate` is often a formality: trading goes on after it or stops before. Kalshi's close leaves room for
postponements, its expected expiration is the forecast. What nobody should act on has certainty `formality`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from markets.platforms.base import KALSHI, POLYMARKET
from signals.sources.base import Malformed, Occasion
from signals.sources.calendar.effects import EXACT, FORMALITY, TENTATIVE
from signals.sources.calendar.topics import CLOSE, LOW, MEDIUM, MILESTONE, RESOLUTION
from signals.sources.clean import plain

SOURCES = {POLYMARKET: "polymarket-times", KALSHI: "kalshi-times"}
MILESTONES = "kalshi-milestones"
SHORTEST_LIFE = timedelta(days=1)  # a market that lives for minutes closes every few minutes: no news


@dataclass(frozen=True, slots=True)
class Listed:
    """What the times of a market are read from; `extra` as the platform's parser left it."""

    platform: str
    market_id: str
    question: str
    start: datetime | None
    end: datetime | None
    settles: datetime | None
    extra: Mapping[str, Any]


def occasions(listed: Iterable[Listed], *, since: datetime, until: datetime) -> list[Occasion]:
    """The occasions of these markets from `since` to `until`."""
    found = [one for market in listed for one in _of(market)]
    return [one for one in found if since <= one.starts_at <= until]


def _of(market: Listed) -> list[Occasion]:
    lives = market.end - market.start if market.start and market.end else None
    if lives is not None and lives < SHORTEST_LIFE:
        return []
    return _polymarket(market) if market.platform == POLYMARKET else _kalshi(market)


def _polymarket(market: Listed) -> list[Occasion]:
    found = []
    if market.end is not None:
        found.append(_occasion(market, CLOSE, market.end, FORMALITY, LOW, "ends on paper"))
    game = _moment(market.extra.get("game_start"))
    if game is not None:
        # Resting orders are cancelled by the platform when a game begins, and prices begin to run
        found.append(_occasion(market, MILESTONE, game, EXACT, MEDIUM, "game starts"))
    return found


def _kalshi(market: Listed) -> list[Occasion]:
    found = []
    if market.end is not None:
        early = market.extra.get("can_close_early") is not False
        found.append(_occasion(market, CLOSE, market.end, FORMALITY if early else EXACT, LOW, "closes"))
    expected = _moment(market.extra.get("expected_expiration_time"))
    if expected is not None and expected != market.end:
        found.append(_occasion(market, RESOLUTION, expected, TENTATIVE, LOW, "is expected to be decided"))
    return found


def _occasion(
    market: Listed, kind: str, at: datetime, certainty: str, importance: str, what: str
) -> Occasion:
    return Occasion(
        source=SOURCES[market.platform],
        external_id=f"{kind}:{market.market_id}"[:200],
        name=plain(f"{market.question[:180]} ({market.market_id[:40]}) {what}", longest=255),
        kind=kind,
        starts_at=at,
        certainty=certainty,
        importance=importance,
        markets=(market.market_id,),
    )


def _moment(text: object) -> datetime | None:
    """A time of either platform, UTC where no zone is given; None where there is none that can be read."""
    if not isinstance(text, str) or not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


# --- Kalshi's milestones


class _Milestone(msgspec.Struct):
    """One of `GET /milestones`: a game, a debate, a release that events belong to."""

    id: str
    title: str
    start_date: str
    type: str = ""
    category: str = ""
    end_date: str | None = None
    related_event_tickers: list[str] | None = None
    primary_event_tickers: list[str] | None = None


class _Page(msgspec.Struct):
    milestones: list[msgspec.Raw] | None
    cursor: str | None = ""


def milestones(body: bytes, followed: frozenset[str]) -> tuple[list[Occasion], int, str]:
    """The milestones of one page that belong to a followed event, how many could not be read, and the next cursor.

    Raises Malformed.
    """
    try:
        page = msgspec.json.decode(body, type=_Page)
    except msgspec.DecodeError:
        raise Malformed("kalshi-milestones: the answer has no milestones") from None
    found, dropped = [], 0
    for raw in page.milestones or ():
        try:
            one = msgspec.json.decode(raw, type=_Milestone)
            occasion = _milestone(one, followed)
        except (msgspec.DecodeError, ValueError):
            dropped += 1
            continue
        found += [occasion] if occasion is not None else []
    return found, dropped, page.cursor or ""


def _milestone(one: _Milestone, followed: frozenset[str]) -> Occasion | None:
    events = [*(one.primary_event_tickers or ()), *(one.related_event_tickers or ())]
    ours = tuple(dict.fromkeys(event for event in events if event in followed))
    if not ours:
        return None
    start, end = _moment(one.start_date), _moment(one.end_date)
    title = plain(one.title, longest=255)
    if start is None or not title or not one.id:
        raise ValueError("a milestone without a time, a title or an id")
    return Occasion(
        source=MILESTONES,
        external_id=one.id[:200],
        name=title,
        kind=MILESTONE,
        starts_at=start,
        ends_at=end if end is not None and end >= start else None,
        certainty=EXACT,
        importance=MEDIUM,
        about=tuple(f"event:{KALSHI}:{event}" for event in ours),
        metadata={"type": plain(one.type, longest=40), "category": plain(one.category, longest=40)},
    )

"""Everything that a person has to see before saying that two markets are the same bet.

One source for the admin's page, the API and the review in the terminal: both texts with their differences marked, all
times in one zone, both live books, what the matcher thinks and why, how likely they part, and every earlier verdict.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from arbsite.connections import REDIS_GONE
from markets import ladders, live
from markets.ladders import LadderView
from markets.models import Market, Pair, PairVersion
from markets.pairing import differences, pairs, risk_history, terms
from markets.pairing.differences import Side
from markets.platforms.base import KALSHI, POLYMARKET

NEW_YORK = ZoneInfo("America/New_York")
BOOK_DEPTH = 5  # levels shown
_STRIKES = (
    "strike_type",
    "floor_strike",
    "cap_strike",
    "functional_strike",
    "custom_strike",
    "line",
    "group_item_title",
)
_TIMES = (
    ("Trading ends", "end_date"),
    ("Cash expected", "settles_at"),
    ("Trading began", "start_date"),
)
_SAID = (
    ("Latest expiration", "latest_expiration_time"),
    ("Expiration expected", "expected_expiration_time"),
    ("Early close", "early_close_condition"),
    ("Game starts", "game_start"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One subject, both sides in pieces."""

    name: str
    polymarket: Side
    kalshi: Side

    @property
    def differs(self) -> bool:
        """Whether any word is different."""
        return any(piece.differs for piece in (*self.polymarket, *self.kalshi))


@dataclass(frozen=True, slots=True)
class Dossier:
    """A pair as it is read. `digest` is what a decision given now is bound to."""

    pair: Pair
    digest: str
    lines: tuple[Line, ...]
    books: dict[str, LadderView | None]
    changes: tuple[str, ...]
    problems: tuple[str, ...]
    history: tuple[int, int]  # of the class: parted, settled
    versions: tuple[PairVersion, ...] = field(default=())


def of(pair: Pair, *, now: datetime) -> Dossier:
    """The dossier of a pair as of now; the pair comes with both markets."""
    class_now = risk_history.class_of(pair)
    return Dossier(
        pair=pair,
        digest=pairs.rules_digest(pair),
        lines=tuple(_lines(pair)),
        books=books(pair, now=now),
        changes=tuple(pairs.changes_since(pair)) if pair.status in (Pair.APPROVED, Pair.SUSPENDED) else (),
        problems=tuple(_problems(pair)),
        history=risk_history.history().get(class_now, (0, 0)),
        versions=tuple(pair.versions.select_related("user")[:50]),
    )


def _problems(pair: Pair) -> list[str]:
    found = []
    for platform, read in pairs.seen(pair).items():
        problem = terms.unreadable(read)
        if problem:
            found.append(f"On {platform} {problem}: it cannot be approved.")
    return found


def _lines(pair: Pair) -> list[Line]:
    one, two = pair.polymarket, pair.kalshi
    rows = [
        ("Question", one.question or "", two.question or ""),
        ("Event", _said(one, "event_title"), _said(two, "event_title")),
        ("Rules", one.rules, two.rules),
        ("Resolution source", one.resolution_source, two.resolution_source),
        ("Outcomes", _outcomes(one), _outcomes(two)),
        ("Strike", _strike(one), _strike(two)),
        *((name, moment(getattr(one, at)), moment(getattr(two, at))) for name, at in _TIMES),
        *((name, _time_said(one, at), _time_said(two, at)) for name, at in _SAID),
        ("Category", one.category, two.category),
        ("Status", one.status or "", two.status or ""),
    ]
    shown = [(name, terms.visible(a), terms.visible(b)) for name, a, b in rows]
    return [Line(name, *differences.compare(a, b)) for name, a, b in shown if a or b]


def moment(at: datetime | None) -> str:
    """A time in UTC, and as the clocks of New York show it, where both platforms' rules are written."""
    if at is None:
        return ""
    return f"{at:%Y-%m-%d %H:%M} UTC ({at.astimezone(NEW_YORK):%Y-%m-%d %H:%M %Z})"


def _outcomes(market: Market) -> str:
    return ", ".join(f"{row.get('name')}: {row.get('label', '')}" for row in market.outcomes)


def _strike(market: Market) -> str:
    found = [(name, market.metadata.get(name)) for name in _STRIKES]
    return ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in found if value not in (None, "", {})
    )


def _said(market: Market, name: str) -> str:
    value = market.metadata.get(name)
    return value if isinstance(value, str) else ""


def _time_said(market: Market, name: str) -> str:
    text = _said(market, name)
    try:
        return moment(datetime.fromisoformat(text))
    except ValueError:
        return text


def books(pair: Pair, *, now: datetime) -> dict[str, LadderView | None]:
    """Both live books by platform; None where no feed vouches for one, or Redis is away."""
    keys = [(POLYMARKET, pair.polymarket_id), (KALSHI, pair.kalshi_id)]
    try:
        views = live.book_views(keys)
    except REDIS_GONE:
        views = {}
    now_ms = int(now.timestamp() * 1000)
    return {key[0]: ladders.ladder(views[key], now_ms, BOOK_DEPTH) if key in views else None for key in keys}


# --- as data


def as_json(dossier: Dossier) -> dict[str, Any]:
    """The dossier for the API; prices in dollars, sizes in contracts."""
    return {
        "digest": dossier.digest,
        "lines": [
            {
                "name": line.name,
                "differs": line.differs,
                "polymarket": _pieces(line.polymarket),
                "kalshi": _pieces(line.kalshi),
            }
            for line in dossier.lines
        ],
        "books": {platform: _book(view) for platform, view in dossier.books.items()},
        "changes": list(dossier.changes),
        "problems": list(dossier.problems),
        "history": {"parted": dossier.history[0], "settled": dossier.history[1]},
        "versions": [
            {
                "at": int(one.created_at.timestamp() * 1000),
                "user": one.user.get_username() if one.user else None,
                "decision": one.decision,
                "note": one.note,
                "digest": one.digest,
                "score": one.score,
                "settlement": one.settlement,
                "m0": one.m0,
            }
            for one in dossier.versions
        ],
    }


def _pieces(side: Side) -> list[dict[str, Any]]:
    return [{"text": piece.text, "differs": piece.differs} for piece in side]


def _book(view: LadderView | None) -> dict[str, Any] | None:
    if view is None:
        return None
    return {
        "confirmed_ago": view.confirmed_ago,
        "sides": {
            side.outcome: [
                {
                    "bid": row[0].price if row[0] else None,
                    "bid_size": row[0].size if row[0] else Decimal(0),
                    "ask": row[1].price if row[1] else None,
                    "ask_size": row[1].size if row[1] else Decimal(0),
                }
                for row in side.rows
            ]
            for side in view.sides
        },
    }

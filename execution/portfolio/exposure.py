"""What is at stake, looked at from five sides; each side adds up to the same totals, to the cent.

A position that serves several bets is split among them by who bought it (`execution.portfolio.holders`), its money in
proportion to the contracts.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from execution.ledger import PositionKey
from execution.portfolio import apportioning, holders, holdings
from execution.portfolio.apportioning import to_cents
from execution.portfolio.holders import NOBODY, Open
from markets import rule_sources, store
from markets.models import Bet, BetOutcome, Market

ZERO = Decimal(0)
NO_BET, NO_DAY = "no bet", "day unknown"
VIEWS = ("platform", "market", "bet", "group", "settles")


@dataclass(frozen=True, slots=True)
class Part:
    """The share of one position that serves one bet. Money is dollars, exact."""

    key: PositionKey
    bet_id: str
    contracts: Decimal
    paid: Decimal  # without fees: what the limits count
    cost: Decimal  # with fees
    worth: Decimal  # at the best bid


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a view, in whole cents."""

    name: str
    label: str
    positions: int
    paid: Decimal
    cost: Decimal
    worth: Decimal

    @property
    def unrealised(self) -> Decimal:
        """Dollars of profit if everything were sold at the best bids."""
        return self.worth - self.cost


@dataclass(frozen=True, slots=True)
class Exposure:
    """All views of one moment."""

    as_of: datetime
    mode: str
    total: Line
    views: Mapping[str, Sequence[Line]]

    def as_json(self) -> dict[str, Any]:
        """The document that the API and the report give."""
        return {
            "as_of": self.as_of,
            "mode": self.mode,
            "total": line_json(self.total),
            **{view: [line_json(line) for line in lines] for view, lines in self.views.items()},
        }


def line_json(line: Line) -> dict[str, Any]:
    """A line's fields by name."""
    return {
        "name": line.name, "label": line.label, "positions": line.positions, "paid": line.paid, "cost": line.cost,
        "worth": line.worth, "unrealized_pnl": line.unrealised,
    }  # fmt: skip


def parts(opened: Sequence[Open], marks: Mapping[PositionKey, Decimal]) -> list[Part]:
    """Every open position cut by the bets it serves."""
    found = []
    for one in opened:
        row = one.row
        paid, cost, worth = (
            apportioning.split(amount, one.by_bet)
            for amount in (row.paid, row.cost, row.quantity * marks[one.key])
        )
        found += [
            Part(one.key, bet_id, contracts, paid[bet_id], cost[bet_id], worth[bet_id])
            for bet_id, contracts in one.by_bet.items()
        ]
    return found


def look(mode: str, now: datetime) -> Exposure:
    """The exposure of a mode as of now."""
    opened = holders.open_positions(mode)
    marks = holdings.marks({one.key: one.row for one in opened})
    return of(parts(opened, marks), mode, now)


def of(found: Sequence[Part], mode: str, now: datetime) -> Exposure:
    """Every view of these parts."""
    markets = {row.id: row for row in Market.objects.filter(id__in={part.key[1] for part in found})}
    bet_ids = {part.bet_id for part in found} - {NOBODY}
    bets = {row.id: row for row in Bet.objects.filter(id__in=bet_ids)}
    groups = group_of(bet_ids)
    zone = ZoneInfo(settings.ARBSITE.risk.time_zone)

    def settles(part: Part) -> str:
        at = markets[part.key[1]].settles_at
        return f"{at.astimezone(zone):%Y-%m-%d}" if at else NO_DAY

    sides: dict[str, tuple[Callable[[Part], str], Callable[[str], str]]] = {
        "platform": (lambda part: part.key[0], str),
        "market": (lambda part: part.key[1], lambda name: markets[name].question or name),
        "bet": (lambda part: part.bet_id, lambda name: bets[name].name or name if name else NO_BET),
        "group": (lambda part: groups.get(part.bet_id, NOBODY), lambda name: name or NO_BET),
        "settles": (settles, str),
    }
    total = _line("total", "Total", found)
    views = {view: _lines(found, total, *sides[view]) for view in VIEWS}
    views["settles"] = sorted(views["settles"], key=lambda line: (line.name == NO_DAY, line.name))
    return Exposure(now, mode, total, views)


def _line(name: str, label: str, found: Sequence[Part]) -> Line:
    sums = {
        field: sum((getattr(part, field) for part in found), ZERO).quantize(apportioning.CENT)
        for field in ("paid", "cost", "worth")
    }
    return Line(name, label, len({part.key for part in found}), **sums)


def _lines(
    found: Iterable[Part], total: Line, name_of: Callable[[Part], str], label_of: Callable[[str], str]
) -> list[Line]:
    """A view's lines, the dearest first; each column sums to the total's."""
    gathered: dict[str, list[Part]] = defaultdict(list)
    for part in found:
        gathered[name_of(part)].append(part)
    columns = {
        field: to_cents(
            {name: sum((getattr(part, field) for part in group), ZERO) for name, group in gathered.items()},
            getattr(total, field),
        )
        for field in ("paid", "cost", "worth")
    }
    lines = [
        Line(
            name,
            label_of(name),
            len({part.key for part in group}),
            **{field: column[name] for field, column in columns.items()},
        )
        for name, group in gathered.items()
    ]
    return sorted(lines, key=lambda line: (-line.cost, line.name))


def group_of(bet_ids: Iterable[str]) -> dict[str, str]:
    """The group of each of these bets: bets that share a source of rules, and would be wrong together.

    A market belongs to several sources (`markets.rule_sources`); bets that any of them ties, directly or through others,
    are one group here, named by its first source. So every dollar is in one group. A bet without a source is its own.
    """
    ids = sorted(set(bet_ids))
    sources: dict[str, set[str]] = {bet_id: set() for bet_id in ids}
    for row in BetOutcome.objects.filter(bet_id__in=ids).select_related("market"):
        sources[row.bet_id] |= set(rule_sources.groups(store.info_of(row.market)))
    tied: list[tuple[set[str], set[str]]] = []  # sources, bets
    for bet_id, names in sources.items():
        own = (set(names), {bet_id})
        for one in [one for one in tied if one[0] & own[0]]:
            tied.remove(one)
            own = (own[0] | one[0], own[1] | one[1])
        tied.append(own)
    return {bet_id: min(names, default=bet_id) for names, bets in tied for bet_id in bets}

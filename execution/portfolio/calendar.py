"""When locked capital comes free, how much, and how sure that is.

What is held of a bet is one entry: it is free when the last of its markets has settled, and pays at least what its worst
state pays. A market that has settled already is an entry of its own: its money waits to be fetched.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from execution.ledger import PositionKey
from execution.plans.leaving import HeldLeg, payoffs, smallest_set
from execution.portfolio import exposure, holders, holdings
from execution.portfolio.apportioning import CENT, MONEY_UNIT, to_cents
from execution.portfolio.exposure import NO_BET, Part
from execution.portfolio.holders import NOBODY
from markets.books import YES
from markets.models import Bet, BetOutcome, Market
from markets.platforms.base import DETERMINED, DISPUTED, SETTLED

ZERO, ONE = Decimal(0), Decimal(1)

# How sure the day is, the surest first
PAID = "paid"  # settled: the money is there to be fetched
DECIDED = "decided"  # the result is out, settlement follows
EXPECTED = "expected"  # the day that the platform names
OVERDUE = "overdue"  # that day has passed without settlement
IN_DISPUTE = "disputed"  # the result is disputed: nobody knows how long
UNKNOWN = "unknown"  # no day is named
PaysIn = defaultdict[str, dict[tuple[str, str], frozenset[str]]]  # by bet, then by market id and outcome
KINDS = (PAID, DECIDED, EXPECTED, OVERDUE, IN_DISPUTE, UNKNOWN)


@dataclass(frozen=True, slots=True)
class Entry:
    """Money that comes free together, in dollars."""

    day: date | None  # in the configured zone
    kind: str
    bet_id: str
    label: str
    sure: Decimal  # comes in every state that is still possible
    most: Decimal  # comes in the best one
    cost: Decimal  # locked, fees included
    worth: Decimal  # at the best bids
    chance: Decimal  # that `sure` is paid: 1 - the upper bound of m0
    # The parts of cost and worth that stand behind `sure`; the rest pays in some states only
    cost_of_sure: Decimal
    worth_of_sure: Decimal

    def as_json(self) -> dict[str, Any]:
        """The entry's fields by name."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Calendar:
    """Entries by day, those without a day last; their costs sum to `locked`."""

    as_of: datetime
    mode: str
    entries: Sequence[Entry]

    @property
    def locked(self) -> Decimal:
        """Dollars that wait."""
        return sum((entry.cost for entry in self.entries), ZERO)

    def as_json(self) -> dict[str, Any]:
        """The document that the API gives: every day, its entries below it."""
        days: dict[date | None, list[Entry]] = defaultdict(list)
        for entry in self.entries:
            days[entry.day].append(entry)
        return {
            "as_of": self.as_of,
            "mode": self.mode,
            "locked": self.locked,
            "sure": sum((entry.sure for entry in self.entries), ZERO),
            "days": [
                {
                    "day": day,
                    "sure": sum((entry.sure for entry in entries), ZERO),
                    "most": sum((entry.most for entry in entries), ZERO),
                    "cost": sum((entry.cost for entry in entries), ZERO),
                    "entries": [entry.as_json() for entry in entries],
                }
                for day, entries in days.items()
            ],
        }


def look(mode: str, now: datetime) -> Calendar:
    """The calendar of a mode as of now."""
    opened = holders.open_positions(mode)
    marks = holdings.marks({one.key: one.row for one in opened})
    return of(exposure.parts(opened, marks), mode, now)


def of(found: Sequence[Part], mode: str, now: datetime) -> Calendar:
    """The calendar of these parts, in whole cents: what is sure is rounded down, and costs still add up."""
    return Calendar(now, mode, _in_cents(exactly(found, now)))


def exactly(found: Sequence[Part], now: datetime) -> list[Entry]:
    """The entries of these parts by day, to the last digit."""
    bets, pays_in, markets = _read(found)
    entries = [
        _paid(group, markets, now)
        if _has_settled(group, markets)
        else _waiting(group, bets.get(group[0].bet_id), pays_in[group[0].bet_id], markets, now)
        for group in _together(found, markets, pays_in)
    ]
    entries.sort(
        key=lambda one: (one.day is None, one.day or date.max, KINDS.index(one.kind), one.bet_id, one.label)
    )
    return entries


def lone(found: Sequence[Part]) -> dict[PositionKey, Decimal]:
    """Contracts of each position that stand behind nothing sure: they pay in some states only."""
    bets, pays_in, markets = _read(found)
    left: dict[PositionKey, Decimal] = defaultdict(lambda: ZERO)
    for group in _together(found, markets, pays_in):
        if _has_settled(group, markets):
            continue
        bet_id = group[0].bet_id
        _, _, behind = _sure(group, bets.get(bet_id), pays_in[bet_id], markets)
        for part in group:
            left[part.key] += part.contracts - _share(part.contracts, behind.get(part.key, ZERO))
    return {key: contracts for key, contracts in left.items() if contracts > 0}


def _read(found: Sequence[Part]) -> tuple[dict[str, Bet], PaysIn, dict[str, Market]]:
    """The bets of these parts, in which states each of their claims pays, and every market of them."""
    bets = {row.id: row for row in Bet.objects.filter(id__in={part.bet_id for part in found} - {NOBODY})}
    pays_in: PaysIn = defaultdict(dict)
    for row in BetOutcome.objects.filter(bet_id__in=bets):
        pays_in[row.bet_id][row.market_id, row.outcome] = frozenset(row.pays_in)
    ids = {part.key[1] for part in found} | {
        market_id for claims in pays_in.values() for market_id, _ in claims
    }
    return bets, pays_in, {row.id: row for row in Market.objects.filter(id__in=ids)}


def _together(
    found: Sequence[Part],
    markets: Mapping[str, Market],
    pays_in: PaysIn,
) -> list[list[Part]]:
    """Parts that come free together: a bet's as a whole; settled ones and those of no bet each alone."""
    groups: dict[tuple[str, ...], list[Part]] = defaultdict(list)
    for part in found:
        alone = _is_settled(markets[part.key[1]]) or part.key[1:] not in pays_in[part.bet_id]
        groups[(part.bet_id, *part.key) if alone else (part.bet_id,)].append(part)
    return list(groups.values())


def _has_settled(group: Sequence[Part], markets: Mapping[str, Market]) -> bool:
    return all(_is_settled(markets[part.key[1]]) for part in group)


def _is_settled(market: Market) -> bool:
    return market.status == SETTLED and market.settlement_value is not None


def _paid(group: Sequence[Part], markets: Mapping[str, Market], now: datetime) -> Entry:
    """A settled market's contracts: their value is known."""
    value = ZERO
    for part in group:
        yes_pays = markets[part.key[1]].settlement_value
        assert yes_pays is not None
        value += part.contracts * (yes_pays if part.key[2] == YES else ONE - yes_pays)
    question = markets[group[0].key[1]].question or group[0].key[1]
    return _entry(_day(now), PAID, group, question, value, value, ONE, {part.key: ONE for part in group})


def _waiting(
    group: Sequence[Part],
    bet: Bet | None,
    pays_in: Mapping[tuple[str, str], frozenset[str]],
    markets: Mapping[str, Market],
    now: datetime,
) -> Entry:
    rows = [markets[part.key[1]] for part in group]
    day, kind = _when(rows, now)
    if bet is None or group[0].key[1:] not in pays_in:
        question = rows[0].question or rows[0].id
        label, chance = question if bet is None else f"{question} (outside its bet)", ONE
    else:
        label, chance = bet.name or bet.id, ONE - bet.m0_upper
    sure, most, behind = _sure(group, bet, pays_in, markets)
    return _entry(day, kind, group, label, sure, most, chance, behind)


def _sure(
    group: Sequence[Part],
    bet: Bet | None,
    pays_in: Mapping[tuple[str, str], frozenset[str]],
    markets: Mapping[str, Market],
) -> tuple[Decimal, Decimal, dict[PositionKey, Decimal]]:
    """Dollars that come in the worst and in the best state, and the share of each position behind the former."""
    every = sum((part.contracts for part in group), ZERO)
    if bet is None or group[0].key[1:] not in pays_in:
        return ZERO, every, {}
    held = [HeldLeg(*part.key, pays_in[part.key[1:]], part.contracts) for part in group]
    possible = _possible(bet.states, pays_in, markets)
    paid = payoffs(possible, held).values()
    return (min(paid), max(paid), _behind(possible, held)) if paid else (ZERO, every, {})


def _behind(possible: Sequence[str], held: Sequence[HeldLeg]) -> dict[PositionKey, Decimal]:
    """The share of each leg that stands behind what is sure: of the smallest set that pays it, and of what is decided.

    A leg that pays in no state that is still possible is the other half of one that has won: its end is sure, too.
    """
    left = [replace(leg, pays_in=leg.pays_in.intersection(possible)) for leg in held]
    shares = {_key(leg): ONE for leg in left if not leg.pays_in}
    contracts = {_key(leg): leg.contracts for leg in left}
    for leg in smallest_set(possible, left):
        shares[_key(leg)] = leg.contracts / contracts[_key(leg)]
    return shares


def _key(leg: HeldLeg) -> PositionKey:
    return (*leg.market, leg.outcome)


def _possible(
    states: Sequence[str], pays_in: Mapping[tuple[str, str], frozenset[str]], markets: Mapping[str, Market]
) -> list[str]:
    """The states that agree with every settled market of the bet; none where its markets parted company."""
    left = set(states)
    for (market_id, outcome), paying in pays_in.items():
        market = markets.get(market_id)
        if market is None or not _is_settled(market) or market.settlement_value not in (ZERO, ONE):
            continue
        if (market.settlement_value == ONE) == (outcome == YES):
            left &= paying
        else:
            left -= paying
    return [state for state in states if state in left]


def _when(rows: Sequence[Market], now: datetime) -> tuple[date | None, str]:
    """The day of the last market, and how sure it is: as sure as the least sure of them."""
    days = [row.settles_at for row in rows if row.settles_at is not None]
    last = max(days, default=None)
    day = None if len(days) < len(rows) or last is None else _day(last)
    if any(row.status == DISPUTED for row in rows):
        return day, IN_DISPUTE
    if day is None or last is None:
        return None, UNKNOWN
    if all(row.status in (DETERMINED, SETTLED) for row in rows):
        return max(day, _day(now)), DECIDED
    return day, OVERDUE if last < now else EXPECTED


def _day(at: datetime) -> date:
    return at.astimezone(ZoneInfo(settings.ARBSITE.risk.time_zone)).date()


def _entry(
    day: date | None,
    kind: str,
    group: Sequence[Part],
    label: str,
    sure: Decimal,
    most: Decimal,
    chance: Decimal,
    behind: Mapping[PositionKey, Decimal],
) -> Entry:
    """`behind`: the share of each position that stands behind what is sure."""
    bet_id = group[0].bet_id
    return Entry(
        day, kind, bet_id, label if bet_id else f"{label} ({NO_BET})", sure, most,
        cost=sum((part.cost for part in group), ZERO),
        worth=sum((part.worth for part in group), ZERO),
        chance=chance,
        cost_of_sure=sum((_share(part.cost, behind.get(part.key, ZERO)) for part in group), ZERO),
        worth_of_sure=sum((_share(part.worth, behind.get(part.key, ZERO)) for part in group), ZERO),
    )  # fmt: skip


def _share(amount: Decimal, share: Decimal) -> Decimal:
    """To the unit that the database keeps, so that what is left of an amount is exact as well."""
    return (amount * share).quantize(MONEY_UNIT)


def _in_cents(entries: Sequence[Entry]) -> list[Entry]:
    costs, worths, of_sure, worth_of_sure = (
        to_cents({str(number): getattr(entry, field) for number, entry in enumerate(entries)})
        for field in ("cost", "worth", "cost_of_sure", "worth_of_sure")
    )
    return [
        replace(
            entry,
            sure=entry.sure.quantize(CENT, ROUND_FLOOR),
            most=entry.most.quantize(CENT, ROUND_FLOOR),
            cost=costs[str(number)],
            worth=worths[str(number)],
            cost_of_sure=of_sure[str(number)],
            worth_of_sure=worth_of_sure[str(number)],
        )
        for number, entry in enumerate(entries)
    ]

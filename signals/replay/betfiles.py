"""Bets written down for a replay: which markets of the recorded files belong together, and what a listing says of them.

    bets:
      - {name: fed, kind: pair, a: "polymarket:0xabc…", b: "kalshi:KXFED-…", inverted: false}
      - {name: own, kind: yes_no, market: "kalshi:KX…"}
      - {name: winner, kind: neg_risk, members: ["polymarket:0x1…", …], exhaustive: true}
      - {name: price, kind: ladder, steps: [{market: "kalshi:KX…", low: 90000, low_inclusive: false}, …]}
      - {name: both, kind: mixture, of: [winner, other], same: [["polymarket:0x1…", "kalshi:KX…", false]]}
      - {name: mine, kind: custom, states: [s, t], exhaustive: true, claims: [{market: …, outcome: "YES", pays_in: [s]}]}
    markets:
      "kalshi:KXFED-…": {fees: {fee_type: quadratic, multiplier: "1"}, ticks: [["0", "1", "0.01"]], min_size: 1,
                         size_step: "0.01", settles: "2026-12-17T20:00:00Z", status: OPEN}

A market may carry `pays`, the dollars that one YES paid in the end: a backtest settles by it. A bet may carry
`m0`, `settlement`, `read_by_person`. JSON or YAML; every fault is named with the place it is at.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from markets import bets
from markets.bets import Bet, Claim, MarketKey, Step
from markets.books import NO, YES
from markets.platforms.base import PLATFORMS, STATUSES, FeeSchedule, TickBand
from signals.deciding.decision import CLEAN, BetRisk
from signals.findings import Listing

ReadFees = Callable[[str, dict[str, Any]], FeeSchedule | None]
RISK = {"m0", "m0_upper", "settlement", "read_by_person"}
SETTLEMENTS = (CLEAN, "correlated", "timing", "unknown")
PAYS = "pays"
FACTS = {"fees", "ticks", "min_size", "size_step", "settles", "status", "whole_cents", "min_value", PAYS}


class BetFileError(ValueError):
    """The file cannot be used; the message names the place and says what is wrong."""


@dataclass(frozen=True, slots=True)
class BetFile:
    """What was written: bets, what is known of them, and facts of their markets."""

    bets: tuple[Bet, ...] = ()
    risks: Mapping[str, BetRisk] = field(default_factory=dict)
    facts: Mapping[MarketKey, Mapping[str, Any]] = field(default_factory=dict)
    pays: Mapping[MarketKey, Decimal] = field(default_factory=dict)  # dollars one YES has paid in the end

    def listing(self, known: Listing) -> Listing:
        """A market's listing with what the file says of it."""
        facts = self.facts.get((known.platform, known.market_id))
        return replace(known, **facts) if facts else known


def parse(document: Any, read_fees: ReadFees) -> BetFile:
    """A decoded document. Raises BetFileError."""
    top = _object(document, "the file", {"bets", "markets"})
    written = _list(top.get("bets", []), "bets")
    facts = {
        _market(name, f"markets[{name!r}]"): _facts(name, body, read_fees)
        for name, body in _object(top.get("markets", {}), "markets").items()
    }
    pays = {market: known.pop(PAYS) for market, known in facts.items() if PAYS in known}
    made: dict[str, Bet] = {}
    risks: dict[str, BetRisk] = {}
    for number, raw in enumerate(written):
        place = f"bets[{number}]"
        body = _object(raw, place)
        name = str(body.get("name") or f"bet-{number}")
        if name in made:
            raise BetFileError(f"{place}: the name {name!r} is taken")
        place = f"{place} ({name})"
        risks[name] = _risk(body, place)
        kind = body.get("kind")
        if kind not in _BUILDERS:
            raise BetFileError(f"{place}: kind {kind!r} is unknown; known are {', '.join(sorted(_BUILDERS))}")
        fields, build = _BUILDERS[kind]
        _object(body, place, {"name", "kind", *RISK, *fields})
        made[name] = build(name, kind, body, place, made)
    if not made:
        raise BetFileError("the file names no bets: write a list under `bets`")
    return BetFile(tuple(made.values()), risks, facts, pays)


# --- kinds of bets


def _pair(name: str, kind: str, body: Mapping[str, Any], place: str, made: Mapping[str, Bet]) -> Bet:
    a, b = (_market(body.get(side), f"{place}.{side}") for side in ("a", "b"))
    return bets.pair(name, a, b, _flag(body, "inverted", place))


def _yes_no(name: str, kind: str, body: Mapping[str, Any], place: str, made: Mapping[str, Bet]) -> Bet:
    return bets.yes_no(name, *_market(body.get("market"), f"{place}.market"))


def _one_of(name: str, kind: str, body: Mapping[str, Any], place: str, made: Mapping[str, Bet]) -> Bet:
    members = [
        _market(member, f"{place}.members[{at}]")
        for at, member in enumerate(_list(body.get("members"), f"{place}.members"))
    ]
    return bets.one_of(name, kind, members, exhaustive=_flag(body, "exhaustive", place))


def _ladder(name: str, kind: str, body: Mapping[str, Any], place: str, made: Mapping[str, Bet]) -> Bet:
    steps = []
    for at, raw in enumerate(_list(body.get("steps"), f"{place}.steps")):
        where = f"{place}.steps[{at}]"
        step = _object(raw, where, {"market", "low", "low_inclusive", "high", "high_inclusive"})
        steps.append(
            Step(
                _market(step.get("market"), f"{where}.market"),
                _bound(step.get("low"), f"{where}.low"),
                _flag(step, "low_inclusive", where),
                _bound(step.get("high"), f"{where}.high"),
                _flag(step, "high_inclusive", where),
            )
        )
    return bets.ladder(name, kind, steps)


def _mixture(name: str, kind: str, body: Mapping[str, Any], place: str, made: Mapping[str, Bet]) -> Bet:
    names = _list(body.get("of"), f"{place}.of")
    unknown = [str(one) for one in names if one not in made]
    if len(names) != 2 or unknown:
        raise BetFileError(
            f"{place}.of: write two bets named before it{', not ' + ', '.join(unknown) if unknown else ''}"
        )
    same = []
    for at, raw in enumerate(_list(body.get("same", []), f"{place}.same")):
        where = f"{place}.same[{at}]"
        tie = _list(raw, where)
        if len(tie) not in (2, 3) or (len(tie) == 3 and not isinstance(tie[2], bool)):
            raise BetFileError(f"{where}: write [market, market] or [market, market, inverted]")
        same.append((_market(tie[0], where), _market(tie[1], where), len(tie) == 3 and tie[2]))
    return bets.join(name, kind, made[names[0]], made[names[1]], same)


def _custom(name: str, kind: str, body: Mapping[str, Any], place: str, made: Mapping[str, Bet]) -> Bet:
    claims = []
    for at, raw in enumerate(_list(body.get("claims"), f"{place}.claims")):
        where = f"{place}.claims[{at}]"
        claim = _object(raw, where, {"market", "outcome", "pays_in"})
        said = claim.get("outcome")
        outcome = (YES if said else NO) if isinstance(said, bool) else str(said)  # YAML reads YES as true
        pays_in = frozenset(str(state) for state in _list(claim.get("pays_in"), f"{where}.pays_in"))
        claims.append(Claim(*_market(claim.get("market"), f"{where}.market"), outcome, pays_in))
    states = tuple(str(state) for state in _list(body.get("states"), f"{place}.states"))
    return Bet(name, kind, states, _flag(body, "exhaustive", place), tuple(claims))


_Build = Callable[[str, str, Mapping[str, Any], str, Mapping[str, Bet]], Bet]
_BUILDERS: dict[str, tuple[frozenset[str], _Build]] = {
    bets.PAIR: (frozenset({"a", "b", "inverted"}), _pair),
    bets.YES_NO: (frozenset({"market"}), _yes_no),
    bets.NEG_RISK: (frozenset({"members", "exhaustive"}), _one_of),
    bets.EXCLUSIVE: (frozenset({"members", "exhaustive"}), _one_of),
    bets.LADDER: (frozenset({"steps"}), _ladder),
    bets.DATE_LADDER: (frozenset({"steps"}), _ladder),
    bets.MIXTURE: (frozenset({"of", "same"}), _mixture),
    bets.CUSTOM: (frozenset({"states", "exhaustive", "claims"}), _custom),
}


# --- facts


def _risk(body: Mapping[str, Any], place: str) -> BetRisk:
    m0 = _number(body.get("m0", 0), f"{place}.m0")
    upper = _number(body.get("m0_upper", m0), f"{place}.m0_upper")
    if not 0 <= m0 <= upper <= 1:
        raise BetFileError(f"{place}: m0 and m0_upper are chances from 0 to 1, the second no smaller")
    settlement = body.get("settlement", CLEAN)
    if settlement not in SETTLEMENTS:
        raise BetFileError(f"{place}.settlement: {settlement!r} is not one of {', '.join(SETTLEMENTS)}")
    read = _flag(body, "read_by_person", place, default=True)
    return BetRisk(m0=m0, m0_upper=upper, settlement=settlement, read_by_person=read)


def _facts(name: str, raw: Any, read_fees: ReadFees) -> dict[str, Any]:
    place = f"markets[{name!r}]"
    body = _object(raw, place, FACTS)
    found: dict[str, Any] = {}
    for field_name in ("min_size", "size_step", "min_value"):
        if field_name in body:
            found[field_name] = _number(body[field_name], f"{place}.{field_name}")
    if PAYS in body:
        found[PAYS] = _number(body[PAYS], f"{place}.{PAYS}")
        if not 0 <= found[PAYS] <= 1:
            raise BetFileError(f"{place}.{PAYS}: what one YES pays lies between 0 and 1 dollars")
    if "whole_cents" in body:
        found["whole_cents"] = _flag(body, "whole_cents", place)
    if "status" in body:
        if body["status"] not in STATUSES:
            raise BetFileError(f"{place}.status: {body['status']!r} is not one of {', '.join(STATUSES)}")
        found["status"] = body["status"]
    if "settles" in body:
        found["settles"] = _moment(body["settles"], f"{place}.settles")
    if "ticks" in body:
        found["ticks"] = tuple(
            _band(band, f"{place}.ticks") for band in _list(body["ticks"], f"{place}.ticks")
        )
    if "fees" in body:
        found["fees"] = _fees(name, body["fees"], read_fees, f"{place}.fees")
    return found


def _fees(name: str, raw: Any, read_fees: ReadFees, place: str) -> FeeSchedule | None:
    if raw is None:
        return None  # unknown: detection refuses the market by that name
    try:
        return read_fees(name.split(":", 1)[0], dict(_object(raw, place)))
    except (ValueError, KeyError, TypeError, InvalidOperation) as error:
        raise BetFileError(f"{place}: not a fee schedule of this platform: {error}") from error


def _band(raw: Any, place: str) -> TickBand:
    parts = _list(raw, place)
    if len(parts) != 3:
        raise BetFileError(f"{place}: write bands as [from, to, step]")
    return TickBand(*(_number(part, place) for part in parts))


# --- values


def _object(raw: Any, place: str, known: set[str] | None = None) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise BetFileError(f"{place}: an object was expected")
    unknown = sorted(str(name) for name in raw if known is not None and name not in known)
    if unknown:
        raise BetFileError(
            f"{place}: {', '.join(unknown)} is unknown; known are {', '.join(sorted(known or ()))}"
        )
    return raw


def _list(raw: Any, place: str) -> Sequence[Any]:
    if not isinstance(raw, list):
        raise BetFileError(f"{place}: a list was expected")
    return raw


def _market(raw: Any, place: str) -> MarketKey:
    platform, _, market_id = str(raw or "").partition(":")
    if platform not in PLATFORMS or not market_id:
        raise BetFileError(
            f"{place}: {raw!r} is no market; write {' or '.join(PLATFORMS)}, a colon and its id"
        )
    return platform, market_id


def _flag(body: Mapping[str, Any], name: str, place: str, *, default: bool = False) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise BetFileError(f"{place}.{name}: true or false, not {value!r}")
    return value


def _number(raw: Any, place: str) -> Decimal:
    try:
        number = Decimal(str(raw))
    except InvalidOperation:
        number = Decimal("NaN")
    if isinstance(raw, bool) or not number.is_finite():
        raise BetFileError(f"{place}: {raw!r} is not a number")
    return number


def _bound(raw: Any, place: str) -> Decimal | None:
    """A number, or a date or time as seconds since 1970; None is without bound."""
    if raw is None:
        return None
    if isinstance(raw, date):
        return Decimal(round(_moment(raw, place).timestamp()))
    try:
        return _number(raw, place)
    except BetFileError:
        return Decimal(round(_moment(raw, place).timestamp()))


def _moment(raw: Any, place: str) -> datetime:
    try:
        found = raw if isinstance(raw, date) else datetime.fromisoformat(str(raw))
    except ValueError:
        raise BetFileError(f"{place}: {raw!r} is no time; write it like 2026-12-17T20:00:00Z") from None
    if not isinstance(found, datetime):
        return datetime(found.year, found.month, found.day, tzinfo=UTC)
    if found.tzinfo is None:
        raise BetFileError(f"{place}: {raw!r} has no time zone; write it like 2026-12-17T20:00:00Z")
    return found.astimezone(UTC)

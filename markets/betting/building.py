"""Bets that follow from what a platform says of an event, and those that only follow from texts.

Core: market values in, bet values out. A bet is **certain** where the platform itself guarantees the relation, and is then
active at once; it is **read** where it follows from texts, and waits for a person. What is not clear makes no bet; the
sentence that says why is kept beside the event.

    neg_risk   Polymarket, not augmented, every market of the event known: exactly one pays
    exclusive  at most one pays: Kalshi's mutually exclusive events; neg-risk events that are augmented or not wholly known
    ladder     Kalshi's structured strikes on one value (certain); thresholds in texts (read)
    date_ladder  "by June 30" implies "by July 31" (read)
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from markets import bets
from markets.bets import DATE_LADDER, EXCLUSIVE, LADDER, NEG_RISK
from markets.betting import strikes, text_ladders
from markets.platforms.base import (
    DETERMINED,
    DISPUTED,
    KALSHI,
    OPEN,
    OTHER_STATUS,
    PAUSED,
    POLYMARKET,
    SETTLED,
    UNOPENED,
    MarketInfo,
)

LIVE = (OPEN, PAUSED, UNOPENED)
MOST_MEMBERS = 150  # of one bet; more make states and solving dear, and their books are empty
ID_LENGTH = 128

# Augmented events: the rest of the field, and names that stand for nobody yet ("Person A", "Company CK")
_REST = re.compile(r"(?:any |an)?other\b.*|someone else|the field|none of .*", re.IGNORECASE)
_PARTICULAR = re.compile(r"[^\s.]*\d[^\s]*?(?=[.,:]?(?:\s|$))")
_NOBODY = re.compile(r"(?:[A-Z][a-z]+ ){1,2}[A-Z]{1,2}")


@dataclass(frozen=True, slots=True)
class EventFacts:
    """What the platform says of an event. `member_ids` are all its markets, where `whole`."""

    platform: str
    event_id: str
    title: str = ""
    mutually_exclusive: bool = False
    neg_risk: bool = False
    augmented: bool = False
    whole: bool = False
    member_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Built:
    """A bet, and whether the platform guarantees it."""

    value: bets.Bet
    certain: bool


@dataclass(slots=True)
class Outcome:
    """The bets of an event, and a sentence for each kind that could have been but is not."""

    built: list[Built] = field(default_factory=list)
    why_not: dict[str, str] = field(default_factory=dict)


def build(event: EventFacts, members: Sequence[MarketInfo]) -> Outcome:
    """Every bet that these markets of one event make."""
    found = Outcome()
    members = sorted((one for one in members if one.event_id == event.event_id), key=lambda one: one.id)
    if not event.event_id or len(members) < 2:
        return found
    if event.platform == POLYMARKET and event.neg_risk:
        _neg_risk(event, members, found)
    elif event.platform == KALSHI and event.mutually_exclusive:
        _exclusive(event, members, found)
    else:
        _ladders(event, members, found)
    found.built = [one for one in found.built if not _faulty(one.value, found)]
    return found


def _faulty(value: bets.Bet, found: Outcome) -> bool:
    if value.faults:
        found.why_not[value.kind] = f"The bet would be wrong: {value.faults[0].sentence}."
    return bool(value.faults)


def bet_id(kind: str, *parts: str) -> str:
    """A stable id of at most 128 characters."""
    text = ":".join((kind, *parts))
    if len(text) <= ID_LENGTH:
        return text
    mark = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f"{text[: ID_LENGTH - len(mark) - 1]}~{mark}"


def reason_class(sentence: str) -> str:
    """A reason without the ids and numbers in it, to be counted."""
    return _PARTICULAR.sub("…", sentence)


# --- exactly one pays, or at most one


def _neg_risk(event: EventFacts, members: list[MarketInfo], found: Outcome) -> None:
    """Exactly one pays where the whole event is known and closed to new outcomes; else at most one does."""
    missing = event.member_ids - {one.id for one in members}
    # One market that calls the event augmented is enough: a wrong "exactly one pays" costs money
    if event.augmented or any(one.extra.get("neg_risk_augmented") for one in members):
        _exclusive(event, [one for one in members if _named(one)], found)
    elif not event.whole or missing:
        found.why_not[NEG_RISK] = (
            f"{len(missing)} of its {len(event.member_ids)} markets are not known here."
            if event.whole
            else "It is not known whether these are all its markets."
        )
        _exclusive(event, members, found)
    else:
        left = _still_possible(event, members, found)
        if left:
            value = bets.one_of(
                bet_id(NEG_RISK, event.platform, event.event_id), NEG_RISK, _keys(left), exhaustive=True
            )
            found.built.append(Built(value, certain=True))


def _still_possible(event: EventFacts, members: list[MarketInfo], found: Outcome) -> list[MarketInfo]:
    """Without the outcomes that resolved NO; empty, with the reason, where the event is decided or not clear."""
    left = [one for one in members if not (one.status == SETTLED and one.result == "NO")]
    unclear = [one for one in left if _unclear(one)]
    if _decided(members):
        found.why_not[NEG_RISK] = "It is decided."
    elif any(one.id not in event.member_ids for one in members):
        found.why_not[NEG_RISK] = "A market was added since all its markets were read."
    elif unclear:
        found.why_not[NEG_RISK] = f"{unclear[0].id} is {unclear[0].status.lower()} without a clear result."
    elif any(not one.extra.get("neg_risk", True) for one in left):
        found.why_not[NEG_RISK] = "Not all its markets settle through the same neg-risk adapter."
    elif not _fits(left, NEG_RISK, found):
        return []
    elif not any(one.status in LIVE for one in left):
        found.why_not[NEG_RISK] = "None of its markets trades any more."
    else:
        return left
    return []


def _exclusive(event: EventFacts, members: list[MarketInfo], found: Outcome) -> None:
    """At most one of the markets that still trade pays; that another one or none does is a state of its own."""
    live = [one for one in members if one.status in LIVE]
    steps = [strikes.step_of(one) for one in live] if event.platform == KALSHI else []
    if _decided(members):
        found.why_not[EXCLUSIVE] = "It is decided."
    elif event.platform == POLYMARKET and any(not one.extra.get("neg_risk", True) for one in live):
        found.why_not[EXCLUSIVE] = "Not all its markets settle through the same neg-risk adapter."
    elif any(one.status == DISPUTED for one in members):
        found.why_not[EXCLUSIVE] = "One of its markets is disputed."
    elif overlap := strikes.overlap([one for one in steps if isinstance(one, bets.Step)]):
        found.why_not[EXCLUSIVE] = (
            f"It is called mutually exclusive, but {overlap[0]} and {overlap[1]} can both pay."
        )
    elif _fits(live, EXCLUSIVE, found):
        value = bets.one_of(
            bet_id(EXCLUSIVE, event.platform, event.event_id), EXCLUSIVE, _keys(live), exhaustive=False
        )
        found.built.append(Built(value, certain=True))


def _fits(members: Sequence[MarketInfo], kind: str, found: Outcome) -> bool:
    if len(members) < 2:
        found.why_not[kind] = "Fewer than two of its markets are left."
    elif len(members) > MOST_MEMBERS:
        found.why_not[kind] = f"It has {len(members)} markets, more than {MOST_MEMBERS}."
    return 2 <= len(members) <= MOST_MEMBERS


def _named(info: MarketInfo) -> bool:
    """Neither the rest of the field nor a name that stands for nobody yet."""
    title = str(info.extra.get("group_item_title") or "").strip()
    return not (info.extra.get("neg_risk_other") or _REST.fullmatch(title) or _NOBODY.fullmatch(title))


def _decided(members: Sequence[MarketInfo]) -> bool:
    return any(one.result == "YES" and one.status in (DETERMINED, SETTLED) for one in members)


def _unclear(info: MarketInfo) -> bool:
    return info.status in (DISPUTED, OTHER_STATUS, SETTLED) or info.result == "SCALAR"


def _keys(members: Sequence[MarketInfo]) -> list[bets.MarketKey]:
    return [(one.platform, one.id) for one in members]


# --- ladders


def _ladders(event: EventFacts, members: list[MarketInfo], found: Outcome) -> None:
    live = [one for one in members if one.status in LIVE]
    if any(one.status == DISPUTED for one in members):
        found.why_not[LADDER] = "One of its markets is disputed."
        return
    rest = live
    if event.platform == KALSHI:
        groups, rest, reason = strikes.groups(live)
        for name, steps in groups:
            _add_ladder(event, LADDER, name, steps, found, certain=True)
        if reason:
            found.why_not[LADDER] = reason
    for kind, name, steps in text_ladders.groups(rest, found.why_not):
        _add_ladder(event, kind, name, steps, found, certain=False)


def _add_ladder(
    event: EventFacts, kind: str, name: str, steps: Sequence[bets.Step], found: Outcome, *, certain: bool
) -> None:
    if len(steps) > MOST_MEMBERS:
        found.why_not[kind] = f"It has {len(steps)} markets, more than {MOST_MEMBERS}."
        return
    prefix = kind if certain or kind == DATE_LADDER else f"{kind}-read"
    value = bets.ladder(bet_id(prefix, event.platform, event.event_id, name), kind, steps)
    found.built.append(Built(value, certain))

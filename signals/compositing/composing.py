"""Proposals from what stands: one leg, for a person. Opened, refreshed while the evidence stands, closed with it.

The machine never acts on one: its status is PROPOSED, it belongs to no bet, and execution refuses it by that.
"""

import secrets
import shlex
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from arbsite.models import INFO, LOW, Notice
from markets import live, store
from markets.bets import MarketKey
from markets.books import BookView
from markets.models import Market
from signals.compositing import confidence, measured, opportunities, windows
from signals.compositing.confidence import Confidence
from signals.compositing.opportunities import Moves, Proposal, Stake
from signals.compositing.windows import Window
from signals.deciding import bearing, joining
from signals.deciding.bearing import Heard
from signals.findings import BUY, Listing
from signals.models import COMPOSITE, Prediction, Signal
from signals.records import closing, publishing
from signals.sources.calendar.guards import SUSPEND
from signals.times import unix_ms

KIND = "proposal"
STANDING = (Signal.PROPOSED, Signal.EXECUTED)  # a person may have acted on one; its evidence still stands
EVIDENCE_LAPSED, NOT_WORTH_IT, UNCONFIRMED = "evidence_lapsed", "not_worth_it", "unconfirmed"
MOST_MARKETS = 500
LOCK = 0x434F4D50  # "COMP"
CENT_OF_CHANCE = Decimal("0.01")
FRACTION_STEP, CHANCE_STEP, MONEY_STEP = Decimal("0.000001"), Decimal("0.0001"), Decimal("0.000001")
MOST_PROFIT = Decimal(9_999)

Key = tuple[str, str]  # market id, direction


@dataclass(frozen=True, slots=True)
class Candidate:
    """A window that was looked at. `proposal` is None where nothing new is proposed."""

    window: Window
    confidence: Confidence
    proposal: Proposal | None
    stays: bool  # what was proposed before may stand
    seen: bool  # whether its market's book could be read


def compose(*, now: datetime) -> int:
    """Look at every market about which something stands; returns how many proposals were opened, changed or closed."""
    now_ms = unix_ms(now)
    found = {_key(one.window): one for one in _candidates(now)}
    with transaction.atomic():
        if not _alone():
            return 0
        rows = {
            (row.market_a or "", row.direction): row
            for row in Signal.objects.select_for_update().filter(
                kind=KIND, bet__isnull=True, status__in=STANDING
            )
        }
        opened = [
            _fill(_new(one, now), one, one.proposal, now)
            for key, one in found.items()
            if key not in rows and one.proposal is not None
        ]
        changed, gone = [], []
        for key, row in rows.items():
            why = _why_gone(found.get(key), row, now)
            if why:
                gone.append(_end(row, why, now))
                row.save(update_fields=["status", "closed_at", "refreshed_at", "close_reason", "lifetime_ms"])
            elif _refresh(row, found.get(key), now):
                changed.append(row)
        Signal.objects.bulk_create(opened)
        Notice.objects.bulk_create([*map(_told, opened), *(_ended(row, now) for row in gone)])
    publishing.tell(opened, changed, gone, now_ms=now_ms)
    return len(opened) + len(changed) + len(gone)


# --- looking


def _candidates(now: datetime) -> list[Candidate]:
    config = settings.ARBSITE
    markets = _claimed(now)
    if not markets or not config.evidence.proposal_dollars:
        return []
    now_ms = unix_ms(now)
    heard = bearing.of(markets, now_ms=now_ms)
    books = live.book_views(heard.standings)
    listings = {key: Listing.of(store.info_of(row)) for key, row in markets.items() if key in heard.standings}
    stake = Stake(config.evidence.proposal_dollars, config.risk.kelly_fraction)
    oldest = now_ms - int(config.signals.max_book_age_seconds * 1_000)
    fresh = {key: view for key, view in books.items() if view.confirmed_ms >= oldest}
    looked = [
        _look(window, heard, listings[window.market], fresh.get(window.market), stake, now)
        for window in windows.together(heard.standings, now_ms)
    ]
    return [one for one in looked if one is not None]


def _claimed(now: datetime) -> dict[MarketKey, Market]:
    """The markets about whose direction something is claimed that is not due yet; the newest claims first."""
    ids = (
        Prediction.objects.filter(outcome=Prediction.OPEN, due_at__gt=now)
        .exclude(direction=0)
        .order_by("-seen_at")
        .values_list("market_id", flat=True)[: 4 * MOST_MARKETS]
    )
    rows = Market.objects.in_bulk(list(dict.fromkeys(ids))[:MOST_MARKETS])
    return {(row.platform, row.id): row for row in rows.values()}


def _look(
    window: Window, heard: Heard, listing: Listing, view: BookView | None, stake: Stake, now: datetime
) -> Candidate | None:
    """A window with what could be proposed; None where it says nothing that may be."""
    scored = confidence.score(window, unix_ms(now))
    if scored is None or not _type(scored):
        return None
    if any(guard.level == SUSPEND for guard in heard.guards.get(window.market, ())):
        return None
    moves = _moves(scored, now)
    if moves is None:
        return None
    found = opportunities.quote(listing, view, window.direction)
    if found is None:
        return Candidate(window, scored, None, stays=True, seen=False)
    proposal = opportunities.propose(window, scored, moves, listing, found, stake)
    stays = opportunities.worth_it(scored, moves, found)
    return Candidate(window, scored, proposal, stays=stays, seen=True)


def _moves(scored: Confidence, now: datetime) -> Moves | None:
    known = [measured.moves(one.said.source, one.said.kind, now) for one in scored.weighed]
    return None if None in known else opportunities.worst([one for one in known if one is not None])


def _type(scored: Confidence) -> str:
    """The type of its signal: its source's, or composite for two and more. Prices alone propose nothing."""
    words = scored.sources
    if len(words) > 1:
        return COMPOSITE
    return "" if words in ((), (joining.PRICE,)) else words[0]


# --- writing


def _alone() -> bool:
    """Whether no other process composes at this moment; until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])


def _key(window: Window) -> Key:
    platform, market_id = window.market
    return market_id, f"{platform}:{'YES' if window.direction > 0 else 'NO'}"


def _new(one: Candidate, now: datetime) -> Signal:
    market_id, direction = _key(one.window)
    return Signal(
        id=f"sig_{secrets.token_hex(8)}", status=Signal.PROPOSED, kind=KIND, market_a=market_id, direction=direction,
        created_at=now, processed_at=now,
    )  # fmt: skip


def _fill(row: Signal, one: Candidate, proposal: Proposal, now: datetime) -> Signal:
    """Every figure of a proposal, and the command with which a person places it."""
    row.type, row.sources = _type(one.confidence), list(one.confidence.sources)
    row.size, row.outlay = proposal.size, proposal.cost.cash
    row.net_profit = proposal.expected.quantize(MONEY_STEP)
    row.profit_pct = min(proposal.profit_pct, MOST_PROFIT).quantize(FRACTION_STEP)
    row.edge = row.expected_edge = (proposal.expected / proposal.size).quantize(FRACTION_STEP)
    row.confidence = proposal.probability
    row.refreshed_at = now
    row.metadata = {
        "legs": [_leg(proposal, unix_ms(now))],
        "steps": [[step.name, str(step.dollars), str(step.per_dollar)] for step in proposal.steps],
        "probability": str(proposal.probability), "lower": str(proposal.lower),
        "base_rate": _chance(one.confidence.base_rate), "expires_ms": proposal.expires_ms,
        "recommended_action": opportunities.recommended_action(proposal.direction),
        "command": command(row.id, proposal), "evidence": _voices(one),
    }  # fmt: skip
    return row


def command(signal_id: str, proposal: Proposal) -> str:
    """What a person types to place the leg by hand."""
    platform, market_id = proposal.market
    return (
        f"manage.py order submit {platform} {shlex.quote(market_id)} {proposal.quote.outcome} {BUY}"
        f" {proposal.size.normalize():f} --price {proposal.quote.ask.normalize():f} --signal-id {signal_id}"
    )


def _leg(proposal: Proposal, now_ms: int) -> dict[str, Any]:
    """The leg as signals store theirs (`signals.records.storing`)."""
    platform, market_id = proposal.market
    found, cost = proposal.quote, proposal.cost
    return {
        "platform": platform, "market_id": market_id, "outcome": found.outcome, "side": BUY, "size": str(proposal.size),
        "limit_price": str(found.ask), "best_price": str(found.ask), "best_bid": str(found.bid),
        "depth": str(found.depth), "notional": str(cost.notional), "fee": str(cost.fee), "cash": str(cost.cash),
        "fills": [[str(found.ask), str(proposal.size)]], "confirmed_ms": found.confirmed_ms,
        "book_age_ms": max(0, now_ms - found.confirmed_ms), "exit_fee": str(found.exit_fee),
    }  # fmt: skip


def _voices(one: Candidate) -> list[dict[str, Any]]:
    counted = {weighed.said.item for weighed in one.confidence.weighed}
    platform, market_id = one.window.market
    return [
        {
            "source": said.source, "kind": said.kind, "item": said.item, "market": f"{platform}:{market_id}",
            "direction": said.direction, "probability": _chance(said.probability),
            "note": said.note[: joining.NOTE_LENGTH],
            "effect": "supports" if said.item in counted else "against" if said in one.window.against else joining.NOTED,
        }
        for said in (*one.window.supports, *one.window.against)
    ]  # fmt: skip


def _chance(value: float) -> str:
    return str(Decimal(repr(min(max(value, 0.0), 1.0))).quantize(CHANCE_STEP))


def _refresh(row: Signal, one: Candidate | None, now: datetime) -> bool:
    """Keep a row that still stands; True where people should hear of its new figures."""
    if one is None or not one.seen:
        return False
    before = (_items(row), row.size, row.confidence)
    if row.status == Signal.PROPOSED and one.proposal is not None:
        _fill(row, one, one.proposal, now)
    row.refreshed_at = now
    row.save()
    items, size, chance = _items(row), row.size, row.confidence
    moved = abs((chance or Decimal(0)) - (before[2] or Decimal(0))) >= CENT_OF_CHANCE
    return items != before[0] or size != before[1] or moved


def _items(row: Signal) -> set[str]:
    return {voice["item"] for voice in row.metadata.get("evidence", [])}


def _why_gone(one: Candidate | None, row: Signal, now: datetime) -> str:
    """Why a proposal ends; empty where it stands."""
    if one is None or row.metadata.get("expires_ms", 0) <= unix_ms(now):
        return EVIDENCE_LAPSED
    if not one.stays:
        return NOT_WORTH_IT
    silent = timedelta(seconds=settings.ARBSITE.signals.expire_seconds)
    return UNCONFIRMED if not one.seen and row.refreshed_at < now - silent else ""


def _end(row: Signal, why: str, now: datetime) -> Signal:
    closing.end(row, why, now)
    if why == UNCONFIRMED:
        row.status = Signal.EXPIRED
    return row


def _told(row: Signal) -> Notice:
    said = ", ".join(voice["item"] for voice in row.metadata["evidence"])
    return Notice(
        kind="signal_proposed", severity=LOW, subject=row.id, created_at=row.refreshed_at,
        message=f"{row.direction} of {row.market_a}: {row.size.normalize():f} contracts, ${row.net_profit:.2f} expected"
        f" at {row.confidence:.2f}, by {', '.join(row.sources)} ({said}). For a person: {row.metadata['command']}",
        data={"command": row.metadata["command"], "expires_ms": row.metadata["expires_ms"]},
    )  # fmt: skip


def _ended(row: Signal, now: datetime) -> Notice:
    return Notice(
        kind="signal_closed", severity=INFO, subject=row.id, created_at=now,
        message=f"{row.direction} of {row.market_a}: the proposal ended, {row.close_reason}",
    )  # fmt: skip

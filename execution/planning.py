"""From a finding to the orders that act on it: looked at again on the books of now, thinner leg first, equal
shares.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from markets.bets import Bet, MarketKey
from markets.books import BookView, Level, dollars, micro
from markets.platforms.base import FeeSchedule
from signals import decision, detection, sizing
from signals.decision import Hurdles
from signals.findings import BELOW_MINIMUM, BUY, FEES_UNKNOWN, LISTING_FAULTY, Finding, Leg, Listing, Rules

IOC, FOK = "IMMEDIATE_OR_CANCEL", "FILL_OR_KILL"

# Why no plan is made. Stable codes, beside those of detection and decision.
GAP_GONE, NO_FILL = "gap_gone", "no_fill"


@dataclass(frozen=True, slots=True)
class Ticket:
    """One order about to be placed. Prices are dollars of `outcome`; nothing has been sent yet."""

    bet_id: str
    platform: str
    market_id: str
    outcome: str
    side: str  # BUY or SELL
    size: Decimal  # contracts
    limit_price: Decimal
    notional: Decimal  # size times limit price, dollars
    cash: (
        Decimal  # what leaves the account as planned or, if dearer, all at the limit; with fees; 0 for a sale
    )
    time_in_force: str = IOC


@dataclass(frozen=True, slots=True)
class Plan:
    """The fresh finding and its tickets in the order they are sent."""

    finding: Finding
    tickets: tuple[Ticket, ...]


@dataclass(frozen=True, slots=True)
class NoPlan:
    """Why nothing is done: a stable code and a sentence."""

    code: str
    sentence: str


def plan(
    bet: Bet,
    finding: Finding,
    books: Mapping[MarketKey, BookView],
    listings: Mapping[MarketKey, Listing],
    rules: Rules,
    hurdles: Hurdles,
    now_ms: int,
) -> Plan | NoPlan:
    """What to send for `finding` now, never more than its size; or why it should be left alone."""
    cap = rules.caps.max_contracts
    most = finding.size if cap is None else min(finding.size, cap)
    result = detection.find(
        bet, books, listings, replace(rules, caps=replace(rules.caps, max_contracts=most)), now_ms
    )
    fresh = next((found for found in result.findings if found.direction == finding.direction), None)
    if fresh is None:
        refusal = next((no for no in result.refusals if no.direction in (finding.direction, "")), None)
        if refusal is None:
            return NoPlan(GAP_GONE, "the books no longer offer a gap")
        return NoPlan(refusal.code, refusal.sentence)
    if fresh.limited_by == sizing.MAX_CONTRACTS and (cap is None or finding.size < cap):
        # What held the finding back is the reason, not that the finding is the most that is planned.
        fresh = replace(fresh, limited_by=finding.limited_by)
    verdict = decision.decide(fresh, hurdles, now_ms)
    if verdict.state != decision.ACTIONABLE:
        return NoPlan(verdict.reasons[0].code, "; ".join(reason.sentence for reason in verdict.reasons))
    tickets = []
    for leg in sorted(fresh.legs, key=lambda leg: leg.depth):  # stable: equal depth keeps the finding's order
        fees = listings[leg.platform, leg.market_id].fees
        if fees is None:
            return NoPlan(FEES_UNKNOWN, f"the fees of {leg.platform}:{leg.market_id} are not known")
        tickets.append(ticket(fresh.bet_id, leg, fees))
    return Plan(fresh, tuple(tickets))


def ticket(bet_id: str, leg: Leg, fees: FeeSchedule) -> Ticket:
    """The order of one leg."""
    return Ticket(
        bet_id=bet_id,
        platform=leg.platform,
        market_id=leg.market_id,
        outcome=leg.outcome,
        side=leg.side,
        size=leg.size,
        limit_price=leg.limit_price,
        notional=leg.size * leg.limit_price,
        cash=max(leg.cost.cash, most_cash(leg.side, leg.size, leg.limit_price, fees)),
    )


def most_cash(side: str, size: Decimal, limit_price: Decimal, fees: FeeSchedule) -> Decimal:
    """What an order costs if every contract fills at its limit, in dollars; a sale needs no cash.

    Price plus fee rises with the price on both platforms, so better fills cost less, save for rounding.
    """
    if side != BUY:
        return Decimal(0)
    return fees.order_cost(side, [Level(limit_price, size)]).cash


def for_filled(waiting: Ticket, filled: Decimal, listing: Listing) -> Ticket | NoPlan:
    """The second ticket, cut to what the first one filled: legs are equal in shares, never in dollars.

    A NoPlan means that the fill cannot be matched on this market, and the first leg's shares are alone.
    """
    if filled <= 0:
        return NoPlan(NO_FILL, "the first leg filled nothing, so there is nothing to complete")
    if filled >= waiting.size:
        return waiting
    if listing.fault:
        return NoPlan(LISTING_FAULTY, listing.fault)
    if listing.fees is None:
        return NoPlan(FEES_UNKNOWN, f"the fees of {listing.platform}:{listing.market_id} are not known")
    step = listing.step
    if listing.whole_cents:
        step = sizing.cent_step(micro(waiting.limit_price), step)
    size = dollars(sizing.down(micro(filled), step))
    notional = size * waiting.limit_price
    if size <= 0 or size < listing.min_size or notional < listing.min_value:
        return NoPlan(BELOW_MINIMUM, f"{filled} filled is under what {listing.platform} accepts")
    cash = most_cash(waiting.side, size, waiting.limit_price, listing.fees)
    return replace(waiting, size=size, notional=notional, cash=cash)

"""From a finding to the orders that act on it: looked at again on the books of now, the thinnest leg first.

Legs may be many and of different sizes. What binds them is their **share**: filled over planned contracts. All legs
at the same share pay that share of the planned payoff in every state; so each later leg is cut to the smallest share
that the legs before it have filled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction

from markets.bets import Bet, MarketKey
from markets.books import MICRO, BookView, Level, dollars, micro
from markets.platforms.base import POLYMARKET, FeeSchedule
from signals import expected, sizing
from signals.deciding import decision
from signals.deciding.decision import CALM, Context, Hurdles
from signals.detection import detector
from signals.findings import BELOW_MINIMUM, BUY, FEES_UNKNOWN, LISTING_FAULTY, Finding, Leg, Listing, Rules

IOC, FOK = "IMMEDIATE_OR_CANCEL", "FILL_OR_KILL"
BY_CASH = frozenset({POLYMARKET})  # platforms that fill immediate purchases by dollars, not by contracts
CENT = Decimal("0.01")

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
    shard: int = 0  # where the platform keeps money apart
    # Dollars before fees that it may spend, where the platform fills immediate purchases by cash; None elsewhere
    spend: Decimal | None = None

    @property
    def side_of_book(self) -> tuple[str, str, str]:
        """Platform, market and outcome."""
        return self.platform, self.market_id, self.outcome


@dataclass(frozen=True, slots=True)
class Plan:
    """The fresh finding and its tickets in the order they are sent.

    `finding.size` is the payoff in every state, in dollars; each ticket has its own leg's contracts. Contracts that
    the platform converts before settlement (a basket of NO on a neg-risk event) are planned like all others: on
    paper they are held until their markets settle.
    """

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
    context: Context = CALM,
) -> Plan | NoPlan:
    """What to send for `finding` now, never more than its size; or why it should be left alone.

    `context` is handed on to `decision.decide`.
    """
    fresh = _fresh(bet, finding, books, listings, rules, now_ms)
    if isinstance(fresh, NoPlan):
        return fresh
    verdict = decision.decide(fresh, hurdles, now_ms, context)
    if verdict.state != decision.ACTIONABLE:
        return NoPlan(verdict.reasons[0].code, "; ".join(reason.sentence for reason in verdict.reasons))
    tickets = []
    for leg in sorted(fresh.legs, key=_slack):  # stable: equal slack keeps the finding's order
        fees = listings[leg.platform, leg.market_id].fees
        if fees is None:
            return NoPlan(FEES_UNKNOWN, f"the fees of {leg.platform}:{leg.market_id} are not known")
        tickets.append(ticket(fresh.bet_id, leg, fees))
    return Plan(fresh, tuple(tickets))


def _fresh(
    bet: Bet,
    finding: Finding,
    books: Mapping[MarketKey, BookView],
    listings: Mapping[MarketKey, Listing],
    rules: Rules,
    now_ms: int,
) -> Finding | NoPlan:
    """What the books of now offer in the finding's direction, not above its size."""
    own = rules.caps.max_payoff
    most = finding.size if own is None else min(finding.size, own)
    capped = replace(rules, caps=replace(rules.caps, max_payoff=most))
    result = detector.find(bet, books, listings, capped, now_ms)
    fresh = next((found for found in result.findings if found.direction == finding.direction), None)
    if fresh is None:
        return _gone(result, finding.direction)
    if fresh.size > finding.size:
        return NoPlan(GAP_GONE, "the books offer another gap than the one that was judged")
    if fresh.limited_by == sizing.MAX_PAYOFF and (own is None or finding.size < own):
        # What held the finding back is the reason, not that the finding is the most that is planned.
        fresh = replace(fresh, limited_by=finding.limited_by)
    return fresh


def _gone(result: detector.Result, direction: str) -> NoPlan:
    refusal = next((no for no in result.refusals if no.direction in (direction, "")), None)
    if refusal is None:
        return NoPlan(GAP_GONE, "the books no longer offer a gap")
    return NoPlan(refusal.code, refusal.sentence)


def _slack(leg: Leg) -> Fraction:
    """Depth for each contract wanted: the leg with the least is the likeliest to be missed, so it goes first."""
    return Fraction(leg.depth) / Fraction(leg.size)


def _down(contracts: Fraction) -> Decimal:
    """To whole micro-contracts, rounded down."""
    return dollars(int(contracts * MICRO))


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
        spend=spend(leg.platform, leg.side, leg.cost.notional, leg.size * leg.limit_price),
    )


def spend(platform: str, side: str, cost: Decimal, notional: Decimal) -> Decimal | None:
    """Whole cents that buy what `cost` buys by the books seen, never more than `notional`; None where sizes are sent.

    A part of a cent is rounded up: it buys crumbs that are worth less than a cent, where rounding down would leave the
    order short of the contracts that the other legs are bought for.
    """
    if platform not in BY_CASH or side != BUY:
        return None
    return min(cost.quantize(CENT, ROUND_CEILING), max(notional.quantize(CENT, ROUND_FLOOR), CENT))


def most_cash(side: str, size: Decimal, limit_price: Decimal, fees: FeeSchedule) -> Decimal:
    """What an order costs if every contract fills at its limit, in dollars; a sale needs no cash.

    Price plus fee rises with the price on both platforms, so better fills cost less, save for rounding.
    """
    if side != BUY:
        return Decimal(0)
    return fees.order_cost(side, [Level(limit_price, size)]).cash


def loss_limit(finding: Finding, pct: Decimal, measured: Decimal) -> Decimal:
    """Dollars that a plan may lose on lone remainders: what its hurdle has reckoned with, and `pct` of its cost besides.

    A limit below what selling back is known to cost would make a bet on the outcome of every leg that is left alone.
    `measured` is what selling back has lost on average, dollars a contract.
    """
    return expected.reckoned_loss(finding, measured) + finding.outlay * pct


def share(planned: Ticket, filled: Decimal) -> Fraction:
    """How much of a planned order has filled, 0 to 1."""
    return min(Fraction(1), Fraction(filled) / Fraction(planned.size))


def smallest_share(planned: Sequence[Ticket], filled: Sequence[Decimal]) -> Fraction:
    """The share that all orders have reached; one that was never sent has filled nothing."""
    if len(filled) < len(planned):
        return Fraction(0)
    return min(share(*both) for both in zip(planned, filled, strict=True))


def uncovered(planned: Sequence[Ticket], filled: Sequence[Decimal]) -> list[tuple[Ticket, Decimal]]:
    """What is held beyond the share that all orders have reached: contracts that no other leg completes."""
    reached = smallest_share(planned, filled)
    rests = (
        (ticket, _down(Fraction(done) - reached * Fraction(ticket.size)))
        for ticket, done in zip(planned, filled, strict=False)
    )
    return [(ticket, rest) for ticket, rest in rests if rest > 0]


def for_share(waiting: Ticket, reached: Fraction, listing: Listing) -> Ticket | NoPlan:
    """A planned ticket, cut to the share that the legs before it have filled: equal in shares, never in dollars.

    A NoPlan means that the fills cannot be matched on this market, and the legs before it are alone.
    """
    return for_filled(waiting, _down(reached * Fraction(waiting.size)), listing)


def for_filled(waiting: Ticket, filled: Decimal, listing: Listing) -> Ticket | NoPlan:
    """A planned ticket, cut to `filled` of its own contracts, rounded down to what the market accepts."""
    if filled <= 0:
        return NoPlan(NO_FILL, "a leg before it filled nothing, so there is nothing to complete")
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
    less = None
    if waiting.spend is not None:
        less = spend(waiting.platform, waiting.side, waiting.spend * size / waiting.size, notional)
    return replace(waiting, size=size, notional=notional, cash=cash, spend=less)

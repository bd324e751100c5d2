"""A plan inside every limit: made on the books of now, and cut to the room that is left.

    size = min(depth walk to the hurdle, Kelly, cash per platform and shard, limits, evidence)

The walk, its hurdle and the cash are caps that the search itself keeps to (`signals.sizing`); limits and Kelly cut the
plan that it finds. What held the size back is the finding's `limited_by`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from execution import limits
from execution.limits import Held, Limits
from execution.plans import planning
from execution.plans.planning import NoPlan, Plan, Ticket
from execution.portfolio import holdings
from markets.bets import Bet, MarketKey
from markets.books import MICRO, BookView, dollars
from signals import expected, kelly, rules
from signals.catalogue import Catalogue
from signals.deciding.decision import Context, Hurdles
from signals.edge import Charges
from signals.findings import Finding, Listing, Rules

KELLY, EVIDENCE = "kelly", "evidence"
CUTS = 3  # a cut plan has other prices and fees: once more, or twice, and it fits
ZERO = Decimal(0)


def plan(
    bet: Bet,
    finding: Finding,
    known: Catalogue,
    books: Mapping[MarketKey, BookView],
    held: Held,
    now_ms: int,
    context: Context,
) -> Plan | NoPlan:
    """What to send for a finding, or why nothing. `context` is what the verdict on it depends on besides."""
    means = Means(rules.rules(), rules.hurdles(), holdings.limits())
    return fit(bet, finding, known.listings, books, held, now_ms, context, means)


@dataclass(frozen=True, slots=True)
class Means:
    """What a plan has to keep to."""

    rules: Rules
    hurdles: Hurdles
    limits: Limits


def fit(
    bet: Bet,
    finding: Finding,
    listings: Mapping[MarketKey, Listing],
    books: Mapping[MarketKey, BookView],
    held: Held,
    now_ms: int,
    context: Context,
    means: Means,
) -> Plan | NoPlan:
    """The same without settings or database: a backtest plans with what it was given."""
    finding = _by_evidence(finding, context)
    hurdles, risk = means.hurdles, means.limits
    base = _within_cash(means.rules, bet, listings, held, risk)
    base = _to_the_hurdle(base, finding, context, hurdles.charges)

    def look(at: Finding) -> Plan | NoPlan:
        found = planning.plan(bet, at, books, listings, base, hurdles, now_ms, context)
        return found if isinstance(found, NoPlan) else _on_shards(found, listings)

    planned = look(finding)
    for _ in range(CUTS):
        if isinstance(planned, NoPlan):
            return planned
        refusals = limits.check_plan(planned.tickets, held, risk, _bests(planned.tickets, books))
        room, why = _room(planned, held, risk, context)
        if not refusals and room >= 1:
            return planned
        if room >= 1 or room <= 0:
            break
        fresh = planned.finding
        planned = look(replace(fresh, size=_part(fresh.size, room), limited_by=why))
    if isinstance(planned, NoPlan):
        return planned
    if not refusals:
        return _no_stake(planned, context, held, risk)
    return NoPlan(refusals[0].code, "; ".join(refusal.sentence for refusal in refusals))


def _by_evidence(finding: Finding, context: Context) -> Finding:
    """The finding at the size that evidence lets be wanted.

    Shrinking always counts. A larger size is only *wanted*: what the books of now, the hurdle, the limits and Kelly
    leave of it is planned. Nobody wants more than a second look has seen.
    """
    factor = context.joined.factor
    if factor == 1 or (factor > 1 and (context.answered_edge is not None or context.cleared)):
        return finding
    return replace(finding, size=_part(finding.size, Fraction(factor)), limited_by=EVIDENCE)


def _within_cash(
    base: Rules, bet: Bet, listings: Mapping[MarketKey, Listing], held: Held, risk: Limits
) -> Rules:
    """With the cash that orders on the bet's markets may spend: the least of the shards that they use."""
    free: dict[str, Decimal] = {}
    for market in bet.markets:
        listing = listings.get(market)
        shard = listing.shard if listing is not None else 0
        amount = max(ZERO, limits.spendable(market[0], shard, held, risk)[0])
        free[market[0]] = min(free.get(market[0], amount), amount)
    return replace(base, caps=replace(base.caps, cash=free))


def _to_the_hurdle(base: Rules, finding: Finding, context: Context, charges: Charges) -> Rules:
    """With what each further pair must gain: the chance that it pays nothing, the risk of its legs, and its capital."""
    falls = expected.of(finding, context.m0, charges, context.joined.hurdle)
    return replace(base, caps=replace(base.caps, hurdle=falls.hurdle / falls.payoff))


def _on_shards(found: Plan, listings: Mapping[MarketKey, Listing]) -> Plan:
    """With the shard of each ticket's market: its money is kept apart."""
    tickets = tuple(
        replace(ticket, shard=listings[ticket.platform, ticket.market_id].shard) for ticket in found.tickets
    )
    return replace(found, tickets=tickets)


def _room(planned: Plan, held: Held, risk: Limits, context: Context) -> tuple[Fraction, str]:
    """The share of a plan that limits and Kelly leave, and which of them it is."""
    room = limits.tightest(planned.tickets, held, risk)
    stake = kelly_stake(planned, held, risk, context)
    if stake is not None and planned.finding.outlay > 0:
        room = min(room, (Fraction(stake) / Fraction(planned.finding.outlay), KELLY))
    return room


def kelly_stake(planned: Plan, held: Held, risk: Limits, context: Context) -> Decimal | None:
    """Dollars that Kelly lets a plan cost; None where no fraction or no bankroll is known.

    The edge is the plan's own, so a cut plan, whose edge is no smaller, stays inside. Bets that share a rule source are
    spoilt together: what is at risk on any of the plan's groups is taken off.
    """
    if risk.kelly_fraction is None or held.bankroll is None:
        return None
    groups = {name for ticket in planned.tickets for name in held.groups_of(ticket)}
    bets = {bet_id for ticket in planned.tickets for bet_id in held.bets_of(ticket)}
    beside = max(
        [held.by_group.get(name, ZERO) for name in groups]
        + [held.by_bet.get(bet_id, ZERO) for bet_id in bets],
        default=ZERO,
    )
    full = kelly.pair(planned.finding.edge, context.m0_upper)
    return kelly.stake(full, risk.kelly_fraction, held.bankroll, beside)


def _no_stake(planned: Plan, context: Context, held: Held, risk: Limits) -> NoPlan:
    edge = planned.finding.edge
    stake = kelly_stake(planned, held, risk, context)
    return NoPlan(
        KELLY,
        f"Kelly stakes ${stake:.2f} more on an edge of {edge:.4f} per $1, where the chance to lose everything may be"
        f" {context.m0_upper} and ${planned.finding.outlay:.2f} are wanted",
    )


def _part(size: Decimal, share: Fraction) -> Decimal:
    return dollars(int(Fraction(size) * share * MICRO))


def _bests(tickets: Sequence[Ticket], books: Mapping[MarketKey, BookView]) -> list[Decimal | None]:
    found: list[Decimal | None] = []
    for ticket in tickets:
        view = books.get((ticket.platform, ticket.market_id))
        ladder = view.asks_for(ticket.outcome) if view is not None else ()
        found.append(dollars(ladder[0][0]) if ladder else None)
    return found

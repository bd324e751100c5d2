"""What to do with contracts that no other leg completes: complete them, sell them back, or hold them.

Pure. All figures are by the live books, after fees. A remainder has cost something already (`paid`); what counts is how
much of it comes back: by the payoff less what completing costs, or by what selling brings. The better of the two is
done, as far as it loses no more than `limit` on the whole remainder. Where neither can be done, it is held, and the
sentence says why.

An exit is the same with the signs turned: what is alone was sold, completing sells the rest, going back buys it again.

What is owed (`Remainder.owed`) has one way only: to be had again. Its sale brought something, so `paid` is negative.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

from execution.plans.planning import Ticket, most_cash, spend
from execution.plans.saga import COMPLETE, UNWIND, Piece, Remainder
from markets.bets import MarketKey
from markets.books import MICRO, BookView, Ladder, Level, dollars, micro, take
from markets.books import levels as levels_of
from markets.platforms.base import OPEN
from signals import sizing
from signals.findings import BUY, Listing

ZERO = Decimal(0)
SELL = "SELL"


@dataclass(frozen=True, slots=True)
class Money:
    """What a remainder is about, in dollars. For an exit, `paid` and `payoff` are negative; what is owed has no payoff."""

    paid: Decimal  # that the contracts that are alone have cost, fees included
    payoff: Decimal  # of the whole share, once completed
    limit: Decimal  # that may be lost on it


@dataclass(frozen=True, slots=True)
class Act:
    """Send an order: `role` COMPLETE or UNWIND. `ends` is what comes back in dollars for the `paid` of its part."""

    role: str
    leg: int
    ticket: Ticket
    ends: Decimal
    loses: Decimal
    sentence: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Leave it, and why."""

    sentence: str


@dataclass(frozen=True, slots=True)
class _Way:
    """One way out: what it brings for which part of the remainder, and the order that starts it."""

    role: str
    piece: Piece
    part: Fraction  # of the remainder
    ticket: Ticket
    ends: Decimal

    def per_part(self) -> Fraction:
        return Fraction(self.ends) / self.part


def decide(
    rest: Remainder,
    money: Money,
    books: Mapping[MarketKey, BookView],
    listings: Mapping[MarketKey, Listing],
    *,
    unsettled: bool = False,
    netted: bool = False,
) -> Act | Hold:
    """Whichever ends best by these books within the loss limit; or why it is held.

    `unsettled`: what is alone was matched, but its trades have not settled, and the platform lets nobody sell it yet.
    `netted`: it has become a dollar together with another plan's contracts of the other outcome, whose own legs are alone
    in its place. What completes it completes those.
    """
    whys: list[str] = []
    ways = []
    roads = ((COMPLETE, rest.lacking, False), (UNWIND, rest.alone, True))
    for role, pieces, turned in roads[:1] if rest.owed else roads:
        if role in rest.refused:
            whys.append(f"{role.lower()}: our own checks refused it")
            continue
        if role == UNWIND and unsettled:
            whys.append("unwind: its trades have not settled yet, and only then can it be sold")
            continue
        if role == UNWIND and netted:
            whys.append("unwind: it was netted against another plan's contracts of the other outcome")
            continue
        way = _way(role, pieces, turned, money, books, listings)
        if isinstance(way, str):
            whys.append(f"{role.lower()}: {way}")
        else:
            ways.append(way)
    if not ways:
        held = (
            "owed, for a trade failed after its contracts were passed on, and they cannot be had again now"
            if rest.owed
            else "held, for it can neither be completed nor sold back"
        )
        return Hold(f"{held}: " + "; ".join(whys))
    best = max(ways, key=lambda way: (way.per_part(), way.part))
    loses = _share(money.paid, best.part, up=True) - best.ends
    others = [
        f"{way.role.lower()} would bring {_cents(way.per_part())} for all of it"
        for way in ways
        if way is not best
    ]
    sentence = (
        f"{best.role.lower()} brings {_cents(best.per_part())} for what cost {money.paid:.2f}"
        f" (limit of the loss {money.limit:.2f}); " + "; ".join(others + whys)
    ).rstrip("; ")
    return Act(best.role, best.piece.leg, best.ticket, best.ends, loses, sentence)


def _share(amount: Decimal, part: Fraction, *, up: bool = False) -> Decimal:
    """A part of an amount that may have any number of decimals, rounded to a micro-dollar, to our disadvantage."""
    exact = Fraction(amount) * part * MICRO
    return dollars(ceil(exact) if up else floor(exact))


def _cents(amount: Fraction) -> str:
    return f"{Decimal(amount.numerator) / Decimal(amount.denominator):.2f}"


def _way(
    role: str,
    pieces: Sequence[Piece],
    turned: bool,
    money: Money,
    books: Mapping[MarketKey, BookView],
    listings: Mapping[MarketKey, Listing],
) -> "_Way | str":
    """A way out by these pieces, the thinnest first; or why there is none."""
    if not pieces:
        return "there is nothing to trade"
    ladders = {}
    for piece in pieces:
        ladder = _ladder(piece, turned, books)
        if not ladder:
            return f"no book of {piece.ticket.platform}:{piece.ticket.market_id} to trade on"
        ladders[piece.leg] = ladder
    gain = ZERO if turned else money.payoff
    depths = {piece.leg: _depth(ladders[piece.leg], piece) for piece in pieces}
    part = min(Fraction(1), *depths.values())
    # Fewer levels are cheaper: from the whole depth down to the best level alone, until the loss is within the limit
    for share in _cuts(pieces, ladders, part):
        found = _orders(pieces, turned, share, ladders, listings)
        if isinstance(found, str):
            return found
        tickets, flows, done = found
        ends = _share(gain, done) + flows
        loses = _share(money.paid, done, up=True) - ends
        if Fraction(loses) <= Fraction(money.limit) * done:
            thinnest = min(range(len(pieces)), key=lambda at: depths[pieces[at].leg])
            return _Way(role, pieces[thinnest], done, tickets[thinnest], ends)
    return f"it would lose more than {money.limit:.2f}"


def _ladder(piece: Piece, turned: bool, books: Mapping[MarketKey, BookView]) -> Ladder:
    view = books.get((piece.ticket.platform, piece.ticket.market_id))
    if view is None:
        return ()
    buying = side(piece.ticket, turned) == BUY
    return view.asks_for(piece.ticket.outcome) if buying else view.bids_for(piece.ticket.outcome)


def side(ticket: Ticket, turned: bool) -> str:
    """The side that goes on with a ticket, or takes it back."""
    if not turned:
        return ticket.side
    return SELL if ticket.side == BUY else BUY


def _depth(ladder: Ladder, piece: Piece) -> Fraction:
    return Fraction(sum(size for _, size in ladder), micro(piece.contracts))


def _cuts(pieces: Sequence[Piece], ladders: Mapping[int, Ladder], most: Fraction) -> list[Fraction]:
    """Parts of the remainder at which some ladder's level ends, the largest first."""
    ends = {most}
    for piece in pieces:
        so_far = 0
        for _, size in ladders[piece.leg]:
            so_far += size
            ends.add(min(most, Fraction(so_far, micro(piece.contracts))))
    return sorted(ends, reverse=True)


def _orders(
    pieces: Sequence[Piece],
    turned: bool,
    share: Fraction,
    ladders: Mapping[int, Ladder],
    listings: Mapping[MarketKey, Listing],
) -> tuple[list[Ticket], Decimal, Fraction] | str:
    """Orders for `share` of each piece, the dollars that they bring in all, and the part that they do of it."""
    tickets, flows, done = [], ZERO, Fraction(1)
    for piece in pieces:
        listing = listings[piece.ticket.platform, piece.ticket.market_id]
        made = _order(piece, side(piece.ticket, turned), share, ladders[piece.leg], listing)
        if isinstance(made, str):
            return made
        ticket, flow = made
        tickets.append(ticket)
        flows += flow
        done = min(done, Fraction(ticket.size) / Fraction(piece.contracts))
    return tickets, flows, done


def _order(
    piece: Piece, way: str, share: Fraction, ladder: Ladder, listing: Listing
) -> tuple[Ticket, Decimal] | str:
    """One order down to the last level that it needs, and the dollars it brings (negative: costs)."""
    if listing.fees is None or listing.fault:
        return listing.fault or f"the fees of {listing.platform}:{listing.market_id} are not known"
    if listing.status != OPEN:
        return f"{listing.platform}:{listing.market_id} is {listing.status.lower()}: it takes no orders"
    wanted = dollars(sizing.down(int(share * micro(piece.contracts)), listing.step))
    limit = _worst(ladder, wanted)
    if limit is not None and listing.whole_cents and way == BUY:
        wanted = dollars(sizing.down(micro(wanted), sizing.cent_step(micro(limit), listing.step)))
    if limit is None or wanted <= 0 or wanted < listing.min_size or wanted * limit < listing.min_value:
        return f"{piece.contracts} contracts are fewer than {listing.platform} takes"
    taken = take(levels_of(ladder), wanted)
    cost = listing.fees.order_cost(way, taken)
    ticket = Ticket(
        bet_id=piece.ticket.bet_id, platform=piece.ticket.platform, market_id=piece.ticket.market_id,
        outcome=piece.ticket.outcome, side=way, size=wanted, limit_price=limit, notional=wanted * limit,
        cash=max(cost.cash, most_cash(way, wanted, limit, listing.fees)) if way == BUY else ZERO,
        shard=piece.ticket.shard, spend=spend(piece.ticket.platform, way, cost.notional, wanted * limit),
    )  # fmt: skip
    return ticket, -cost.cash if way == BUY else cost.cash


def _worst(ladder: Ladder, wanted: Decimal) -> Decimal | None:
    taken: list[Level] = take(levels_of(ladder), wanted)
    return taken[-1].price if taken else None


def best(ticket: Ticket, books: Mapping[MarketKey, BookView]) -> Decimal | None:
    """The best price that an order could trade at now; None without a book."""
    view = books.get((ticket.platform, ticket.market_id))
    if view is None:
        return None
    ladder = view.asks_for(ticket.outcome) if ticket.side == BUY else view.bids_for(ticket.outcome)
    return dollars(ladder[0][0]) if ladder else None


def marketable(ticket: Ticket, price: Decimal) -> bool:
    """Whether an order trades at this price or better."""
    return price <= ticket.limit_price if ticket.side == BUY else price >= ticket.limit_price

"""What is held, as the core reads it: accounts, exposure and what open orders have spoken for.

Nothing here reads every position: cash and what is invested come from the `accounts` rows that booking keeps, and
positions only of the markets, bets and groups that are asked about. So a plan costs the same with ten and with ten
thousand positions.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal

from django.conf import settings
from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from arbsite import keys
from arbsite.connections import REDIS_GONE, redis_client
from execution import ledger
from execution.ledger import PositionKey
from execution.lifecycle import ABANDONED, CANCELLED, FILLED
from execution.limits import Held, Limits, Purse
from execution.models import Fill, Order, Position, Settling
from execution.plans import planning
from execution.risk import services as risk
from markets import live
from markets.bets import MarketKey
from markets.books import YES, dollars
from markets.models import Market
from markets.platforms.base import PLATFORMS, SETTLED
from signals.catalogue import Catalogue

PAPER = "paper"
OPENING = "opening"  # the reference of the cash movement that paper trading begins with
ZERO = Decimal(0)
LEDGER_LOCK = 0x41524253  # one number for everybody who moves money
CENT = Decimal("0.01")
MINUTE = timedelta(minutes=1)
# What a platform has matched and nobody has booked yet counts as an open order for so long; reconciliation comes sooner
UNBOOKED = timedelta(minutes=10)
# Of n·p·(1-p): no platform takes more; used where a market's own fees are not at hand
DEAREST_FEE = Decimal("0.07")


def lock_ledger() -> None:
    """Serialise whoever moves money, until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LEDGER_LOCK])


def rows_of(mode: str, market_ids: list[str] | None = None) -> dict[PositionKey, Position]:
    """Position rows of a mode, those of some markets only where asked."""
    rows = Position.objects.filter(mode=mode)
    if market_ids is not None:
        rows = rows.filter(market_id__in=market_ids)
    return {(row.platform, row.market_id, row.outcome): row for row in rows}


def value_of(row: Position) -> ledger.Position:
    """A position row as the ledger's value."""
    return ledger.Position(
        quantity=row.quantity, paid=row.paid, cost=row.cost, realised=row.realized_pnl, fees=row.fees
    )


SELLABLE = """
SELECT coalesce((SELECT sum(quantity) FROM positions
                  WHERE mode = %(mode)s AND platform = %(platform)s AND market_id = %(market)s
                    AND outcome = %(outcome)s), 0)
     - coalesce((SELECT sum(greatest(0, CASE WHEN status = ANY(%(open)s) THEN greatest(coalesce(quantity, 0), matched_qty)
                                             ELSE matched_qty END - filled_qty)) FROM orders
                  WHERE mode = %(mode)s AND platform = %(platform)s AND market_id = %(market)s AND outcome = %(outcome)s
                    AND side = 'SELL' AND id <> %(without)s
                    AND (status = ANY(%(open)s) OR (sent_at > %(unbooked)s AND status = ANY(%(over)s)))), 0)
"""


def sellable(mode: str, key: PositionKey, *, without: str = "", now: datetime | None = None) -> Decimal:
    """Contracts that are held and that no other order (but `without`, an id) is selling or has sold; never negative.

    What a sale has matched is gone, though its fills are not booked yet: to sell it again would be to sell what is not
    held, which on Kalshi buys the other outcome.
    """
    platform, market_id, outcome = key
    values = {
        "mode": mode, "platform": platform, "market": market_id, "outcome": outcome, "without": without,
        "open": list(Order.OPEN_STATUSES), "over": [FILLED, CANCELLED, ABANDONED],
        "unbooked": (now or timezone.now()) - UNBOOKED,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(SELLABLE, values)
        (left,) = cursor.fetchone()
    return max(ZERO, left)


def unsettled(mode: str, key: PositionKey) -> Decimal:
    """Contracts that were bought and whose trades have not settled yet: held, but not for sale (Polymarket)."""
    platform, market_id, outcome = key
    found = Fill.objects.filter(
        mode=mode, platform=platform, market_id=market_id, outcome=outcome, side=ledger.BUY,
        settling__status__in=(Settling.MATCHED, Settling.MINED, Settling.RETRYING),
    ).aggregate(sum=Sum("quantity"))  # fmt: skip
    return found["sum"] or ZERO


# --- accounts


@dataclass(frozen=True, slots=True)
class Money:
    """Money on one shard of a platform, in dollars."""

    platform: str
    shard: int
    cash: Decimal
    invested: Decimal  # paid for what is held, without fees


def accounts(mode: str) -> list[Money]:
    """Cash and what is invested, by platform and shard. Every platform has its shard 0, with nothing on it or something.

    Where paper trading has booked nothing yet, its opening cash counts already: the row is written with the first booking.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT platform, shard, cash, invested FROM accounts WHERE mode = %s ORDER BY platform, shard",
            [mode],
        )
        found = {(platform, shard): (cash, invested) for platform, shard, cash, invested in cursor.fetchall()}
    for platform in PLATFORMS:
        found.setdefault((platform, 0), (ZERO, ZERO))
    if mode == PAPER:
        opening = settings.ARBSITE.trading.paper_cash
        for platform in unopened(mode, PLATFORMS):
            cash, invested = found[platform, 0]
            found[platform, 0] = (cash + opening, invested)
    return [Money(*purse, *money) for purse, money in sorted(found.items())]


def unopened(mode: str, platforms: Sequence[str]) -> list[str]:
    """Platforms on which paper trading has not written its opening cash."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT platform FROM cash_movements WHERE mode = %s AND platform = ANY(%s) AND reference = %s",
            [mode, list(platforms), OPENING],
        )
        opened = {platform for (platform,) in cursor.fetchall()}
    return [platform for platform in platforms if platform not in opened]


def cash(mode: str) -> dict[str, Decimal]:
    """Dollars of cash on each platform, all its shards together; what open orders have spoken for is among it."""
    found = dict.fromkeys(PLATFORMS, ZERO)
    for account in accounts(mode):
        found[account.platform] += account.cash
    return found


def accounts_differ(mode: str) -> list[str]:
    """Compare the accounts with the sums of all fills and cash movements; returns every difference as a sentence."""
    wanted = _accounts_from_history(mode)
    with connection.cursor() as cursor:
        cursor.execute("SELECT platform, shard, cash, invested FROM accounts WHERE mode = %s", [mode])
        stored = {
            (platform, shard): (money, invested) for platform, shard, money, invested in cursor.fetchall()
        }
    nothing = (ZERO, ZERO)
    return [
        f"{mode} {purse[0]}/{purse[1]}: stored ${stored.get(purse, nothing)[0]} cash and"
        f" ${stored.get(purse, nothing)[1]} invested; fills and cash movements say ${wanted.get(purse, nothing)[0]} and"
        f" ${wanted.get(purse, nothing)[1]}"
        for purse in sorted(stored.keys() | wanted.keys())
        if stored.get(purse, nothing) != wanted.get(purse, nothing)
    ]


def _accounts_from_history(mode: str) -> dict[Purse, tuple[Decimal, Decimal]]:
    """Cash and what is invested, from nothing but fills and cash movements."""
    money: dict[Purse, Decimal] = defaultdict(lambda: ZERO)
    invested: dict[Purse, Decimal] = defaultdict(lambda: ZERO)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT platform, shard, sum(amount) FROM cash_movements WHERE mode = %s GROUP BY 1, 2", [mode]
        )
        for platform, shard, amount in cursor.fetchall():
            money[platform, shard] += amount
    positions: dict[PositionKey, ledger.Position] = {}
    for fill in Fill.objects.filter(mode=mode).order_by("id").iterator(chunk_size=2_000):
        entry = ledger.Entry(
            fill.platform, fill.market_id, fill.outcome, fill.side, fill.quantity, fill.price, fill.fee, fill.kind
        )  # fmt: skip
        before = positions.get(entry.key, ledger.Position())
        after = positions[entry.key] = ledger.apply(before, entry)
        money[fill.platform, fill.shard] += fill.cash
        invested[fill.platform, fill.shard] += after.paid - before.paid
    return {purse: (money[purse], invested[purse]) for purse in money.keys() | invested.keys()}


# --- exposure


def held(
    mode: str,
    known: Catalogue,
    *,
    bets: Iterable[str] | None = None,
    markets: Iterable[MarketKey] = (),
    without: Sequence[str] = (),
    now: datetime | None = None,
) -> Held:
    """What is at risk, positions and open orders; and the cash that is free. Four short queries, whatever is held.

    With `bets` (ids) or `markets`, exposure by market, bet and group is that of these bets, these markets and their
    groups alone; without, of everything, at the price of reading it all. Totals and cash are always whole. `without`
    are orders (ids) that do not count: an order that is asked about stands in the table already.
    """
    now = now or timezone.now()
    concerned = _concerned(known, bets, markets)
    purses: dict[Purse, Decimal] = defaultdict(lambda: ZERO)
    by_platform: dict[str, Decimal] = defaultdict(lambda: ZERO)
    bankroll = ZERO
    for account in accounts(mode):
        purses[account.platform, account.shard] += account.cash
        by_platform[account.platform] += account.invested
        bankroll += account.cash + account.invested
    by_market = _invested(mode, concerned.asked)
    reserved, sent = _at_work(mode, known, without, now)
    for one in reserved:
        purses[one.platform, one.shard if mode != PAPER else 0] -= one.cash
        by_platform[one.platform] += one.notional
        by_market[one.platform, one.market_id] += one.notional
    free: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for (platform, _), amount in purses.items():
        free[platform] += amount
    days, locked = _locked_late(mode, now)
    late = _late(known, {*concerned.own, *((one.platform, one.market_id) for one in reserved)}, now, days)
    return Held(
        by_market=by_market,
        by_bet={bet_id: _sum(by_market, found) for bet_id, found in concerned.bets.items()},
        by_group={name: _sum(by_market, found) for name, found in concerned.groups.items()},
        by_platform=by_platform,
        cash=free,
        purses={} if mode == PAPER else purses,  # paper money of a platform lies in one purse
        open_orders=len(reserved),
        sent=sent,
        bankroll=bankroll,
        late=late,
        locked_late=locked
        + sum((one.notional for one in reserved if (one.platform, one.market_id) in late), ZERO),
        groups={bet_id: known.groups(bet_id) for bet_id in concerned.bets},
        bets={market: frozenset(known.by_market.get(market, ())) for market in concerned.own},
    )


@dataclass(frozen=True, slots=True)
class Concerned:
    """Whose exposure is asked about: the markets of each bet and group, and which markets have to be read."""

    own: frozenset[MarketKey]  # of the bets and markets asked about themselves
    bets: Mapping[str, frozenset[MarketKey]]
    groups: Mapping[str, frozenset[MarketKey]]
    asked: list[str] | None  # market ids; None: all


def _concerned(known: Catalogue, bets: Iterable[str] | None, markets: Iterable[MarketKey]) -> Concerned:
    own = set(markets)
    everything = bets is None and not own
    ids = set(known.bets) if everything else set(bets or ())
    ids.update(bet_id for market in own for bet_id in known.by_market.get(market, ()))
    of_bets = {bet_id: frozenset(known.bets[bet_id].markets) for bet_id in ids if bet_id in known.bets}
    own = own.union(*of_bets.values())
    names = {name for bet_id in of_bets for name in known.groups(bet_id)}
    of_groups = {name: frozenset(known.markets_of(name)) for name in names}
    asked = {market_id for _, market_id in own.union(*of_groups.values())}
    return Concerned(frozenset(own), of_bets, of_groups, None if everything else sorted(asked))


def _sum(amounts: Mapping[MarketKey, Decimal], markets: Iterable[MarketKey]) -> Decimal:
    return sum((amounts[market] for market in markets if market in amounts), ZERO)


def _invested(mode: str, market_ids: list[str] | None) -> dict[MarketKey, Decimal]:
    """Dollars paid for what is held, without fees, by market."""
    found: dict[MarketKey, Decimal] = defaultdict(lambda: ZERO)
    where, values = "", [mode]
    if market_ids is not None:
        where, values = " AND market_id = ANY(%s)", [mode, market_ids]  # type: ignore[list-item]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT platform, market_id, sum(paid) FROM positions WHERE mode = %s AND quantity > 0{where} GROUP BY 1, 2",
            values,
        )
        for platform, market_id, paid in cursor.fetchall():
            found[platform, market_id] += paid
    return found


@dataclass(frozen=True, slots=True)
class Reservation:
    """What an order at work may still cost, in dollars. A sale reserves nothing, but is an order at work."""

    platform: str
    market_id: str
    shard: int
    notional: Decimal
    cash: Decimal  # with fees


AT_WORK = """
SELECT id, platform, market_id, side, shard, quantity, filled_qty, price, cash, avg_fill_price FROM orders
 WHERE mode = %(mode)s AND status = ANY(%(open)s)
UNION ALL
SELECT id, platform, market_id, side, shard, matched_qty, filled_qty, price, cash, avg_fill_price FROM orders
 WHERE mode = %(mode)s AND sent_at > %(unbooked)s AND matched_qty > filled_qty AND status = ANY(%(over)s)
"""


def _at_work(
    mode: str, known: Catalogue, without: Sequence[str], now: datetime
) -> tuple[list[Reservation], int]:
    """What open orders have spoken for, those PLANNED among them; and how many were sent within the last minute."""
    values = {
        "mode": mode, "open": list(Order.OPEN_STATUSES), "unbooked": now - UNBOOKED,
        "over": [FILLED, CANCELLED, ABANDONED], "since": now - MINUTE,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(AT_WORK, values)
        rows = cursor.fetchall()
        cursor.execute("SELECT count(*) FROM orders WHERE mode = %(mode)s AND sent_at > %(since)s", values)
        (sent,) = cursor.fetchone()
    return [_reserved(known, *row) for order_id, *row in rows if order_id not in without], sent


def _reserved(
    known: Catalogue,
    platform: str,
    market_id: str | None,
    side: str | None,
    shard: int,
    quantity: Decimal | None,
    filled: Decimal,
    price: Decimal | None,
    budget: Decimal | None,
    average: Decimal | None,
) -> Reservation:
    left = max(ZERO, (quantity or ZERO) - filled)
    if side != Order.BUY or not left or price is None:
        return Reservation(platform, market_id or "", shard, ZERO, ZERO)
    notional = left * price
    if budget is not None:  # filled by cash: it may buy more contracts, for no more dollars
        notional = max(ZERO, budget - filled * (average or ZERO))
    listing = known.listings.get((platform, market_id or ""))
    if listing is not None and listing.fees is not None:
        fee = planning.most_cash(side, left, price, listing.fees) - left * price
    else:
        fee = (DEAREST_FEE * left * price * (1 - price)).quantize(CENT, ROUND_CEILING)
    return Reservation(platform, market_id or "", shard, notional, notional + fee)


def _late(known: Catalogue, markets: Iterable[MarketKey], now: datetime, days: int) -> frozenset[MarketKey]:
    """Markets that pay later than so many days from now; those of which nobody knows when are late."""
    last = now + timedelta(days=days)
    listed = ((market, known.listings.get(market)) for market in markets)
    return frozenset(
        market for market, listing in listed if listing is None or listing.settles is None or listing.settles > last
    )  # fmt: skip


def _locked_late(mode: str, now: datetime) -> tuple[int, Decimal]:
    """After how many days a market pays late, and the dollars paid for what is held in such markets.

    Summed up over all positions at most once a minute; until then as it was (`cache:locked:<mode>`).
    """
    name = keys.locked(mode)
    try:
        kept = redis_client().get(name)
    except REDIS_GONE:
        kept = None
    if kept is not None:
        days, amount = kept.decode().split()
        return int(days), Decimal(amount)
    known_days = risk.limits().late_days
    days = int(known_days) if known_days is not None else settings.ARBSITE.risk.late_days
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(p.paid), 0) FROM positions p JOIN markets m ON m.id = p.market_id"
            " WHERE p.mode = %s AND p.quantity > 0 AND (m.settles_at IS NULL OR m.settles_at > %s)",
            [mode, now + timedelta(days=days)],
        )
        (amount,) = cursor.fetchone()
    with suppress(*REDIS_GONE):
        redis_client().set(name, f"{days} {amount}", ex=int(MINUTE.total_seconds()))
    return days, amount


def limits() -> Limits:
    """The limits that hold now: what people have set, the settings' defaults for the rest. One query."""
    return risk.limits()


def marks(rows: dict[PositionKey, Position]) -> dict[PositionKey, Decimal]:
    """What each held contract would fetch: what its market has settled at, else its outcome's live best bid, else the
    last price known, else the paid.
    """
    views = live.book_views({(platform, market_id) for platform, market_id, _ in rows})
    settled = dict(
        Market.objects.filter(
            id__in={key[1] for key in rows}, status=SETTLED, settlement_value__isnull=False
        ).values_list("id", "settlement_value")
    )
    found = {}
    for key, row in rows.items():
        if key[1] in settled:  # before the platform's payout is booked: one leg must not wait for the other
            found[key] = settled[key[1]] if row.outcome == YES else 1 - settled[key[1]]
            continue
        view = views.get(key[:2])
        bids = view.bids_for(row.outcome) if view is not None else ()
        if bids:
            found[key] = dollars(bids[0][0])
        else:
            found[key] = row.current_price if row.current_price is not None else row.avg_price
    return found

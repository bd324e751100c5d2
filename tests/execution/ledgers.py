"""Random ledgers on the real database: markets, bets, plans, fills of every kind, cash movements."""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from execution import ledger
from execution.ledger import Entry
from execution.models import CashMovement, Fill, Order, Plan
from execution.portfolio import booking, holdings
from execution.portfolio.booking import Movement
from markets.models import Bet, BetOutcome, Market
from markets.platforms.base import KALSHI, POLYMARKET
from tests.factories import FEES

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
_numbers = itertools.count(1)


def a_market(market_id, platform=POLYMARKET, *, settles=NOW + timedelta(days=10), **fields):
    values = {
        "slug": market_id, "question": f"Will {market_id}?", "status": "OPEN", "settles_at": settles, "event_id": "EV",
        "ticks": [["0", "1", "0.01"]], "size_step": Decimal("0.01"), "min_size": Decimal(1), "rules": "It does.",
        "outcomes": [{"name": "YES", "label": "Yes", "token_id": "1"}, {"name": "NO", "label": "No", "token_id": "2"}],
        "fees": FEES[platform].as_json(),
    }  # fmt: skip
    return Market.objects.create(id=market_id, platform=platform, **(values | fields))


def a_pair(bet_id="pair:1", a="PM-1", b="KX-1", **fields):
    """A bet of two states on two markets of two platforms."""
    if not Market.objects.filter(pk=a).exists():
        a_market(a)
    if not Market.objects.filter(pk=b).exists():
        a_market(b, KALSHI, event_id="KXEV")
    bet = Bet.objects.create(id=bet_id, kind=Bet.PAIR, name=bet_id, states=["happens", "fails"], **fields)
    for market, outcome, state in ((a, "YES", 0), (a, "NO", 1), (b, "YES", 0), (b, "NO", 1)):
        BetOutcome.objects.create(bet=bet, market_id=market, outcome=outcome, pays_in=[bet.states[state]])
    return bet


def a_neg_risk(bet_id="neg_risk:1", names=("N-1", "N-2", "N-3"), **fields):
    """Exactly one of these markets pays YES."""
    for name in names:
        if not Market.objects.filter(pk=name).exists():
            a_market(name, event_id="NEG")
    bet = Bet.objects.create(id=bet_id, kind=Bet.NEG_RISK, name=bet_id, states=list(names), **fields)
    for name in names:
        others = [other for other in names if other != name]
        BetOutcome.objects.create(bet=bet, market_id=name, outcome="YES", pays_in=[name])
        BetOutcome.objects.create(bet=bet, market_id=name, outcome="NO", pays_in=others)
    return bet


def an_order(bet=None, market_id="PM-1", *, mode="paper", at=NOW, **fields):
    """An order of a plan of its own for this bet."""
    number = next(_numbers)
    kind = Plan.ARBITRAGE if bet is not None else Plan.MANUAL
    plan = Plan.objects.create(id=f"plan_{number}", kind=kind, bet=bet, mode=mode, created_at=at)
    market = Market.objects.get(pk=market_id)
    values = {
        "platform": market.platform, "market": market, "outcome": "YES", "side": "BUY", "quantity": Decimal(10),
        "price": Decimal("0.5"), "status": "PLANNED", "mode": mode, "client_order_id": f"ord_{number}",
        "created_at": at, "updated_at": at,
    }  # fmt: skip
    values |= fields
    if values["status"] != "PLANNED":  # an order of ours begins PLANNED; only somebody else's begins as it is
        values.setdefault("role", "HAND")
    return Order.objects.create(id=f"ord_{number}", plan=plan, **values)


def trade(
    market_id,
    outcome,
    side,
    quantity,
    price,
    fee="0",
    *,
    bet=None,
    mode="paper",
    at=NOW,
    kind="TRADE",
    shard=0,
):
    """One booked fill; of a plan for `bet` where one is given. Returns the fill."""
    market = Market.objects.get(pk=market_id)
    entry = Entry(
        market.platform, market_id, outcome, side, Decimal(quantity), Decimal(price), Decimal(fee), kind
    )
    size = Decimal(quantity)
    done = {"outcome": outcome, "side": side, "quantity": size, "filled_qty": size, "status": "FILLED"}
    order = an_order(bet, market_id, mode=mode, at=at, **done) if bet is not None else None
    number = f"t{next(_numbers)}"
    book([Movement(entry, number, order.id if order else None)], mode, at)
    return Fill.objects.get(mode=mode, trade_id=number)


def book(movements, mode, at=NOW):
    return booking.book(movements, mode=mode, now=at)


def cash(amount, platform=POLYMARKET, kind=CashMovement.DEPOSIT, *, mode="paper", at=NOW, shard=0):
    """Dollars that came (or went, where negative)."""
    booking.move_cash(mode, platform, Decimal(amount), kind, f"cash{next(_numbers)}", now=at, shard=shard)


def exact_profit(mode="paper"):
    """Profit from the fills alone, with contracts at what `holdings.marks` says: the other way round."""
    rows = {key: row for key, row in holdings.rows_of(mode).items() if row.quantity}
    marks = holdings.marks(rows)
    entries = [
        Entry(fill.platform, fill.market_id, fill.outcome, fill.side, fill.quantity, fill.price, fill.fee, fill.kind)
        for fill in Fill.objects.filter(mode=mode).order_by("id")
    ]  # fmt: skip
    return ledger.pnl_from_fills(entries, marks)

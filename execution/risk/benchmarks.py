"""What limits and sizing cost: the same plan with ten and with ten thousand open positions."""

import statistics
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from django.core.management import call_command
from django.db import connection, transaction

from arbsite.connections import redis_client
from arbsite.registry import Figure
from execution.benchmarks import _id, _info, _make_pairs
from execution.ledger import BUY, Entry
from execution.plans import fitting
from execution.plans.planning import Plan
from execution.portfolio import booking, holdings
from execution.portfolio.booking import Movement
from markets import live, store
from markets.bets import Bet as BetValue
from markets.bets import MarketKey
from markets.books import Book, BookView, micro
from markets.live import Change
from markets.models import Bet
from markets.platforms.base import KALSHI, POLYMARKET, MarketInfo
from signals import catalogue, rules
from signals.catalogue import Catalogue
from signals.deciding.decision import Context
from signals.detection import detector
from signals.findings import Finding

FEW, MANY, LOOKS, ROUNDS = 10, 10_000, 60, 8
TARGET = 1.3
CENT = Decimal("0.02"), Decimal("0.50")  # contracts and price
MODE = "sandbox"  # with money by shard, as real platforms have it


def limits() -> list[Figure]:
    """Exposure, limits and sizing of one plan, everything from the database, with few and with many positions."""
    call_command("flush", interactive=False, verbosity=0)
    redis_client().flushdb()
    catalogue.forget()
    _make_pairs(1)
    now = datetime.now(UTC)
    for platform in (POLYMARKET, KALSHI):
        with transaction.atomic():
            booking.move_cash(MODE, platform, Decimal(1_000_000), "DEPOSIT", "bench", now=now)
    _hold(0, MANY, now)
    few, many = [], []
    for _ in range(ROUNDS):  # turn by turn, or the machine's own weather would be measured
        _open(FEW)
        few.append(_timed())
        _open(MANY)
        many.append(_timed())
    ratio = min(many) / min(few)
    return [
        Figure("limits and sizing of a plan, 10,000 positions", ratio, "ratio", f"10 positions, {min(few) * 1e3:.2f} ms",
               f"≤ {TARGET}", ratio <= TARGET),
    ]  # fmt: skip


def _open(count: int) -> None:
    """So many positions are open, the others are sold: rows, accounts and statistics as after real trading."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE positions SET quantity = CASE WHEN n <= %s THEN 0.02 ELSE 0 END,"
            " paid = CASE WHEN n <= %s THEN 0.01 ELSE 0 END"
            " FROM (SELECT id AS it, row_number() OVER (ORDER BY id) AS n FROM positions) o WHERE it = id",
            [count, count],
        )
        cursor.execute(
            "UPDATE accounts SET invested = (SELECT sum(paid) FROM positions p WHERE p.platform = accounts.platform)"
            " WHERE platform = %s",
            [KALSHI],
        )
        cursor.execute("VACUUM ANALYZE positions")
    redis_client().flushdb()


def _hold(first: int, last: int, now: datetime) -> None:
    """Positions of a cent each in markets of their own."""
    names = [f"KXHELD-{number}" for number in range(first, last)]
    store.upsert([_held_market(name) for name in names], now=now)
    with transaction.atomic():
        holdings.lock_ledger()
        booking.book(
            [Movement(Entry(KALSHI, name, "YES", BUY, *CENT), f"bench:{name}") for name in names],
            mode=MODE, now=now,
        )  # fmt: skip


def _held_market(name: str) -> MarketInfo:
    return replace(_info(KALSHI, 0), id=name, slug=name)


def _timed() -> float:
    """Seconds of one look, the median of a round."""
    known = catalogue.current()
    bet = known.bets[Bet.objects.get().id]
    times = []
    for _ in range(LOOKS):
        finding, views, now_ms = _gap(bet, known)
        began = time.perf_counter()
        held = holdings.held(MODE, known, bets=[bet.id])
        planned = fitting.plan(bet, finding, known, views, held, now_ms, Context())
        times.append(time.perf_counter() - began)
        if not isinstance(planned, Plan):
            raise RuntimeError(f"nothing was planned ({planned.code}): the figures would mean nothing")
    return statistics.median(times)


def _gap(bet: BetValue, known: Catalogue) -> tuple[Finding, dict[MarketKey, BookView], int]:
    now_ms = time.time_ns() // 1_000_000
    for platform, levels in (
        (POLYMARKET, (["0.38"], ["0.40", "0.41"])),
        (KALSHI, (["0.50", "0.49"], ["0.52"])),
    ):
        book = Book()
        book.replace(*([(micro(price), micro("200")) for price in side] for side in levels))
        book.trusted, book.changed_ms = True, now_ms
        live.keep(platform, [Change(_id(platform, 0), book, "bench")], {"bench": now_ms}, depth=10)
    views = live.book_views(bet.markets)
    result = detector.find(bet, views, known.listings, rules.rules(), now_ms)
    return result.findings[0], views, now_ms

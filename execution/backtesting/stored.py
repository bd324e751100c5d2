"""Stored history as books: what a backtest can be run over where no frames were recorded.

Stored are the best bid and ask of each market and second in which it changed (`prices`), and the size of each finding over
time (`signal_snapshots`). So a book here has one level a side, at the stored price, with as many contracts as the stored
findings bought there, and stands until the next row.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter

from markets import store
from markets.bets import Bet, MarketKey
from markets.books import NO, YES, BookView, micro
from markets.models import Bet as BetRow
from markets.models import Market, Price
from markets.platforms.base import OPEN, PLATFORMS, Feed
from signals import catalogue, rules
from signals.deciding import fates
from signals.deciding.decision import BetRisk
from signals.edge import unix_ms
from signals.findings import Listing
from signals.models import ARBITRAGE, Signal, SignalSnapshot
from signals.replay.recalling import Past, recall
from signals.replay.replaying import Replay, Setup

CANNOT_SAY = (
    "Stored history holds the best bid and ask of each second and the sizes of the findings that were made, and nothing"
    " else. It cannot say what lay deeper in a book (sizes are bounded by those of the stored findings, also when a"
    " remainder is sold back), whether a book was stale or its feed silent, what happened within a second, or anything of"
    " gaps that were never found. For these, record frames (manage.py record) and run it over the files. Claims and"
    " scheduled events are those that stood at each moment; but all sources are believed, and an event touches the markets"
    " that it touches today, because neither is stored over time."
)


@dataclass(frozen=True, slots=True)
class History:
    """Bets that had signals within a period, what is known of them, and the sizes that were found over time."""

    since: datetime
    until: datetime
    bets: tuple[Bet, ...]
    risks: Mapping[str, BetRisk]
    listings: Mapping[MarketKey, Listing]
    pays: Mapping[MarketKey, Decimal]
    sizes: tuple[
        tuple[int, tuple[str, str, str], Decimal], ...
    ]  # Unix ms, (platform, market, outcome), contracts
    refusals: Mapping[str, int]  # by code, as they were counted then
    past: Past  # the evidence that stood


def read(since: datetime, until: datetime) -> History:
    """Everything but the prices. Eleven queries, however long the period."""
    snapshots = list(
        SignalSnapshot.objects.filter(at__gte=since, at__lt=until, size__gt=0)
        .order_by("at", "id")
        .values_list("signal_id", "at", "size")
    )
    signals = {
        row.id: row
        for row in Signal.objects.filter(
            id__in={signal_id for signal_id, _, _ in snapshots}, type=ARBITRAGE, bet__isnull=False, size__gt=0
        )
    }
    sizes = []
    for signal_id, at, size in snapshots:
        row = signals.get(signal_id)
        if row is None:
            continue
        for leg in (row.metadata or {}).get("legs", []):
            part = Decimal(leg["size"]) * size / row.size
            sizes.append((unix_ms(at), (leg["platform"], leg["market_id"], leg["outcome"]), part))
    rows = BetRow.objects.filter(id__in={row.bet_id for row in signals.values()}).prefetch_related(
        "outcomes__market"
    )
    bets, risks = [], {}
    for bet in rows.order_by("id"):
        bets.append(bet.value())
        risks[bet.id] = catalogue.risk_of(bet)
    keys = {market for bet in bets for market in bet.markets}
    markets = [
        row
        for row in Market.objects.filter(id__in=[key[1] for key in keys])
        if (row.platform, row.id) in keys
    ]
    listings = {
        # It was open when the signals were found, whatever it is now
        (row.platform, row.id): replace(Listing.of(store.info_of(row)), status=OPEN)
        for row in markets
    }
    pays = {
        (row.platform, row.id): row.settlement_value for row in markets if row.settlement_value is not None
    }
    counted = {row["code"]: row["refused"] for row in fates.report(since=since, until=until)}
    past = recall(bets, since, until)
    return History(since, until, tuple(bets), risks, listings, pays, tuple(sizes), counted, past)


def replay_of(history: History, *, evidence: bool) -> Replay:
    """A replay that is shown books instead of frames; with `evidence` what stood then has its say."""
    setups = [
        Setup(
            platform=platform,
            feed=_no_feed,
            listing=lambda name, market_id: history.listings[name, market_id],
            bets=history.bets if number == 0 else (),
            rules=rules.rules(settings_only=True),
            hurdles=rules.hurdles(settings_only=True),
            own_bets=False,
        )
        for number, platform in enumerate(PLATFORMS)
    ]
    return Replay(setups, history.risks, bear=history.past.bear if evidence else None)


def _no_feed() -> Feed:
    raise RuntimeError("stored history has no frames")


def books(history: History) -> Iterator[tuple[int, list[BookView]]]:
    """Books over time: at each moment those of the markets that changed, and of the others of their bets."""
    together: dict[MarketKey, set[MarketKey]] = defaultdict(set)
    for bet in history.bets:
        for market in bet.markets:
            together[market].update(bet.markets)
    quotes: dict[MarketKey, tuple[int, int]] = {}
    depth: dict[tuple[str, str, str], int] = {}
    for at_ms, events in groupby(_events(history), key=itemgetter(0)):
        changed: set[MarketKey] = set()
        for _, key, value in events:
            changed.add((key[0], key[1]))
            if isinstance(value, Decimal):
                depth[key] = micro(value.quantize(Decimal("0.000001")))
            else:
                quotes[key[0], key[1]] = value
        shown = sorted({other for market in changed for other in together[market] if other in quotes})
        if shown:
            yield at_ms, [_view(market, quotes[market], depth, at_ms) for market in shown]


_Event = tuple[int, tuple[str, str, str], "Decimal | tuple[int, int]"]


def _events(history: History) -> Iterator[_Event]:
    """Prices and sizes in the order of their times; sizes first within a moment."""
    platforms = {market_id: platform for platform, market_id in history.listings}
    rows = (
        Price.objects.filter(
            market_id__in=list(platforms),
            outcome=YES,
            timestamp__gte=history.since,
            timestamp__lt=history.until,
        )
        .order_by("timestamp", "market_id")
        .values_list("timestamp", "market_id", "bid", "ask")
    )
    sizes = list(history.sizes)
    for at, market_id, bid, ask in rows.iterator(chunk_size=5_000):
        at_ms = unix_ms(at)
        while sizes and sizes[0][0] <= at_ms:
            yield sizes.pop(0)
        quote = (micro(bid) if bid is not None else 0, micro(ask) if ask is not None else 0)
        yield at_ms, (platforms[market_id], market_id, YES), quote
    yield from sizes


def _view(
    market: MarketKey, quote: tuple[int, int], depth: Mapping[tuple[str, str, str], int], at_ms: int
) -> BookView:
    """One level a side: what YES asks has the size that YES was bought in, what it bids that of NO; else the other's."""
    yes, no = depth.get((*market, YES), 0), depth.get((*market, NO), 0)
    bid, ask = quote
    bids = ((bid, no or yes),) if bid and (no or yes) else ()
    asks = ((ask, yes or no),) if ask and (yes or no) else ()
    return BookView(*market, bids, asks, at_ms, at_ms)

"""What looking for moves costs: entries a second, beside merely reading the same stream."""

import time

from arbsite import keys
from arbsite.bench import best_of
from arbsite.connections import redis_client
from arbsite.registry import Figure
from markets import prices
from markets.live import LiveBook
from markets.platforms.base import KALSHI
from signals.moves import watching

ENTRIES, MARKETS = 20_000, 500
TARGET = 10.0  # times reading alone, which decodes nothing


def moves() -> list[Figure]:
    """A full batch of price events over 500 markets: decoded, remembered, judged, written back."""
    client, stream = redis_client(), keys.price_stream(KALSHI)
    client.delete(stream)
    pipe = client.pipeline(transaction=False)
    began = time.time_ns() // 1_000_000
    for number in range(ENTRIES):
        # A quiet walk of a cent: what no move is found in, as nearly always
        bid = 400_000 + 10_000 * ((number * 7919) // MARKETS % 2)
        book = LiveBook(began, "bench", ((bid, 10**8),), ((bid + 10_000, 10**8),), volume_24h=number * 10**6)
        event = prices.encoded(prices.event_of(KALSHI, f"KXBENCH-{number % MARKETS}", book))
        pipe.xadd(stream, {"event": event}, id=f"{began + number // 10}-{number % 10 + 1}")
    pipe.execute()

    def whole() -> None:
        client.set(
            keys.moves_place(KALSHI),
            watching._encode(watching._Place("0-0", [])),
            ex=keys.MOVES_PLACE_TTL,
        )
        seen = watching.look(KALSHI, now_ms=began + ENTRIES // 10)
        assert seen is not None and seen.entries == ENTRIES and seen.moves == 0

    def reading() -> None:
        client.eval(watching._READ, 1, stream, "(0-0", watching.BATCH)

    bare, spent = best_of(reading), best_of(whole)
    client.delete(stream, keys.moves_place(KALSHI))
    return [
        Figure("moves: price events looked at", ENTRIES / spent, "entries/s", f"{MARKETS} markets"),
        Figure(
            "moves: beside reading the stream alone",
            spent / bare,
            "ratio",
            f"{ENTRIES / bare:,.0f} entries/s read",
            f"≤ {TARGET}",
            spent / bare <= TARGET,
        ),
    ]

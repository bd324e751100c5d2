"""Prices without a stream: books read over REST enter the very same chain."""

from datetime import datetime, timedelta

from django.conf import settings

from arbsite import pipeline
from markets import clients, live, partitions, universe
from markets.books import Book
from markets.live import Change
from markets.platforms.base import BookSnapshot

BATCH = 100


def poll(platform: str, *, now_ms: int) -> str | None:
    """Read the books of all followed markets that no stream keeps fresh, and ring the chain; returns the window's id."""
    followed = universe.followed(platform)
    fresh = live.raw_books(platform, [row.market.market_id for row in followed])
    wanted = [row for row in followed if row.market.market_id not in fresh]
    if not wanted:
        return None
    rest = clients.rest(platform)
    snapshots: list[BookSnapshot] = []
    for start in range(0, len(wanted), BATCH):
        snapshots += rest.books([row.market for row in wanted[start : start + BATCH]])
    figures = {row.market.market_id: row for row in wanted}
    label = f"{platform}-poll"
    changes = [
        Change(
            snapshot.market_id, _book(snapshot, now_ms), label, None, figures[snapshot.market_id].volume_24h,
            figures[snapshot.market_id].liquidity,
        )
        for snapshot in snapshots
        if snapshot.market_id in figures
    ]  # fmt: skip
    if not changes:
        return None
    window_id = f"{platform}:{now_ms}:poll"
    depth = settings.ARBSITE.connector.book_depth
    live.publish_window(platform, window_id, changes, {label: now_ms}, at_ms=now_ms, depth=depth)
    pipeline.on_window(window_id).apply_async()
    return window_id


def _book(snapshot: BookSnapshot, now_ms: int) -> Book:
    book = Book()
    book.replace(snapshot.bids, snapshot.asks)
    book.trusted, book.changed_ms = True, now_ms
    return book


def keep_partitions(now: datetime) -> None:
    """The coming days have partitions, days past their keeping are gone."""
    archive = settings.ARBSITE.archive
    today = now.date()
    partitions.ensure(today - timedelta(days=1), archive.partitions_ahead + 2)
    partitions.drop_before(today - timedelta(days=archive.price_days))

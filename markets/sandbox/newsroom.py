"""The newsroom: publishes what its script draws, and moves the prices that a true act is about.

The sandbox's heart calls `step`. What is true of each act is written down for judges (`GET /control/newsroom`), never for a
bot: which stories it is, what it says, and which pairs move when and by how much.
"""

import heapq
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from markets.books import MICRO
from markets.sandbox.context import Sandbox
from markets.sandbox.generate import DAY_MS
from markets.sandbox.headlines import NOUNS
from markets.sandbox.market import Pair
from markets.sandbox.quotes import CENT
from markets.sandbox.script import OCCASION, RELEASES, Act, Script, Sent, Subject
from markets.sandbox.sources.archive import archive_of
from markets.sandbox.sources.values import COINS, Occasion, Story
from markets.sandbox.traders import TraderError

NAME = "newsroom"  # in `Sandbox.shared`
KEPT = 3_000
FIRST_MS = 2_000  # until the first act
STEP_MS = 1_000  # between two cents of a move
AT_MS = {
    "KXSBXFED": 19 * 3_600_000,
    "KXSBXCPI": 13 * 3_600_000 + 1_800_000,
    "KXSBXSPX": 13 * 3_600_000 + 1_800_000,
}


@dataclass(slots=True)
class Record:
    """An act as it was carried out."""

    number: int
    at_ms: int
    act: Act
    stories: list[Story] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    occasion: Occasion | None = None
    moves: list[dict[str, Any]] = field(default_factory=list)


class Newsroom:
    """Draws, publishes, moves and remembers."""

    def __init__(self, sandbox: Sandbox, *, every_s: float, seed: int) -> None:
        self.sandbox = sandbox
        self.archive = archive_of(sandbox)
        self.every_ms = round(every_s * 1000)
        self.records: deque[Record] = deque(maxlen=KEPT)
        self.counts: Counter[str] = Counter()
        self._script = Script(seed)
        self._due_ms = sandbox.now_ms() + FIRST_MS
        self._waiting: list[tuple[int, int, Sent, Record]] = []
        self._fill_calendars(sandbox.now_ms())

    def step(self, now_ms: int) -> None:
        """Publish what is due; no more than one act a beat, however long nobody called."""
        self.archive.release(now_ms)
        while self._waiting and self._waiting[0][0] <= now_ms:
            _, _, sent, record = heapq.heappop(self._waiting)
            self._send(sent, record, now_ms)
        if not self.every_ms or now_ms < self._due_ms:
            return
        self._due_ms = now_ms + self.every_ms
        subjects = self.subjects()
        if subjects:
            self.carry_out(self._script.draw(subjects, now_ms), now_ms)

    def subjects(self) -> list[Subject]:
        """Questions that trade on both platforms and will for a while."""
        found = []
        for pair in self._pairs():
            kalshi = self.sandbox.world.markets[pair.kalshi_ticker]
            try:
                cents = self.sandbox.traders.fair_cents(kalshi.id)
            except TraderError:
                continue
            threshold = kalshi.k.yes_sub_title.removeprefix("Above ")
            day = kalshi.question.rsplit(" on ", 1)[1].removesuffix("?")
            found.append(Subject(kalshi.k.series_ticker, threshold, day, cents * CENT))
        return found

    def carry_out(self, act: Act, now_ms: int) -> Record:
        """Publish an act's stories and transfers, put its occasion on the calendars, and have prices move in time."""
        archive = self.archive
        record = Record(archive.next_number(), now_ms, act)
        for told in act.told:
            appears = now_ms + told.delay_ms
            story = Story(
                archive.next_number(), told.outlet, told.title, told.summary, appears - told.age_ms, appears, told.tags,
                junk=told.junk,
            )  # fmt: skip
            record.stories.append(archive.publish(story, now_ms))
        for sent in act.sent:
            if sent.delay_ms:
                heapq.heappush(self._waiting, (now_ms + sent.delay_ms, archive.next_number(), sent, record))
            else:
                self._send(sent, record, now_ms)
        if act.planned is not None:
            what = act.planned
            record.occasion = archive.schedule(
                Occasion(
                    archive.next_number(),
                    what.agency,
                    what.name,
                    now_ms + what.ahead_ms,
                    what.kind,
                    what.release_id,
                )
            )
        for push in act.pushes:
            self._push(record, push.series, push.cents, now_ms + push.delay_ms)
        self.records.append(record)
        self.counts[act.kind] += 1
        return record

    def _pairs(self) -> list[Pair]:
        return [
            pair
            for pair in self.sandbox.world.open_pairs()
            if not pair.short_lived
            and self.sandbox.world.markets[pair.kalshi_ticker].k.series_ticker in NOUNS
        ]

    def _push(self, record: Record, series: str, cents: int, at_ms: int) -> None:
        for pair in self._pairs():
            if self.sandbox.world.markets[pair.kalshi_ticker].k.series_ticker != series:
                continue
            # The pair's value is in YES terms of Polymarket, which asks "or lower" where the pair is inverted
            own = -cents if pair.inverted else cents
            # By the cent: a jump would be seen on one platform before the other, and look like an arbitrage
            for step in range(abs(cents)):
                self.sandbox.traders.move(pair.id, CENT if own > 0 else -CENT, at_ms + step * STEP_MS)
            record.moves.append(
                {
                    "pair": pair.id, "at_ms": at_ms, "until_ms": at_ms + (abs(cents) - 1) * STEP_MS,
                    "kalshi": pair.kalshi_ticker, "kalshi_cents": cents,
                    "polymarket": pair.polymarket_id, "polymarket_cents": own,
                }
            )  # fmt: skip

    def _send(self, sent: Sent, record: Record, now_ms: int) -> None:
        coin = COINS[sent.chain, sent.symbol]
        units = sent.dollars * MICRO * 10**coin.decimals // coin.price
        moved = self.archive.move(coin, units, sent.from_address, sent.to_address, now_ms, type_=sent.type)
        record.hashes.append(moved.hash)

    def _fill_calendars(self, now_ms: int) -> None:
        """Two months of the usual dates, so that no calendar is empty; nothing happens at them."""
        today = now_ms // DAY_MS * DAY_MS
        for series, (agency, name, kind, release_id) in RELEASES.items():
            for week in range(1, 9, 2):
                starts = today + week * 7 * DAY_MS + AT_MS[series]
                self.archive.schedule(
                    Occasion(self.archive.next_number(), agency, name, starts, kind, release_id)
                )

    # --- what is true

    def facts(self) -> dict[str, Any]:
        """For judges: every act, newest last, and what it did."""
        return {
            "every_ms": self.every_ms, "acts": dict(self.counts),
            "outlets": self._by_outlet(), "records": [record_facts(record) for record in self.records],
        }  # fmt: skip

    def _by_outlet(self) -> dict[str, dict[str, int]]:
        """How often each outlet's word came true: what a scorecard should find out by itself."""
        found: dict[str, Counter[str]] = {}
        copied: dict[str, Record] = {}
        for record in self.records:
            if record.act.kind == "true":
                copied[record.act.series] = record
            source = copied.get(record.act.series, record) if record.act.kind == "copy" else record
            moved = sum(push.cents for push in source.act.pushes if push.series == record.act.series)
            names = [story.outlet for story in record.stories] or (["chain"] if record.act.sent else [])
            for name in names:
                counted = found.setdefault(name, Counter(items=0, right=0, wrong=0, nothing=0))
                counted["items"] += 1
                agrees = moved * record.act.says
                counted["right" if agrees > 0 else "wrong" if agrees < 0 else "nothing"] += 1
        return {name: dict(counted) for name, counted in sorted(found.items())}


def record_facts(record: Record) -> dict[str, Any]:
    """One act for judges."""
    act, occasion = record.act, record.occasion
    return {
        "id": record.number, "at_ms": record.at_ms, "kind": act.kind, "series": act.series, "says": act.says,
        "truthful": bool(record.moves) and act.kind not in ("lie", "lie_time"),
        "stories": [
            {
                "number": story.number, "outlet": story.outlet, "title": story.title, "url": story.link,
                "published_ms": story.published_ms, "appears_ms": story.appears_ms,
            }
            for story in record.stories
        ],
        "transfers": record.hashes,
        "occasion": {"name": occasion.name, "agency": occasion.agency, "starts_ms": occasion.starts_ms}
        if occasion is not None and act.kind == OCCASION else None,
        "moves": record.moves,
    }  # fmt: skip

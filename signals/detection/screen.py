"""The screen before a full scan: best asks in columns, and one pass over all bets that drops what cannot gain.

A cover of two claims can only gain if its best asks cost less than $1 together. A wide bet can only gain if some
ask has fallen below its need (`signals.detection.certificates`); until a first look has proved anything of it, it passes.
Fees are never negative and deeper levels never cheaper, so nothing that detection would accept is dropped. What
passes is for `detection.find` to judge, with this screen's `certificates`, so that it passes less often.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from markets.bets import Bet, Claim, MarketKey
from markets.books import MICRO, YES, BookView
from signals.detection.certificates import Certificates, Needs

# Columns: what the two best asks of a cover add up to; best ask and need of a wide bet's claim. Micro-dollars.
SUMS, ASKS, NEEDS = 0, 1, 2
UNPROVEN = 2 * MICRO  # no ask reaches it
SATISFIED = -2 * MICRO  # every ask does

Column = np.ndarray[Any, np.dtype[np.int32]]
Asks = tuple[int, int]  # of YES and of NO
NOBODY_SELLS: Asks = (MICRO, MICRO)


class Screen:
    """Bets and the best asks of their claims, held in memory.

    `add` and `remove` follow the list of bets, `update` every change of a book, `survivors` is the scan.
    """

    def __init__(self, bets: Iterable[Bet] = ()) -> None:
        self.certificates = Certificates(self._proved)
        self.bets: dict[str, Bet] = {}
        self._columns: list[Column] = [np.zeros(0, dtype=np.int32) for _ in (SUMS, ASKS, NEEDS)]
        self._pairs = _Rows()
        self._wide = _Rows()
        self._starts: np.ndarray[Any, np.dtype[np.int64]] | None = None  # of the wide bets' rows, when known
        self._cheap = np.zeros(0, dtype=np.bool_)
        self._faulty: set[str] = set()
        self._rows: dict[str, list[int]] = {}  # the first row of each cover of a bet
        self._places: dict[MarketKey, list[int]] = defaultdict(list)  # see `_code`
        self._asks: dict[MarketKey, Asks] = {}
        for bet in bets:
            self.add(bet)

    def add(self, bet: Bet) -> None:
        """Take a bet, in place of the one that had its id."""
        self.remove(bet.id)
        self.bets[bet.id] = bet
        if bet.faults:
            self._faulty.add(bet.id)
        elif bet.wide:
            self._add_wide(bet)
        else:
            rows = self._rows[bet.id] = []
            for cover in bet.covers:
                rows.append(self._pairs.take(bet.id, 1))
                self._grow((SUMS,), self._pairs.end)
                self._columns[SUMS][rows[-1]] = 0
                for claim in cover:
                    self._place(claim, SUMS, rows[-1])

    def _add_wide(self, bet: Bet) -> None:
        cover = bet.covers[0]
        first = self._wide.take(bet.id, len(cover))
        self._grow((ASKS, NEEDS), self._wide.end)
        self._rows[bet.id] = [first]
        self._starts = None
        for row, claim in enumerate(cover, start=first):
            self._columns[NEEDS][row] = UNPROVEN
            self._place(claim, ASKS, row)

    def remove(self, bet_id: str) -> None:
        """Forget a bet; one that is not there is none."""
        bet = self.bets.pop(bet_id, None)
        if bet is None:
            return
        self._faulty.discard(bet_id)
        self.certificates.forget(bet_id)
        for cover, first in zip(bet.covers, self._rows.pop(bet_id, ()), strict=True):
            for at, claim in enumerate(cover):
                column, row = (ASKS, first + at) if bet.wide else (SUMS, first)
                self._places[claim.market].remove(_code(column, row, claim))
                self._columns[column][row] = 0
                if bet.wide:
                    self._columns[NEEDS][row] = SATISFIED
            if not bet.wide:
                self._columns[SUMS][first] = MICRO
            (self._wide if bet.wide else self._pairs).give_back(first)

    def update(self, market: MarketKey, view: BookView | None) -> None:
        """A market's book changed; None: there is none any more."""
        yes = view.asks[0][0] if view is not None and view.asks else MICRO
        no = MICRO - view.bids[0][0] if view is not None and view.bids else MICRO
        # What lies outside is refused, whatever it adds up to
        asks = min(max(yes, 0), MICRO), min(max(no, 0), MICRO)
        before = self._asks.get(market, NOBODY_SELLS)
        if before == asks:
            return
        self._asks[market] = asks
        rise = asks[0] - before[0], asks[1] - before[1]
        for code in self._places.get(market, ()):
            self._columns[code >> 1 & 1][code >> 2] += rise[code & 1]

    @property
    def rows(self) -> tuple[int, int]:
        """Rows held for covers of two claims, and for claims of wide bets: what the screen takes of memory."""
        return self._pairs.end, self._wide.end

    def survivors(self) -> list[str]:
        """The ids of the bets that deserve an exact look, each once. Bets with faults too: to be refused by name."""
        m = self._wide.end
        _, asks, needs = self._columns
        found = dict.fromkeys(self._pairs.owners[row] for row in self._cheap_covers())
        if m:
            if self._starts is None:
                self._starts = self._wide.starts()
            fell = np.logical_or.reduceat(asks[:m] < needs[:m], self._starts)
            found |= dict.fromkeys(
                self._wide.owners[row] for row in self._starts[np.flatnonzero(fell)].tolist()
            )
        found |= dict.fromkeys(sorted(self._faulty))
        return list(found)

    def _cheap_covers(self) -> list[int]:
        """Rows of the covers of two claims that cost less than a dollar together."""
        rows = self._pairs.end
        np.less(self._columns[SUMS][:rows], MICRO, out=self._cheap[:rows])
        # Eight rows at a time: hardly any is cheap
        eights = np.flatnonzero(self._cheap.view(np.uint64)[: -(-rows // 8)] != 0)
        return [
            row
            for eight in eights.tolist()
            for row in range(8 * eight, min(8 * eight + 8, rows))
            if self._cheap[row]
        ]

    def _proved(self, bet: Bet, needs: Needs) -> None:
        if self.bets.get(bet.id) == bet:
            first = self._rows[bet.id][0]
            self._columns[NEEDS][first : first + len(needs)] = needs

    def _place(self, claim: Claim, column: int, row: int) -> None:
        code = _code(column, row, claim)
        self._places[claim.market].append(code)
        self._columns[column][row] += self._asks.get(claim.market, NOBODY_SELLS)[code & 1]

    def _grow(self, columns: Sequence[int], rows: int) -> None:
        """Make room, doubling, so that adding a bet costs the same however many there are."""
        have = len(self._columns[columns[0]])
        if rows <= have:
            return
        room = max(1_024, 2 * have, rows + -rows % 8)  # a multiple of 8: see `_cheap_covers`
        for column in columns:
            wider = np.zeros(room, dtype=np.int32)
            wider[:have] = self._columns[column]
            self._columns[column] = wider
        if SUMS in columns:
            self._cheap = np.zeros(room, dtype=np.bool_)


def _code(column: int, row: int, claim: Claim) -> int:
    """Where a claim's ask stands and which outcome's it is, in one integer: there are hundreds of thousands."""
    return row << 2 | column << 1 | (claim.outcome != YES)


class _Rows:
    """Which rows are whose. Rows that come free go to the next owner who needs as many."""

    def __init__(self) -> None:
        self.end = 0
        self.owners: dict[int, str] = {}  # by first row
        self._lengths: dict[int, int] = {}
        self._free: dict[int, list[int]] = defaultdict(list)

    def take(self, owner: str, length: int) -> int:
        """The first of `length` rows in a row."""
        first = self._free[length].pop() if self._free[length] else self.end
        self.end = max(self.end, first + length)
        self.owners[first], self._lengths[first] = owner, length
        return first

    def give_back(self, first: int) -> None:
        """These rows have no owner any more."""
        del self.owners[first]
        self._free[self._lengths[first]].append(first)

    def starts(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """First rows of everything ever taken, in order: what lies free lies there too."""
        return np.array(sorted(self._lengths), dtype=np.int64)

"""Following exchange wallets on Etherscan: windows of blocks, one quota for all chains, and what was replaced.

A wallet is asked for with `tokentx`. One with more rows than a page holds (popular wallets are flooded with worthless
tokens) is asked for with `getLogs` from then on: by contract and topic, so that only tokens we know come back. Mints and
burns of those tokens are the logs from and to the zero address.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from signals.sources.base import Batch, Cursor, Fetch, LimitReached, SourceError, Transfer
from signals.sources.whales import etherscan, wire
from signals.sources.whales.assets import CHAIN_IDS, STABLECOINS, TOKENS
from signals.sources.whales.reorganising import Vanished, remember, vanished

log = logging.getLogger(__name__)

PAGE = 1_000  # rows; `getLogs` gives no more, and the bodies stay small
WINDOW = 10_000  # rows that one query can be paged through: beyond it only other blocks help
FIRST_LOOK = 300  # blocks back for a wallet that was never asked for
KEEP = 64  # blocks whose transactions are remembered, beside those not confirmed
MOST_RECORDS = 400  # in one poll: the rest waits for the next, nothing is cut
MOST_CALLS = 60  # in one poll, so that it ends before its claim does
LONGEST_PAUSE = (
    2.0  # seconds that a poll waits for its own count of a second; a day's is waited for by the next
)
CLOSED_FOR = timedelta(hours=1)  # a chain that is not on the plan
SUPPLY = wire.ZERO  # a wallet that nobody holds: from it tokens are made, to it they are destroyed


@dataclass(frozen=True, slots=True)
class Setup:
    """Where to ask, for what, and what counts. `pause` waits so many seconds: the quota counts by the second."""

    url: str
    key: str = field(repr=False)
    chain_ids: tuple[int, ...]
    confirmations: int
    min_usd: Decimal
    wallets: Callable[[str], Sequence[str]]  # chain → addresses of exchanges
    prices: Callable[[datetime], etherscan.Prices]
    pause: Callable[[float], None] = time.sleep
    most_calls: int = MOST_CALLS


class OutOfCalls(Exception):
    """This poll has asked often enough; the next goes on where it stopped."""


def poll(fetch: Fetch, cursor: Cursor, now: datetime, *, setup: Setup) -> Batch:
    """What moved on every chain since each wallet was asked for last. Raises SourceError where nothing could be read."""
    run = _Run(fetch, cursor, now, setup)
    refused: SourceError | None = None
    answered = False
    places = {
        number: cursor.place.setdefault(str(number), {"wallets": {}, "closed_until": 0, "asked": 0})
        for number in setup.chain_ids
    }
    for chain_id, place in sorted(
        places.items(), key=lambda one: one[1]["asked"]
    ):  # those first that waited longest
        if place["closed_until"] > now.timestamp():
            continue
        place["asked"] = int(now.timestamp())
        try:
            run.chain(chain_id, place)
            answered = True
        except etherscan.ChainRefused as error:
            refused = error
            place["closed_until"] = int((now + CLOSED_FOR).timestamp())
            log.warning("a chain is not offered", extra={"source": etherscan.SOURCE, "chain": chain_id})
        except OutOfCalls:
            answered = True
            break
        except LimitReached:
            if not run.read:
                raise
            answered = True  # what was read is kept; the next poll meets the limit first
            break
    if refused is not None and not answered:
        raise refused
    return run.batch()


class _Run:
    """One poll: what it asked and found."""

    def __init__(self, fetch: Fetch, cursor: Cursor, now: datetime, setup: Setup) -> None:
        self._fetch, self._cursor, self._now, self._setup = fetch, cursor, now, setup
        self._prices = setup.prices(now)
        self._calls = 0
        self.read = 0  # wallets that were read to their end
        self._found: list[Transfer] = []
        self._gone: list[Vanished] = []
        self._dropped = 0

    def batch(self) -> Batch:
        """What was found; what vanished comes first."""
        return Batch(
            (*self._gone, *self._found),
            dropped=self._dropped,
            gone=[(one.chain, one.block) for one in self._gone],
        )

    def chain(self, chain_id: int, place: dict[str, Any]) -> None:
        """One chain: its newest block, then the wallets, those first that waited longest."""
        name = CHAIN_IDS[chain_id]
        newest = etherscan.height(self._ask(chain_id, {"module": "proxy", "action": "eth_blockNumber"}))
        watched = [*self._setup.wallets(name), SUPPLY]
        known: dict[str, Any] = place["wallets"]
        for forgotten in set(known) - set(watched):
            del known[forgotten]
        for wallet in sorted(watched, key=lambda address: known.get(address, {}).get("asked", 0)):
            if len(self._found) >= MOST_RECORDS:
                return
            self._wallet(chain_id, name, wallet, known.setdefault(wallet, {}), newest)

    def _wallet(self, chain_id: int, chain: str, wallet: str, at: dict[str, Any], newest: int) -> None:
        last = int(at.get("block", max(0, newest - FIRST_LOOK)))
        first = max(0, min(last, newest) - self._setup.confirmations + ("block" not in at))
        rows, reached = [], newest
        for read, params in self._queries(chain, wallet, busy=at.get("busy", False)):
            told, until, full = self._sliced(chain_id, read, params, first, newest)
            transfers, dropped = read(chain, told, self._prices)
            rows += transfers
            self._dropped += dropped
            reached = min(reached, until)
            at["busy"] = at.get("busy", False) or full
        whales = [one for one in rows if (one.block or 0) <= reached and self._counts(one)]
        recent = at.get("recent", {})
        # Against all rows: one that a new price makes small is still there
        self._gone += vanished(chain, recent, rows, first, reached)
        self._found += whales
        at["recent"] = remember(recent, whales, first, reached, keep=KEEP + self._setup.confirmations)
        at["block"], at["asked"] = max(reached, first), int(self._now.timestamp())
        self.read += 1

    def _queries(self, chain: str, wallet: str, *, busy: bool) -> list[tuple[Any, dict[str, Any]]]:
        """Reader and parameters of each query that together tell all transfers of a wallet."""
        if wallet != SUPPLY and not busy:
            return [
                (etherscan.token_transfers, {"module": "account", "action": "tokentx", "address": wallet})
            ]
        topic = etherscan.topic(wallet)
        contracts = [
            contract
            for (where, contract), token in TOKENS.items()
            if where == chain and (wallet != SUPPLY or token.asset in STABLECOINS)
        ]
        base = {"module": "logs", "action": "getLogs", "topic0": etherscan.TRANSFER_TOPIC}
        sides = ({"topic1": topic, "topic0_1_opr": "and"}, {"topic2": topic, "topic0_2_opr": "and"})
        return [
            (etherscan.log_transfers, {**base, "address": contract, **side})
            for contract in contracts
            for side in sides
        ]

    def _counts(self, transfer: Transfer) -> bool:
        """Whether it is large; without a price only a stablecoin whose units would make it so."""
        if transfer.usd is not None:
            return transfer.usd >= self._setup.min_usd
        return transfer.symbol in STABLECOINS and transfer.units >= self._setup.min_usd

    def _sliced(
        self, chain_id: int, read: Any, params: Mapping[str, Any], first: int, newest: int
    ) -> tuple[list[Any], int, bool]:
        """All rows of the blocks `first` to `newest`, the block up to which they are complete, and whether a page was full.

        A full page may cut its last block: the next query begins there, so windows are sliced by block. One block with
        more rows than can be paged through is left behind.
        """
        logs = read is etherscan.log_transfers
        names = ("fromBlock", "toBlock") if logs else ("startblock", "endblock")
        found: list[Any] = []
        start, page, full = first, 1, False
        while start <= newest:
            asked = {**params, names[0]: start, names[1]: newest, "page": page, "offset": PAGE}
            if not logs:
                asked["sort"] = "asc"
            try:
                told = etherscan.rows(self._ask(chain_id, asked))
            except OutOfCalls:
                if start == first:
                    raise
                return found, start - 1, full
            if len(told) < PAGE:
                return found + told, newest, full
            full = True
            blocks = [_block(row, logs) for row in told]
            if blocks[-1] > start:
                found += [row for row, block in zip(told, blocks, strict=True) if block < blocks[-1]]
                start, page = blocks[-1], 1
            elif page * PAGE < WINDOW:
                found += told
                page += 1
            else:
                self._dropped += 1
                start, page = start + 1, 1
        return found, newest, full

    def _ask(self, chain_id: int, params: Mapping[str, Any]) -> bytes:
        """One call, after a pause where our own count of this second is full."""
        if self._calls >= self._setup.most_calls:
            raise OutOfCalls
        self._calls += 1
        self._cursor.etag = self._cursor.last_modified = ""  # they belong to another query
        sent = {"chainid": chain_id, **params, "apikey": self._setup.key}
        for _ in range(5):
            try:
                return self._fetch.get(self._setup.url, params=sent).body
            except LimitReached as error:
                if error.retry_after is None or error.retry_after > LONGEST_PAUSE:
                    raise
                self._setup.pause(error.retry_after)
        raise LimitReached(f"{etherscan.SOURCE}: its calls a second are used up by others", 5.0)


def _block(row: Any, logs: bool) -> int:
    value = wire.mapping(row).get("blockNumber")
    return (wire.hexadecimal(value) if logs else wire.whole(value)) or 0

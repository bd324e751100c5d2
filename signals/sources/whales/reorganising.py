"""Blocks that were replaced: what was told of them and is not told any more has not happened."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from signals.sources.base import Transfer


@dataclass(frozen=True, slots=True)
class Vanished:
    """Transactions (hashes without `0x`) that were in a block of a chain and are there no more."""

    chain: str
    block: int
    hashes: tuple[str, ...]


def vanished(
    chain: str, recent: Mapping[str, Sequence[str]], told: Iterable[Transfer], first: int, last: int
) -> list[Vanished]:
    """What was remembered of the heights `first` to `last` and is missing from what was told of them now."""
    now = _by_block(told)
    found = []
    for height, hashes in recent.items():
        block = int(height)
        missing = tuple(name for name in hashes if name not in now.get(block, ()))
        if first <= block <= last and missing:
            found.append(Vanished(chain, block, missing))
    return found


def remember(
    recent: Mapping[str, Any], told: Iterable[Transfer], first: int, last: int, *, keep: int
) -> dict[str, list[str]]:
    """Hashes by height of the newest `keep` blocks, what was read again replaced; for the source's cursor (JSON)."""
    found = {height: list(hashes) for height, hashes in recent.items() if not first <= int(height) <= last}
    found |= {
        str(block): sorted(hashes) for block, hashes in _by_block(told).items() if first <= block <= last
    }
    return {height: hashes for height, hashes in found.items() if int(height) > last - keep}


def _by_block(told: Iterable[Transfer]) -> dict[int, set[str]]:
    found: defaultdict[int, set[str]] = defaultdict(set)
    for transfer in told:
        if transfer.block is not None:
            found[transfer.block].add(transfer.transaction_hash)
    return found

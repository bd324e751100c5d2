"""One name for one movement, whoever tells it and however often."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from signals.sources.base import Transfer
from signals.sources.whales.wire import ZERO

_BITS = 0x7FFF_FFFF  # the column holds 31 bits


def key(transfer: Transfer) -> str:
    """SHA-256 over chain, hash and position; without a hash over all that an alert says."""
    if transfer.transaction_hash:
        parts = [transfer.chain, transfer.transaction_hash, str(transfer.position)]
    else:
        parts = [
            transfer.channel, transfer.chain, str(int(transfer.happened_at.timestamp())),
            transfer.from_owner or transfer.from_address, transfer.to_owner or transfer.to_address,
            transfer.symbol, _plain(transfer),
        ]  # fmt: skip
    # Lengths keep two texts apart that would run into one another
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()


def positioned(answer: Iterable[Transfer]) -> list[Transfer]:
    """The movements of one answer, each with a position that any other source would give it too.

    Etherscan's `tokentx` tells no log index, its `getLogs` does, Whale Alert counts sub-transactions: an index would make
    three rows of one transfer. So the position is made of what all of them tell: from, to and units, and which one of
    several equal ones it is.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    found = []
    for transfer in answer:
        if not transfer.transaction_hash or not (transfer.from_address or transfer.to_address):
            found.append(transfer)
            continue
        told = (
            transfer.chain, transfer.transaction_hash, _side(transfer.from_address), _side(transfer.to_address),
            _plain(transfer),
        )  # fmt: skip
        text = "|".join((*told[2:], str(seen[told])))
        seen[told] += 1
        digest = hashlib.sha256(text.encode()).digest()
        found.append(replace(transfer, position=int.from_bytes(digest[:4]) & _BITS))
    return found


def _side(address: str) -> str:
    return "" if address == ZERO else address  # a mint has no sender, or the zero address


def _plain(transfer: Transfer) -> str:
    return f"{transfer.units.normalize():f}" if transfer.units else "0"

"""Peel chains: one movement that is cut up, each receiver sending on what he got within minutes.

Bitcoin change makes one payment look like many (139.2 → 138.8 → 138.3 BTC within one block, ending at the first address).
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

WITHIN = timedelta(minutes=5)
LEAST_PART = Decimal("0.8")  # of what was received; a receiver who sends on less has kept it


@dataclass(frozen=True, slots=True)
class Step:
    """A movement as chains see it. `open` is False for one that says something by itself (to or from somebody known)."""

    name: Hashable
    chain: str
    asset: str
    sender: str
    receiver: str
    units: Decimal
    at: datetime
    open: bool = True


def heads(steps: Sequence[Step]) -> dict[Hashable, Hashable]:
    """Name of a step → name of the first step of its chain, for every step that goes on with another; others are left out.

    A step goes on with the latest earlier one that paid its sender at least as much, at most five minutes before. Only
    open steps are taken away so: what reaches an exchange stays. Steps at one moment go by falling units, so that a
    chain that ends at its first address has a beginning too.
    """
    ordered = sorted(
        (step for step in steps if step.sender and step.receiver),
        key=lambda step: (step.at, -step.units),
    )
    paid: defaultdict[tuple[str, str, str], list[Step]] = defaultdict(list)
    found: dict[Hashable, Hashable] = {}
    for step in ordered:
        if step.open:
            came = paid[step.chain, step.asset, step.sender]
            before = next((earlier for earlier in reversed(came) if _goes_on(earlier, step)), None)
            if before is not None:
                found[step.name] = found.get(before.name, before.name)
        paid[step.chain, step.asset, step.receiver].append(step)
    return found


def _goes_on(earlier: Step, later: Step) -> bool:
    return later.at - earlier.at <= WITHIN and earlier.units * LEAST_PART <= later.units <= earlier.units

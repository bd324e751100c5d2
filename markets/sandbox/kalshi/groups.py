"""Order groups: a cap on how much may match within fifteen seconds, after which the group's orders are cancelled."""

from collections import deque
from dataclasses import dataclass, field

WINDOW_MS = 15_000


@dataclass(slots=True, eq=False)
class Group:
    """One order group. `limit` in micro-contracts; `matches` holds (time, size) of the rolling window."""

    id: str
    limit: int
    subaccount: int = 0
    shard: int = 0
    triggered: bool = False
    matches: deque[tuple[int, int]] = field(default_factory=deque)

    def matched(self, size: int, at_ms: int) -> bool:
        """Count a match; True where it triggers the group now."""
        self.matches.append((at_ms, size))
        while self.matches and self.matches[0][0] <= at_ms - WINDOW_MS:
            self.matches.popleft()
        if self.triggered or sum(size for _, size in self.matches) <= self.limit:
            return False
        self.triggered = True
        return True

    def reset(self) -> None:
        """Take orders again, with an empty window."""
        self.triggered = False
        self.matches.clear()

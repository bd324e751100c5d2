"""The sandbox's time, handed to everything else: the only module here that reads the machine's clock."""

import time
from typing import Protocol


class Clock(Protocol):
    """Unix milliseconds."""

    def now_ms(self) -> int:
        """Now."""
        ...


class SystemClock:
    """The machine's time, never going backwards while the process lives."""

    def __init__(self) -> None:
        self._wall_ns = time.time_ns()
        self._steady_ns = time.monotonic_ns()

    def now_ms(self) -> int:
        """Now, as it was at start plus what a steady clock has counted since."""
        return (self._wall_ns + time.monotonic_ns() - self._steady_ns) // 1_000_000


class ManualClock:
    """Time that stands still until it is told to move, for tests."""

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms

    def now_ms(self) -> int:
        """The time last set."""
        return self.at_ms

    def advance(self, ms: int) -> int:
        """Move on by `ms`; returns the new time."""
        self.at_ms += ms
        return self.at_ms

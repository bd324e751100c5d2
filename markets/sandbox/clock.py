"""The sandbox's time, handed to everything else: the only module here that reads the machine's clock."""

import heapq
import time
from collections.abc import Callable
from typing import Any, Protocol

Later = Callable[[int, Callable[[], None]], Any]  # later(delay_ms, function)


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


class Timers:
    """`Later` for a sandbox without a loop: what was put off runs when `run_due` is called."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def __call__(self, delay_ms: int, do: Callable[[], None]) -> None:
        """Put off a call by `delay_ms`."""
        self._count += 1
        heapq.heappush(self._heap, (self.clock.now_ms() + delay_ms, self._count, do))

    def run_due(self) -> int:
        """Make the calls that are due by now, in order; returns how many."""
        done = 0
        while self._heap and self._heap[0][0] <= self.clock.now_ms():
            heapq.heappop(self._heap)[2]()
            done += 1
        return done

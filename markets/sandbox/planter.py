"""Plants a gap in one wide event after the other, so that a demo shows what baskets and ladders are for."""

import random

from markets.books import MICRO
from markets.sandbox import plants
from markets.sandbox.context import Sandbox
from markets.sandbox.traders import TraderError

# Gross cents that pay for the fees, and leave about three per cent
WORTH = {plants.YES_BASKET: 10, plants.NO_BASKET: 22, plants.EXCLUSIVE_PAIR: 9, plants.LADDER_STEP: 9}
SECONDS = (5.0, 15.0)
CONTRACTS = (10, 60)


class Planter:
    """Something that the sandbox's heart moves on, as it does a scenario."""

    def __init__(self, sandbox: Sandbox, *, every_s: float, seed: int) -> None:
        self.sandbox = sandbox
        self.every_ms = round(every_s * 1_000)
        self.refused = 0  # gaps for which there was no room
        self._due_ms = sandbox.now_ms() + self.every_ms
        self._random = random.Random(f"planter-{seed}")
        self._turn = 0

    def step(self, now_ms: int) -> None:
        """Plant what is due."""
        if now_ms < self._due_ms:
            return
        self._due_ms = now_ms + self.every_ms
        kind = list(WORTH)[self._turn % len(WORTH)]
        self._turn += 1
        fitting = [one for one in self.sandbox.world.wide_events() if one.kind in plants.EVENTS[kind]]
        if not fitting:
            return
        try:
            self.sandbox.plants.event(
                kind, self._random.choice(fitting), cents=WORTH[kind], now_ms=now_ms,
                size=self._random.randint(*CONTRACTS) * MICRO, seconds=self._random.uniform(*SECONDS),
            )  # fmt: skip
        except TraderError:  # it still holds a gap, or its markets do not trade
            self.refused += 1

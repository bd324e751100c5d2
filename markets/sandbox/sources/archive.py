"""What has been published in the sandbox: stories by outlet, movements by chain, and what is scheduled.

Plain and without a clock: `now_ms` is an argument. Every chain has a block of its own for each movement, complete when it
is seen, so that a reader of blocks misses nothing that came later.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace

from markets.sandbox.context import Sandbox
from markets.sandbox.generate import digest
from markets.sandbox.orders import SandboxError
from markets.sandbox.sources.values import COINS, OUTLETS, ZERO_ADDRESS, Coin, Movement, Occasion, Story

NAME = "archive"  # in `Sandbox.shared`
KEPT_STORIES, KEPT_MOVEMENTS, KEPT_OCCASIONS = 300, 5_000, 400
NUMBERS_A_RUN = 10_000_000  # readers know stories by their numbers, also those of an earlier run
# Block times in milliseconds and a height at a moment, so that heights look like those of the chain
PACE = {"ethereum": 12_000, "polygon": 2_000, "bitcoin": 60_000}
CHAINS = tuple(PACE)
ANCHOR_MS, ANCHOR_HEIGHT = (
    1_790_000_000_000,
    {"ethereum": 25_100_000, "polygon": 92_000_000, "bitcoin": 968_000},
)


class ArchiveError(SandboxError):
    """Something that cannot be published; the message names what is wrong with it."""


class Archive:
    """Everything the sources tell, whoever asks."""

    def __init__(self, seed: int, *, run: int = 0) -> None:
        self.seed = seed
        self.movements: dict[str, deque[Movement]] = {chain: deque(maxlen=KEPT_MOVEMENTS) for chain in CHAINS}
        self.occasions: deque[Occasion] = deque(maxlen=KEPT_OCCASIONS)
        self.listeners: list[Callable[[Movement], None]] = []  # told of each movement when it happens
        self._stories: dict[str, deque[Story]] = {name: deque(maxlen=KEPT_STORIES) for name in OUTLETS}
        self._waiting: list[tuple[int, int, Story]] = []
        self._heights: dict[str, int] = {}
        self._forks: dict[tuple[str, int], int] = {}  # how often a block was replaced
        self._numbers = run * NUMBERS_A_RUN

    # --- publishing

    def next_number(self) -> int:
        """A number that nothing else here has."""
        self._numbers += 1
        return self._numbers

    def publish(self, story: Story, now_ms: int) -> Story:
        """Have an outlet carry a story from its `appears_ms` on. Raises ArchiveError."""
        if story.outlet not in OUTLETS:
            raise ArchiveError(f"there is no outlet {story.outlet!r}; there are {', '.join(OUTLETS)}")
        if not story.title.strip():
            raise ArchiveError("a story needs a title")
        heapq.heappush(self._waiting, (story.appears_ms, story.number, story))
        self.release(now_ms)
        return story

    def release(self, now_ms: int) -> None:
        """Let appear what is due."""
        while self._waiting and self._waiting[0][0] <= now_ms:
            story = heapq.heappop(self._waiting)[2]
            self._stories[story.outlet].append(story)

    def move(
        self, coin: Coin, units: int, from_address: str, to_address: str, now_ms: int, *, type_: str = "transfer",
    ) -> Movement:  # fmt: skip
        """A movement in a block of its own, told to whoever listens. Raises ArchiveError."""
        if (coin.chain, coin.symbol) not in COINS or units <= 0:
            raise ArchiveError("a transfer needs a known coin and more than nothing of it")
        number, height = self.next_number(), self.height(coin.chain, now_ms) + 1
        self._heights[coin.chain] = height
        text = f"{digest(self.seed, 'transaction', number, now_ms):064x}"
        movement = Movement(
            number, coin, text if coin.chain == "bitcoin" else f"0x{text}", height, number % 3, now_ms, units,
            from_address.lower(), to_address.lower(), type_,
        )  # fmt: skip
        self.movements[coin.chain].append(movement)
        for listener in self.listeners:
            listener(movement)
        return movement

    def schedule(self, occasion: Occasion) -> Occasion:
        """Announce an occasion."""
        self.occasions.append(occasion)
        return occasion

    def reorganise(self, chain: str, depth: int, now_ms: int) -> dict[str, list[str]]:
        """Replace the last `depth` blocks: every second movement in them is mined again in the next block, the others are
        gone. Returns the hashes of both. Raises ArchiveError.
        """
        if chain not in PACE or depth < 1:
            raise ArchiveError(f"'chain' is one of {', '.join(CHAINS)}, 'depth' at least 1")
        newest = self.height(chain, now_ms)
        said: dict[str, list[str]] = {"moved": [], "gone": []}
        kept: list[Movement] = []
        for movement in self.movements[chain]:
            if movement.height <= newest - depth:
                kept.append(movement)
            elif len(said["moved"]) <= len(said["gone"]):
                said["moved"].append(movement.hash)
                kept.append(replace(movement, height=newest + 1))
            else:
                said["gone"].append(movement.hash)
        for height in range(newest - depth + 1, newest + 1):
            self._forks[chain, height] = self._forks.get((chain, height), 0) + 1
        self._heights[chain] = newest + 1
        self.movements[chain] = deque(kept, maxlen=KEPT_MOVEMENTS)
        return said

    # --- reading

    def stories(self, outlets: Iterable[str] = ()) -> list[Story]:
        """What these outlets (all, without any) carry, newest first by when it appeared."""
        chosen = tuple(outlets) or tuple(OUTLETS)
        found = [story for name in chosen for story in self._stories.get(name, ())]
        return sorted(found, key=lambda story: (-story.appears_ms, -story.number))

    def height(self, chain: str, now_ms: int) -> int:
        """The newest block of a chain."""
        return max(self.height_at(chain, now_ms), self._heights.get(chain, 0))

    @staticmethod
    def height_at(chain: str, at_ms: int) -> int:
        """The block of a moment in the past, at the chain's usual pace."""
        return ANCHOR_HEIGHT[chain] + (at_ms - ANCHOR_MS) // PACE[chain]

    def block_hash(self, chain: str, height: int) -> str:
        """A block's hash; another one once it was replaced."""
        text = f"{digest(self.seed, 'block', chain, height, self._forks.get((chain, height), 0)):064x}"
        return text if chain == "bitcoin" else f"0x{text}"


def archive_of(sandbox: Sandbox) -> Archive:
    """The sandbox's archive, kept in `Sandbox.shared`: made at the first call."""
    archive = sandbox.shared.get(NAME)
    if archive is None:
        archive = sandbox.shared[NAME] = Archive(sandbox.chance, run=sandbox.run)
    return archive  # type: ignore[no-any-return]


def stranger(seed: int, *parts: object, chain: str = "ethereum") -> str:
    """An address that no label set knows."""
    text = f"{digest(seed, 'address', *parts):064x}"
    return f"bc1q{text[:38]}" if chain == "bitcoin" else f"0x{text[:40]}"


__all__ = ["CHAINS", "ZERO_ADDRESS", "Archive", "ArchiveError", "archive_of", "stranger"]

"""Small texts of the market channel: subscription frames, the spelling of best prices, kinds of bad
numbers.
"""

from collections.abc import Iterator, Sequence

import msgspec

from markets.books import MICRO
from markets.platforms.polymarket.bookhash import padded
from markets.platforms.polymarket.units import micro_text, to_micro
from markets.platforms.polymarket.wire import Subscribe

MAX_TOKENS_PER_FRAME = 100
EMPTY_SIDE = ("0", "1", "0.0", "1.0")


class _Best(dict[str, int]):
    """Texts of best prices as micro-dollars; -1 for what is no price, so that it equals no book's best."""

    def __missing__(self, text: str) -> int:
        try:
            value = to_micro(text)
        except ValueError:
            value = -1
        if len(self) >= 20_000:
            self.clear()
        self[text] = value
        return value


BEST = _Best()


def same_best(text: str, ours: int, empty: int) -> bool:
    """Does the platform's best price agree with ours? Nothing said counts as agreement."""
    if text == "":
        return True
    if ours == empty:
        return text in EMPTY_SIDE
    return BEST[text] == ours


def padded_or_empty(price: str) -> str:
    """A last trade price as the hash has it, whatever zeros the sender left on it."""
    try:
        return padded(micro_text(to_micro(price))) if price else ""
    except ValueError:
        return ""


def kind_of(price: str, size: str, otherwise: str = "shape") -> str:
    """Which kind of bad number a change or level holds."""
    if price.startswith("-") or size.startswith("-"):
        return "negative"
    try:
        micro, _ = to_micro(price), to_micro(size)
    except ValueError:
        return "number"
    return otherwise if 0 < micro < MICRO else "level"


def _chunks(token_ids: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(token_ids), MAX_TOKENS_PER_FRAME):
        yield list(token_ids[start : start + MAX_TOKENS_PER_FRAME])


def _text(frame: Subscribe) -> str:
    return msgspec.json.encode(frame).decode()


def subscribe(token_ids: Sequence[str], *, features: bool, first: bool = False) -> list[str]:
    """Subscription frames of at most 100 tokens; the first frame of a connection names the channel instead."""
    texts = []
    for index, chunk in enumerate(_chunks(token_ids)):
        kind = {"type": "market"} if first and index == 0 else {"operation": "subscribe"}
        texts.append(_text(Subscribe(assets_ids=chunk, custom_feature_enabled=features, **kind)))
    return texts


def unsubscribe(token_ids: Sequence[str]) -> list[str]:
    """Frames that end subscriptions."""
    return [_text(Subscribe(assets_ids=chunk, operation="unsubscribe")) for chunk in _chunks(token_ids)]

"""Markets, bets and pairs: every model of the room by name, so that Django finds them here."""

from markets.models.bets import Bet, BetOutcome, BetVersion, Event
from markets.models.constraints import ID_LENGTH, between_0_and_1, not_negative
from markets.models.markets import Market, Price, PriceCursor, UniverseRule, as_row
from markets.models.pairs import Pair, PairVersion

__all__ = [
    "ID_LENGTH", "Bet", "BetOutcome", "BetVersion", "Event", "Market", "Pair", "PairVersion", "Price", "PriceCursor",
    "UniverseRule", "as_row", "between_0_and_1", "not_negative",
]  # fmt: skip

"""What an order on a market must keep to, out of the facts that come with a request or from the order book's side."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from markets.books import NO, YES
from markets.platforms.base import MarketInfo
from markets.platforms.polymarket.amounts import DECIMALS
from markets.platforms.polymarket.rules import TradingRules
from markets.platforms.polymarket.units import plain, token_id


@dataclass(frozen=True, slots=True)
class Terms:
    """A market as its orders see it: ids to trade (YES first), the grid, the smallest size, which contract."""

    token_ids: tuple[str, str]
    tick: Decimal  # dollars
    min_size: Decimal  # shares
    neg_risk: bool
    version: str  # v1 or v2

    def token(self, outcome: str) -> str:
        """The id that is traded for YES or NO. Raises ValueError for another word."""
        if outcome not in (YES, NO):
            raise ValueError(f"outcome {outcome[:20]!r} is neither YES nor NO")
        return self.token_ids[0 if outcome == YES else 1]

    def outcome(self, token: str) -> str:
        """YES or NO of a token id; empty for one that is not of this market."""
        return {self.token_ids[0]: YES, self.token_ids[1]: NO}.get(token, "")


def from_facts(facts: Mapping[str, Any]) -> Terms | None:
    """The terms in a request's facts (`facts_of` writes them); None where something lacks.

    Ids come as `token_ids`, or as `outcomes` the way a market's row keeps them. Raises ValueError for what cannot be
    used: a wrong guess would be an order on another market.
    """
    ids = facts.get("token_ids") or _ids(facts.get("outcomes") or ())
    tick = facts.get("tick")
    if len(ids) != 2 or tick in (None, "") or "neg_risk" not in facts:
        return None
    try:
        step = Decimal(str(tick)).normalize()
        smallest = Decimal(str(facts.get("min_size", 0)))
    except InvalidOperation as error:
        raise ValueError(f"tick {tick!r} or minimum size of the market is no number") from error
    _checked(step)
    yes, no = (token_id(str(one)) for one in ids)
    return Terms((yes, no), step, smallest, bool(facts["neg_risk"]), str(facts.get("version") or "v1"))


def from_rules(rules: TradingRules) -> Terms:
    """The terms that the order book's side tells. Raises ValueError for a market that we cannot trade."""
    if len(rules.token_ids) != 2:
        raise ValueError(f"market {rules.market_id} has {len(rules.token_ids)} outcomes, not two")
    yes, no = rules.token_ids
    tick = rules.tick.normalize()
    _checked(tick)
    return Terms((yes, no), tick, rules.min_size, rules.neg_risk, rules.version or "v1")


def facts_of(info: MarketInfo) -> dict[str, Any]:
    """What an `OrderRequest` on this market should carry as `facts`, as JSON values."""
    return {
        **info.extra,
        "token_ids": [outcome.token_id for outcome in info.outcomes],
        "tick": plain(info.ticks[0].step),
        "min_size": plain(info.min_size),
    }


def facts_of_row(
    outcomes: Sequence[Mapping[str, Any]],
    ticks: Sequence[Sequence[str]],
    min_size: Decimal,
    metadata: Mapping[str, Any],
) -> dict[str, Any]:
    """The same from what a market's row keeps; no tick where the row has none, so that it is asked for."""
    tick = {"tick": ticks[0][2]} if ticks else {}
    return {**metadata, "token_ids": _ids(outcomes), "min_size": plain(min_size), **tick}


class TermsBook:
    """Terms by market id: from what is stored (`facts`), else from the platform (`rules`); remembered.

    Which token is which never changes; the tick does, so a request brings its own where it can.
    """

    def __init__(
        self, facts: Callable[[str], Mapping[str, Any]], rules: Callable[[str], TradingRules]
    ) -> None:
        self._facts, self._rules = facts, rules
        self._known: dict[str, Terms] = {}

    def __call__(self, market_id: str) -> Terms:
        """Raises PlatformError where the platform cannot be asked, ValueError for a market that cannot be used."""
        found = self._known.get(market_id)
        if found is None:
            found = from_facts(self._facts(market_id)) or from_rules(self._rules(market_id))
            self._known[market_id] = found
        return found


def _ids(outcomes: Sequence[Mapping[str, Any]]) -> list[str]:
    named = {str(row.get("name")): str(row.get("token_id") or "") for row in outcomes}
    return [named[name] for name in (YES, NO) if named.get(name)]


def _checked(tick: Decimal) -> None:
    if tick not in DECIMALS:
        known = ", ".join(str(one) for one in DECIMALS)
        raise ValueError(f"tick {tick} is not one the platform has: {known}")

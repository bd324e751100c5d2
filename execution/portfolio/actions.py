"""What a wallet could do on Polymarket to free money: merges, redeems and conversions, with the prepared request.

Listed, never booked: in sandbox and live mode the ledger knows a merge only once the platform tells of it. On paper there
is nothing to list, for the ledger has done it already. Kalshi nets and pays by itself.
"""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from execution.models import Position
from execution.portfolio import freeing, holdings
from execution.portfolio.conversions import Layer
from markets.books import NO, YES
from markets.models import Market
from markets.platforms.base import POLYMARKET, SETTLED
from markets.platforms.polymarket import wallet
from markets.platforms.polymarket.orders import V2
from markets.platforms.polymarket.wallet import Call, Target

ZERO, ONE = Decimal(0), Decimal(1)
MICRO = Decimal("0.000001")
MERGE, REDEEM, CONVERT = "merge", "redeem", "convert"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do. `frees` is dollars that come at once; without a request, `why` says what is missing for one."""

    kind: str
    markets: tuple[str, ...]
    outcome: str
    quantity: Decimal  # contracts of each
    frees: Decimal
    sentence: str
    request: Call | None
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """The action as the API and the command give it."""
        call = self.request
        return {
            "kind": self.kind, "platform": POLYMARKET, "markets": list(self.markets), "outcome": self.outcome,
            "quantity": self.quantity, "frees": self.frees, "sentence": self.sentence, "why_no_request": self.why,
            "request": None if call is None else {"to": call.to, "data": call.data, "value": call.value},
        }  # fmt: skip


def look(mode: str) -> list[Action]:
    """Everything that could be done now: what frees most comes first."""
    rows = [
        row
        for (platform, _, _), row in holdings.rows_of(mode).items()
        if platform == POLYMARKET and row.quantity
    ]
    markets = {row.id: row for row in Market.objects.filter(id__in={row.market_id for row in rows})}
    held: dict[str, dict[str, Position]] = defaultdict(dict)
    for row in rows:
        held[row.market_id][row.outcome] = row
    found: list[Action] = []
    for market_id, outcomes in held.items():
        market = markets[market_id]
        if market.status == SETTLED and market.settlement_value is not None:
            redeems = [_redeem(market, market.settlement_value, row) for row in outcomes.values()]
            found += [one for one in redeems if one.frees]  # what lost is worth nothing to fetch
        elif len(outcomes) == 2:
            found.append(_merge(market, min(row.quantity for row in outcomes.values())))
    found += [_convert(layer) for layer in freeing.baskets(mode)]
    return sorted(found, key=lambda one: (-one.frees, one.kind, one.markets, one.outcome))


def _merge(market: Market, quantity: Decimal) -> Action:
    size = _whole(quantity)
    request, why = _prepared(lambda: wallet.merge(_target(market), size))
    sentence = f"Merge {_plain(size)} YES and NO of {market.question or market.id} into ${size:.2f}."
    return Action(MERGE, (market.id,), "", size, size, sentence, request, why)


def _redeem(market: Market, yes_pays: Decimal, row: Position) -> Action:
    size = _whole(row.quantity)
    each = yes_pays if row.outcome == YES else ONE - yes_pays
    request, why = _prepared(lambda: wallet.redeem(_target(market), row.outcome, size))
    sentence = (
        f"Redeem {_plain(size)} {row.outcome} of {market.question or market.id} for ${size * each:.2f}."
    )
    return Action(REDEEM, (market.id,), row.outcome, size, size * each, sentence, request, why)


def _convert(layer: Layer) -> Action:
    size = _whole(layer.quantity)
    facts = dict(Market.objects.filter(id__in=layer.markets).values_list("id", "metadata"))
    event = next((fact.get("neg_risk_market_id", "") for fact in facts.values()), "")
    questions = [fact.get("question_id", "") for fact in facts.values()]
    if any(fact.get("version") == V2 for fact in facts.values()):
        request, why = (
            None,
            "the call for events of Protocol V2 is not known: convert it on the platform's page",
        )
    else:
        request, why = _prepared(lambda: wallet.convert(event, questions, size))
    frees = size * (len(layer.markets) - 1)
    sentence = f"Convert {_plain(size)} NO of {len(layer.markets)} markets of one event into ${frees:.2f}" + (
        f" and YES of the other {len(layer.others)}." if layer.others else "."
    )
    return Action(CONVERT, layer.markets, NO, size, frees, sentence, request, why)


def _prepared(prepare: Any) -> tuple[Call | None, str]:
    """The request, or what is wrong with the market's ids for one."""
    try:
        return prepare(), ""
    except ValueError as error:
        return None, str(error)


def _target(market: Market) -> Target:
    facts = market.metadata
    return Target(
        market.id, bool(facts.get("neg_risk")), str(facts.get("version") or "v1"), market.question or ""
    )


def _whole(quantity: Decimal) -> Decimal:
    """Down to what a token can be divided into."""
    return quantity - quantity % MICRO


def _plain(size: Decimal) -> str:
    return f"{size.normalize():f}"

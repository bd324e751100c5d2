"""Holds our books against the exchange's own, for one pair and for all the money. Runs in the process of a lane.

The exchange says what really happened (`GET /control/accounts`). A violation is a sentence; none is what every case
must end with.
"""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from markets.books import NO, YES
from markets.platforms.base import KALSHI, PLATFORMS, POLYMARKET

ZERO, CENT = Decimal(0), Decimal("0.01")
DUST = Decimal("0.05")  # contracts: what cash purchases of odd sizes leave over
MODE = "sandbox"
ENDED = ("CONFIRMED", "MATCHED", "MINED", "RETRYING")


def violations(books: dict[str, Any], pair: dict[str, Any], before: dict[str, str]) -> list[str]:
    """Everything that is wrong. `before` is what the cash differed by when the case began (`differences`)."""
    markets = {pair[platform] for platform in PLATFORMS}
    return [
        *_orders(books, markets), *_fills(books, markets), *_positions(books, markets), *_cash(books, before),
        *_plans(pair), *_lone_legs(books, pair),
    ]  # fmt: skip


def differences(books: dict[str, Any]) -> dict[str, str]:
    """Their cash less ours, per platform, in dollars."""
    from execution.models import Account

    ours: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for account in Account.objects.filter(mode=MODE):
        ours[account.platform] += account.cash
    return {
        platform: str(sum(map(Decimal, books[platform]["cash"].values()), ZERO) - ours[platform])
        for platform in PLATFORMS
    }


def _in(rows: Iterable[dict[str, Any]], markets: set[str]) -> list[dict[str, Any]]:
    return [row for row in rows if row["market"] in markets]


def _orders(books: dict[str, Any], markets: set[str]) -> Iterable[str]:
    """No order twice, none that we do not know, none of ours still in the air."""
    from execution import lifecycle
    from execution.models import Order

    rows = list(Order.objects.filter(mode=MODE, market_id__in=markets))
    by_platform_id = {row.platform_order_id: row for row in rows if row.platform_order_id}
    by_client_id = {row.client_order_id: row for row in rows}
    of_row: dict[str, list[str]] = defaultdict(list)
    for platform in PLATFORMS:
        for theirs in _in(books[platform]["orders"], markets):
            row = by_platform_id.get(theirs["id"]) or by_client_id.get(theirs["client_id"])
            if theirs["open"]:
                yield f"order {theirs['id']} is still open on {platform}"
            if row is not None:
                of_row[row.id].append(theirs["id"])
            elif Decimal(theirs["filled"]):
                yield f"{platform} filled order {theirs['id']} ({theirs['filled']}), which we do not know"
            elif theirs["reason"] not in ("fok_killed", "ioc_rest"):
                yield f"{platform} took order {theirs['id']}, which we do not know"
    for row_id, ids in of_row.items():
        if len(ids) > 1:
            yield f"our order {row_id} was accepted {len(ids)} times: {', '.join(ids)}"
    for row in rows:
        if row.status not in lifecycle.DONE:
            yield f"our order {row.id} ({row.role}) ended as {row.status}"
        if row.cash is None and row.quantity is not None and row.matched_qty > row.quantity:
            yield f"our order {row.id} filled {row.matched_qty} of {row.quantity}"


def _fills(books: dict[str, Any], markets: set[str]) -> Iterable[str]:
    """What was filled, order by order: contracts, price and fee."""
    from execution.models import Fill

    theirs: dict[str, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO, ZERO])
    for platform in PLATFORMS:
        for fill in _in(books[platform]["fills"], markets):
            if fill["status"] in ENDED:
                _add(theirs[fill["order_id"]], fill["outcome"], fill["side"], *_numbers(fill))
    ours: dict[str, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO, ZERO])
    for row in Fill.objects.filter(mode=MODE, market_id__in=markets).select_related("order"):
        if row.kind in (Fill.TRADE, Fill.REVERSAL, Fill.HAND):
            order_id = row.order.platform_order_id if row.order else row.trade_id
            _add(ours[order_id], row.outcome, row.side, row.quantity, row.price, row.fee)
    for order_id in sorted(theirs.keys() | ours.keys()):
        if any(
            abs(a - b) > Decimal("0.000005") for a, b in zip(theirs[order_id], ours[order_id], strict=True)
        ):
            yield f"fills of {order_id}: theirs {_told(theirs[order_id])}, ours {_told(ours[order_id])}"


def _numbers(fill: dict[str, Any]) -> tuple[Decimal, Decimal, Decimal]:
    return Decimal(fill["size"]), Decimal(fill["price"]), Decimal(fill["fee"])


def _add(total: list[Decimal], outcome: str, side: str, size: Decimal, price: Decimal, fee: Decimal) -> None:
    """In YES terms: a purchase of NO at 60 cents is a sale of YES at 40."""
    buys_yes = (outcome == YES) == (side == "BUY")
    signed = size if buys_yes else -size
    total[0] += signed
    total[1] += signed * (price if outcome == YES else 1 - price)
    total[2] += fee


def _told(total: list[Decimal]) -> str:
    return f"{total[0].normalize():f} for {total[1].normalize():f}, fee {total[2].normalize():f}"


def _positions(books: dict[str, Any], markets: set[str]) -> Iterable[str]:
    from execution.models import Position

    ours: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for row in Position.objects.filter(mode=MODE, market_id__in=markets):
        ours[_place(row.platform, row.market_id, row.outcome)] += _signed(
            row.platform, row.outcome, row.quantity
        )
    theirs = _held(books, markets)
    for place in sorted(theirs.keys() | ours.keys()):
        if theirs[place] != ours[place]:
            yield f"position {place}: theirs {theirs[place]}, ours {ours[place]}"


def _held(books: dict[str, Any], markets: set[str]) -> dict[tuple[str, str], Decimal]:
    held: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for platform in PLATFORMS:
        for row in _in(books[platform]["positions"], markets):
            place = _place(platform, row["market"], row["outcome"])
            held[place] += _signed(platform, row["outcome"], Decimal(row["size"]))
    return held


def _place(platform: str, market_id: str, outcome: str) -> tuple[str, str]:
    """Kalshi nets YES and NO of a market, Polymarket holds both."""
    return market_id, "" if platform == KALSHI else outcome


def _signed(platform: str, outcome: str, size: Decimal) -> Decimal:
    return -size if platform == KALSHI and outcome == NO else size


def _cash(books: dict[str, Any], before: dict[str, str]) -> Iterable[str]:
    for platform, difference in differences(books).items():
        drift = Decimal(difference) - Decimal(before.get(platform, "0"))
        if abs(drift) >= CENT:
            yield f"cash on {platform}: theirs is {drift} dollars more than ours"


def _plans(pair: dict[str, Any]) -> Iterable[str]:
    """Every plan has come to an end, with its reasons written down."""
    from execution import lifecycle
    from execution.models import Plan

    for plan in plans_of(pair):
        if plan.status not in lifecycle.PLAN_DONE:
            yield f"plan {plan.id} ended as {plan.status}"
        elif not plan.steps.exists():
            yield f"plan {plan.id} has no step"
    signals = [plan.signal_id for plan in Plan.objects.exclude(signal=None)]
    if len(signals) != len(set(signals)):
        yield "a signal was acted on twice"


def plans_of(pair: dict[str, Any]) -> list[Any]:
    """The plans of a pair."""
    from execution.models import Plan

    markets = [pair[platform] for platform in PLATFORMS]
    return list(Plan.objects.filter(mode=MODE, orders__market_id__in=markets).distinct())


def _lone_legs(books: dict[str, Any], pair: dict[str, Any]) -> Iterable[str]:
    """What no other leg covers must be worth less than the loss that a plan may make."""
    if all(plan.kind == "MANUAL" for plan in plans_of(pair)):
        return  # what a person buys has no other leg
    alone, limit = lone(books, pair), loss_limit(pair)
    if alone > limit:
        yield f"a lone leg of {alone} dollars is left; at most {limit} may be lost"


def lone(books: dict[str, Any], pair: dict[str, Any]) -> Decimal:
    """Dollars that were paid for contracts which nothing covers, by the exchange's own positions."""
    held = _held(books, {pair[platform] for platform in PLATFORMS})
    kalshi = held[pair[KALSHI], ""]
    polymarket = held[pair[POLYMARKET], YES] - held[pair[POLYMARKET], NO]
    net = kalshi - polymarket if pair["inverted"] else kalshi + polymarket
    if abs(net) <= DUST:
        return ZERO
    return abs(net) * Decimal("0.5")  # the pairs of these tests cost about half a dollar a leg


def loss_limit(pair: dict[str, Any]) -> Decimal:
    """The largest loss limit of the pair's plans."""
    return max((plan.loss_limit or ZERO for plan in plans_of(pair)), default=ZERO)

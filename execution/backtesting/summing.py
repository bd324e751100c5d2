"""What a backtest came to: profit, drawdown, fills, refusals; as one document."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from execution.backtesting.account import ONE, ZERO, Account, Point
from execution.backtesting.trader import Attempt, Trader
from execution.plans.saga import COMPLETE, LEG, UNWIND
from markets.books import YES, dollars
from signals.replay.replaying import Outcome

MOST_POINTS = 400
CENTS = Decimal("0.000001")
RATIO = Decimal("0.0001")


def document(trader: Trader, outcome: Outcome, digest: str) -> dict[str, Any]:
    """Everything that a backtest tells. Money is dollars, ratios are fractions, times aware.

    `after_costs` is what the equity gained: what is held counts at what it has settled at, else at its best bid.
    `held_to_settlement` counts what is covered in every state at what it pays there, and the rest as before.
    """
    attempts, account = trader.attempts, trader.account
    kinds: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        kinds.setdefault(attempt.bet.kind, []).append(attempt)
    start, end = account.points[0].equity if account.points else ZERO, account.equity()
    whole = profit(attempts, account)
    return {
        "seconds": outcome.as_json()["seconds"],
        "signals": outcome.signals,
        "signals_by_kind": outcome.found["signals_by_kind"],
        "plans": len(attempts),
        "plans_by_end": dict(sorted(Counter(attempt.end for attempt in attempts).items())),
        "fills": _fills(attempts),
        "one_legged": {
            "plans": sum(attempt.one_legged for attempt in attempts),
            "share": _part(
                sum(attempt.one_legged for attempt in attempts), sum(_began(one) for one in attempts)
            ),
        },
        "refusals": {
            "detect": outcome.found["refusals"],
            "decide": outcome.found["reasons"],
            "plan": dict(sorted(trader.refusals.items())),
        },
        "profit": whole,
        "by_kind": {kind: {"plans": len(own), **profit(own, account)} for kind, own in sorted(kinds.items())},
        "equity": {
            "start": start,
            "end": money(end),
            "max_drawdown": money(account.drawdown),
            "max_drawdown_pct": account.drawdown_pct.quantize(RATIO),
            "still_held": sum(1 for position in account.positions.values() if position.quantity),
            "points": [
                {"at": datetime.fromtimestamp(point.at_ms / 1_000, UTC), "equity": money(point.equity)}
                for point in thinned(account.points)
            ],
        },
        "digest": digest,
    }


def money(amount: Decimal) -> Decimal:
    """Dollars as the document has them."""
    return amount.quantize(CENTS)


def _part(some: int, of: int) -> Decimal | None:
    return (Decimal(some) / of).quantize(RATIO) if of else None


def _began(attempt: Attempt) -> bool:
    """Whether anything of a plan has filled."""
    return any(order.line.filled > 0 for order in attempt.orders)


def _fills(attempts: Sequence[Attempt]) -> dict[str, dict[str, Any]]:
    """Orders by their place: the first leg, further legs, and what completed or took back a remainder."""
    found: dict[str, dict[str, int]] = {}
    for attempt in attempts:
        legs = sorted(
            (order for order in attempt.orders if order.line.role == LEG and order.line.sent_at),
            key=lambda order: (order.sent_ms, order.line.leg),
        )
        named = [("first" if place == 0 else "further", order) for place, order in enumerate(legs)]
        named += [
            (order.line.role.lower(), order)
            for order in attempt.orders
            if order.line.role in (COMPLETE, UNWIND)
        ]
        for name, order in named:
            row = found.setdefault(name, {"sent": 0, "whole": 0, "part": 0, "nothing": 0})
            row["sent"] += 1
            filled = order.line.filled
            row["whole" if filled >= order.line.size else "part" if filled > 0 else "nothing"] += 1
    return {
        name: {**row, "whole_share": _part(row["whole"], row["sent"])} for name, row in sorted(found.items())
    }


def profit(attempts: Sequence[Attempt], account: Account) -> dict[str, Any]:
    """What these plans promised, paid and gained, dollars."""
    fees = sum((attempt.fees for attempt in attempts), ZERO)
    after = sum((attempt.flows + _worth(attempt, account) for attempt in attempts), ZERO)
    return {
        "planned": money(sum((attempt.finding.net_profit for attempt in attempts), ZERO)),
        "before_costs": money(after + fees),
        "fees": money(fees),
        "after_costs": money(after),
        "held_to_settlement": money(sum((_at_settlement(attempt, account) for attempt in attempts), ZERO)),
    }


def _price(key: tuple[str, str, str], account: Account) -> Decimal:
    """What a contract is worth at the end: what it paid, else its mark."""
    paid = account.pays.get(key[:2])
    if paid is not None:
        return paid if key[2] == YES else ONE - paid
    return account.marks.get(key, ZERO)


def _worth(attempt: Attempt, account: Account) -> Decimal:
    return sum((size * _price(key, account) for key, size in attempt.holds.items()), ZERO)


def _at_settlement(attempt: Attempt, account: Account) -> Decimal:
    """The profit of a plan whose covered part pays what every state pays; what is alone counts at its price."""
    markets = {key[:2] for key, size in attempt.holds.items() if size}
    if not markets or all(market in account.pays for market in markets):
        return attempt.flows + _worth(attempt, account)
    share = attempt.reached
    alone = dict(attempt.holds)
    for ticket in attempt.tickets:
        covered = dollars(int(share * int(ticket.size * 1_000_000)))
        alone[ticket.side_of_book] = alone.get(ticket.side_of_book, ZERO) - covered
    covered_payoff = dollars(int(share * int(attempt.finding.size * 1_000_000)))
    rest = sum((size * _price(key, account) for key, size in alone.items()), ZERO)
    return attempt.flows + covered_payoff + rest


def thinned(points: Sequence[Point]) -> list[Point]:
    """At most so many points as a chart can show, the first, the last, the lowest and the highest among them."""
    if len(points) <= MOST_POINTS:
        return list(points)
    step = len(points) / (MOST_POINTS - 4)
    chosen = {int(place * step) for place in range(MOST_POINTS - 4)} | {0, len(points) - 1}
    chosen.add(min(range(len(points)), key=lambda at: points[at].equity))
    chosen.add(max(range(len(points)), key=lambda at: points[at].equity))
    return [points[at] for at in sorted(chosen)]


def drawdowns(points: Sequence[Mapping[str, Any]]) -> list[tuple[datetime, Decimal]]:
    """Dollars below the highest equity so far, as negative figures."""
    found, highest = [], None
    for point in points:
        highest = point["equity"] if highest is None else max(highest, point["equity"])
        found.append((point["at"], point["equity"] - highest))
    return found

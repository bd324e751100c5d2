"""What evidence changed: the same history with and without it, side by side."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from execution.backtesting import summing
from execution.backtesting.trader import EFFECTS, GapKey, Trader

NO_EVIDENCE = "Recorded files hold no claims and no calendar, so evidence has no say in this backtest; with --since it has."


def compared(heard: Trader, deaf: Trader, *, claims: int, events: int) -> dict[str, Any]:
    """Both runs, and what became of the gaps that evidence did something to, by the hardest that it did.

    `heard` has listened to evidence, `deaf` has not. A gap is the same in both: evidence opens none and ends none.
    """
    counted = Counter(heard.borne.values())
    return {
        "claims": claims,
        "events": events,
        "with": _whole(heard),
        "without": _whole(deaf),
        "gaps": {
            effect: {
                "gaps": counted[effect],
                "with": _part(heard, gaps := {gap for gap, done in heard.borne.items() if done == effect}),
                "without": _part(deaf, gaps),
            }
            for effect in EFFECTS
        },
    }


def _whole(trader: Trader) -> dict[str, Any]:
    drawdown = summing.money(trader.account.drawdown)
    return {**_part(trader, {attempt.gap for attempt in trader.attempts}), "max_drawdown": drawdown}


def _part(trader: Trader, gaps: Iterable[GapKey]) -> dict[str, Any]:
    own = [attempt for attempt in trader.attempts if attempt.gap in gaps]
    return {"plans": len(own), **summing.profit(own, trader.account)}

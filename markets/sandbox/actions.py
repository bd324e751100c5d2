"""What can be done to the sandbox's world from outside: one table for the control endpoint and the scenario file.

Each action is a function of the sandbox and one JSON object, and answers with facts that can be JSON. Amounts are
spelled for people here: dollars and contracts as decimal text or numbers, gaps in whole cents. A market is named by
its id (ticker or condition id), or by `pair` and `platform`; a pair by its id, or by a whole number counting the
pairs that trade now (0 is the oldest).
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from markets.books import MICRO, NO, OTHER, YES
from markets.platforms.base import KALSHI, PLATFORMS, POLYMARKET
from markets.sandbox import ledgers, plants, publishing, truth
from markets.sandbox import orders as o
from markets.sandbox.context import Sandbox
from markets.sandbox.faultkinds import ALL_SOURCES
from markets.sandbox.keys import USER
from markets.sandbox.market import Pair, SandboxEvent, SandboxMarket
from markets.sandbox.orders import Order, SandboxError
from markets.sandbox.quotes import CENT
from markets.sandbox.sources.values import SOURCES
from markets.sandbox.traders import CONTROL_ACCOUNT
from markets.sandbox.truth import decimal_text

Args = dict[str, Any]
Answer = dict[str, Any]
RESULTS = {"YES": MICRO, "NO": 0}
LARGEST = Decimal(10**9)


class ActionError(SandboxError):
    """A wish that cannot be understood; the message names the field."""


@dataclass(frozen=True, slots=True)
class Action:
    """A function and the fields it takes; `needed` must be given."""

    do: Callable[[Sandbox, Args], Answer]
    allowed: frozenset[str]
    needed: frozenset[str] = frozenset()


def act(sandbox: Sandbox, name: str, args: Args) -> Answer:
    """Do one action of `ACTIONS`. Raises SandboxError with a sentence on what is wrong."""
    check(name, args)
    return ACTIONS[name].do(sandbox, args)


def check(name: str, args: Args) -> None:
    """Refuse an unknown action, an unknown field or a missing one, before anything is done. Raises ActionError."""
    action = ACTIONS.get(name)
    if action is None:
        raise ActionError(f"unknown action {name!r}; use one of {', '.join(ACTIONS)}")
    if not isinstance(args, dict):
        raise ActionError(f"{name} takes an object, not {args!r}")
    if name == "fault":
        return  # has a check of its own, by kind
    for field in sorted(map(str, args.keys() - action.allowed)):
        raise ActionError(
            f"{name} has no field {field!r}; it has {', '.join(sorted(action.allowed)) or 'none'}"
        )
    for field in sorted(action.needed - args.keys()):
        raise ActionError(f"{name} needs {field!r}")


def find_pair(sandbox: Sandbox, key: Any) -> Pair:
    """A pair by id, or by number among those that trade. Raises ActionError."""
    if type(key) is int:
        trading = sandbox.world.open_pairs()
        if not 0 <= key < len(trading):
            raise ActionError(f"there is no pair number {key}; {len(trading)} pairs trade")
        return trading[key]
    pair = sandbox.world.pairs.get(str(key))
    if pair is None:
        raise ActionError(f"there is no pair {key!r}")
    return pair


def find_market(sandbox: Sandbox, args: Args) -> SandboxMarket:
    """The market that `market`, or `pair` and `platform`, name. Raises SandboxError."""
    platform = args.get("platform")
    if platform is not None and platform not in PLATFORMS:
        raise ActionError(f"'platform' is {' or '.join(PLATFORMS)}, not {platform!r}")
    if "market" in args:
        market = sandbox.world.market(str(args["market"]))
        if platform is not None and market.platform != platform:
            raise ActionError(f"{market.id} is on {market.platform}, not on {platform}")
        return market
    if "pair" not in args or platform is None:
        raise ActionError("name a market by 'market', or by 'pair' and 'platform'")
    pair = find_pair(sandbox, args["pair"])
    return sandbox.world.market(pair.kalshi_ticker if platform == KALSHI else pair.polymarket_id)


def exact(args: Args, name: str, default: str | None = None) -> int:
    """A decimal field in millionths. Raises ActionError for what is no number, or has more than six decimals."""
    value = args.get(name, default)
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
            raise ValueError
        number = Decimal(str(value))
        if not number.is_finite() or abs(number) > LARGEST or number * MICRO % 1:
            raise ValueError
    except (ValueError, InvalidOperation) as error:
        raise ActionError(f"{name!r} must be a number with at most six decimals, not {value!r}") from error
    return int(number * MICRO)


# --- faults and pace


def _fault(sandbox: Sandbox, args: Args) -> Answer:
    return sandbox.faults.set(args).as_json()


def _clear(sandbox: Sandbox, args: Args) -> Answer:
    rule_id, platform = args.get("id"), args.get("platform")
    if rule_id is not None and type(rule_id) is not int:
        raise ActionError(f"'id' must be a whole number, not {rule_id!r}")
    known = (*PLATFORMS, *SOURCES, ALL_SOURCES)
    if platform is not None and platform not in known:
        raise ActionError(f"'platform' is one of {', '.join(known)}, not {platform!r}")
    return {"cleared": sandbox.faults.clear(rule_id, platform=platform)}


def _rate(sandbox: Sandbox, args: Args) -> Answer:
    sandbox.traders.set_rate(exact(args, "rate") / MICRO)
    return {"rate": sandbox.traders.rate}


# --- the lives of markets


def _pause(sandbox: Sandbox, args: Args) -> Answer:
    return _changed(sandbox, args, sandbox.world.pause)


def _resume(sandbox: Sandbox, args: Args) -> Answer:
    return _changed(sandbox, args, sandbox.world.resume)


def _close(sandbox: Sandbox, args: Args) -> Answer:
    return _changed(sandbox, args, sandbox.world.close)


def _dispute(sandbox: Sandbox, args: Args) -> Answer:
    return _changed(sandbox, args, sandbox.world.dispute)


def _settle(sandbox: Sandbox, args: Args) -> Answer:
    return _changed(sandbox, args, sandbox.world.settle)


def _changed(sandbox: Sandbox, args: Args, change: Callable[[str, int], None]) -> Answer:
    market = find_market(sandbox, args)
    change(market.id, sandbox.now_ms())
    return market_facts(sandbox, market)


def _determine(sandbox: Sandbox, args: Args) -> Answer:
    """`value`: dollars that one YES pays, or `result`: YES or NO; neither: the outcome the world had in mind."""
    market = find_market(sandbox, args)
    value = market.truth
    if "value" in args:
        value = exact(args, "value")
    elif "result" in args:
        if args["result"] not in RESULTS:
            raise ActionError(f"'result' is YES or NO, not {args['result']!r}; for a split give 'value'")
        value = RESULTS[args["result"]]
    sandbox.world.determine(market.id, value, sandbox.now_ms())
    return market_facts(sandbox, market)


def _tick(sandbox: Sandbox, args: Args) -> Answer:
    market = find_market(sandbox, args)
    sandbox.world.set_tick(market.id, str(args["tick"]), sandbox.now_ms())
    return market_facts(sandbox, market)


def _reopen(sandbox: Sandbox, args: Args) -> Answer:
    market, now_ms = find_market(sandbox, args), sandbox.now_ms()
    sandbox.world.reopen(market.id, now_ms + exact(args, "seconds") // 1000, now_ms)
    return market_facts(sandbox, market)


# --- books


def _gap(sandbox: Sandbox, args: Args) -> Answer:
    """Open a gap of `cents` (gross, whole cents; 0 closes it) and `size` contracts on a pair for `seconds`."""
    pair = find_pair(sandbox, args.get("pair", 0))
    cheap = args.get("cheap", POLYMARKET)
    if cheap not in PLATFORMS:
        raise ActionError(f"'cheap' is {' or '.join(PLATFORMS)}, not {cheap!r}")
    made = sandbox.traders.force_gap(
        pair.id, gap=exact(args, "cents") * CENT // MICRO, size=exact(args, "size", "100"), cheap=cheap,
        now_ms=sandbox.now_ms(), seconds=exact(args, "seconds", "30") / MICRO, ask=exact(args, "ask", "0"),
    )  # fmt: skip
    return {
        "pair": pair.id, "polymarket": pair.polymarket_id, "kalshi": pair.kalshi_ticker, "inverted": pair.inverted,
        "cheap": cheap, **{name: decimal_text(value) for name, value in made.items()},
    }  # fmt: skip


def _plant(sandbox: Sandbox, args: Args) -> Answer:
    """A gap of `kind` (`plants.KINDS`) that is written down and gone after `seconds`: in a `pair`, or in an `event`."""
    kind, cents, now_ms = args["kind"], args["cents"], sandbox.now_ms()
    size, seconds = exact(args, "size", "100"), exact(args, "seconds", "10") / MICRO
    if kind not in plants.KINDS:
        raise ActionError(f"'kind' is one of {', '.join(plants.KINDS)}, not {kind!r}")
    if type(cents) is not int:
        raise ActionError(f"'cents' must be a whole number, not {cents!r}")
    if kind != plants.PAIR:
        event = find_event(sandbox, kind, args.get("event", 0))
        made = sandbox.plants.event(kind, event, cents=cents, size=size, seconds=seconds, now_ms=now_ms)
        return truth.plant_facts(made)
    cheap = args.get("cheap", POLYMARKET)
    if cheap not in PLATFORMS:
        raise ActionError(f"'cheap' is {' or '.join(PLATFORMS)}, not {cheap!r}")
    made = sandbox.plants.pair(
        find_pair(sandbox, args.get("pair", 0)), cents=cents, size=size, seconds=seconds, cheap=cheap, now_ms=now_ms,
        ask=exact(args, "ask", "0"),
    )  # fmt: skip
    return truth.plant_facts(made)


def find_event(sandbox: Sandbox, kind: str, key: Any) -> SandboxEvent:
    """An event in which `kind` can be planted, by its id or by its number among those. Raises ActionError."""
    found = [event for event in sandbox.world.wide_events() if event.kind in plants.EVENTS[kind]]
    if type(key) is int and 0 <= key < len(found):
        return found[key]
    for event in sandbox.world.wide_events():
        if event.id == key:
            return event
    raise ActionError(f"there is no event {key!r} for {kind}; {len(found)} events would do")


def _stale(sandbox: Sandbox, args: Args) -> Answer:
    """Hold back the data of a `platform` (`scope` platform, or market: only the pair's) for `seconds`, and after
    `after` seconds of that move what the pair is worth by `cents` on both platforms: what is still shown is wrong.
    """
    pair, cents, platform = find_pair(sandbox, args.get("pair", 0)), args["cents"], args["platform"]
    seconds, after = exact(args, "seconds", "10"), exact(args, "after", "3")
    scope = args.get("scope", "platform")
    if platform not in PLATFORMS:
        raise ActionError(f"'platform' is {' or '.join(PLATFORMS)}, not {platform!r}")
    if scope not in ("platform", "market"):
        raise ActionError(f"'scope' is platform or market, not {scope!r}")
    if type(cents) is not int or not 1 <= abs(cents) <= 50:
        raise ActionError(f"'cents' must be a whole number from 1 to 50, or below zero, not {cents!r}")
    if not 0 <= after < seconds:
        raise ActionError("'after' lies between zero and 'seconds'")
    fault: Args = {"kind": "ws_silence", "platform": platform, "seconds": seconds / MICRO}
    if scope == "market":
        fault["market"] = pair.kalshi_ticker if platform == KALSHI else pair.polymarket_id
    rule = sandbox.faults.set(fault)
    sandbox.traders.move(pair.id, cents * CENT, sandbox.now_ms() + after * 1000 // MICRO)
    return {"pair": pair.id, "fault": rule.as_json()}


def _order(sandbox: Sandbox, args: Args) -> Answer:
    """An order of the `control` account, which has all the money in the world: `side` BUY or SELL of `outcome`."""
    market = find_market(sandbox, args)
    side, outcome = args.get("side"), args.get("outcome", YES)
    tif = args.get("tif", o.GTC)
    if side not in o.OPPOSITE or outcome not in OTHER or tif not in o.TIMES_IN_FORCE or tif == o.GTD:
        raise ActionError("an order needs 'side' BUY or SELL, 'outcome' YES or NO, 'tif' GTC, IOC or FOK")
    price = exact(args, "price")
    order = sandbox.engine.submit(
        market.id, CONTROL_ACCOUNT,
        side if outcome == YES else o.OPPOSITE[side], price if outcome == YES else MICRO - price,
        exact(args, "size"), at_ms=sandbox.now_ms(), tif=tif, outcome=outcome, action=side,
    )  # fmt: skip
    return order_facts(order)


def _hand(sandbox: Sandbox, args: Args) -> Answer:
    """A trade in our own account that the bot did not place: as `order`, with `account`."""
    market = find_market(sandbox, args)
    side, outcome, tif = args["side"], args.get("outcome", YES), args.get("tif", o.IOC)
    if side not in o.OPPOSITE or outcome not in OTHER or tif not in o.TIMES_IN_FORCE or tif == o.GTD:
        raise ActionError(
            "a hand's order needs 'side' BUY or SELL, 'outcome' YES or NO, 'tif' GTC, IOC or FOK"
        )
    return ledgers.by_hand(
        sandbox, str(args.get("account", USER)), market, side=side, outcome=outcome,
        price=exact(args, "price"), size=exact(args, "size"), tif=tif,
    )  # fmt: skip


def _cash(sandbox: Sandbox, args: Args) -> Answer:
    """A deposit (`amount` above zero) or a withdrawal on a `platform`."""
    platform, shard = args["platform"], args.get("shard", 0)
    if platform not in PLATFORMS:
        raise ActionError(f"'platform' is {' or '.join(PLATFORMS)}, not {platform!r}")
    if type(shard) is not int or not 0 <= shard <= 100:
        raise ActionError(f"'shard' must be a whole number from 0 to 100, not {shard!r}")
    return ledgers.move_cash(sandbox, str(args.get("account", USER)), platform, exact(args, "amount"), shard)


def _cancel(sandbox: Sandbox, args: Args) -> Answer:
    """Take an order of anybody off the book, by `id`; or all of a market."""
    if "id" in args:
        return order_facts(sandbox.engine.cancel(str(args["id"]), at_ms=sandbox.now_ms()))
    market = find_market(sandbox, args)
    return {"cancelled": len(sandbox.engine.cancel_all(at_ms=sandbox.now_ms(), market_id=market.id))}


_WHERE = frozenset({"market", "pair", "platform"})

LIFE: dict[str, Action] = {
    "pause": Action(_pause, _WHERE),
    "resume": Action(_resume, _WHERE),
    "close": Action(_close, _WHERE),
    "reopen": Action(_reopen, _WHERE | {"seconds"}, frozenset({"seconds"})),
    "determine": Action(_determine, _WHERE | {"value", "result"}),
    "dispute": Action(_dispute, _WHERE),
    "settle": Action(_settle, _WHERE),
    "tick": Action(_tick, _WHERE | {"tick"}, frozenset({"tick"})),
}
ACTIONS: dict[str, Action] = {
    **LIFE,
    "fault": Action(_fault, frozenset()),
    "clear": Action(_clear, frozenset({"id", "platform"})),
    "rate": Action(_rate, frozenset({"rate"}), frozenset({"rate"})),
    "gap": Action(
        _gap, frozenset({"pair", "cents", "size", "cheap", "seconds", "ask"}), frozenset({"cents"})
    ),
    "plant": Action(
        _plant,
        frozenset({"kind", "pair", "event", "cents", "size", "cheap", "seconds", "ask"}),
        frozenset({"kind", "cents"}),
    ),
    "stale": Action(
        _stale,
        frozenset({"pair", "platform", "scope", "cents", "seconds", "after"}),
        frozenset({"platform", "cents"}),
    ),
    "order": Action(
        _order, _WHERE | {"side", "outcome", "price", "size", "tif"}, frozenset({"side", "price", "size"})
    ),
    "hand": Action(
        _hand,
        _WHERE | {"account", "side", "outcome", "price", "size", "tif"},
        frozenset({"side", "price", "size"}),
    ),
    "cash": Action(
        _cash, frozenset({"account", "platform", "amount", "shard"}), frozenset({"platform", "amount"})
    ),
    "cancel": Action(_cancel, _WHERE | {"id"}),
    **{name: Action(*row) for name, row in publishing.TABLE.items()},
}


# --- facts


def market_facts(sandbox: Sandbox, market: SandboxMarket) -> Answer:
    """A market's state and top of book; prices of YES in dollars, null where a side is empty."""
    book, value = sandbox.engine.book(market.id), market.settlement_value
    return {
        "platform": market.platform, "id": market.id, "pair": market.pair_id, "question": market.question,
        "state": market.state, "result": market.result,
        "value": None if value is None else decimal_text(value),
        "close_ms": market.close_ms, "next_ms": sandbox.world.next_due(market),
        "bid": decimal_text(book.best_bid) if book.bids.prices else None,
        "ask": decimal_text(book.best_ask) if book.asks.prices else None,
        "volume": decimal_text(market.volume),
        "tick": market.k.grid if market.platform == KALSHI else market.p.tick,
    }  # fmt: skip


def order_facts(order: Order) -> Answer:
    """What became of an order; `price` in terms of its own outcome."""
    own = order.price if order.outcome == YES else MICRO - order.price
    return {
        "id": order.id, "market": order.market_id, "side": order.action, "outcome": order.outcome,
        "price": decimal_text(own), "filled": decimal_text(order.filled),
        "remaining": decimal_text(order.remaining), "open": order.open, "reason": order.closed_reason,
    }  # fmt: skip


def pair_facts(sandbox: Sandbox, pair: Pair) -> Answer:
    """Both ids, which outcome is which, and the full texts, as a person would need them to judge the pair."""
    polymarket, kalshi = sandbox.world.markets[pair.polymarket_id], sandbox.world.markets[pair.kalshi_ticker]
    same = {YES: NO, NO: YES} if pair.inverted else {YES: YES, NO: NO}
    return {
        "id": pair.id, "polymarket": pair.polymarket_id, "kalshi": pair.kalshi_ticker, "inverted": pair.inverted,
        "outcomes": [{"polymarket": ours, "kalshi": theirs} for ours, theirs in same.items()],
        "short_lived": pair.short_lived, "close_ms": min(polymarket.close_ms, kalshi.close_ms),
        "states": {POLYMARKET: polymarket.state, KALSHI: kalshi.state},
        "questions": {POLYMARKET: polymarket.question, KALSHI: kalshi.question},
        "rules": {POLYMARKET: polymarket.rules, KALSHI: f"{kalshi.rules}\n{kalshi.rules_secondary}".strip()},
        "tokens": list(polymarket.p.token_ids), "slug": polymarket.p.slug, "event_ticker": kalshi.k.event_ticker,
    }  # fmt: skip

"""Facts that mean another thing in another company: cities, states of teams, moves of rates, rounds, editions."""

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from markets.matching import numbers
from markets.matching.strikes import touched
from markets.matching.text import AT_LARGE

if TYPE_CHECKING:
    from markets.matching.facts import Facts

COUNTED = {"hurricanes", "named_storms", "earthquakes", "rotten_tomatoes"}
GROWING = {"cpi", "core_cpi", "pce", "core_pce", "gdp", "temperature_anomaly"}  # `rises by 2 %` is `is 2 %`
LARGE = 1_000_000  # round numbers of this size are thresholds
YEARLY = Decimal("1.5")  # percent of inflation that no single month brings
RATE_MOVES = {"cut", "hike", "hold"}
FED_STEP = Decimal("0.25")  # percentage points: the Fed moves in quarters
_LEAGUE_SERIES = re.compile(r"WNBA|NBA|MLB|NHL|NFL")


def settle(facts: "Facts") -> None:
    """Words that mean another thing in another company: cities, states of teams, the Fed's steps."""
    kinds = facts.kinds
    league = _LEAGUE_SERIES.search(facts.ticker.series)
    if league and "league" not in kinds and "title" not in kinds:
        kinds["league"] = {league[0].lower()}
    if kinds.get("conf", set()) & {"al", "nl"} and not kinds.keys() & {"title", "stat", "div"}:
        kinds["title"] = {f"mlb_{value}" for value in kinds.pop("conf")}
    for name in ("city", "state", "country", "measure", "commodity", "coin"):
        if _is_part_of_a_name(facts, name):
            for value in sorted(kinds.pop(name)):
                facts.words += facts.aliases.get(f"{name}:{value}", (value,))
    if (
        kinds.get("office") == {"house"}
        and kinds.get("state")
        and kinds["state"] <= AT_LARGE
        and "seat" not in kinds
    ):
        kinds["seat"] = {f"{state}al" for state in kinds.get("state", ())}
    if kinds.get("seat"):
        kinds.pop("state", None)
    if "us_open" in kinds.get("title", ()) and (
        "KXPGA" in facts.ticker.series or "golf" in f"{facts.question.event_title} {facts.folded}".lower()
    ):
        kinds["title"] = kinds["title"] - {"us_open"} | {"us_open_golf"}
    _settle_stage_reached(facts)
    facts.negated = len(kinds.pop("neg", set())) % 2 == 1
    if "keep" in kinds:  # to stay in office is not to leave it
        kinds.pop("keep")
        kinds.setdefault("act", set()).add("leave")
        facts.negated = not facts.negated
    _settle_moves(facts)
    if "move" in kinds and ("fed_rate" in kinds.get("measure", ()) or "fed" in kinds.get("actor", ())):
        facts.bounds = tuple(numbers.stepped(bound, FED_STEP) for bound in facts.bounds)
    if kinds.get("move", set()) & {"cut", "hike"} and [b.values for b in facts.bounds] == [{Decimal(0)}]:
        kinds["move"], facts.bounds = {"hold"}, ()  # Kalshi lists "hike by 0" for no change
    facts.bounds = tuple(_large(touched(bound, kinds.get("move", set()))) for bound in facts.bounds)
    if not facts.is_price and "tenor" not in kinds and "touch_high" in kinds.get("move", ()):
        kinds["move"].discard("touch_high")  # a count that reaches a number is at least that number
        if not kinds["move"]:
            kinds.pop("move")
    if facts.counts:
        facts.bounds = tuple(numbers.whole(bound) if not bound.unit else bound for bound in facts.bounds)
    if facts.ticker.coin and "coin" not in kinds:
        kinds["coin"] = {facts.ticker.coin}


def _large(bound: numbers.Bound) -> numbers.Bound:
    """`have 500 million subscribers` is not exactly that many."""
    if bound.low is not None and bound.low == bound.high and bound.low >= LARGE:
        return numbers.at_least(bound.low, bound.unit)
    return bound


def _settle_moves(facts: "Facts") -> None:
    """`hold` and `cut` are moves of rates and prices only; an increase by a figure is the figure."""
    kinds = facts.kinds
    moves, measures = kinds.get("move", set()), kinds.get("measure", set())
    if moves & RATE_MOVES and not (
        facts.is_price or measures or kinds.keys() & {"actor", "fx"} or {"rate", "rates"} & set(facts.words)
    ):
        facts.words += tuple(sorted(moves & RATE_MOVES))
        moves -= RATE_MOVES
    if measures & {"pce", "core_pce"}:
        measures.discard("cpi")
    if "gdp" in measures and not any(window.kind == "quarter" for window in facts.when.windows):
        measures.discard("yoy")
    if measures & GROWING and facts.bounds:
        moves -= {"hike", "up"}
        large = all(value >= YEARLY for bound in facts.bounds for value in bound.values)
        if measures & {"cpi", "core_cpi", "pce", "core_pce"} and "mom" not in measures and large:
            measures.add("yoy")
    if not moves:
        kinds.pop("move", None)
    basin = kinds.get("div", set()) & {"atlantic", "pacific", "central"}
    if basin and not kinds.keys() & {"league", "title", "team", "conf"}:
        facts.words += tuple(sorted(basin))
        kinds["div"] -= basin
        if not kinds["div"]:
            kinds.pop("div")


def _settle_stage_reached(facts: "Facts") -> None:
    """`make`, `reach` or `miss` the playoffs or a round."""
    kinds = facts.kinds
    if not (kinds.get("title") or kinds.get("part")) or facts.bounds:
        return
    reached = kinds.get("move", set()) & {"touch_high"}
    if reached or {"make", "makes", "miss"} & set(facts.words):
        if "miss" in facts.words:
            kinds.setdefault("neg", set()).add("opposite of advance")
        facts.words = tuple(word for word in facts.words if word not in ("make", "makes", "miss"))
        kinds.setdefault("act", set()).add("advance")
        if reached:
            kinds["move"] -= reached
            if not kinds["move"]:
                kinds.pop("move")


def _is_part_of_a_name(facts: "Facts", kind: str) -> bool:
    """Cities outside weather, states and coins in sport (`Minnesota`, `Hurricanes`, `Avalanche`)."""
    kinds = facts.kinds
    if kind not in kinds:
        return False
    if kind == "city":
        return not facts.is_weather
    if not facts.is_sport or "office" in kinds:
        return False
    return kind in ("state", "commodity", "coin") or (kind == "measure" and bool(kinds["measure"] & COUNTED))

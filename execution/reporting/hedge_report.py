"""What the exposure report says of markets that move together: groups, hedges, and a heat map."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from execution.portfolio import hedging
from execution.reporting import charts, reports
from execution.reporting.reports import Section

HEAT_TITLE = "How markets move together"


@dataclass(frozen=True, slots=True)
class Beside:
    """Correlated groups (name, positions, dollars paid), hedges, and the heat map's figures."""

    groups: Sequence[tuple[str, int, Decimal]]
    seen: hedging.Hedges
    heat: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """What the exposure report's document holds of it."""
        return {
            "correlated": [
                {"name": name, "positions": count, "paid": paid} for name, count, paid in self.groups
            ],
            "hedges": self.seen.as_json()["hedges"],
            "heat": dict(self.heat),
        }


def look(mode: str, now: datetime) -> Beside:
    """All of it as of now."""
    return Beside(hedging.correlated_groups(mode), hedging.look(mode, now), hedging.heat(mode))


def sections(beside: Beside) -> list[Section]:
    """What the exposure report says of markets that move together: groups, hedges, and the heat map's lines."""
    tied = [(name, str(count), reports.dollars(paid)) for name, count, paid in beside.groups]
    ways = [
        (
            f"{one.stake.outcome} of {beside.seen.labels.get(one.stake.market, one.stake.market_id)}"[:90],
            f"{one.outcome} of {beside.seen.labels.get((one.platform, one.market_id), one.market_id)}"[:90],
            f"{one.contracts.normalize():f}", reports.dollars(one.cost), share(one.takes), share(one.takes_at_least),
            "exact" if one.rho is None else f"{one.rho:+.2f}",
        )
        for one in beside.seen.hedges[:reports.MOST_ROWS]
    ]  # fmt: skip
    lines = [(str(number + 1), label[:90]) for number, label in enumerate(beside.heat["labels"])]
    nothing = "No correlation is known yet: manage.py correlations --refresh."
    return [
        Section(
            "By correlated group", ("group", "positions", "paid"), tied,
            "A market may be in several of these groups: they do not add up to the total." if tied
            else "Nothing that is held moves together so surely that its stakes are added up.",
        ),
        Section(
            "Hedges", ("position", "buy", "contracts", "costs", "takes", "at least", "by"), ways,
            (
                "Parts of the position's variance; costs are the half spread and the fee. Nothing is sent." if ways
                else "Nothing is open that a live book would offset."
            ) + (f" {beside.seen.left_out}." if beside.seen.left_out else ""),
        ),
        Section(HEAT_TITLE, ("", "market"), lines, "Correlation of log-odds changes." if lines else nothing),
    ]  # fmt: skip


def pictures(beside: Beside) -> dict[str, tuple[str, str]]:
    """The heat map, under the title of its section; nothing where no correlation is known."""
    if not beside.heat["labels"]:
        return {}
    words = "Correlations of the markets that are held, by their numbers below"
    return {HEAT_TITLE: (words, charts.heat(numbered(beside.heat["labels"]), beside.heat["rho"]))}


def numbered(labels: Sequence[str]) -> list[str]:
    """Labels with the numbers that stand for them along the other side."""
    return [f"{number + 1} {label}" for number, label in enumerate(labels)]


def share(part: Decimal) -> str:
    """A part in per cent."""
    return f"{part:.0%}"

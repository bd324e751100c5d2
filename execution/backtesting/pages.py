"""A backtest as text and as a page that stands alone, with its curves."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from execution.backtesting import summing
from execution.reporting import charts, rendering, reports
from execution.reporting.reports import Section

MOST_BARS = 10
TITLE = "Backtest"


def verdict(found: Mapping[str, Any]) -> str:
    """One honest sentence."""
    profit, equity = found["profit"], found["equity"]
    if not found["plans"]:
        return f"{found['signals']} signals, and nothing was worth a plan."
    return (
        f"{found['plans']} plans from {found['signals']} signals: {reports.dollars(profit['after_costs'])} after costs"
        f" ({reports.dollars(profit['held_to_settlement'])} if all that is covered is held to settlement),"
        f" at worst {reports.dollars(equity['max_drawdown'])} below the highest equity."
    )


def sections(found: Mapping[str, Any]) -> list[Section]:
    """The document as tables."""
    money = ("planned", "before_costs", "fees", "after_costs", "held_to_settlement")
    rows = [
        (kind, str(one["plans"]), *(reports.dollars(one[name]) for name in money))
        for kind, one in [
            *found["by_kind"].items(),
            ("together", {"plans": found["plans"], **found["profit"]}),
        ]
    ]
    ends = ", ".join(f"{count} {end.lower()}" for end, count in found["plans_by_end"].items())
    legs = [
        (
            name,
            str(one["sent"]),
            str(one["whole"]),
            str(one["part"]),
            str(one["nothing"]),
            _share(one["whole_share"]),
        )
        for name, one in found["fills"].items()
    ]
    refused = [
        (code, stage, str(count))
        for stage, codes in found["refusals"].items()
        for code, count in codes.items()
    ]
    refused.sort(key=lambda row: (-int(row[2]), row))
    one_legged = found["one_legged"]
    return [
        Section("Profit by kind", ("kind", "plans", *(name.replace("_", " ") for name in money)), rows, ends),
        Section("Equity", ("", ""), _equity(found["equity"])),
        Section("Drawdown", ("", ""), _drawdown(found["equity"])),
        Section(
            "Fills by leg", ("leg", "sent", "whole", "part", "nothing", "share whole"), legs,
            f"One-legged: {one_legged['plans']} plans ({_share(one_legged['share'])} of those that filled anything).",
        ),
        Section("Left alone, by reason", ("reason", "where", "times"), refused, "" if refused else "None."),
        *_evidence(found.get("evidence")),
        Section("Assumed", ("what", "value"), _assumed(found["assumptions"]), found.get("cannot_say", "")),
    ]  # fmt: skip


def _evidence(found: Mapping[str, Any] | None) -> list[Section]:
    """With and without evidence: everything, and the gaps that it did something to."""
    if found is None:
        return []
    if not found["claims"] and not found["events"]:
        return [
            Section(
                "Evidence", (), [], "No claim stood and no event was near: nothing changes without evidence."
            )
        ]
    rows = [("everything", "", found["with"], found["without"])]
    rows += [(effect, str(one["gaps"]), one["with"], one["without"]) for effect, one in found["gaps"].items()]
    table = [
        (
            name, gaps, str(heard["plans"]), reports.dollars(heard["after_costs"]), str(deaf["plans"]),
            reports.dollars(deaf["after_costs"]), reports.dollars(deaf["held_to_settlement"]),
        )
        for name, gaps, heard, deaf in rows
    ]  # fmt: skip
    return [
        Section(
            "Evidence", ("", "gaps", "plans", "earned", "plans without", "earned without", "held to settlement"), table,
            f"{found['claims']} claims and {found['events']} events, as they stood then. At worst"
            f" {reports.dollars(found['with']['max_drawdown'])} below the highest equity,"
            f" {reports.dollars(found['without']['max_drawdown'])} without evidence.",
        )
    ]  # fmt: skip


def _equity(equity: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        ("at the start", reports.dollars(equity["start"])),
        ("at the end", reports.dollars(equity["end"])),
        ("positions still held", str(equity["still_held"])),
    ]


def _drawdown(equity: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        ("largest drawdown", reports.dollars(equity["max_drawdown"])),
        ("largest drawdown, share", f"{equity['max_drawdown_pct']:.2%}"),
    ]


def _assumed(made: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [(name.replace("_", " "), _short(value)) for name, value in made.items()]


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_short(part)}" for name, part in value.items())
    if isinstance(value, list):
        return " ".join(f"{one[0]}:{one[1]}" for one in value)
    return str(value)


def _share(part: Decimal | None) -> str:
    return "–" if part is None else f"{part:.1%}"


def text(found: Mapping[str, Any]) -> str:
    """The report for a terminal."""
    return rendering.text(title(found), verdict(found), sections(found))


def title(found: Mapping[str, Any]) -> str:
    """What it is called."""
    return f"{TITLE}, {found['source']}, {found['seconds']:,.0f} s of recorded time"


def html(found: Mapping[str, Any]) -> str:
    """The report as a page."""
    profit, equity = found["profit"], found["equity"]
    cards = [
        ("after costs", reports.dollars(profit["after_costs"])),
        ("held to settlement", reports.dollars(profit["held_to_settlement"])),
        ("largest drawdown", reports.dollars(equity["max_drawdown"])),
        ("plans", str(found["plans"])), ("signals", str(found["signals"])),
        ("one-legged", _share(found["one_legged"]["share"])),
    ]  # fmt: skip
    pictures = {}
    points = [(one["at"], one["equity"]) for one in equity["points"]]
    if len(points) > 1:
        pictures["Equity"] = ("Equity", charts.curve(points))
        pictures["Drawdown"] = (
            "Below the highest equity so far",
            charts.curve(summing.drawdowns(equity["points"])),
        )
    rows = sections(found)
    reasons = next(section.rows for section in rows if section.title == "Left alone, by reason")
    if reasons:
        bars = [(row[0].replace("_", " "), Decimal(row[2])) for row in reasons[:MOST_BARS]]
        pictures["Left alone, by reason"] = ("How often each reason came up", charts.bars(bars, money=False))
    return rendering.page(title(found), verdict(found), cards, rows, pictures)

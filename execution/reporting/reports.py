"""What a period brought, as one document: profit, trades, what went wrong, what was left alone and why.

`gather` reads, `sections` words it; `execution.reporting.rendering` prints it as a table, HTML or JSON.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Max, Q, Sum

from execution.models import Difference, ExitOffer, Fill, Halt, Order, Plan
from execution.plans import shadows
from execution.portfolio import actions, calendar, equity, exposure, made_of
from execution.portfolio import services as portfolio
from execution.risk import limit_names, usage
from signals import catalogue
from signals.models import Refusal

ZERO = Decimal(0)
PAPER = "paper"
NEAR = Decimal("0.8")  # of a limit: worth a warning
MOST_ROWS = 12
FINISHED = ("FILLED", "CANCELLED", "REJECTED", "ABANDONED", "FAILED")


@dataclass(frozen=True, slots=True)
class Section:
    """One table of a report, in words."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""


def gather(*, now: datetime, days: int, mode: str | None = None) -> dict[str, Any]:
    """Everything that a report of the last `days` days tells, ready for JSON. Money is dollars, ratios fractions."""
    mode = mode or portfolio.trading_mode()
    since = now - timedelta(days=days)
    totals = portfolio.summary(now=now, mode=mode)
    before = equity.profit_at(mode, since)
    found = {
        "since": since,
        "until": now,
        "days": days,
        "mode": mode,
        "profit": None if before is None else totals["pnl"] - before.quantize(portfolio.CENT),
        "portfolio": totals,
        "realised": made_of.realised(mode, totals["realized_pnl"]),
        "trades": _trades(mode, since),
        "plans": _plans(mode, since),
        "fill_rates": _fill_rates(mode, since),
        "remainders": _remainders(mode, since),
        "refusals": _refusals(since),
        "shadow": None if mode == PAPER else shadows.summary(shadows.compare(since, mode)),
        "limits": limits_used(mode, now),
        "halts": _halts(since),
        "differences": _differences(mode),
        "exits": _exits(mode, since),
        "actions": [] if mode == PAPER else [one.as_json() for one in actions.look(mode)],
        "calendar": calendar.look(mode, now).as_json(),
        "equity": [
            *(
                {"at": one.at, "equity": one.equity, "profit": one.profit}
                for one in equity.curve(mode, since, now)
                if one.at < now
            ),
            {"at": now, "equity": totals["equity"], "profit": totals["pnl"]},
        ],
    }
    return found | {"verdict": verdict(found)}


def verdict(found: dict[str, Any]) -> str:
    """The period in one honest sentence."""
    plans = sum(found["plans"]["by_status"].values())
    if plans:
        profit = found["profit"]
        told = "a profit that nobody watched" if profit is None else f"{dollars(profit)} profit"
        return f"{plans} plans, {found['trades']['count']} trades, {told}."
    reasons = found["refusals"]["by_code"]
    if not reasons:
        return "Nothing was traded and nothing was refused: no gap was seen. Are the feeds up (manage.py doctor)?"
    most = ", ".join(f"{one['code']} ({one['count']})" for one in reasons[:3])
    return f"Nothing was worth it: {found['refusals']['count']} findings were left alone, most of them for {most}."


# --- reading


def _trades(mode: str, since: datetime) -> dict[str, Any]:
    rows = Fill.objects.filter(mode=mode, created_at__gte=since)
    trades = rows.filter(kind__in=(Fill.TRADE, Fill.HAND))
    by_platform = {
        platform: {"count": count, "volume": volume or ZERO, "fees": fees or ZERO}
        for platform, count, volume, fees in trades.values_list("platform")
        .annotate(Count("id"), volume=Sum(F("quantity") * F("price")), fees=Sum("fee"))
        .order_by("platform")
    }
    kinds = dict(rows.values_list("kind").annotate(Count("id")).order_by("kind"))
    return {
        "count": sum(one["count"] for one in by_platform.values()),
        "volume": sum((one["volume"] for one in by_platform.values()), ZERO),
        "fees": sum((one["fees"] for one in by_platform.values()), ZERO),
        "by_platform": by_platform,
        "by_kind": kinds,
    }


def _plans(mode: str, since: datetime) -> dict[str, Any]:
    rows = Plan.objects.filter(mode=mode, created_at__gte=since)
    return {
        "by_status": dict(rows.values_list("status").annotate(Count("id")).order_by("status")),
        "by_kind": dict(rows.values_list("kind").annotate(Count("id")).order_by("kind")),
        "expected_profit": rows.exclude(status=Plan.ABANDONED).aggregate(sum=Sum("expected_profit"))["sum"]
        or ZERO,
        "profit": rows.aggregate(sum=Sum("profit"))["sum"] or ZERO,
    }


def _fill_rates(mode: str, since: datetime) -> list[dict[str, Any]]:
    """By platform and what the order was for: how many filled whole, in part, not at all, and the share of contracts."""
    rows = Order.objects.filter(mode=mode, created_at__gte=since, status__in=FINISHED, quantity__gt=0)
    rows = rows.exclude(role=Order.HAND)
    whole, nothing = Q(filled_qty__gte=F("quantity")), Q(filled_qty=0)
    found = rows.values("platform", "role").annotate(
        orders=Count("id"), whole=Count("id", filter=whole), none=Count("id", filter=nothing),
        asked=Sum("quantity"), filled=Sum("filled_qty"),
    )  # fmt: skip
    return [
        {
            "platform": one["platform"], "role": one["role"], "orders": one["orders"], "whole": one["whole"],
            "part": one["orders"] - one["whole"] - one["none"], "none": one["none"],
            "share": (one["filled"] / one["asked"]).quantize(Decimal("0.0001")),
        }
        for one in found.order_by("platform", "role")
    ]  # fmt: skip


def _remainders(mode: str, since: datetime) -> list[dict[str, Any]]:
    """Plans that ended with a lone remainder. `cost` is dollars lost on it; null where it is held and nobody knows yet."""
    rows = Plan.objects.filter(mode=mode, created_at__gte=since, status__in=(Plan.PARTIAL, Plan.UNWOUND))
    return [
        {
            "plan_id": plan.id, "bet_id": plan.bet_id, "status": plan.status, "expected": plan.expected_profit,
            "profit": plan.profit, "cost": None if plan.profit is None else max(ZERO, -plan.profit),
            "loss_limit": plan.loss_limit, "reason": plan.reason,
        }
        for plan in rows.order_by("-created_at")[:100]
    ]  # fmt: skip


def _refusals(since: datetime) -> dict[str, Any]:
    rows = Refusal.objects.filter(last_seen__gte=since)
    by_code = [
        {"code": code, "stage": stage, "count": count, "best_profit": best}
        for code, stage, count, best in rows.values_list("code", "stage")
        .annotate(total=Sum("count"), best=Max("best_profit"))
        .order_by("-total", "code")
    ]
    return {"count": sum(one["count"] for one in by_code), "by_code": by_code}


def limits_used(mode: str, now: datetime) -> list[dict[str, Any]]:
    """How much of each limit is used, the fullest first; those that nothing uses up are left out."""
    lines = [
        {
            "name": row.name, "scope": row.scope, "by": row.by, "unit": row.unit, "used": row.used, "limit": row.value,
            "share": row.used / row.value,
        }
        for row in usage.rows(mode, catalogue.current(), now=now)
        if row.value and row.used is not None and row.name != "min_cash"  # which is used up from the other end
    ]  # fmt: skip
    return sorted(lines, key=lambda line: -line["share"])


def limit_label(line: dict[str, Any]) -> str:
    """A limit as people name it: with its scope, and what uses most of it."""
    words = line["name"].replace("_", " ").removesuffix(" pct") + (
        f" of {line['scope']}" if line["scope"] else ""
    )
    return f"{words} ({line['by']})" if line["by"] else words


def limit_amount(amount: Decimal, unit: str) -> str:
    """An amount in a limit's unit."""
    if unit == limit_names.FRACTION:
        return f"{amount:.2%}"
    return dollars(amount) if unit == limit_names.DOLLARS else f"{amount.normalize():f}"


def _halts(since: datetime) -> list[dict[str, Any]]:
    rows = Halt.objects.filter(Q(lifted_at__isnull=True) | Q(created_at__gte=since))
    return [
        {
            "code": row.code, "where": row.market_id or row.platform or "everywhere", "why": row.why, "by": row.by,
            "at": row.created_at, "lifted_at": row.lifted_at, "lifted_by": row.lifted_by,
        }
        for row in rows.order_by("-created_at")
    ]  # fmt: skip


def _differences(mode: str) -> list[dict[str, Any]]:
    rows = Difference.objects.filter(mode=mode, closed_at__isnull=True).order_by("-found_at")
    return [
        {"platform": row.platform, "kind": row.kind, "sentence": row.sentence, "found_at": row.found_at}
        for row in rows
    ]


def _exits(mode: str, since: datetime) -> dict[str, int]:
    rows = ExitOffer.objects.filter(mode=mode).filter(Q(status=ExitOffer.OPEN) | Q(seen_at__gte=since))
    return dict(rows.values_list("status").annotate(Count("id")).order_by("status"))


# --- wording


def sections(found: dict[str, Any]) -> list[Section]:
    """The report as tables; empty ones are left out, save those whose emptiness is news."""
    makers: Iterable[Callable[[dict[str, Any]], Section | None]] = (
        _say_portfolio, _say_made_of, _say_trades, _say_plans, _say_fill_rates, _say_remainders, _say_refusals, _say_shadow,
        _say_limits, _say_halts, _say_differences, _say_exits, _say_actions, _say_calendar,
    )  # fmt: skip
    return [section for make in makers if (section := make(found)) is not None]


def _say_portfolio(found: dict[str, Any]) -> Section:
    totals = found["portfolio"]
    unsure = sum((one["paid"] + one["received"] for one in totals["provisional"].values()), ZERO)
    lines = [
        ("profit of the period", dollars(found["profit"])), ("profit today", dollars(totals["day_profit"])),
        ("profit since the beginning", dollars(totals["pnl"])), ("realised", dollars(totals["realized_pnl"])),
        ("unrealised", dollars(totals["unrealized_pnl"])), ("equity", dollars(totals["equity"])),
        *((f"cash on {name}", dollars(amount)) for name, amount in totals["cash"].items()),
        ("positions at best bids", dollars(totals["positions"])), ("paid in", dollars(totals["moved"])),
        *((("corrected by hand", dollars(totals["corrections"])),) if totals["corrections"] else ()),
        ("locked (margin)", dollars(totals["margin"]["total"])),
        ("below the high-water mark", f"{dollars(totals['drawdown'])} ({totals['drawdown_pct']:.2%})"),
        ("not confirmed yet", dollars(unsure)),
    ]  # fmt: skip
    note = (
        ""
        if totals["exact"] and not totals["differences"]
        else "The books do not add up: "
        + "; ".join(totals["differences"] or ["profit from positions and from fills differ"])
    )
    return Section("Portfolio", ("", "dollars"), lines, note)


MADE_OF = (
    (made_of.SETTLED, "settled"), (made_of.FREED, "merged or converted"), (made_of.SOLD_BACK, "lone legs sold back"),
    (made_of.LEFT, "left early"), (made_of.OTHERWISE, "sold by hand, by a stop, undone"),
)  # fmt: skip


def _say_made_of(found: dict[str, Any]) -> Section:
    totals = found["portfolio"]
    made, sure, lone = totals["made_of"], totals["sure"], totals["lone"]
    rows = [
        (f"realised: {words}", dollars(found["realised"][name]))
        for name, words in MADE_OF
        if found["realised"][name]
    ]
    rows += [
        ("locked in until settlement", dollars(made["locked_in"])),
        ("worth less at the bids until then", dollars(made["until_settlement"])),
        ("at risk: no other leg covers it", dollars(made["at_risk"])),
        ("together", dollars(totals["pnl"])),
    ]  # fmt: skip
    note = (
        f"Sure to come: {dollars(sure['pays'])} for what cost {dollars(sure['cost'])}. Not covered: contracts that cost"
        f" {dollars(lone['cost'])} and are worth {dollars(lone['worth'])} at the best bids."
    )
    return Section("What the profit is made of", ("", "dollars"), rows, note)


def _say_trades(found: dict[str, Any]) -> Section:
    trades = found["trades"]
    rows = [
        (name, str(one["count"]), dollars(one["volume"]), dollars(one["fees"]))
        for name, one in trades["by_platform"].items()
    ]
    if len(rows) > 1:
        rows.append(("together", str(trades["count"]), dollars(trades["volume"]), dollars(trades["fees"])))
    others = ", ".join(
        f"{count} {kind.lower()}" for kind, count in trades["by_kind"].items() if kind != "TRADE"
    )
    return Section("Trades", ("platform", "trades", "volume", "fees"), rows, others and f"Besides: {others}.")


def _say_plans(found: dict[str, Any]) -> Section:
    plans = found["plans"]
    rows = [(status.lower(), str(count)) for status, count in plans["by_status"].items()]
    note = f"Expected {dollars(plans['expected_profit'])}; made sure of {dollars(plans['profit'])}."
    return Section("Plans by status", ("status", "plans"), rows, note if rows else found["verdict"])


def _say_fill_rates(found: dict[str, Any]) -> Section | None:
    rows = [
        (one["platform"], one["role"].lower(), str(one["orders"]), str(one["whole"]), str(one["part"]), str(one["none"]),
         f"{one['share']:.1%}")
        for one in found["fill_rates"]
    ]  # fmt: skip
    columns = ("platform", "order", "orders", "whole", "in part", "nothing", "contracts filled")
    return Section("Fill rates", columns, rows) if rows else None


def _say_remainders(found: dict[str, Any]) -> Section:
    rows = [
        (one["plan_id"], one["status"].lower(), dollars(one["expected"]), dollars(one["profit"]), dollars(one["cost"]),
         one["reason"][:80])
        for one in found["remainders"][:MOST_ROWS]
    ]  # fmt: skip
    cost = sum((one["cost"] or ZERO for one in found["remainders"]), ZERO)
    note = (
        f"{len(found['remainders'])} plans ended with one, which cost {dollars(cost)}." if rows else "None."
    )
    return Section("Lone remainders", ("plan", "now", "expected", "profit", "cost", "why"), rows, note)


def _say_refusals(found: dict[str, Any]) -> Section:
    reasons = found["refusals"]["by_code"]
    rows = [
        (one["code"], one["stage"], str(one["count"]), dollars(one["best_profit"]))
        for one in reasons[:MOST_ROWS]
    ]
    note = "" if found["plans"]["by_status"] else found["verdict"]
    if len(reasons) > MOST_ROWS:
        note = f"{note} {len(reasons) - MOST_ROWS} further reasons are in the JSON.".strip()
    return Section(
        "Left alone, by reason",
        ("reason", "where", "times", "best missed"),
        rows,
        note or ("" if rows else "None."),
    )


def _say_shadow(found: dict[str, Any]) -> Section | None:
    shadow = found["shadow"]
    if not shadow or not shadow["plans"]:
        return None
    rows = [
        ("plans", str(shadow["plans"]), str(shadow["plans"])),
        ("filled", _share(shadow["filled_real"]), _share(shadow["filled_paper"])),
        ("profit", dollars(shadow["profit_real"]), dollars(shadow["profit_paper"])),
    ]
    return Section("Beside paper", ("", "real", "paper twin"), rows, _flattered(shadow["flattered"]))


def _say_limits(found: dict[str, Any]) -> Section:
    rows = [
        (
            limit_label(line), limit_amount(line["used"], line["unit"]), limit_amount(line["limit"], line["unit"]),
            f"{line['share']:.0%}",
        )
        for line in found["limits"][:MOST_ROWS]
    ]  # fmt: skip
    near = [limit_label(line) for line in found["limits"] if line["share"] > NEAR]
    note = f"Nearly full: {', '.join(near)}." if near else ""
    return Section("Limits used", ("limit", "used", "of", "share"), rows, note)


def _say_halts(found: dict[str, Any]) -> Section:
    rows = [
        (f"{one['at']:%m-%d %H:%M}", one["where"], one["code"], one["why"][:80],
         "stands" if one["lifted_at"] is None else f"lifted {one['lifted_at']:%m-%d %H:%M} by {one['lifted_by']}")
        for one in found["halts"][:MOST_ROWS]
    ]  # fmt: skip
    return Section("Halts", ("since", "where", "code", "why", "now"), rows, "" if rows else "None.")


def _say_differences(found: dict[str, Any]) -> Section:
    rows = [
        (f"{one['found_at']:%m-%d %H:%M}", one["platform"], one["kind"], one["sentence"][:120])
        for one in found["differences"][:MOST_ROWS]
    ]
    return Section(
        "Open differences", ("since", "platform", "kind", "what differs"), rows, "" if rows else "None."
    )


def _say_exits(found: dict[str, Any]) -> Section | None:
    rows = [(status.lower(), str(count)) for status, count in found["exits"].items()]
    return Section("Early exits", ("offer", "count"), rows) if rows else None


def _say_actions(found: dict[str, Any]) -> Section | None:
    rows = [(one["kind"], dollars(one["frees"]), one["sentence"]) for one in found["actions"][:MOST_ROWS]]
    note = "manage.py wallet --json has the prepared requests."
    return Section("To be done by a wallet", ("what", "frees", ""), rows, note) if rows else None


def _say_calendar(found: dict[str, Any]) -> Section:
    days = found["calendar"]["days"]
    rows = [
        (str(one["day"] or exposure.NO_DAY), dollars(one["sure"]), dollars(one["most"]), dollars(one["cost"]),
         ", ".join(sorted({entry["kind"] for entry in one["entries"]})))
        for one in days[:MOST_ROWS]
    ]  # fmt: skip
    note = (
        f"{dollars(found['calendar']['locked'])}, fees included, wait for settlement."
        if rows
        else "Nothing is locked."
    )
    return Section(
        "Coming free", ("day", "sure", "at most", "paid with fees", "how sure the day is"), rows, note
    )


def exposure_sections(seen: exposure.Exposure) -> list[Section]:
    """The exposure report as tables: one for each view, each with its total."""
    titles = {
        "platform": "By platform", "market": "By market", "bet": "By bet", "group": "By group (one source of rules)",
        "settles": "By settlement date",
    }  # fmt: skip
    return [
        Section(
            titles[view],
            (view, "positions", "paid", "with fees", "worth", "unrealised"),
            [_exposure_row(line) for line in [*lines, seen.total]] if lines else [],
            "" if lines else "Nothing is held.",
        )
        for view, lines in seen.views.items()
    ]


def _exposure_row(line: exposure.Line) -> tuple[str, ...]:
    return (
        line.label[:90], str(line.positions), dollars(line.paid), dollars(line.cost), dollars(line.worth),
        dollars(line.unrealised),
    )  # fmt: skip


def headline(found: dict[str, Any]) -> list[str]:
    """The few lines that a notice carries."""
    totals, trades = found["portfolio"], found["trades"]
    plans = ", ".join(f"{count} {status.lower()}" for status, count in found["plans"]["by_status"].items())
    lines = [
        f"Since {found['since']:%Y-%m-%d %H:%M} UTC ({found['days']} days), {found['mode']} trading",
        found["verdict"],
        f"plans: {plans or 'none'}",
        f"trades: {trades['count']}, fees {dollars(trades['fees'])}",
        f"P&L since the beginning: {dollars(totals['pnl'])} (realised {dollars(totals['realized_pnl'])})",
        f"locked in until settlement: {dollars(totals['made_of']['locked_in'])}; not covered by any other leg: contracts"
        f" worth {dollars(totals['lone']['worth'])}",
        f"equity {dollars(totals['equity'])}, {dollars(totals['margin']['total'])} locked",
    ]
    standing = [one for one in found["halts"] if one["lifted_at"] is None]
    if standing:
        lines.append(f"halted: {', '.join(one['code'] + ' on ' + one['where'] for one in standing)}")
    if found["differences"]:
        lines.append(f"{len(found['differences'])} differences are open: manage.py reconcile")
    return lines


def dollars(amount: Decimal | None) -> str:
    """Dollars and cents with the sign in front; a dash for what nobody knows."""
    if amount is None:
        return "–"
    return f"{'−' if amount < 0 and round(amount, 2) else ''}${abs(amount):,.2f}"


def _flattered(by: Decimal) -> str:
    """Which of the two earned more, in words."""
    if by < 0:
        return f"The paper twin earned {dollars(-by)} less than the real plans."
    return f"Paper flatters by {dollars(by)}." if by else "Paper and the real plans earned the same."


def _share(share: Decimal | None) -> str:
    return "–" if share is None else f"{share:.1%}"

"""What the children of a lane's zygote do: trade until they die, recover, judge. Every act runs in a process of its own."""

import json
import os
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from markets.platforms.base import KALSHI, PLATFORMS, POLYMARKET
from tests import exchange as ex
from tests.faults import judge, mutants

MODE = "sandbox"
TRIES = 40


def imported() -> None:
    """Import everything once, in the zygote, and draw up the URL map and models."""


    import execution.ordering  # noqa: F401
    import execution.services
    import execution.working  # noqa: F401
    import signals.services  # noqa: F401


def here() -> ex.Exchange:
    """The lane's exchange."""
    config = settings.ARBSITE
    keys = Path(os.environ["KALSHI_KEY_ID_FILE"]).parent
    urls = {
        "control": config.sandbox.control_url, "clob_ws_user": config.polymarket.user_ws_url,
        "kalshi_ws": config.kalshi.ws_url,
    }  # fmt: skip
    return ex.Exchange(urls, keys)


# --- before the cases


def prepare() -> dict[str, str]:
    """Markets, approved pairs, and the first reconciliation, which opens our accounts with what the platforms have."""
    ex.ready()
    start()
    return judge.differences(here().books())


def start() -> list[str]:
    """What the executor does before anything else; returns the reconciliations that did not pass."""
    from execution import reconcile

    failed = []
    for platform in PLATFORMS:
        made = reconcile.run(platform, "START", now=timezone.now())
        if not made.passed:
            failed.append(f"{platform}: {made.error or made.counts}")
    return failed


# --- trading


def intend(pair: dict[str, Any]) -> str:
    """See the gap and write down the plan that acts on it; returns the plan's id."""
    from execution import services
    from execution.models import Plan

    for number in range(TRIES):
        signal = ex.found(ex.show(pair, number))
        if signal:
            break
        time.sleep(0.05)
    else:
        raise AssertionError(f"no signal: {_why_not(pair)}")
    services.act_on([signal], now_ms=ex.unix_ms())
    plan = Plan.objects.filter(signal_id=signal).first()
    if plan is None:
        from signals.models import Signal

        raise AssertionError(f"no plan: {Signal.objects.get(pk=signal).reasons}")
    return plan.id


def _why_not(pair: dict[str, Any]) -> Any:
    from signals.models import Signal

    return list(Signal.objects.order_by("-created_at").values("status", "reasons", "direction")[:2])


def trade(pair: dict[str, Any], faults: list[dict[str, Any]], mutant: str = "") -> str:
    """Act on the gap of a pair and work the plan, until CRASH_AT is reached. Faults name legs: `first`, `next`."""
    from execution import working

    with mutants.active(mutant), ex.shown(pair):
        plan_id = intend(pair)
        befall(plan_id, faults)
        working.work_all(seconds=20)
    return plan_id


def befall(plan_id: str, faults: list[dict[str, Any]]) -> None:
    """Set the faults of a case now that it is known which leg goes first. `leg` 0 or 1 stands for its platform."""
    from execution.models import Plan

    legs = [leg["platform"] for leg in Plan.objects.get(pk=plan_id).legs]
    exchange = here()
    for fault in faults:
        platform = legs[fault["leg"]]
        more = ex.REFUSED[platform] if fault.get("kind") == "refuse" else {}
        endpoint = {"cancel": ex.CANCELS, "order": ex.ORDERS, "": {}}[fault.get("at", "order")].get(
            platform, "*"
        )
        given = {name: value for name, value in fault.items() if name not in ("leg", "at", "kind")}
        kind = more.get("kind", fault["kind"])
        where = {} if kind in ("front_run", "mode", "match_delay", "trade_fail") else {"endpoint": endpoint}
        exchange.fault(**(more | {"kind": kind, "platform": platform} | where | given))


def recover(pair: dict[str, Any], mutant: str = "", seconds: float = 30) -> list[str]:
    """A new process after the crash: reconcile, work what is left, and reconcile again until nothing changes."""
    from execution import working

    with mutants.active(mutant), ex.shown(pair):
        failed = start()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            working.work_all(seconds=seconds)
            if not working.claim():
                break
            time.sleep(0.05)
    return failed


def settle(pair: dict[str, Any]) -> None:
    """What the next minutes bring: trades are final, and the full reconciliation of both platforms."""
    from execution import facts, reconcile, working
    from execution.trading import trading

    exchange = here()
    exchange.settled_books()
    with ex.shown(pair):
        for _ in range(3):
            for platform in PLATFORMS:
                orders = facts.unsettled(MODE, platform)
                if orders:
                    from execution import ordering

                    fills = trading(platform, MODE).fills([ordering.ref(order) for order in orders])
                    facts.fills_told(fills, mode=MODE, platform=platform, now=timezone.now())
                reconcile.run(platform, "FULL", now=timezone.now())
            working.pick_up_remainders(timezone.now())
            if not working.claim() and not any(facts.unsettled(MODE, platform) for platform in PLATFORMS):
                break
            working.work_all(seconds=20)
            exchange.settled_books()


# --- judging


def look(pair: dict[str, Any], before: dict[str, str]) -> dict[str, Any]:
    """Violations, how it ended, and what the cash differs by now; and a clean slate for the next case."""
    from execution.models import Order

    books = here().settled_books()
    markets = [pair[platform] for platform in PLATFORMS]
    wrong = judge.violations(books, pair, before)
    plans = judge.plans_of(pair)
    orders = [
        f"{row.role.lower()}:{row.platform[0]}:{row.status}:{row.matched_qty.normalize():f}"
        for row in Order.objects.filter(mode=MODE, market_id__in=markets).order_by("created_at", "leg")
    ]
    steps = [f"{step.what}: {step.sentence}" for plan in plans for step in plan.steps.order_by("id")]
    return {
        "violations": wrong, "plans": [plan.status for plan in plans], "orders": orders, "steps": steps,
        "differences": judge.differences(books), "lone": str(judge.lone(books, pair)),
        "halts": _lift(),
    }  # fmt: skip


def _lift() -> list[str]:
    """Halts and differences that stand: the next case must not suffer for this one."""
    from execution.models import Difference, Halt

    now = timezone.now()
    codes = list(Halt.objects.filter(lifted_at=None).values_list("code", flat=True))
    Halt.objects.filter(lifted_at=None).update(lifted_at=now, lifted_by="the test")
    names = {field.name for field in Difference._meta.get_fields()}
    if "resolved_at" in names:
        Difference.objects.filter(resolved_at=None).update(resolved_at=now)
    return codes

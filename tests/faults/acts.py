"""What the children of a lane's zygote do: trade until they die, recover, judge. Every act runs in a process of its own."""

import os
import threading
import time
from contextlib import nullcontext
from datetime import datetime, timedelta
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
NOT_OF_A_REQUEST = ("front_run", "mode", "match_delay", "trade_fail", "settle_delay")
TRIES = 40
START_S, PLAN_S = 120, 30  # an executor must have started, may work a plan: a busy machine is slow, not wrong
LOOK_EVERY_S = 0.1  # a look costs more than the wait that it saves
WRONG_CLOCK_S = 5  # for so long a process tries with a clock whose signatures nobody takes


def imported() -> None:
    """Import everything once, in the zygote, and draw up the URL map and models."""

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
    from execution.reconciling import reconcile

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
    from execution.plans import working

    with mutants.active(mutant), ex.shown(pair):
        plan_id = intend(pair)
        befall(plan_id, faults)
        working.work_all(seconds=20)
    return plan_id


def trade_on(pair: dict[str, Any], faults: list[dict[str, Any]]) -> str:
    """The same by the whole executor, with its private feeds, ticks and threads, until the plan is done."""
    from execution import lifecycle, ringing
    from execution.executor import Executor
    from execution.halting import halts
    from execution.models import Plan

    _free_the_lease()
    since, stop = timezone.now(), threading.Event()
    thread = threading.Thread(target=Executor(MODE, stop).run, name="executor")
    thread.start()
    try:
        _until(lambda: _started(since) and not halts.standing(), START_S, "the executor does not start")
        with ex.shown(pair):
            plan_id = intend(pair)
            befall(plan_id, faults)
            ringing.ring(plan_id)
            _until(lambda: Plan.objects.get(pk=plan_id).status in lifecycle.PLAN_DONE, PLAN_S)
            time.sleep(0.3)  # what the private channels tell after the end
    finally:
        stop.set()
        thread.join(20)
    return plan_id


def _started(since: datetime) -> bool:
    """Whether this executor's first reconciliations have passed: before, no halt stands that could be lifted."""
    from execution.models import Reconciliation

    rows = Reconciliation.objects.filter(reason="START", passed=True, started_at__gt=since)
    return rows.values("platform").distinct().count() >= len(PLATFORMS)


def _free_the_lease() -> None:
    """The one that was killed holds it for ten seconds more."""
    from arbsite.connections import redis_client

    for key in redis_client().scan_iter("*lease*trade*"):
        redis_client().delete(key)


def _until(check: Any, seconds: float, complaint: str = "") -> None:
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            if complaint:
                raise AssertionError(complaint)
            return
        time.sleep(LOOK_EVERY_S)


def befall(plan_id: str, faults: list[dict[str, Any]]) -> None:
    """Set the faults of a case now that it is known which leg goes first. `leg` 0 or 1 stands for its platform."""
    from execution.models import Plan

    tickets = Plan.objects.get(pk=plan_id).legs
    legs = [leg["platform"] for leg in tickets]
    exchange = here()
    for fault in faults:
        platform = legs[fault["leg"]]
        if fault["kind"] == "behind":
            _offer_behind(exchange, tickets[fault["leg"]])
            continue
        more = ex.REFUSED[platform] if fault.get("kind") == "refuse" else {}
        endpoint = {"cancel": ex.CANCELS, "order": ex.ORDERS, "": {}}[fault.get("at", "order")].get(
            platform, "*"
        )
        given = {name: value for name, value in fault.items() if name not in ("leg", "at", "kind")}
        kind = more.get("kind", fault["kind"])
        where = {} if kind in NOT_OF_A_REQUEST else {"endpoint": endpoint}
        exchange.fault(**(more | {"kind": kind, "platform": platform} | where | given))


def _offer_behind(exchange: ex.Exchange, ticket: dict[str, Any]) -> None:
    """Somebody offers as much again, a cent dearer than what the plan counts on."""
    price = Decimal(ticket["limit_price"]) + Decimal("0.01")
    body = {
        "market": ticket["market_id"], "side": "SELL", "outcome": ticket["outcome"], "price": str(price),
        "size": ticket["size"], "tif": "GTC",
    }  # fmt: skip
    exchange.control("POST", "order", body)


def recover(pair: dict[str, Any], mutant: str = "", seconds: float = 60) -> list[str]:
    """A new process after the crash: compare the books and work what is left, again until all is done.

    Returns what did not pass to the end. A first comparison need not pass: an order that was marked as sent and never
    arrived differs until the patient look-up has given it up.
    """
    from execution.plans import working

    if _set_clock():
        seconds = WRONG_CLOCK_S
    with mutants.active(mutant), ex.shown(pair):
        failed, deadline = start(), time.monotonic() + seconds
        working.work_all(seconds=seconds)
        while (failed or working.claim()) and time.monotonic() < deadline:
            time.sleep(0.05)
            if failed:
                failed = start()
                working.pick_up_remainders(timezone.now())
            working.work_all(seconds=seconds)
    return failed


def settle(pair: dict[str, Any], lift: bool = False) -> None:
    """What the next minutes bring: trades are final, and the full reconciliation of both platforms."""
    if lift:
        _lift()
    from execution.orders import catching_up, facts
    from execution.plans import working
    from execution.reconciling import reconcile

    exchange = here()
    exchange.settled_books()
    with ex.shown(pair):
        for number in range(4):
            catching_up.fills(MODE, timezone.now())
            for platform in PLATFORMS:
                reconcile.run(platform, "FULL", now=timezone.now())
            working.pick_up_remainders(timezone.now())
            if number and lift:
                _lift()
            if (
                (number > 1 or not lift)
                and not working.claim()
                and not any(facts.unsettled(MODE, platform) for platform in PLATFORMS)
            ):
                break
            working.work_all(seconds=20)
            exchange.settled_books()


# --- special cases


def _set_clock() -> int:
    """This process's clock is off by so many seconds (CLOCK_SKEW), for whoever asks Django what time it is."""
    skew = int(os.environ.get("CLOCK_SKEW", "0"))
    if skew:
        true_now = timezone.now
        timezone.now = lambda: true_now() + timedelta(seconds=skew)
    return skew


RESTS = {POLYMARKET: Decimal("0.39"), KALSHI: Decimal("0.48")}  # the best bids of `crash_table._books`
AHEAD, OURS, HIT = (
    40,
    20,
    8,
)  # contracts: before us at that price, of ours, and of ours that somebody sells to


def _rest(pair: dict[str, Any], platform: str) -> Any:
    """A person's order that rests at the best bid; returns its row, open on the platform."""
    from execution.models import Order, Plan
    from execution.plans import working

    now = timezone.now()
    plan = Plan.objects.create(
        id=f"plan_{os.urandom(8).hex()}",
        kind=Plan.MANUAL,
        mode=MODE,
        size=OURS,
        requested_by="paula",
        created_at=now,
    )
    order_id = f"ord_{os.urandom(8).hex()}"
    order = Order.objects.create(
        id=order_id, client_order_id=order_id, plan=plan, role=Order.MANUAL, mode=MODE, platform=platform,
        market_id=pair[platform], outcome="YES", side="BUY", quantity=OURS, price=RESTS[platform], order_type="LIMIT",
        time_in_force="GOOD_TILL_CANCELLED", status="PLANNED", created_at=now, updated_at=now,
    )  # fmt: skip
    working.work(plan.id)
    order.refresh_from_db()
    assert order.status == "OPEN", f"{order.status}: {order.error_message}"
    return order


def cancel(
    pair: dict[str, Any], faults: list[dict[str, Any]], platform: str, filled: bool, mutant: str = ""
) -> None:
    """A resting order is to be cancelled, and somebody may have sold to it just before."""
    from execution.orders import ordering
    from execution.plans import working

    exchange = here()
    with ex.shown(pair):
        order = _rest(pair, platform)
        ordering.request_cancel(order.id, timezone.now())
        if filled:
            body = {
                "market": pair[platform],
                "side": "SELL",
                "price": str(RESTS[platform]),
                "size": AHEAD + HIT,
                "tif": "IOC",
            }
            exchange.control("POST", "order", body)
        for fault in faults:
            given = {name: value for name, value in fault.items() if name not in ("leg", "skip")}
            exchange.fault(platform=platform, endpoint=ex.CANCELS[platform], **given)
        working.work_all(seconds=20)


def halt(pair: dict[str, Any], faults: list[dict[str, Any]], mutant: str = "") -> None:
    """Orders rest on both platforms, and a person pulls the switch."""
    from execution.halting import halts

    with ex.shown(pair):
        for platform in PLATFORMS:
            _rest(pair, platform)
        halts.halt("the test says so", by="paula", now=timezone.now())


def lose(pair: dict[str, Any], faults: list[dict[str, Any]], mutant: str = "") -> None:
    """Most of what there was this morning is gone."""
    from execution.models import EquityPoint
    from execution.risk import watching

    now = timezone.now()
    worth = watching.value(MODE)
    for before in (now - timedelta(hours=2), now.replace(hour=0, minute=0, second=0, microsecond=1)):
        EquityPoint.objects.get_or_create(
            mode=MODE, at=before,
            defaults={"cash": worth.cash * 20, "positions": 0, "moved": worth.moved, "high_water": worth.cash * 20},
        )  # fmt: skip
    watching.watch(MODE, now)


def recover_halted(pair: dict[str, Any], mutant: str = "") -> list[str]:
    """After the start trading is still halted: what was open is cancelled, and nothing new is sent."""
    from execution import services
    from execution.halting import clearing, halts
    from execution.plans import working
    from execution.risk import watching

    exchange, wrong = here(), start()
    if not halts.standing():
        wrong.append("nothing is halted any more")
    deadline = time.monotonic() + 10
    while clearing.enforce(timezone.now()) and time.monotonic() < deadline:
        time.sleep(0.05)
    working.work_all(seconds=5)
    watching.watch(MODE, timezone.now() + timedelta(days=1))
    if not halts.standing():
        wrong.append("midnight has lifted the halt")
    before = _accepted(exchange)
    with ex.shown(pair):
        signal = ex.found(ex.show(pair, 7))
        if signal:
            services.act_on([signal], now_ms=ex.unix_ms())
        working.work_all(seconds=5)
    after = _accepted(exchange)
    if after != before:
        wrong.append(f"{after - before} orders were accepted although trading is halted")
    return wrong


def _accepted(exchange: ex.Exchange) -> int:
    books = exchange.books()
    return sum(len(books[platform]["orders"]) for platform in PLATFORMS)


def second_executor(pair: dict[str, Any]) -> int:
    """Another executor that takes whatever it can, all the time; returns how many looks it had."""
    from execution.models import Order
    from execution.plans import working

    looks, deadline, idle = 0, time.monotonic() + 20, 0
    with ex.shown(pair):
        while time.monotonic() < deadline and idle < 15:
            working.work_all(seconds=5)
            looks += 1
            began = Order.objects.filter(mode=MODE, market_id=pair[POLYMARKET]).exists()
            idle = idle + 1 if began and not working.claim() else 0
            time.sleep(0.02)
    return looks


def without_database(pair: dict[str, Any], faults: list[dict[str, Any]], place: str, mutant: str = "") -> int:
    """The database goes away for a second just when the platform has answered; the executor goes on when it is back."""
    import psycopg
    from django.db import DatabaseError, InterfaceError, OperationalError

    from execution import crashpoints
    from execution.plans import working

    url = settings.ARBSITE.core.database_url.get_secret_value()
    name = settings.DATABASES["default"]["NAME"]
    admin = psycopg.connect(url.rsplit("/", 1)[0] + "/postgres", autocommit=True)
    gone: list[float] = []
    reach = crashpoints.reach

    def cut(here_: str) -> None:
        reach(here_)
        if here_ == place and not gone:
            admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            gone.append(time.monotonic())

    crashpoints.reach = cut
    failures = 0
    try:
        plan_id = intend(pair)
        befall(plan_id, faults)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if gone and time.monotonic() - gone[0] > 1:
                admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
            try:
                with ex.shown(pair) if not gone or time.monotonic() - gone[0] > 1 else nullcontext():
                    working.work_all(seconds=10)
                    if not working.claim():
                        break
            except (OperationalError, InterfaceError, DatabaseError):
                failures += 1
                connection.close()
            time.sleep(0.05)
    finally:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    assert gone and failures, "the database was never away"
    return failures


def replayed(pair: dict[str, Any], faults: list[dict[str, Any]], mutant: str = "") -> None:
    """A plan is traded as always."""
    trade(pair, faults, mutant)


def recover_replayed(pair: dict[str, Any], mutant: str = "") -> list[str]:
    """The signal is delivered three times more."""
    from execution import services

    wrong = []
    for _ in range(3):
        for plan in judge.plans_of(pair):
            services.act_on([plan.signal_id], now_ms=ex.unix_ms())
    wrong += recover(pair, mutant)
    plans = judge.plans_of(pair)
    if len(plans) != 1:
        wrong.append(f"{len(plans)} plans were made of one signal")
    return wrong


def recover_unreserved(pair: dict[str, Any], mutant: str = "") -> list[str]:
    """What was not committed holds nothing back."""
    from execution.models import Order

    wrong = recover(pair, mutant)
    count = Order.objects.filter(mode=MODE, market_id__in=[pair[platform] for platform in PLATFORMS]).count()
    return [*wrong, f"{count} orders are reserved for nothing"] if count else wrong


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
    Difference.objects.filter(closed_at=None).update(closed_at=now, closed_by="the test")
    return codes

"""What this room offers to the rooms below it."""

from arbsite import registry
from arbsite.registry import Broken, Job


def open_all() -> None:
    """Register this room's jobs and what the demo shows of it."""
    from execution import benchmarks, panels
    from execution.backtesting import benchmarks as backtest_benchmarks
    from execution.halting import clearing
    from execution.plans import benchmarks as leg_benchmarks
    from execution.risk import benchmarks as risk_benchmarks
    from execution.risk import services as risk
    from signals import rules

    rules.ask_for_order_notional(risk.order_notional)
    registry.add_benchmark("limits", risk_benchmarks.limits)
    registry.add_benchmark("chain", benchmarks.chain)
    registry.add_benchmark("backtest", backtest_benchmarks.backtest)
    registry.add_benchmark("legs", leg_benchmarks.legs)
    registry.add_panel("halts", panels.halted)
    registry.add_panel("orders", panels.orders)
    registry.add_panel("positions", panels.positions)
    registry.add_panel("money", panels.money)
    registry.add_summary("execution", panels.summary)
    registry.add_check("trading", trading)
    registry.add_check("halts", halted, needed=False)
    registry.add_check("executor", executor, needed=False)
    registry.add_job(Job("risk-check", ("report", "--risk"), 120, about="Hourly risk assessment"))
    registry.add_job(
        Job("position-reconcile", ("reconcile",), 600, about="Compare our books with the platforms'")
    )
    registry.add_sweep("halts", clearing.left_undone)
    registry.add_job(Job("daily-report", ("report", "--days", "1"), 300, about="Daily P&L report"))
    registry.add_job(Job("weekly-report", ("report", "--days", "7"), 300, about="Weekly performance report"))


def trading() -> str:
    """Whether orders could go out in the mode of the settings; which halts stand is a line of its own."""
    from django.conf import settings
    from django.utils import timezone

    from execution.halting import halts, live_checks

    found = live_checks.problems(timezone.now())
    if found:
        raise Broken("; ".join(found), "See docs/signer.md, “Before real orders”.")
    mode, standing = settings.ARBSITE.trading.mode, halts.standing()
    if any(not halt.platform and halt.market_id is None for halt in standing):
        return f"set up for {mode} orders, but none goes out: everything is halted"
    return f"{mode} orders may go out" + (", but not where it is halted" if standing else "")


def halted() -> str:
    """Which halts stand. Raises Broken where one does: it waits for a person, or for the executor to begin."""
    from execution.halting import halts, live_checks

    standing = halts.standing()
    if not standing:
        return "none stands"
    remedy = "The executor lifts it once it has compared the books: `manage.py trade`, `manage.py reconcile`."
    if any(halt.code != halts.STARTING for halt in standing):
        remedy = 'When its cause is gone: `manage.py resume --user YOU --why "…"`; `manage.py halt --list` shows each.'
    raise Broken("; ".join(live_checks.notes()), remedy)


def executor() -> str:
    """Whether somebody works the plans. Raises Broken where plans wait, or the executor is not well."""
    from arbsite.health import Unwell
    from execution import api

    try:
        fields = api.executor()
    except Unwell as unwell:
        raise Broken(
            str(unwell), "Read the log of `manage.py trade`; docs/execution.md says what each word means."
        ) from None
    return f"{'running' if fields['running'] else 'not running'}, {fields['open_orders']} open orders"

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
    registry.add_check("executor", executor, needed=False)
    registry.add_job(Job("risk-check", ("report", "--risk"), 120, about="Hourly risk assessment"))
    registry.add_job(
        Job("position-reconcile", ("reconcile",), 600, about="Compare our books with the platforms'")
    )
    registry.add_sweep("halts", clearing.left_undone)
    registry.add_job(Job("daily-report", ("report", "--days", "1"), 300, about="Daily P&L report"))
    registry.add_job(Job("weekly-report", ("report", "--days", "7"), 300, about="Weekly performance report"))


def trading() -> str:
    """Whether orders could go out in the mode of the settings, and which halts stand."""
    from django.conf import settings
    from django.utils import timezone

    from execution.halting import live_checks

    found = live_checks.problems(timezone.now())
    if found:
        raise Broken("; ".join(found), "See docs/signer.md, “Before real orders”.")
    return "; ".join([f"{settings.ARBSITE.trading.mode} orders may go out", *live_checks.notes()])


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

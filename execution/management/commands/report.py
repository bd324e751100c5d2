"""`manage.py report`: what was traded and earned, and how much of the limits is used."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db.models import Count, Sum
from django.utils import timezone

from arbsite.models import INFO, MEDIUM, Notice
from execution import holdings, portfolio
from execution.models import Fill, Plan
from signals import catalogue

NEAR = Decimal("0.8")  # of a limit: worth a warning


class Command(BaseCommand):
    """Print the report and record it as a notice."""

    help = (
        "Report profit and trades of the last days (--days), or how much of the risk limits is used (--risk)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Which report."""
        parser.add_argument("--days", type=int, default=1)
        parser.add_argument("--risk", action="store_true")

    def handle(self, *_: Any, days: int, risk: bool, **__: Any) -> None:
        """Make the text, print and record it."""
        now = timezone.now()
        lines, severity = self._risk() if risk else (self._profit(now, days), INFO)
        self.stdout.write("\n".join(lines))
        kind = "risk_report" if risk else "profit_report"
        Notice.objects.record(kind, "portfolio", "\n".join(lines), severity=severity, at=now)

    def _profit(self, now: Any, days: int) -> list[str]:
        since = now - timedelta(days=days)
        totals = portfolio.summary(now=now)
        plans = (
            Plan.objects.filter(created_at__gte=since)
            .values_list("status")
            .annotate(Count("id"))
            .order_by("status")
        )
        fills = Fill.objects.filter(created_at__gte=since, kind=Fill.TRADE).aggregate(
            count=Count("id"), fees=Sum("fee")
        )
        return [
            f"Since {since:%Y-%m-%d %H:%M} UTC ({days} days), {totals['mode']} trading",
            f"plans: {', '.join(f'{count} {status.lower()}' for status, count in plans) or 'none'}",
            f"trades: {fills['count']}, fees ${fills['fees'] or Decimal(0):.2f}",
            f"P&L since the beginning: ${totals['pnl']} (realised ${totals['realized_pnl']})",
        ]

    def _risk(self) -> tuple[list[str], str]:
        held = holdings.held(settings.ARBSITE.trading.mode, catalogue.current())
        risk = settings.ARBSITE.risk
        used = [("total", held.notional, risk.max_total_notional)]
        used += [
            (name, amount, risk.max_platform_notional) for name, amount in sorted(held.by_platform.items())
        ]
        lines = [f"{name}: ${amount:.2f} of ${limit} ({amount / limit:.0%})" for name, amount, limit in used]
        near = [name for name, amount, limit in used if amount > NEAR * limit]
        return lines, MEDIUM if near else INFO

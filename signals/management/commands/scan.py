"""`manage.py scan`: look at every active bet on the live books, now."""

import time
from typing import Any

from django.core.management.base import BaseCommand

from signals import catalogue, services
from signals.models import Signal


class Command(BaseCommand):
    """Run detection over everything."""

    help = "Run arbitrage detection over every active bet on the live books, and list what is open."

    def handle(self, *_: Any, **__: Any) -> None:
        """Scan, judge, list."""
        now_ms = time.time_ns() // 1_000_000
        changed = services.scan(now_ms=now_ms)
        pending = list(Signal.objects.filter(status=Signal.PENDING).values_list("id", flat=True))
        services.judge(pending, now_ms=now_ms)
        rows = Signal.objects.filter(status__in=Signal.OPEN).order_by("-profit_pct")
        self.stdout.write(
            f"{len(catalogue.current().bets)} bets, {changed} signals changed, {len(rows)} open"
        )
        for row in rows[:50]:
            self.stdout.write(
                f"{row.id}  {row.status:<11}  {row.profit_pct:.2%}  ${row.net_profit:.2f}  {row.size} × {row.direction}"
            )

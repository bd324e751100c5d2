"""`manage.py reconcile`: our books beside the platforms', and our tables beside each other."""

import json
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from execution.models import Difference, Reconciliation
from execution.reconciling import difference_rows, reconcile
from markets.platforms.base import PLATFORMS


class Command(BaseCommand):
    """Exit status 1 when differences are left, 2 when a platform could not be asked."""

    help = (
        "Compare orders, fills, positions and cash of the platforms with our books (in paper mode: positions and accounts"
        " with their sums), repair what is safe, and say what is left. Exits with 1 when differences are left, 2 when a"
        " platform could not be asked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Which platform, and for whom the answer is."""
        parser.add_argument("--platform", choices=PLATFORMS, help="this one only")
        parser.add_argument("--json", action="store_true", help="one JSON document instead of sentences")

    def handle(self, *_: Any, **options: Any) -> None:
        """Reconcile, tell, and exit."""
        platforms = [options["platform"]] if options["platform"] else list(PLATFORMS)
        mode = settings.ARBSITE.trading.mode
        runs = [reconcile.run(one, Reconciliation.DEMAND, now=timezone.now()) for one in platforms]
        left = [row for one in platforms for row in difference_rows.open_ones(mode, one)]
        if options["json"]:
            self.stdout.write(json.dumps(document(runs, left), indent=2))
        else:
            for line in sentences(runs, left):
                self.stdout.write(line)
        status = 2 if any(run.passed is None for run in runs) else 1 if left else 0
        if status:
            sys.exit(status)


def document(runs: list[Reconciliation], left: list[Difference]) -> dict[str, Any]:
    """The answer for programs."""
    return {
        "mode": settings.ARBSITE.trading.mode,
        "passed": None if any(run.passed is None for run in runs) else not left,
        "platforms": [
            {"platform": run.platform, "passed": run.passed, "error": run.error, "counts": run.counts} for run in runs
        ],
        "differences": [
            {
                "id": row.pk,
                "platform": row.platform,
                "market_id": row.market_id,
                "kind": row.kind,
                "subject": row.subject,
                "ours": row.ours,
                "theirs": row.theirs,
                "sentence": row.sentence,
                "found_at": row.found_at.isoformat(),
            }
            for row in left
        ],
    }  # fmt: skip


def sentences(runs: list[Reconciliation], left: list[Difference]) -> list[str]:
    """The answer for people."""
    lines = []
    for run in runs:
        if run.passed is None:
            lines.append(
                f"{run.platform} could not be asked: {run.error} What we hold there is unknown, not nothing."
            )
        elif run.passed:
            repaired = run.counts.get("repaired", 0)
            lines.append(
                f"{run.platform}: nothing differs"
                + (f", {repaired} things were repaired." if repaired else ".")
            )
        else:
            lines.append(
                f"{run.platform}: {run.counts['open']} differences are left; no new orders go where they are."
            )
    lines += [f"  [{row.pk}] {row.kind}: {row.sentence}" for row in left]
    if left:
        lines.append("Look at each on the platform; where it is right, accept the difference (admin or API).")
    return lines

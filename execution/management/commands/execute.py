"""`manage.py execute SIGNAL_ID`: act on a signal by hand, or see what that would do."""

from argparse import ArgumentParser
from decimal import Decimal
from time import monotonic, sleep
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from arbsite.exact_json import encode
from execution import lifecycle
from execution.by_hand import asking, signals_by_hand
from execution.by_hand.people import add_user, decimal, who
from execution.models import Plan

WAIT_SECONDS = 60


class Command(BaseCommand):
    """Shows the plan with its limits, and runs it."""

    help = "Act on a signal on the books of now: shows legs, costs and limits, and hands the plan to the executor."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The signal, and how much of it."""
        parser.add_argument("signal_id")
        parser.add_argument(
            "--size", type=decimal, metavar="N", help="dollars of payoff, at most the signal's"
        )
        parser.add_argument("--dry-run", action="store_true", help="show the plan, change nothing")
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.add_argument(
            "--wait", action="store_true", help=f"wait up to {WAIT_SECONDS} s for what became of it"
        )
        add_user(parser)

    def handle(self, *_: Any, signal_id: str, **options: Any) -> None:
        """Run it; exit status 1 where it is refused."""
        person = who(options["user"])
        try:
            answer = signals_by_hand.execute(
                signal_id, person, timezone.now(), size=options["size"], dry_run=options["dry_run"]
            )
        except asking.Refused as refused:
            raise CommandError(f"{refused.code}: {refused.sentence}") from refused
        if options["wait"] and not options["dry_run"]:
            answer |= _result(answer["plan_id"])
        if options["json"]:
            self.stdout.write(encode(answer).decode())
        else:
            self.stdout.write("\n".join(_lines(answer)))


def _result(plan_id: str) -> dict[str, Any]:
    """What became of the plan, as far as is known in time."""
    until = monotonic() + WAIT_SECONDS
    while True:
        plan = Plan.objects.get(pk=plan_id)
        if plan.status in lifecycle.PLAN_DONE or monotonic() > until:
            return {"status": plan.status, "profit": plan.profit, "reason": plan.reason}
        sleep(0.2)


def _lines(answer: dict[str, Any]) -> list[str]:
    """A plan as people read it."""
    lines = [
        f"{answer['signal_id']}  {answer['direction']}  {answer['mode']}: ${_short(answer['size'])} of payoff, limited by"
        f" {answer['limited_by']}"
    ]
    for number, leg in enumerate(answer["legs"], 1):
        lines.append(
            f"  leg {number}: {leg['side']} {_short(leg['size'])} {leg['outcome']} on {leg['platform']} at most"
            f" {_short(leg['limit_price'])} (best {_short(leg['best_price'])}), costs ${leg['cash']:.2f},"
            f" fees ${leg['fees']:.2f}, at most ${leg['most_cash']:.2f}  {(leg['question'] or '')[:60]}"
        )
    lines.append("  limits checked (used + wanted of limit):")
    for one in answer["limits"]:
        limit = "none" if one["limit"] is None else _short(one["limit"])
        mark = "ok" if one["passed"] else "NO"
        lines.append(
            f"    {mark}  {one['code']:28} {_short(one['used'])} + {_short(one['wanted'])} of {limit}"
        )
    lines.append("  " + ", ".join(f"{step['name']} {step['dollars']:+.2f}" for step in answer["waterfall"]))
    lines.append(
        f"  outlay ${answer['outlay']:.2f}, expected profit ${answer['expected_profit']:.2f}"
        f" ({answer['profit_pct'] * 100:.2f} %)"
    )
    done = (
        "dry run: nothing was changed" if answer["dry_run"] else f"{answer['plan_id']} is {answer['status']}"
    )
    return [*lines, done]


def _short(value: Any) -> str:
    """A figure without its empty digits."""
    return f"{round(value, 6).normalize():f}" if isinstance(value, Decimal) else str(value)

"""`manage.py correlations`: how markets move together, by what is stored, or computed anew."""

from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from arbsite.exact_json import encode
from signals.models import MarketCorrelation
from signals.returns import services
from signals.returns.stored import GROUP

MOST = 20


class Command(BaseCommand):
    """List, refresh, or ask which of two moves first."""

    help = "List the surest correlations and the groups; --refresh computes them from stored prices; --lead ONE TWO."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do and how to print it."""
        parser.add_argument("--refresh", action="store_true", help="compute everything anew first")
        parser.add_argument(
            "--lead",
            nargs=2,
            metavar=("ONE", "TWO"),
            help="two series market:<platform>:<id>: which moves first",
        )
        parser.add_argument("--most", type=int, default=MOST, help=f"pairs to list ({MOST})")
        parser.add_argument("--json", action="store_true")

    def handle(
        self, *_: Any, refresh: bool, lead: list[str] | None, most: int, json: bool, **__: Any
    ) -> None:
        """Raises CommandError for series that are not known and for a count below 1."""
        if most < 1:
            raise CommandError("--most: give a whole number of at least 1.")
        now = timezone.now()
        made: dict[str, Any] = {}
        if refresh:
            made["looked"] = asdict(services.refresh(now=now))
        if lead:
            made["lead"] = self._lead(*lead, now=now)
        rows = MarketCorrelation.objects.all()
        pairs = rows.exclude(
            one__startswith=GROUP
        ).extra(  # the size of the bound that is nearer to 0
            select={"strength": "greatest(0, lower, -upper)"}, order_by=["-strength", "one", "two"]
        )[:most]
        made["pairs"] = [_line(row) for row in pairs]
        made["groups"] = [
            {"group": row.one.removeprefix(GROUP), "member": row.two, "rho": row.rho, "lower": row.lower}
            for row in rows.filter(one__startswith=GROUP).order_by("one", "two")
        ]
        self.stdout.write(encode(made).decode() if json else _words(made))

    def _lead(self, one: str, two: str, *, now: Any) -> dict[str, Any] | None:
        try:
            found = services.lead(one, two, now=now)
        except ValueError as error:
            raise CommandError(f"--lead: {error}.") from error
        return asdict(found) if found is not None else None


def _line(row: MarketCorrelation) -> dict[str, Any]:
    return {
        name: getattr(row, name)
        for name in ("one", "two", "rho", "lower", "upper", "samples", "beta", "computed_at")
    }


def _words(made: dict[str, Any]) -> str:
    lines = []
    if "looked" in made:
        lines.append(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in made["looked"].items()))
    if "lead" in made:
        found = made["lead"]
        lines.append(
            "too few steps are known of the two"
            if found is None
            else f"{found['one']} against {found['two']}: lag {found['steps']}, rho {found['rho']:.3f}"
            f" of {found['samples']}, {'sure' if found['sure'] else 'not sure'}"
        )
    lines += [
        f"{row['rho']:+.3f} [{row['lower']:+.3f}, {row['upper']:+.3f}] n={row['samples']}  {row['one']}  {row['two']}"
        for row in made["pairs"]
    ]
    lines += [f"{row['group']}: {row['member']} ({row['rho']:+.3f})" for row in made["groups"]]
    return "\n".join(lines or ["Nothing is stored yet: manage.py correlations --refresh."])

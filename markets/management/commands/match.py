"""`manage.py match`: which markets of the two platforms are the same bet, with reasons. It proposes, a person approves."""

import json
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q
from rich.console import Console
from rich.table import Table

from markets import matching
from markets.matching import files
from markets.pairing import terms
from markets.platforms.base import KALSHI, OPEN, POLYMARKET


class Command(BaseCommand):
    """With two files it needs no database; without them it matches the open markets we hold."""

    help = "Find markets of both platforms that are the same bet, and say why"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Two files, or none."""
        parser.add_argument("--polymarket", type=Path, help="Gamma markets or events (JSON, JSON lines, .gz)")
        parser.add_argument(
            "--kalshi", type=Path, help="Kalshi markets or events, or id/title/rules/close_time lines"
        )
        parser.add_argument("--per-market", type=int, default=5, help="candidates per market (default 5)")
        parser.add_argument("--json", action="store_true", help="print a JSON array")
        parser.add_argument("--review", action="store_true", help="decide on proposed pairs in the terminal")
        parser.add_argument(
            "--user", default="", help="who decides with --review; needs permission approve_pair"
        )
        parser.add_argument("--limit", type=int, help="with --review: at most so many pairs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Match files, match the database, or review."""
        one, two = options["polymarket"], options["kalshi"]
        if (one is None) != (two is None):
            raise CommandError("Give both --polymarket and --kalshi, or neither to match the database.")
        if options["per_market"] < 1:
            raise CommandError("--per-market must be at least 1.")
        if options["limit"] is not None and options["limit"] < 1:
            raise CommandError("--limit must be at least 1.")
        if options["review"]:
            if one is not None:
                raise CommandError("--review decides on pairs in the database; it takes no files.")
            self._review(options["user"], options["limit"])
        elif one is None:
            self._database(options)
        else:
            sides = self._file(one, POLYMARKET), self._file(two, KALSHI)
            found = matching.match(*sides, per_market=options["per_market"], this_year=datetime.now(UTC).year)
            self._print(found, sides, as_json=options["json"])

    def _file(self, path: Path, platform: str) -> list[matching.Question]:
        try:
            found = files.read(path, platform)
        except files.UnreadableFile as error:
            raise CommandError(str(error)) from error
        for fault in found.faults[: files.SHOWN]:
            self.stderr.write(f"{path.name}: {fault}")
        if found.faults:
            self.stderr.write(f"{path.name}: {len(found.faults)} rows left out, {len(found.questions)} read")
        return found.questions

    def _database(self, options: dict[str, Any]) -> None:
        """Propose the candidates among open markets; those already decided stay decided."""
        from markets.models import Market, Pair
        from markets.pairing import pairs

        now = datetime.now(UTC)
        # What should have ended and was not read since is no bet any more, whatever its row says
        held = Market.objects.filter(Q(end_date__gt=now) | Q(end_date__isnull=True), status=OPEN)
        sides = tuple(
            [question_of_row(row) for row in held.filter(platform=platform).iterator()]
            for platform in (POLYMARKET, KALSHI)
        )
        candidates = matching.match(*sides, per_market=options["per_market"], this_year=now.year)
        # What is different makes no pair, but a pair that waits must hear that it now looks different
        known = set(Pair.objects.values_list("polymarket_id", "kalshi_id"))
        worth = [
            candidate
            for candidate in candidates
            if candidate.verdict != matching.DIFFERENT
            or (candidate.polymarket_id, candidate.kalshi_id) in known
        ]
        new = pairs.propose(worth, now=now)
        self._print(worth, sides, as_json=options["json"])
        self.stderr.write(f"{new} pairs wait for a decision that did not before: manage.py match --review")

    def _review(self, name: str, limit: int | None) -> None:
        from django.contrib.auth import get_user_model
        from django.utils import timezone

        from markets.pairing import reviewing

        user = get_user_model().objects.filter(username=name).first()
        if user is None:
            raise CommandError(
                f"There is no user {name!r}."
                if name
                else "Say who decides: --user NAME (a login of the admin)."
            )
        try:
            reviewing.run(user=user, console=Console(file=self.stdout), now=timezone.now, limit=limit)  # type: ignore[arg-type]
        except reviewing.NotAllowed as error:
            raise CommandError(str(error)) from error

    def _print(
        self,
        candidates: Sequence[matching.Candidate],
        sides: Sequence[Sequence[matching.Question]],
        *,
        as_json: bool,
    ) -> None:
        if as_json:
            self.stdout.write(
                json.dumps([candidate.as_json() for candidate in candidates], ensure_ascii=False, indent=1)
            )
            return
        titles = [{question.id: terms.visible(question.title) for question in side} for side in sides]
        table = Table("score", "verdict", "settlement", "Polymarket", "Kalshi", "why")
        for candidate in candidates:
            why = candidate.vetoes or candidate.reasons
            table.add_row(
                f"{candidate.score:.2f}", candidate.verdict, candidate.settlement,
                titles[0].get(candidate.polymarket_id, ""), titles[1].get(candidate.kalshi_id, ""), "\n".join(why[:3]),
            )  # fmt: skip
        Console(file=self.stdout, markup=False, highlight=False).print(table)  # type: ignore[arg-type]
        counts = Counter(candidate.verdict for candidate in candidates)
        said = ", ".join(
            f"{counts[name]} {name}" for name in ("same", "inverted", "review", "different") if counts[name]
        )
        self.stdout.write(
            f"{len(sides[0])} × {len(sides[1])} markets, {len(candidates)} candidates: {said or 'none'}"
        )


def question_of_row(row: Any) -> matching.Question:
    """The question of a stored market."""
    extra = row.metadata or {}
    label = next((o.get("label", "") for o in row.outcomes if o.get("name") == "YES"), "")
    other = next((o.get("label", "") for o in row.outcomes if o.get("name") == "NO"), "")
    return matching.question_of_payload(
        {
            "id": row.id, "title": row.question or row.slug or row.id, "rules": row.rules,
            "close_time": row.end_date.isoformat() if row.end_date else "", "event_title": extra.get("event_title"),
            "category": row.category, "source": row.resolution_source, "outcomes": [label, other],
            "strike_type": extra.get("strike_type"), "floor_strike": extra.get("floor_strike"),
            "cap_strike": extra.get("cap_strike"), "game_start": extra.get("game_start"),
        },
        row.platform,
    )  # fmt: skip

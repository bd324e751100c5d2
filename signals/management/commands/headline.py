"""`manage.py headline "…"`: what the program makes of a headline, and which markets it would touch."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.table import Table
from rich.text import Text

from arbsite.exact_json import encode
from markets.models import Market
from signals.language import reading
from signals.language.base import Link, Reading
from signals.sources.clean import plain

LONGEST = 2_000
SIGNS = {1: "YES likelier", -1: "YES less likely", 0: "unclear"}


class Command(BaseCommand):
    """Read one headline."""

    help = "Read a headline: topics, names, sentiment, urgency, impact, and the markets it is about, which way and why."

    def add_arguments(self, parser: CommandParser) -> None:
        """The text and where it is from."""
        parser.add_argument("headline", help="the headline, in quotes")
        parser.add_argument("--summary", default="", help="the text below it")
        parser.add_argument("--outlet", default="", help="who wrote it, such as reuters")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *_: Any, **options: Any) -> None:
        """Read it and print."""
        title = plain(options["headline"], longest=LONGEST)
        if not title:
            raise CommandError("There is no text in that headline; put it in quotes.")
        summary = plain(options["summary"], longest=LONGEST)
        found = reading.read(title, summary, outlet=options["outlet"], now=timezone.now())
        if options["json"]:
            self.stdout.write(encode(_document(title, found)).decode())
            return
        console = Console(file=self.stdout, width=140, highlight=False)
        for name, text in _lines(found):
            console.print(Text(f"{name:<10} {text}"))
        console.print(_table(found.links))


def _lines(found: Reading) -> list[tuple[str, str]]:
    lines = [
        ("topics", ", ".join(found.topics) or "none"),
        ("names", ", ".join(found.entities) or "none"),
        ("sentiment", f"{found.sentiment} {found.sentiment_score:+.2f}"),
        ("urgency", found.urgency),
        ("impact", f"{found.impact}"),
    ]
    return lines + list(found.facts.items())


def _questions(links: tuple[Link, ...]) -> dict[str, str]:
    rows = Market.objects.filter(id__in=[link.market_id for link in links])
    return {row.id: row.question or row.id for row in rows}


def _table(links: tuple[Link, ...]) -> Table:
    table = Table(title=f"{len(links)} markets")
    for column in ("score", "direction", "strength", "platform", "market", "why"):
        table.add_column(column)
    questions = _questions(links)
    for link in links:
        market = Text(questions.get(link.market_id, link.market_id))
        table.add_row(
            f"{link.score:.2f}",
            SIGNS[link.direction],
            f"{link.strength:.1f}",
            link.platform,
            market,
            Text(link.why),
        )
    return table


def _document(title: str, found: Reading) -> dict[str, Any]:
    questions = _questions(found.links)
    return {
        "headline": title, "categories": list(found.topics), "entities": list(found.entities), "sentiment": found.sentiment,
        "sentiment_score": found.sentiment_score, "urgency": found.urgency, "impact_estimate": found.impact,
        "understood": dict(found.facts),
        "related_markets": [
            {"platform": link.platform, "market_id": link.market_id, "question": questions.get(link.market_id, ""),
             "score": link.score, "direction": link.direction, "strength": link.strength, "why": link.why}
            for link in found.links
        ],
    }  # fmt: skip

"""`manage.py wallets load|list`: whose the addresses are that transfers go to and come from."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count, Max, Min
from django.utils import timezone

from signals.models import ExchangeWallet
from signals.sources.whales import wallet_files, wallets


class Command(BaseCommand):
    """Loads and lists labelled addresses."""

    help = "Load a set of labelled addresses whose licence allows it, or list what is loaded."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One subcommand each."""
        actions = parser.add_subparsers(dest="action", required=True)
        load = actions.add_parser("load", help="load a file; the same file again changes nothing")
        load.add_argument(
            "file", type=Path, help="CSV (chain,address,owner,label,kind) or JSON; see docs/whales.md"
        )
        load.add_argument("--source", default="", help="where the set comes from")
        load.add_argument("--licence", default="", help="as its publisher states it")
        load.add_argument("--dated", default="", help="the day the set was made, like 2026-01-31")
        listing = actions.add_parser("list", help="how many addresses of which owner, from which source")
        listing.add_argument("--owner", default="", help="the addresses of this owner, one a line")

    def handle(self, *_: Any, **options: Any) -> None:
        """Run the subcommand."""
        getattr(self, f"_{options['action']}")(**options)

    def _load(self, *, file: Path, source: str, licence: str, dated: str, **_: Any) -> None:
        try:
            done = wallets.load(file, now=timezone.now(), source=source, licence=licence, dated=dated)
        except wallet_files.BadFile as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{done.read} wallets read, {done.new} new, {done.changed} changed.")

    def _list(self, *, owner: str, **_: Any) -> None:
        if owner:
            rows = list(ExchangeWallet.objects.filter(owner=owner.lower()).order_by("chain", "address"))
            if not rows:
                raise CommandError(f"No wallet of {owner!r} is loaded; `wallets list` names the owners.")
            for row in rows:
                self.stdout.write(f"{row.chain:10} {row.address}  {row.kind:9} {row.dated}  {row.label}")
            return
        groups = ExchangeWallet.objects.values("owner", "kind", "source", "licence").order_by(
            "owner", "source"
        )
        for row in groups.annotate(count=Count("pk"), first=Min("dated"), last=Max("dated")):
            self.stdout.write(
                f"{row['owner']:20} {row['kind']:9} {row['count']:6}  {row['first']} to {row['last']}  "
                f"{row['source']} ({row['licence']})"
            )

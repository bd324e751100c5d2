"""`manage.py backtest`: recorded frames or stored history through detection, decision and paper execution."""

import hashlib
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from arbsite.exact_json import encode
from execution.backtesting import assuming, pages, stored, summing
from execution.backtesting.account import Account
from execution.backtesting.trader import Assumptions, Trader
from markets.bets import MarketKey
from markets.platforms.base import PLATFORMS
from markets.recordings import Damage, Unreadable
from signals import replay_files, rules
from signals.decision import Hurdles
from signals.replaying import Replay


class Command(BaseCommand):
    """Run it and print, or write a page."""

    help = (
        "Backtest recorded files, or stored history from --since on: the same detector, decision and paper execution;"
        " equity, drawdown, fills, refusals."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """What to run over, what to assume, and where to."""
        parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="recordings, plain or gzip")
        parser.add_argument("--since", metavar="D", help="stored history from this day or time (UTC) on")
        parser.add_argument("--until", metavar="D", help="to this day or time; now unless said")
        parser.add_argument("--bets", type=Path, metavar="FILE", help="bets and listings, as for replay")
        parser.add_argument("--pair", action="append", default=[], metavar="POLYMARKET=KALSHI")
        parser.add_argument("--platform", choices=PLATFORMS, help="default: seen from the frames")
        parser.add_argument("--shared-seq", action="store_true", help="as for replay")
        parser.add_argument("--seed", type=int, default=0, help="which orders find what the book shows")
        parser.add_argument(
            "--measured",
            action="store_true",
            help="fill rates as they were measured, not TRADING_PAPER_FILL_RATES",
        )
        parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with charts")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *_: Any, **options: Any) -> None:
        """Raises CommandError for files that cannot be read and options that do not go together."""
        if bool(options["files"]) == bool(options["since"]):
            raise CommandError("Give files, or --since D for stored history: one of the two.")
        if options["until"] and not options["since"]:
            raise CommandError("--until goes with --since.")
        if options["since"] and (
            options["bets"] or options["pair"] or options["platform"] or options["shared_seq"]
        ):
            raise CommandError(
                "--bets, --pair, --platform and --shared-seq go with files: stored bets are known."
            )
        measured = timezone.now() if options["measured"] else None
        assumed = assuming.assumptions(seed=options["seed"], measured_until=measured)
        found = self._stored(assumed, options) if options["since"] else self._files(assumed, options)
        found["assumptions"] = assuming.as_json(assumed)
        if options["html"]:
            _write(options["html"], pages.html(found))
            self.stderr.write(f"written to {options['html']}")
        if options["json"]:
            self.stdout.write(encode(found).decode())
        else:
            self.stdout.write(pages.text(found), ending="")

    def _files(self, assumed: Assumptions, options: dict[str, Any]) -> dict[str, Any]:
        written = replay_files.read_bets(options["bets"]) if options["bets"] else None
        damage = Damage()
        try:
            named = [(options["platform"] or replay_files.guess(path), path) for path in options["files"]]
            setups = replay_files.setups({name for name, _ in named}, options, written)
            replay = Replay(setups, written.risks if written else None)
            trader = trader_of(replay, assumed, setups[0].hurdles, written.pays if written else {})
            for platform, recorded in replay_files.merged(named, damage):
                replay.take(platform, recorded)
        except Unreadable as error:
            raise CommandError(str(error)) from error
        found = finished(replay, trader)
        found["source"] = f"{len(named)} files"
        found["damaged_lines"] = damage.lines
        if damage.truncated:
            self.stderr.write("a file ends in the middle: everything before that was replayed")
        return found

    def _stored(self, assumed: Assumptions, options: dict[str, Any]) -> dict[str, Any]:
        since = _moment(options["since"], "--since")
        until = _moment(options["until"], "--until") if options["until"] else timezone.now()
        if since >= until:
            raise CommandError("--since must be before --until.")
        history = stored.read(since, until)
        replay = stored.replay_of(history)
        trader = trader_of(replay, assumed, rules.hurdles(settings_only=True), dict(history.pays))
        for at_ms, views in stored.books(history):
            replay.show(views, at_ms)
        found = finished(replay, trader)
        found["source"] = f"stored history from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC"
        found["refusals"]["stored"] = dict(history.refusals)
        found["cannot_say"] = stored.CANNOT_SAY
        return found


def trader_of(
    replay: Replay, assumed: Assumptions, hurdles: Hurdles, pays: dict[MarketKey, Decimal] | Any
) -> Trader:
    """A trader that listens to this replay."""
    trader = Trader(assumed, assuming.planner(hurdles), replay.listings, Account(dict(assumed.cash), pays))
    replay.listener = trader
    return trader


def finished(replay: Replay, trader: Trader) -> dict[str, Any]:
    """End both, and tell."""
    outcome = replay.finish()
    trader.finish()
    digest = hashlib.sha256(f"{outcome.digest} {trader.digest.hexdigest()}".encode()).hexdigest()
    return summing.document(trader, outcome, digest)


def _moment(text: str, name: str) -> datetime:
    """A day (its first moment) or a time; UTC where no zone is written."""
    try:
        if len(text) == len("2026-11-26"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        at = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f"{name} {text}: write a day like 2026-11-26 or a time like 2026-11-26T12:00:00Z."
        ) from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"--html {path}: {error.strerror}.") from error

"""`manage.py backtest`: recorded frames or stored history through detection, decision and paper execution."""

import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from arbsite.exact_json import encode
from arbsite.moments import since_when
from execution.backtesting import assuming, evidence, pages, stored, summing
from execution.backtesting.account import Account
from execution.backtesting.trader import Assumptions, Trader
from markets.bets import MarketKey
from markets.platforms.base import PLATFORMS
from markets.recordings import Damage, Unreadable
from signals import rules
from signals.deciding.decision import Hurdles
from signals.replay import files as replay_files
from signals.replay.replaying import Replay


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
        parser.add_argument(
            "--since", metavar="D", help="stored history since then: 24h, 7d, a day or a time (UTC)"
        )
        parser.add_argument("--until", metavar="D", help="to this day or time; now unless said")
        parser.add_argument("--bets", type=Path, metavar="FILE", help="bets and listings, as for replay")
        parser.add_argument("--pair", action="append", default=[], metavar="POLYMARKET=KALSHI")
        parser.add_argument("--platform", choices=PLATFORMS, help="default: seen from the frames")
        parser.add_argument("--shared-seq", action="store_true", help="as for replay")
        parser.add_argument("--seed", type=int, default=0, help="which orders find what the book shows")
        parser.add_argument(
            "--measured",
            action="store_true",
            help="fill rates as they had been measured when the history begins, not TRADING_PAPER_FILL_RATES",
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
        found = self._stored(options) if options["since"] else self._files(options)
        if options["html"]:
            _write(options["html"], pages.html(found))
            self.stderr.write(f"written to {options['html']}")
        if options["json"]:
            self.stdout.write(encode(found).decode())
        else:
            self.stdout.write(pages.text(found), ending="")

    def _files(self, options: dict[str, Any]) -> dict[str, Any]:
        written = replay_files.read_bets(options["bets"]) if options["bets"] else None
        damage = Damage()
        try:
            began_ms = min(replay_files.first_ms(path) for path in options["files"])
            assumed = _assumed(options, datetime.fromtimestamp(began_ms / 1_000, UTC))
            named = [(options["platform"] or replay_files.guess(path), path) for path in options["files"]]
            setups = replay_files.setups({name for name, _ in named}, options, written)
            replay = Replay(setups, written.risks if written else None)
            trader = trader_of(replay, assumed, setups[0].hurdles, written.pays if written else {})
            for platform, recorded in replay_files.merged(named, damage):
                replay.take(platform, recorded)
        except Unreadable as error:
            raise CommandError(str(error)) from error
        found = finished(replay, trader)
        found["assumptions"] = assuming.as_json(assumed)
        found["source"] = f"{len(named)} files"
        found["damaged_lines"] = damage.lines
        found["evidence"] = None
        found["cannot_say"] = evidence.NO_EVIDENCE
        if damage.truncated:
            self.stderr.write("a file ends in the middle: everything before that was replayed")
        return found

    def _stored(self, options: dict[str, Any]) -> dict[str, Any]:
        now = timezone.now()
        since = since_when(options["since"], now)
        until = since_when(options["until"], now, "--until") if options["until"] else now
        if since >= until:
            raise CommandError("--since must be before --until.")
        assumed = _assumed(options, since)
        history = stored.read(since, until)
        heard, deaf = (stored.replay_of(history, evidence=listens) for listens in (True, False))
        traders = [
            trader_of(replay, assumed, rules.hurdles(settings_only=True), dict(history.pays))
            for replay in (heard, deaf)
        ]
        for at_ms, views in stored.books(history):
            heard.show(views, at_ms)
            deaf.show(views, at_ms)
        found = finished(heard, traders[0])
        finished(deaf, traders[1])
        past = history.past
        found["evidence"] = evidence.compared(*traders, claims=past.claimed, events=len(past.events))
        found["assumptions"] = assuming.as_json(assumed)
        found["source"] = f"stored history from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC"
        found["refusals"]["stored"] = dict(history.refusals)
        found["cannot_say"] = stored.CANNOT_SAY
        return found


def _assumed(options: dict[str, Any], began: datetime) -> Assumptions:
    """What is assumed. Measured fill rates are those of before the history: what its own orders did is not known yet."""
    return assuming.assumptions(seed=options["seed"], measured_until=began if options["measured"] else None)


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


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"--html {path}: {error.strerror}.") from error

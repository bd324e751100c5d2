"""The review of pairs in a terminal: one dossier after the other, and a decision on each.

The same service decides as in the admin, bound to the digest of what was shown, so a text that changed while somebody was
reading is refused here too.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from markets.betting.building import LIVE
from markets.ladders import LadderView
from markets.models import Pair
from markets.models.bets import SETTLEMENTS
from markets.pairing import dossier, pairs, terms
from markets.pairing.differences import Side
from markets.pairing.dossier import Dossier

PERMISSION = "markets.approve_pair"
SAME, INVERTED, REJECT, SUSPEND, SKIP, QUIT = "same", "inverted", "reject", "suspend", "skip", "quit"
_KEYS = {"s": SAME, "i": INVERTED, "r": REJECT, "u": SUSPEND, "": SKIP, "k": SKIP, "q": QUIT}
_ANSWERS = {**_KEYS, **{word: word for word in _KEYS.values()}}
_ASK = "[s]ame  [i]nverted  [r]eject  s[u]spend  s[k]ip  [q]uit: "

Ask = Callable[[str], str]


class NotAllowed(PermissionError):
    """The user may not decide on pairs; the message says what is missing."""


def run(
    *, user: Any, console: Console, ask: Ask = input, now: Callable[[], datetime], limit: int | None = None
) -> int:
    """Show the pairs that wait, the surest first, and carry out what is answered; returns how many were decided.

    `ask` shows a prompt and returns a line; its end (EOFError, Ctrl-C) quits. Raises NotAllowed for a user without the
    permission `approve_pair`.
    """
    if not user.is_active or not user.has_perm(PERMISSION):
        raise NotAllowed(
            f"{user} may not decide on pairs: give the permission {PERMISSION} in the admin first."
        )
    waiting = list(_waiting().values_list("pk", flat=True)[:limit])
    if not waiting:
        console.print("No pair waits for a decision.")
        return 0
    count = 0
    try:
        for place, pk in enumerate(waiting, 1):
            pair = _waiting().filter(pk=pk).first()
            if pair is None:
                continue  # somebody else decided meanwhile
            console.rule(f"{place} of {len(waiting)}")
            answer = _review(pair, user, console, ask, now)
            if answer == QUIT:
                break
            count += answer != SKIP
    except (EOFError, KeyboardInterrupt):
        console.print()
    console.print(f"{count} decided, {_waiting().count()} wait.")
    return count


def _waiting() -> Any:
    """Only pairs whose markets still trade: the others cannot be approved, and would pile up in front of those."""
    rows = Pair.objects.filter(
        status__in=(Pair.PROPOSED, Pair.SUSPENDED), polymarket__status__in=LIVE, kalshi__status__in=LIVE
    )
    return rows.select_related("polymarket", "kalshi", "approved_by").order_by("-status", "-score", "pk")


def _review(pair: Pair, user: Any, console: Console, ask: Ask, now: Callable[[], datetime]) -> str:
    """One pair until it is decided or left; a refusal is said, and asked again with the texts of now."""
    while True:
        found = dossier.of(pair, now=now())
        show(found, console)
        answer = _ANSWERS.get(ask(_ASK).strip().lower())
        if answer is None:
            console.print("Please answer with one of the letters in brackets.")
            continue
        if answer in (SKIP, QUIT):
            return answer
        try:
            _carry_out(found, answer, user, ask, now())
        except pairs.PairError as error:
            console.print(Text(str(error), style="bold red"))
            fresh = _waiting().filter(pk=pair.pk).first()
            if fresh is None:
                return SKIP
            pair = fresh
            continue
        console.print(Text(f"{pair}: {answer}.", style="green"))
        return answer


def _carry_out(found: Dossier, answer: str, user: Any, ask: Ask, now: datetime) -> None:
    pair, digest = found.pair, found.digest
    if answer in (REJECT, SUSPEND):
        note = ask("Why? ").strip()
        end = pairs.reject if answer == REJECT else pairs.suspend
        end(pair, user, now=now, note=note, shown_digest=digest)
        return
    settlement = ask(f"Settlement, {' / '.join(SETTLEMENTS)} [{pair.settlement}]: ").strip().lower()
    note = ask("Note: ").strip()
    pairs.approve(
        pair,
        user,
        now=now,
        note=note,
        inverted=answer == INVERTED,
        shown_digest=digest,
        settlement=settlement,
    )


# --- showing


def show(found: Dossier, console: Console) -> None:
    """The dossier as tables; what only one side says is marked."""
    pair = found.pair
    table = Table(title=Text(str(pair)), show_lines=True, expand=True)
    table.add_column("")
    table.add_column("Polymarket", ratio=1)
    table.add_column("Kalshi", ratio=1)
    for line in found.lines:
        table.add_row(Text(line.name), _marked(line.polymarket), _marked(line.kalshi))
    table.add_row("Live book", _book(found.books["polymarket"]), _book(found.books["kalshi"]))
    console.print(table)
    for text, style in _remarks(found):
        console.print(Text(terms.visible(text), style=style))


def _remarks(found: Dossier) -> list[tuple[str, str]]:
    pair = found.pair
    said = f"{pair.verdict}, score {pair.score}" if pair.verdict else "was not asked"
    lines = [
        (f"Matcher: {said}; settlement {pair.settlement}; status {pair.status}", "bold"),
        (
            f"m0 {pair.m0}, at most {pair.m0_upper} (95 %), class {pair.risk_class or 'not assessed'}: "
            f"{found.history[0]} of {found.history[1]} settled pairs parted",
            "",
        ),
    ]
    if pair.inverted:
        lines.append(("YES on Polymarket is NO on Kalshi.", "bold yellow"))
    lines += [(f"+ {reason}", "") for reason in pair.reasons]
    lines += [(f"contradicts: {veto}", "bold red") for veto in pair.vetoes]
    lines += [(f"changed: {change}", "yellow") for change in found.changes]
    lines += [(problem, "bold red") for problem in found.problems]
    lines += [
        (f"{one.created_at:%Y-%m-%d %H:%M} {one.user or 'the system'}: {one.decision}. {one.note}", "dim")
        for one in found.versions
    ]
    return lines


def _marked(side: Side) -> Text:
    text = Text()
    for piece in side:
        text.append(piece.text, style="black on yellow" if piece.differs else "")
    return text


def _book(view: LadderView | None) -> Text:
    if view is None:
        return Text("no feed vouches for one now", style="dim")
    text = Text()
    for side in view.sides:
        bid, ask = side.rows[0] if side.rows else (None, None)
        shown = [f"{one.price} × {one.size}" if one is not None else "nothing" for one in (bid, ask)]
        text.append(f"{side.outcome}: bid {shown[0]}, ask {shown[1]}\n")
    text.append(f"confirmed {view.confirmed_ago} s ago", style="dim")
    return text
